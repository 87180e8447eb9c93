use std::collections::BTreeMap;

use tillwire_proto::{Quantity, Sku, TenderKind, Unit};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{OdooVersion, Picking, Product, ProductKind, ResolvedStock, Tracking, Uom};
use tillwire_relay_core::settings::BelowZero;
use tillwire_relay_core::stock::{ItemRule, LINES_MAX, StockDelta, StockRules, delta, moved};

use crate::world::*;

pub fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub fn product(id: i64, text: &str) -> Product {
    Product {
        id,
        sku: sku(text),
        uom: Uom {
            id: 1,
            rounding: 10_000,
            unit: Some(Unit::Each),
        },
        kind: ProductKind::Storable,
        tracking: Tracking::None,
        kit: None,
    }
}

pub fn odoo(known: &[&str]) -> ResolvedStock {
    let products = known
        .iter()
        .zip(1..)
        .map(|(text, id)| (sku(text), product(id, text)));
    ResolvedStock {
        version: OdooVersion(19),
        type_out: 1,
        type_back: 2,
        stock: 8,
        customers: 5,
        products: products.collect(),
        lots: BTreeMap::new(),
        on_hand: BTreeMap::new(),
    }
}

/// The till's numbers are Odoo's.
pub fn same(item: &Sku) -> ItemRule {
    ItemRule::same(item.clone())
}

pub fn rules<'a>(world: &'a World, item: &'a dyn Fn(&Sku) -> ItemRule) -> StockRules<'a> {
    StockRules {
        tenant: &world.settings.tenant,
        store: &world.settings.store,
        day: day(),
        item,
        below_zero: BelowZero::Note,
    }
}

pub fn next(world: &World, pickings: &[Picking], odoo: &ResolvedStock) -> StockDelta {
    delta(
        &rules(world, &same),
        &world.assess().stock,
        &moved(pickings).unwrap(),
        odoo,
    )
}

pub fn pickings(world: &World, delta: &StockDelta, from: u64) -> Vec<Picking> {
    let numbered = delta.batches.iter().zip(from..);
    numbered
        .map(|(batch, number)| batch.picking(&world.settings.tenant, &world.settings.store, day(), number))
        .collect()
}

pub fn spell(delta: &StockDelta) -> Vec<String> {
    let lines = delta.batches.iter().flat_map(|batch| {
        batch
            .lines
            .iter()
            .map(move |line| format!("{:?} {} {}", batch.direction, line.sku, line.quantity))
    });
    lines.collect()
}

pub fn sold(register: &str, ticket: &str, lines: Vec<tillwire_proto::Line>) -> tillwire_proto::Transaction {
    let total = lines.iter().map(|line| line.extended.minor()).sum();
    sale(
        register,
        ticket,
        trade(lines, vec![], &[], vec![tender(TenderKind::Cash, total)], 0),
    )
}

#[test]
fn sales_go_out_and_returns_come_back() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("A1", 3, 100), item("B2", 1, 100)]));
    world.tell(cash_return(T1, "2", "A1", 100));
    world.tell(cash_return(T1, "3", "C3", 100));
    let delta = next(&world, &[], &odoo(&["A1", "B2", "C3"]));
    assert_eq!(spell(&delta), ["Out A1 2", "Out B2 1", "Back C3 1"]);
}

#[test]
fn what_was_moved_is_not_moved_again() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("A1", 3, 100)]));
    let odoo = odoo(&["A1"]);
    let first = pickings(&world, &next(&world, &[], &odoo), 1);
    assert!(next(&world, &first, &odoo).batches.is_empty());
    world.tell(sold(T1, "2", vec![item("A1", 2, 100)]));
    assert_eq!(spell(&next(&world, &first, &odoo)), ["Out A1 2"]);
}

