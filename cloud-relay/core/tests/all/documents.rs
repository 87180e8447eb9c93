//! The documents of a day: whatever a store chose, every account has the same cents, every document sums to nothing, and
//! what one document leaves open another one pays.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tillwire_proto::{Body, Customer, Description, Fact, PosId, TenderKind, Trade};
use tillwire_relay_core::books::{Document, Partner, Posting, postings};
use tillwire_relay_core::odoo::{InvoiceKind, Payload, Planned, Planning, Standing, plan};
use tillwire_relay_core::settings::{Corrections, InvoicesDraft, PostingMode, StoreSettings};

use crate::laws::{Event, event, world_of};
use crate::world::*;

const RECEIVABLE: &str = "121000";

pub fn settings_in(mode: PostingMode, corrections: Corrections) -> StoreSettings {
    let mut draft = draft_with("", "");
    draft.odoo.mode = mode;
    draft.odoo.corrections = corrections;
    draft.odoo.invoices = Some(InvoicesDraft {
        journal: "INV".to_owned(),
        receivable: RECEIVABLE.to_owned(),
        summary_partner: Some("WALK-IN".to_owned()),
        walk_in: vec![customer("C0").id],
        partners: BTreeMap::from([(customer("C2").id, "ACME-2".to_owned())]),
    });
    draft.check().unwrap()
}

pub fn customer(id: &str) -> Customer {
    Customer {
        id: PosId::new(id).unwrap(),
        name: Some(Description::new("Ada Lovelace").unwrap()),
    }
}

pub fn bought_by(mut trade: Trade, id: &str) -> Trade {
    trade.customer = Some(customer(id));
    trade
}

fn taxed(minor: i64, due: i64) -> Trade {
    let mut city = tax("City", None, due);
    city.base = Some(usd(minor));
    let tenders = vec![tender(TenderKind::Cash, minor + due)];
    trade(vec![item("A1", 1, minor)], vec![city], &[], tenders, 0)
}

pub fn due(world: &World, already: &[Posting]) -> Vec<Posting> {
    let (tenant, store) = (&world.settings.tenant, &world.settings.store);
    let corrections = world.settings.odoo.corrections;
    postings(tenant, store, day(), &world.ledger(), already, corrections).unwrap()
}

pub fn planned(world: &World, already: &[Posting]) -> Vec<Planned> {
    let ledger = world.ledger();
    let invoices = world.settings.odoo.invoices.as_ref().unwrap();
    let planning = Planning {
        customers: ledger.customers(),
        receivable: Some(&invoices.receivable),
        standing: &Standing::default(),
    };
    plan(&due(world, already), planning, Posting::day).unwrap()
}

