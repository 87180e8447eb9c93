//! Invoices as Odoo is told of them, and as it then holds them: every account has the POS's cents, whatever Odoo computes.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{TenderKind, Trade};
use tillwire_relay_core::odoo::Payload;
use tillwire_relay_core::odoo::{
    Difference, EffectKey, Invoice, Invoicing, OdooVersion, OpenLines, PayloadError, Percentage,
    Reconciliation, ResolvedBooks, ResolvedTax, Seen, TaxRounding, read_invoice, read_reconciliation,
};
use tillwire_relay_core::settings::{AccountCode, Corrections, PostingMode};

use crate::documents::{bought_by, planned, settings_in};
use crate::world::*;

const TAX: i64 = 3;
const CUSTOMER: i64 = 77;

/// 8.25 %, for which goods of 1.00 cost 0.08 of tax.
fn books(world: &World, included: bool, rounding: TaxRounding) -> ResolvedBooks {
    let codes = world.settings.odoo.mappings.accounts();
    let receivable = AccountCode::new("121000").unwrap();
    let id = |code: &AccountCode| (code.clone(), code.as_str().parse().unwrap());
    let tax = ResolvedTax {
        tax: TAX,
        repartition: 10,
        account: Some(220_110),
        nothing: false,
        refunds_alike: true,
        percentage: Some(Percentage {
            millionths: 8_250_000,
            included,
        }),
    };
    ResolvedBooks {
        version: OdooVersion(18),
        journal: 7,
        accounts: codes.into_iter().chain([&receivable]).map(id).collect(),
        taxes: [("City 1%".to_owned(), tax)].into(),
        journals: BTreeMap::new(),
        analytics: BTreeMap::new(),
        currencies: BTreeMap::new(),
        invoicing: Invoicing {
            journal: Some(9),
            rounding,
            contacts: BTreeMap::new(),
            documents: [(EffectKey::from_stored("tillwire.c_acme_C9"), CUSTOMER)].into(),
        },
    }
}

fn taxed(lines: &[i64], due: i64) -> Trade {
    let goods: i64 = lines.iter().sum();
    let mut city = tax("City", None, due);
    city.base = Some(usd(goods));
    let tenders = vec![tender(TenderKind::Cash, goods + due)];
    let items = lines.iter().map(|minor| item("A1", 1, *minor)).collect();
    trade(items, vec![city], &[], tenders, 0)
}

fn world(trade: Trade) -> World {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", bought_by(trade, "C9")));
    world
}

fn invoice(world: &World) -> Invoice {
    let invoice = planned(world, &[])
        .into_iter()
        .find_map(|planned| match planned.payload {
            Payload::Invoice(invoice) => Some(invoice),
            _ => None,
        });
    invoice.unwrap()
}

