//! What Odoo holds and the relay forgot: postings and pickings are made again from it, and later ones net exactly.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{Currency, Sku, TenderKind};
use tillwire_relay_core::books::{Document, Posting, Provenance};
use tillwire_relay_core::odoo::{
    Around, Direction, EffectKey, EffectState, Invoicing, JournalEntry, Numbered, OdooVersion, Payload,
    PickingNames, Recovered, ResolvedBooks, ResolvedTax, Step, Unrecoverable, external_ids, numbered_picking,
    recover_document, recover_picking,
};
use tillwire_relay_core::settings::AccountCode;

use crate::world::*;

fn books(world: &World) -> ResolvedBooks {
    let codes = world.settings.odoo.mappings.accounts();
    let tax = ResolvedTax {
        tax: 3,
        repartition: 10,
        account: Some(220_110),
        nothing: false,
        refunds_alike: true,
        percentage: None,
    };
    ResolvedBooks {
        version: OdooVersion(18),
        journal: 7,
        accounts: codes
            .into_iter()
            .map(|code| (code.clone(), code.as_str().parse().unwrap()))
            .collect(),
        taxes: [("City 1%".to_owned(), tax)].into(),
        journals: BTreeMap::new(),
        analytics: BTreeMap::new(),
        currencies: BTreeMap::new(),
        invoicing: Invoicing::default(),
    }
}

/// What Odoo answers about an entry that was written from these rows; in dollars, as a server does.
fn held(entry: &JournalEntry, books: &ResolvedBooks, state: &str) -> Box<RawValue> {
    let call = entry.load(books).unwrap();
    let rows = &call.args.iter().find(|(name, _)| *name == "data").unwrap().1;
    let number = |cell: &Value| serde_json::from_str::<Value>(cell.as_str().unwrap()).unwrap_or(json!(0));
    let line = |row: &Value| {
        let told = row[10] != json!("");
        json!({
            "account_id": [number(&row[5]), "A"], "name": row[6], "debit": number(&row[7]), "credit": number(&row[8]),
            "parent_state": state, "date": entry.date.to_string(), "ref": "changed by hand", "journal_id": [7, "T"],
            "move_name": if state == "posted" { json!("TILL/1") } else { json!(false) },
            "tax_ids": if row[9] == json!("") { json!([]) } else { json!([number(&row[9])]) },
            "tax_line_id": if told { json!([3, "City 1%"]) } else { json!(false) },
            "tax_base_amount": number(&row[11]),
        })
    };
    let lines: Vec<Value> = rows.as_array().unwrap().iter().map(line).collect();
    RawValue::from_string(json!(lines).to_string()).unwrap()
}

fn accounts(books: &ResolvedBooks) -> BTreeMap<i64, AccountCode> {
    books
        .accounts
        .iter()
        .map(|(code, id)| (*id, code.clone()))
        .collect()
}

fn recovered(world: &World, posting: &Posting, state: &str) -> Recovered {
    let books = books(world);
    let of = (&world.settings.tenant, &world.settings.store);
    let lines = held(&JournalEntry::of(posting), &books, state);
    recover_document(of, &numbered(posting), &lines, around(&books, &accounts(&books))).unwrap()
}

fn numbered(posting: &Posting) -> Numbered {
    Numbered {
        id: 41,
        day: posting.day(),
        document: posting.document().clone(),
        revision: posting.revision(),
        reverses: posting.reverses(),
    }
}

fn around<'a>(books: &'a ResolvedBooks, accounts: &'a BTreeMap<i64, AccountCode>) -> Around<'a> {
    static NONE: BTreeSet<Document> = BTreeSet::new();
    Around {
        currency: Currency::USD,
        accounts,
        books,
        documents: &NONE,
    }
}

fn taxed(world: &mut World, ticket: &str, goods: i64, city: i64, state: i64) {
    let (mut city, mut state) = (tax("City", None, city), tax("CA State", Some(10_000), state));
    city.base = Some(usd(goods));
    state.base = Some(usd(goods));
    let paid = goods + city.amount.minor() + state.amount.minor();
    let tenders = vec![tender(TenderKind::Cash, paid)];
    let taxes = vec![city, state];
    world.tell(sale(
        T1,
        ticket,
        trade(vec![item("A1", 1, goods)], taxes, &[], tenders, 0),
    ));
}

#[test]
fn a_posting_read_back_leaves_nothing_to_post() {
    let mut world = World::new();
    taxed(&mut world, "1", 10_000, 827, 100);
    world.tell(cash_return(T1, "2", "A1", 300));
    let first = world.posting(&[]).unwrap();
    let found = recovered(&world, &first, "posted");
    assert_eq!(found.effect.state, EffectState::Done);
    assert_eq!(found.name.as_deref(), Some("TILL/1"));
    let back = found.posting.unwrap();
    assert_eq!(back.provenance(), Provenance::Odoo);
    assert_eq!(back.records(), BTreeSet::new());
    assert_eq!(spell_posting(&back), spell_posting(&first));
    assert_eq!(world.posting(std::slice::from_ref(&back)), None);
    // stored and read again it says the same
    let stored: Posting = serde_json::from_str(&serde_json::to_string(&back).unwrap()).unwrap();
    assert_eq!(stored, back);
}