/// Per account, of all postings together.
fn cents(postings: &[Posting]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (key, line) in postings.iter().flat_map(Posting::lines) {
        *sums.entry(key.account.to_string()).or_insert(0) += line.amount.minor();
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn spell_all(postings: &[Posting]) -> Vec<String> {
    let of = |posting: &Posting| {
        let head = format!("{} r{}", posting.document().label(), posting.revision());
        let back = posting.reverses().map(|r| format!(" reverses r{r}"));
        format!(
            "{head}{}: {}",
            back.unwrap_or_default(),
            spell_posting(posting).join(", ")
        )
    };
    postings.iter().map(of).collect()
}

#[test]
fn a_summary_invoice_takes_sales_and_taxes_and_the_entry_pays_it() {
    let mut world = World::with(settings_in(PostingMode::SummaryInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", taxed(10_000, 825)));
    world.tell(sale(T1, "2", bought_by(taxed(1_000, 83), "C9")));
    assert_eq!(
        spell_all(&due(&world, &[])),
        [
            "Entry r1: 101501 Cash 119.08, 121000 Summary invoice of WALK-IN -119.08",
            "Summary invoice of WALK-IN r1: 121000 Summary invoice of WALK-IN 119.08, 220110 City -9.08, \
             400001 Sales taxed City 1% -110.00",
        ]
    );
}

#[test]
fn a_named_customer_gets_an_invoice_and_everybody_else_stays_in_the_entry() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", taxed(10_000, 825)));
    world.tell(sale(T1, "2", bought_by(taxed(1_000, 83), "C9")));
    world.tell(sale(T1, "3", bought_by(taxed(500, 41), "C0")));
    let all = spell_all(&due(&world, &[]));
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(
        all[0].contains("121000 Invoice till-1/2 sale of C9 -10.83"),
        "{all:?}"
    );
    assert!(
        all[0].contains("400001 Sales taxed City 1% -105.00"),
        "a walk-in is nobody: {all:?}"
    );
    assert!(
        all[1].starts_with("Invoice till-1/2 sale of C9 r1: 121000"),
        "{all:?}"
    );
}

#[test]
fn effects_come_in_the_order_of_what_they_need() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", taxed(10_000, 825)));
    world.tell(sale(T1, "2", bought_by(taxed(1_000, 83), "C9")));
    world.tell(sale(T1, "3", bought_by(taxed(500, 41), "C2")));
    let planned = planned(&world, &[]);
    let kinds: Vec<_> = planned.iter().map(|p| p.payload.kind().name()).collect();
    assert_eq!(
        kinds,
        [
            "contact",
            "invoice",
            "invoice",
            "journal-entry",
            "reconciliation",
            "reconciliation"
        ]
    );
    let mut there = BTreeSet::new();
    for planned in &planned {
        for need in planned.payload.needs() {
            assert!(there.contains(need), "{} needs {need}", planned.payload.key());
        }
        there.insert(planned.payload.key());
    }
    assert_eq!(there.len(), planned.len(), "keys are unique");
}

#[test]
fn goods_back_from_a_named_customer_are_a_credit_note() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    let mut back = cash_return(T1, "9", "A1", 700);
    if let Body::Trade(trade) = &mut back.body {
        trade.customer = Some(customer("C9"));
    }
    world.tell(back);
    let planned = planned(&world, &[]);
    let invoice = planned.iter().find_map(|p| match &p.payload {
        Payload::Invoice(invoice) => Some(invoice),
        _ => None,
    });
    let invoice = invoice.unwrap();
    assert_eq!(invoice.kind, InvoiceKind::CreditNote);
    assert_eq!(invoice.total(), Some(usd(-700)));
}

#[test]
fn gift_cards_and_tips_are_not_invoiced() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    let tenders = vec![tender(TenderKind::Cash, 2_700)];
    let lines = vec![item("A1", 1, 500), gift_card(2_000)];
    world.tell(sale(
        T1,
        "1",
        bought_by(trade(lines, vec![], &[200], tenders, 0), "C9"),
    ));
    let all = spell_all(&due(&world, &[]));
    assert_eq!(
        all[1],
        "Invoice till-1/1 sale of C9 r1: 121000 Invoice till-1/1 sale of C9 5.00, 400001 Sales -5.00"
    );
}

#[test]
fn a_ticket_that_changes_hands_is_taken_back_from_one_and_owed_by_the_other() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", bought_by(taxed(1_000, 83), "C8")));
    let first = due(&world, &[]);
    world.tell(revised(sale(T1, "1", bought_by(taxed(1_000, 83), "C9")), 1));
    let second = due(&world, &first);
    let all = spell_all(&second);
    assert!(
        all.iter()
            .any(|line| line.contains("sale of C8 r2") && line.contains("400001 Sales taxed City 1% 10.00")),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|line| line.contains("sale of C9 r1") && line.contains("400001 Sales taxed City 1% -10.00")),
        "{all:?}"
    );
}

#[test]
fn what_changed_is_reversed_whole_and_written_anew_once() {
    for mode in [PostingMode::SummaryEntry, PostingMode::SummaryInvoice] {
        let mut world = World::with(settings_in(mode, Corrections::ReverseAndReplace));
        world.tell(sale(T1, "1", taxed(10_000, 825)));
        let mut posted = due(&world, &[]);
        let documents = posted.len();
        for (ticket, round) in ["2", "3"].into_iter().zip(1..) {
            world.tell(sale(T1, ticket, taxed(1_000, 83)));
            let next = due(&world, &posted);
            assert_eq!(next.len(), 2 * documents, "{:?}", spell_all(&next));
            for pair in next.chunks(2) {
                assert_eq!(pair[0].reverses(), Some(2 * round - 1), "{:?}", spell_all(&next));
                assert_eq!(
                    (pair[0].revision(), pair[1].revision()),
                    (2 * round, 2 * round + 1)
                );
                assert_eq!(pair[1].reverses(), None);
            }
            posted.extend(next);
            assert_eq!(due(&world, &posted), [], "nothing is reversed twice");
        }
    }
}

#[test]
fn a_reversal_survives_storage() {
    let mut world = World::with(settings_in(
        PostingMode::SummaryEntry,
        Corrections::ReverseAndReplace,
    ));
    world.tell(sale(T1, "1", taxed(10_000, 825)));
    let first = due(&world, &[]);
    world.tell(sale(T1, "2", taxed(1_000, 83)));
    for posting in due(&world, &first) {
        let stored = serde_json::to_string(&posting).unwrap();
        assert_eq!(serde_json::from_str::<Posting>(&stored).unwrap(), posting);
    }
}