#[test]
fn a_void_after_the_move_brings_the_goods_back() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("A1", 3, 100)]));
    let odoo = odoo(&["A1"]);
    let mut done = pickings(&world, &next(&world, &[], &odoo), 1);
    world.tell(void(T1, "2", "1", None));
    let back = next(&world, &done, &odoo);
    assert_eq!(spell(&back), ["Back A1 3"]);
    done.extend(pickings(&world, &back, 2));
    assert!(next(&world, &done, &odoo).batches.is_empty());
}

#[test]
fn an_unknown_item_is_held_alone_and_its_sale_is_booked() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("A1", 1, 100), item("NEW", 2, 100)]));
    let delta = next(&world, &[], &odoo(&["A1"]));
    assert_eq!(spell(&delta), ["Out A1 1"]);
    assert_eq!(delta.held[0].draft.kind, ExceptionKind::UnknownSku);
    assert_eq!(delta.held[0].draft.cause.as_str(), "unknown-sku:NEW");
    assert_eq!(world.ledger().lines().count(), 2);
    let later = next(&world, &pickings(&world, &delta, 1), &odoo(&["A1", "NEW"]));
    assert_eq!(spell(&later), ["Out NEW 2"]);
    assert!(later.held.is_empty());
}

#[test]
fn a_picking_has_at_most_200_lines() {
    let mut world = World::new();
    let names: Vec<String> = (0..450).map(|number| format!("S{number}")).collect();
    world.tell(sold(
        T1,
        "1",
        names.iter().map(|name| item(name, 1, 100)).collect(),
    ));
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let delta = next(&world, &[], &odoo(&known));
    let sizes: Vec<usize> = delta.batches.iter().map(|batch| batch.lines.len()).collect();
    assert_eq!(sizes, [LINES_MAX, LINES_MAX, 50]);
    let keys: Vec<String> = pickings(&world, &delta, 7)
        .iter()
        .map(|p| p.name.clone())
        .collect();
    assert_eq!(keys, ["TW/s01/7", "TW/s01/8", "TW/s01/9"]);
}

#[test]
fn a_held_ticket_moves_nothing_until_it_is_booked() {
    let mut world = World::new();
    let taxes = vec![tax("Narnia", None, 10)];
    let tenders = vec![tender(TenderKind::Cash, 110)];
    world.tell(sale(
        T1,
        "1",
        trade(vec![item("A1", 1, 100)], taxes, &[], tenders, 0),
    ));
    assert!(next(&world, &[], &odoo(&["A1"])).batches.is_empty());
}

#[test]
fn gift_cards_and_fees_move_no_stock() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![gift_card(5000)]));
    assert!(world.assess().stock.items.is_empty());
}

#[test]
fn goods_without_a_number_are_one_exception() {
    let mut world = World::new();
    let nameless = |minor| tillwire_proto::Line {
        sku: None,
        ..item("x", 1, minor)
    };
    world.tell(sold(T1, "1", vec![nameless(100), nameless(250)]));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::UnknownSku]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(350)));
}

#[test]
fn two_units_of_one_item_are_not_added() {
    let mut world = World::new();
    let mut pounds = item("A1", 1, 100);
    pounds.quantity = Quantity::parse("1.5", Unit::Pound).unwrap();
    world.tell(sold(T1, "1", vec![item("A1", 1, 100)]));
    world.tell(sold(T1, "2", vec![pounds]));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::UnknownSku]);
    assert_eq!(assessment.stock.items[&sku("A1")].quantity, Quantity::each(1));
}

#[test]
fn target_knows_the_records_of_each_item() {
    let mut world = World::new();
    let first = world.tell(sold(T1, "1", vec![item("A1", 1, 100)]));
    let second = world.tell(sold(T1, "2", vec![item("A1", 1, 100), item("A1", 1, 100)]));
    let stock = world.assess().stock;
    assert_eq!(stock.items[&sku("A1")].records, [first, second]);
    assert!(moved(&[]).unwrap().is_empty());
}