#[test]
fn a_late_sale_after_postings_read_back_is_only_its_difference() {
    let mut world = World::new();
    taxed(&mut world, "1", 10_000, 827, 100);
    let first = world.posting(&[]).unwrap();
    world.tell(cash_sale(T1, "2", 500));
    let second = world.posting(std::slice::from_ref(&first)).unwrap();
    let back = [
        recovered(&world, &first, "posted").posting.unwrap(),
        recovered(&world, &second, "posted").posting.unwrap(),
    ];
    assert_eq!(world.posting(&back), None);
    taxed(&mut world, "3", 2_000, 165, 20);
    let third = world.posting(&back).unwrap();
    let direct = world.posting(&[first, second]).unwrap();
    assert_eq!(third.revision(), 3);
    assert_eq!(spell_posting(&third), spell_posting(&direct));
    // also what Odoo is told about the tax
    let books = books(&world);
    let call = |posting: &Posting| JournalEntry::of(posting).load(&books).unwrap();
    assert_eq!(call(&third), call(&direct));
    // and it nets with what was read back like any other
    assert_eq!(world.posting(&[back[0].clone(), back[1].clone(), third]), None);
}

#[test]
fn a_draft_is_looked_at_and_confirmed_not_done() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 500));
    let posting = world.posting(&[]).unwrap();
    let found = recovered(&world, &posting, "draft");
    assert_eq!(
        (found.effect.state, found.effect.step),
        (EffectState::Sent, Step::Look)
    );
    assert_eq!((found.effect.document, found.name), (Some(41), None));
}

#[test]
fn an_entry_that_cannot_be_taken_over_says_what_to_mend() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 500));
    let posting = world.posting(&[]).unwrap();
    let books = books(&world);
    let of = (&world.settings.tenant, &world.settings.store);
    let lines = held(&JournalEntry::of(&posting), &books, "posted");
    let found = recover_document(of, &numbered(&posting), &lines, around(&books, &BTreeMap::new()));
    assert!(
        matches!(found, Err(Unrecoverable::Account(_, 101_501))),
        "{found:?}"
    );
    let empty = RawValue::from_string("[]".to_owned()).unwrap();
    let found = recover_document(of, &numbered(&posting), &empty, around(&books, &BTreeMap::new()));
    assert!(matches!(found, Err(Unrecoverable::Empty(_))));
}

#[test]
fn only_external_ids_of_this_store_are_ours() {
    let world = World::new();
    let (tenant, store) = (&world.settings.tenant, &world.settings.store);
    let of =
        |external: &str| EffectKey::numbered(external, tenant, store).map(|(day, _, r)| (day.to_string(), r));
    assert_eq!(
        of("tillwire.j_acme_s01_20261114_r2"),
        Some(("2026-11-14".to_owned(), 2))
    );
    for other in [
        "tillwire.j_acme_s01_20261314_r2",
        "tillwire.j_acme_s01_20261114_r02",
        "tillwire.j_acme_s01_x_20261114_r2",
        "tillwire.j_acme_s011_20261114_r2",
        "tillwire.j_acme_s01_2026é14_r2",
        "__export__.account_move_41",
        "",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
    assert_eq!(
        numbered_picking("tillwire.p_acme_s01_12", tenant, store),
        Some(12)
    );
    assert_eq!(numbered_picking("tillwire.p_acme_s01_2_12", tenant, store), None);
    let call = external_ids("account.move", &[4, 5]);
    assert_eq!(call.json_rpc().0, json!([[4, 5]]));
}

fn moves(from: i64, to: i64, state: &str) -> Box<RawValue> {
    let one = |product: i64, quantity: f64| {
        json!({ "product_id": [product, "P"], "quantity": quantity, "state": state, "reference": "TW/s01/7",
                "location_id": [from, "L"], "location_dest_id": [to, "L"] })
    };
    RawValue::from_string(json!([one(7, 2.0), one(8, 0.335), one(7, 1.0)]).to_string()).unwrap()
}

#[test]
fn a_picking_read_back_moves_what_odoo_moved() {
    let world = World::new();
    let of = (&world.settings.tenant, &world.settings.store);
    let skus: BTreeMap<i64, Sku> = [(7, "A"), (8, "B")]
        .map(|(id, sku)| (id, Sku::new(sku).unwrap()))
        .into();
    let names = PickingNames {
        skus,
        shelves: [18].into(),
        customers: 5,
        ..PickingNames::default()
    };
    let read = |moves: &RawValue, origin: &str| recover_picking(of, 7, (17, moves), origin, &names);
    let found = read(&moves(18, 5, "done"), "s01 2026-11-14").unwrap();
    assert_eq!((found.effect.state, found.batch), (EffectState::Done, Some(7)));
    assert_eq!(found.day.to_string(), "2026-11-14");
    let Payload::Picking(picking) = found.effect.payload else {
        panic!("not a picking")
    };
    let lines: Vec<_> = picking
        .lines
        .iter()
        .map(|l| (l.sku.as_str(), l.quantity.decimal()))
        .collect();
    assert_eq!(lines, [("A", "3".to_owned()), ("B", "0.335".to_owned())]);
    assert_eq!(
        (picking.direction, picking.name.as_str()),
        (Direction::Out, "TW/s01/7")
    );

    let back = read(&moves(5, 18, "assigned"), "s01 2026-11-14").unwrap();
    assert_eq!(back.effect.state, EffectState::Sent);
    assert!(matches!(back.effect.payload, Payload::Picking(p) if p.direction == Direction::Back));
    let lost = read(&moves(18, 5, "done"), "somebody's words");
    assert!(matches!(lost, Err(Unrecoverable::Origin(..))));
    let elsewhere = read(&moves(18, 6, "done"), "s01 2026-11-14");
    assert!(matches!(elsewhere, Err(Unrecoverable::Places(_))));
}