#[test]
fn a_day_without_a_change_needs_no_document_in_any_mode() {
    for mode in [
        PostingMode::SummaryEntry,
        PostingMode::SummaryInvoice,
        PostingMode::CustomerInvoice,
    ] {
        let mut world = World::with(settings_in(mode, Corrections::ReverseAndReplace));
        world.tell(sale(T1, "1", bought_by(taxed(10_000, 825), "C9")));
        let first = due(&world, &[]);
        assert_eq!(due(&world, &first), []);
    }
}

/// Every third ticket is of a customer; which one differs.
fn with_customers(world: &mut World) {
    for record in &mut world.records {
        let Fact::Transaction(transaction) = &mut record.observation.fact else {
            continue;
        };
        let number: usize = transaction.key.ticket.as_str().parse().unwrap_or(1);
        if let Body::Trade(trade) = &mut transaction.body
            && number.is_multiple_of(3)
        {
            trade.customer = Some(customer(&format!("C{}", number % 4)));
        }
    }
}

fn world_in(mode: PostingMode, corrections: Corrections, events: &[Event]) -> World {
    let mut world = world_of(events);
    with_customers(&mut world);
    world.settings = settings_in(mode, corrections);
    world
}

const MODES: [PostingMode; 3] = [
    PostingMode::SummaryEntry,
    PostingMode::SummaryInvoice,
    PostingMode::CustomerInvoice,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_account_has_the_same_cents_in_every_mode(events in prop::collection::vec(event(), 0..20)) {
        let of = |mode| cents(&due(&world_in(mode, Corrections::Difference, &events), &[]));
        let entry = of(PostingMode::SummaryEntry);
        prop_assert!(!entry.contains_key(RECEIVABLE));
        prop_assert_eq!(&of(PostingMode::SummaryInvoice), &entry);
        prop_assert_eq!(&of(PostingMode::CustomerInvoice), &entry);
    }

    #[test]
    fn each_document_sums_to_nothing_and_all_that_is_open_is_paid(events in prop::collection::vec(event(), 0..20)) {
        for mode in MODES {
            let world = world_in(mode, Corrections::Difference, &events);
            let mut open: BTreeMap<Document, Vec<i64>> = BTreeMap::new();
            for posting in due(&world, &[]) {
                prop_assert_eq!(posting.lines().map(|(_, line)| line.amount.minor()).sum::<i64>(), 0);
                for (key, line) in posting.lines() {
                    prop_assert_eq!(&key.document, posting.document());
                    if let Some(document) = &key.settles {
                        open.entry(document.clone()).or_default().push(line.amount.minor());
                    }
                }
            }
            let paid = planned(&world, &[]);
            let paid = paid.iter().filter(|p| matches!(p.payload, Payload::Reconciliation(_))).count();
            prop_assert_eq!(paid, open.len());
            for (document, amounts) in open {
                prop_assert_eq!(amounts.iter().sum::<i64>(), 0, "{:?}", document);
            }
        }
    }

    #[test]
    fn corrections_of_both_kinds_end_at_the_same_books(
        events in prop::collection::vec(event(), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        for mode in MODES {
            let mut ends = Vec::new();
            for corrections in [Corrections::Difference, Corrections::ReverseAndReplace] {
                let mut world = world_in(mode, corrections, &events);
                let all = world.records.clone();
                world.records.truncate(cut.index(all.len().max(1)));
                let mut posted = due(&world, &[]);
                world.records = all;
                posted.extend(due(&world, &posted));
                prop_assert_eq!(due(&world, &posted), []);
                let mut names: Vec<_> = posted.iter().map(|p| (p.document().clone(), p.revision())).collect();
                names.sort();
                let count = names.len();
                names.dedup();
                prop_assert_eq!(names.len(), count, "a revision is there twice");
                let mut reversed: Vec<_> = posted.iter().filter_map(|p| Some((p.document().clone(), p.reverses()?))).collect();
                reversed.sort();
                let count = reversed.len();
                reversed.dedup();
                prop_assert_eq!(reversed.len(), count, "something is reversed twice");
                ends.push(cents(&posted));
            }
            prop_assert_eq!(&ends[0], &ends[1]);
        }
    }
}

#[test]
fn a_customer_that_the_mapping_names_is_no_new_contact() {
    let mut world = World::with(settings_in(PostingMode::CustomerInvoice, Corrections::Difference));
    world.tell(sale(T1, "1", bought_by(taxed(1_000, 83), "C2")));
    let document = due(&world, &[])[1].document().clone();
    assert_eq!(document.partner(), Some(&Partner::Contact("ACME-2".to_owned())));
    assert!(
        planned(&world, &[])
            .iter()
            .all(|p| !matches!(p.payload, Payload::Contact(_)))
    );
}