/// Label, price, account and taxes of each row.
fn rows(invoice: &Invoice, books: &ResolvedBooks) -> Vec<String> {
    let call = invoice.load(books).unwrap();
    let rows = call
        .args
        .iter()
        .find(|(name, _)| *name == "data")
        .unwrap()
        .1
        .clone();
    let row = |row: &Value| {
        let cell = |n: usize| row[n].as_str().unwrap().to_owned();
        format!("{} {} {} [{}]", cell(8), cell(10), cell(11), cell(12))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

/// What Odoo answers: its rows, its tax, and what is owed.
fn held(sold: &[(&str, i64, &str)], computed: i64, state: &str) -> Box<RawValue> {
    let cents = |minor: i64| {
        json!(
            format!("{}.{:02}", minor / 100, minor % 100)
                .parse::<Value>()
                .unwrap()
        )
    };
    let line = |account: i64, debit: i64, tax: bool, name: &str| {
        let (debit, credit) = if debit < 0 { (0, -debit) } else { (debit, 0) };
        json!({
            "account_id": [account, "A"], "name": name, "debit": cents(debit), "credit": cents(credit),
            "parent_state": state, "date": "2026-11-20", "ref": "TW/s01/2026-11-20/till-1/1/r1", "journal_id": [9, "INV"], "move_name": "INV/1",
            "partner_id": [CUSTOMER, "Ada"], "currency_id": [1, "USD"], "move_type": "out_invoice",
            "tax_line_id": if tax { json!([TAX, "City 1%"]) } else { json!(false) },
        })
    };
    let mut lines: Vec<Value> = sold
        .iter()
        .map(|(account, minor, name)| line(account.parse().unwrap(), -minor, false, name))
        .collect();
    lines.push(line(220_110, -computed, true, "City 1%"));
    let owed = sold.iter().map(|(_, minor, _)| minor).sum::<i64>() + computed;
    lines.push(line(121_000, owed, false, ""));
    RawValue::from_string(json!(lines).to_string()).unwrap()
}

#[test]
fn a_tax_that_odoo_computes_alike_needs_no_further_line() {
    let world = world(taxed(&[10_000], 825));
    let books = books(&world, false, TaxRounding::PerLine);
    assert_eq!(
        rows(&invoice(&world), &books),
        ["Sales taxed City 1% 100.00 400001 [3]"]
    );
}

#[test]
fn two_cents_that_odoo_would_not_compute_stand_on_a_line_of_their_own() {
    let world = world(taxed(&[10_000], 827));
    let books = books(&world, false, TaxRounding::PerLine);
    assert_eq!(
        rows(&invoice(&world), &books),
        [
            "Sales taxed City 1% 100.00 400001 [3]",
            "POS tax less Odoo's computation: City 1% 0.02 220110 []",
        ]
    );
}

#[test]
fn a_price_with_the_tax_inside_gives_back_the_poss_base() {
    let world = world(taxed(&[9_999], 825));
    let books = books(&world, true, TaxRounding::PerLine);
    // 99.99 and 8.25 of tax make 108.24; Odoo divides by 1.0825 and finds 99.99
    assert_eq!(
        rows(&invoice(&world), &books),
        ["Sales taxed City 1% 108.24 400001 [3]"]
    );
}

#[test]
fn a_tax_that_cannot_be_foretold_is_booked_and_not_named() {
    let world = world(taxed(&[10_000], 827));
    let mut books = books(&world, false, TaxRounding::PerLine);
    let tax = books.taxes.get_mut("City 1%").unwrap();
    tax.percentage = None;
    assert_eq!(
        rows(&invoice(&world), &books),
        ["City 8.27 220110 []", "Sales taxed City 1% 100.00 400001 []"]
    );
    let elsewhere = ResolvedTax {
        account: Some(1),
        ..*books.taxes.get("City 1%").unwrap()
    };
    books.taxes.insert("City 1%".to_owned(), elsewhere);
    assert_eq!(rows(&invoice(&world), &books).len(), 2);
}

#[test]
fn both_figures_of_a_differing_tax_are_shown_and_nothing_is_held_up() {
    let world = world(taxed(&[10_000], 827));
    let books = books(&world, false, TaxRounding::PerLine);
    let sold = [
        ("400001", 10_000, "Sales"),
        ("220110", 2, "POS tax less Odoo's computation: City 1%"),
    ];
    let seen = read_invoice(&held(&sold, 825, "draft"), &invoice(&world), &books).unwrap();
    let Seen::Draft(verdict) = seen else {
        panic!("{seen:?}");
    };
    assert!(verdict.agrees(), "{verdict:?}");
    assert_eq!(
        verdict.differences,
        [Difference::Tax {
            tax: "City 1%".to_owned(),
            computed: "8.25 USD".to_owned(),
            taken: "8.27 USD".to_owned(),
        }]
    );
}

#[test]
fn a_draft_whose_tax_was_foretold_wrongly_does_not_agree() {
    let world = world(taxed(&[10_000], 825));
    let books = books(&world, false, TaxRounding::PerLine);
    let sold = [("400001", 10_000, "Sales")];
    let seen = read_invoice(&held(&sold, 826, "draft"), &invoice(&world), &books).unwrap();
    let Seen::Draft(verdict) = seen else {
        panic!("{seen:?}");
    };
    assert!(!verdict.agrees());
    let words: Vec<String> = verdict.differences.iter().map(ToString::to_string).collect();
    assert!(
        words.iter().any(|words| words.contains("account 220110")),
        "{words:?}"
    );
    assert!(
        words.iter().any(|words| words.contains("Odoo computes 8.26 USD")),
        "{words:?}"
    );
}

#[test]
fn an_invoice_to_somebody_else_or_of_another_kind_does_not_agree() {
    let world = world(taxed(&[10_000], 825));
    let books = books(&world, false, TaxRounding::PerLine);
    let held = held(&[("400001", 10_000, "Sales")], 825, "posted");
    for (from, to) in [
        ("[77,", "[78,"),
        ("out_invoice", "out_refund"),
        ("\"USD\"", "\"EUR\""),
        ("[9,", "[8,"),
    ] {
        assert!(held.get().contains(from), "{from}");
        let other = RawValue::from_string(held.get().replace(from, to)).unwrap();
        let Seen::Confirmed(verdict) = read_invoice(&other, &invoice(&world), &books).unwrap() else {
            panic!("not posted");
        };
        assert!(!verdict.agrees(), "{from} to {to}");
    }
}

#[test]
fn an_invoice_waits_for_its_contact() {
    let world = world(taxed(&[10_000], 825));
    let mut books = books(&world, false, TaxRounding::PerLine);
    books.invoicing.documents.clear();
    let found = invoice(&world).load(&books);
    assert!(matches!(found, Err(PayloadError::Effect(_))), "{found:?}");
}

fn payment(world: &World) -> Reconciliation {
    let payment = planned(world, &[])
        .into_iter()
        .find_map(|planned| match planned.payload {
            Payload::Reconciliation(payment) => Some(payment),
            _ => None,
        });
    payment.unwrap()
}

/// What Odoo says of an invoice of 108.25 and of the entry's line that pays it, where they say `amounts` and `open` of it.
fn paid_by_lines(amounts: [&str; 2], open: [&str; 2], state: &str) -> OpenLines {
    let world = world(taxed(&[10_000], 825));
    let payment = payment(&world);
    let mut books = books(&world, false, TaxRounding::PerLine);
    for (part, id) in payment.parts.iter().zip([41, 42]) {
        books.invoicing.documents.insert(part.of.clone(), id);
    }
    let label = payment.parts.iter().find_map(|part| part.label.clone()).unwrap();
    let (entry, invoice) = if payment.parts[0].label.is_some() {
        (41, 42)
    } else {
        (42, 41)
    };
    let [debit, credit, owed, left] =
        [amounts[0], amounts[1], open[0], open[1]].map(|text| serde_json::from_str::<Value>(text).unwrap());
    let lines = json!([
        {"id": 1, "move_id": [invoice, "I"], "name": false, "debit": debit, "credit": 0.0,
         "amount_residual": owed, "parent_state": state},
        {"id": 2, "move_id": [entry, "E"], "name": label, "debit": 0.0, "credit": credit,
         "amount_residual": left, "parent_state": state},
        {"id": 3, "move_id": [entry, "E"], "name": "Invoice of another", "debit": 0.0, "credit": json!(5.0),
         "amount_residual": json!(-5.0), "parent_state": state},
    ]);
    let raw = RawValue::from_string(lines.to_string()).unwrap();
    read_reconciliation(&raw, &payment, &books).unwrap()
}

#[test]
fn an_invoice_that_is_paid_stays_paid_when_its_entry_is_changed_by_hand() {
    // changed while Odoo was told to match them: the entry's line has a dollar more, and that is left open
    let paid = paid_by_lines(["108.25", "109.25"], ["0.0", "-1.0"], "posted");
    assert!(
        matches!(&paid.seen, Seen::Confirmed(verdict) if verdict.agrees()),
        "{paid:?}"
    );
    // the same before it: nobody knows which of the two is right
    let before = paid_by_lines(["108.25", "109.25"], ["108.25", "-109.25"], "posted");
    assert!(
        matches!(&before.seen, Seen::Draft(verdict) if !verdict.agrees()),
        "{before:?}"
    );
    // the invoice was made smaller, so that less was paid than was meant
    let less = paid_by_lines(["107.25", "108.25"], ["0.0", "-1.0"], "posted");
    assert!(
        matches!(&less.seen, Seen::Draft(verdict) if !verdict.agrees()),
        "{less:?}"
    );
}

#[test]
fn lines_that_are_open_are_paid_and_paid_ones_are_left_alone() {
    let lines = |open: [&str; 2], state: &str| paid_by_lines(["108.25", "108.25"], open, state);
    let open = lines(["108.25", "-108.25"], "posted");
    assert!(
        matches!(&open.seen, Seen::Draft(verdict) if verdict.agrees()),
        "{open:?}"
    );
    assert_eq!(open.open, [1, 2], "another invoice's line is none of ours");
    let paid = lines(["0.0", "0.0"], "posted");
    assert!(
        matches!(&paid.seen, Seen::Confirmed(verdict) if verdict.agrees()),
        "{paid:?}"
    );
    let draft = lines(["108.25", "-108.25"], "draft");
    assert!(
        matches!(&draft.seen, Seen::Draft(verdict) if !verdict.agrees()),
        "{draft:?}"
    );
}
