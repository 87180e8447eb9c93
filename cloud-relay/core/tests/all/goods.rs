//! What Odoo knows of a product decides how it moves, or why it waits.

use tillwire_proto::{Body, Code, Line, Quantity, Sku, Unit};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{Kit, KitPart, Lot, Picking, ProductKind, ResolvedStock, Tracking};
use tillwire_relay_core::settings::{BelowZero, Factor};
use tillwire_relay_core::stock::{Goods, ItemRule, KITS_MAX, StockDelta, delta, moved};

use crate::stock::{next, odoo, pickings, rules, same, sku, sold, spell};
use crate::world::*;

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn one(sku: &str, serial: &str) -> Line {
    Line {
        serial: Some(code(serial)),
        ..item(sku, 1, 100)
    }
}

fn some(sku: &str, quantity: &str, unit: Unit) -> Line {
    Line {
        quantity: Quantity::parse(quantity, unit).unwrap(),
        ..item(sku, 1, 100)
    }
}

fn with(odoo: &mut ResolvedStock, name: &str, change: impl FnOnce(&mut tillwire_relay_core::odoo::Product)) {
    change(odoo.products.get_mut(&sku(name)).unwrap());
}

fn tracked(by: Tracking) -> ResolvedStock {
    let mut odoo = odoo(&["PHONE", "A1"]);
    with(&mut odoo, "PHONE", |product| product.tracking = by);
    odoo
}

fn know(odoo: &mut ResolvedStock, name: &str, place: Option<i64>) {
    let id = 40 + i64::try_from(odoo.lots.len()).unwrap();
    odoo.lots.insert((1, code(name)), Lot { id, place });
}

fn reasons(delta: &StockDelta) -> Vec<(ExceptionKind, &str)> {
    let held = delta.held.iter();
    held.map(|held| (held.draft.kind, held.draft.cause.as_str()))
        .collect()
}

#[test]
fn services_and_goods_without_a_quantity_move_nothing_and_hold_nothing() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "1",
        vec![item("WRAP", 1, 100), item("BAG", 2, 10), item("A1", 1, 100)],
    ));
    let mut odoo = odoo(&["WRAP", "BAG", "A1"]);
    with(&mut odoo, "WRAP", |product| product.kind = ProductKind::Service);
    with(&mut odoo, "BAG", |product| product.kind = ProductKind::Consumable);
    let delta = next(&world, &[], &odoo);
    assert_eq!(spell(&delta), ["Out A1 1"]);
    assert!(delta.held.is_empty());
}

#[test]
fn a_lot_that_odoo_knows_travels_apart_with_its_name() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "1",
        vec![
            item("A1", 1, 100),
            one("PHONE", "L1"),
            one("PHONE", "L1"),
            one("PHONE", "L2"),
        ],
    ));
    let mut odoo = tracked(Tracking::Lot);
    know(&mut odoo, "L1", Some(8));
    know(&mut odoo, "L2", None);
    let delta = next(&world, &[], &odoo);
    assert!(delta.held.is_empty(), "{:?}", reasons(&delta));
    let lots: Vec<_> = delta.batches[1]
        .lines
        .iter()
        .map(|line| (line.lot.as_ref().map(Code::as_str), line.quantity.decimal()))
        .collect();
    assert_eq!(delta.batches.len(), 2);
    assert_eq!(lots, [(Some("L1"), "2".to_owned()), (Some("L2"), "1".to_owned())]);
}

#[test]
fn a_tracked_product_waits_for_its_lot_and_then_moves_by_itself() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "7",
        vec![item("A1", 1, 100), item("PHONE", 1, 100), one("PHONE", "SN9")],
    ));
    let mut odoo = tracked(Tracking::Serial);
    let first = next(&world, &[], &odoo);
    assert_eq!(spell(&first), ["Out A1 1"]);
    assert_eq!(
        reasons(&first),
        [
            (ExceptionKind::LotNeeded, "lot-needed:PHONE"),
            (ExceptionKind::LotNeeded, "lot-needed:PHONE:SN9")
        ]
    );
    let words: Vec<&str> = first.held.iter().map(|held| held.draft.detail.as_str()).collect();
    assert!(words[0].contains("ticket 7 name none: 1 wait"), "{words:?}");
    assert!(
        words[1].contains("SN9") && words[1].contains("create it there"),
        "{words:?}"
    );
    know(&mut odoo, "SN9", Some(8));
    let later = next(&world, &pickings(&world, &first, 1), &odoo);
    assert_eq!(spell(&later), ["Out PHONE 1"]);
    assert_eq!(reasons(&later), [(ExceptionKind::LotNeeded, "lot-needed:PHONE")]);
}

#[test]
fn one_serial_number_is_never_moved_twice() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![one("PHONE", "SN1")]));
    world.tell(sold(T1, "2", vec![one("PHONE", "SN1")]));
    let mut odoo = tracked(Tracking::Serial);
    know(&mut odoo, "SN1", Some(8));
    let delta = next(&world, &[], &odoo);
    assert_eq!(
        reasons(&delta),
        [(ExceptionKind::SerialTwice, "serial-twice:PHONE:SN1")]
    );
    let words = &delta.held[0].draft.detail;
    assert!(words.contains("2 times, by tickets 1, 2"), "{words}");
    assert!(delta.batches.is_empty());
}

#[test]
fn a_serial_number_that_is_already_out_is_named_and_one_that_is_already_in() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![one("PHONE", "SN1")]));
    let mut back = cash_return(T1, "2", "PHONE", 100);
    let Body::Trade(trade) = &mut back.body else {
        panic!("a return is a trade")
    };
    trade.lines[0].serial = Some(code("SN2"));
    world.tell(back);
    let mut odoo = tracked(Tracking::Serial);
    know(&mut odoo, "SN1", None);
    know(&mut odoo, "SN2", Some(8));
    let delta = next(&world, &[], &odoo);
    assert!(delta.batches.is_empty());
    let words: Vec<&str> = delta.held.iter().map(|held| held.draft.detail.as_str()).collect();
    assert!(
        words[0].contains("not in this store's stock") && words[1].contains("already"),
        "{words:?}"
    );
    assert!(
        delta
            .held
            .iter()
            .all(|held| held.draft.kind == ExceptionKind::SerialTwice)
    );
}

#[test]
fn a_product_that_becomes_tracked_does_not_leave_twice() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![one("PHONE", "SN1"), one("PHONE", "SN2")]));
    let before = tracked(Tracking::None);
    let done = pickings(&world, &next(&world, &[], &before), 1);
    assert_eq!(done[0].lines[0].lot, None);
    let mut after = tracked(Tracking::Serial);
    for name in ["SN1", "SN2", "SN3"] {
        know(&mut after, name, Some(8));
    }
    assert_eq!(next(&world, &done, &after), StockDelta::default());
    world.tell(sold(T1, "2", vec![one("PHONE", "SN3")]));
    let delta = next(&world, &done, &after);
    assert_eq!(
        (spell(&delta), delta.held.len()),
        (vec!["Out PHONE 1".to_owned()], 0)
    );
}

fn kit_of(parts: &[(&str, i64, i64, i64)]) -> Kit {
    let part = |(name, product, count, per): &(&str, i64, i64, i64)| KitPart {
        sku: sku(name),
        product: *product,
        count: count * 1_000_000,
        per: per * 1_000_000,
        rounding: 1_000_000,
    };
    Kit::Of(parts.iter().map(part).collect())
}

fn hampers() -> ResolvedStock {
    let mut odoo = odoo(&["HAMPER", "WINE", "JAM"]);
    with(&mut odoo, "HAMPER", |product| {
        product.kit = Some(kit_of(&[("WINE", 2, 2, 1), ("JAM", 3, 1, 2)]));
    });
    odoo
}

#[test]
fn a_kit_moves_as_its_parts_and_counts_as_the_kit() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("HAMPER", 2, 100), item("JAM", 1, 100)]));
    let mut odoo = hampers();
    let first = next(&world, &[], &odoo);
    assert_eq!(spell(&first), ["Out JAM 1", "Out WINE 4", "Out JAM 1"]);
    let mut done = pickings(&world, &first, 1);
    assert_eq!(done[1].origin, "s01 kits 2 HAMPER 2026-11-20");
    assert_eq!(
        Picking::kits_in(&done[1].origin, &world.settings.store),
        Some(done[1].kits.clone())
    );
    assert_eq!(
        Picking::kits_in(&done[0].origin, &world.settings.store),
        Some(Vec::new())
    );

    // the bill of materials changes: what has left has left, and the next hamper is packed by the new one
    with(&mut odoo, "HAMPER", |product| {
        product.kit = Some(kit_of(&[("WINE", 2, 3, 1)]));
    });
    assert_eq!(next(&world, &done, &odoo), StockDelta::default());
    world.tell(sold(T1, "2", vec![item("HAMPER", 1, 100)]));
    let second = next(&world, &done, &odoo);
    assert_eq!(spell(&second), ["Out WINE 3"]);
    done.extend(pickings(&world, &second, 3));
    world.tell(void(T1, "3", "2", None));
    assert_eq!(spell(&next(&world, &done, &odoo)), ["Back WINE 3"]);
}

#[test]
fn half_a_jar_and_an_unreadable_bill_of_materials_are_held() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("HAMPER", 3, 100), item("WINE", 1, 100)]));
    let mut odoo = hampers();
    let delta = next(&world, &[], &odoo);
    assert_eq!(spell(&delta), ["Out WINE 1"]);
    assert_eq!(
        reasons(&delta),
        [(ExceptionKind::UnitRounding, "unit-rounding:HAMPER")]
    );
    with(&mut odoo, "HAMPER", |product| {
        product.kit = Some(Kit::Unclear("its part has no number".into()));
    });
    let delta = next(&world, &[], &odoo);
    assert_eq!(
        reasons(&delta),
        [(ExceptionKind::KitUnclear, "kit-unclear:HAMPER")]
    );
}

#[test]
fn kits_fill_pickings_whose_origin_people_can_read() {
    let mut world = World::new();
    let names: Vec<String> = (0..45).map(|number| format!("K{number:02}")).collect();
    world.tell(sold(
        T1,
        "1",
        names.iter().map(|name| item(name, 1, 100)).collect(),
    ));
    let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
    known.push("WINE");
    let mut odoo = odoo(&known);
    for name in &names {
        with(&mut odoo, name, |product| {
            product.kit = Some(kit_of(&[("WINE", 46, 1, 1)]));
        });
    }
    let delta = next(&world, &[], &odoo);
    let sizes: Vec<usize> = delta.batches.iter().map(|batch| batch.kits.len()).collect();
    assert_eq!(sizes, [KITS_MAX, KITS_MAX, 5]);
    assert_eq!(spell(&delta), ["Out WINE 20", "Out WINE 20", "Out WINE 5"]);
}

#[test]
fn a_quantity_that_odoo_would_round_is_held_and_not_rounded() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "1",
        vec![some("ROPE", "0.333", Unit::Each), some("A1", "0.33", Unit::Each)],
    ));
    let delta = next(&world, &[], &odoo(&["ROPE", "A1"]));
    assert_eq!(spell(&delta), ["Out A1 0.33"]);
    assert_eq!(
        reasons(&delta),
        [(ExceptionKind::UnitRounding, "unit-rounding:ROPE")]
    );
    assert!(
        delta.held[0].draft.detail.contains("steps of 0.01"),
        "{}",
        delta.held[0].draft.detail
    );
    // two thirds more make it whole
    world.tell(sold(T1, "2", vec![some("ROPE", "0.667", Unit::Each)]));
    assert_eq!(
        spell(&next(&world, &[], &odoo(&["ROPE", "A1"]))),
        ["Out A1 0.33", "Out ROPE 1"]
    );
}

#[test]
fn goods_sold_by_weight_and_kept_by_the_piece_wait_for_a_factor() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![some("NUTS", "0.25", Unit::Kilogram)]));
    let mut odoo = odoo(&["NUTS"]);
    let waits = next(&world, &[], &odoo);
    assert_eq!(
        reasons(&waits),
        [(ExceptionKind::UnitRounding, "unit-rounding:NUTS")]
    );
    with(&mut odoo, "NUTS", |product| {
        product.uom.unit = Some(Unit::Kilogram);
    });
    assert_eq!(spell(&next(&world, &[], &odoo)), ["Out NUTS 0.25"]);
    with(&mut odoo, "NUTS", |product| product.uom.unit = Some(Unit::Pound));
    let grams = |item: &Sku| ItemRule {
        sku: item.clone(),
        factor: Factor::parse("1000").unwrap(),
        said: true,
    };
    let target = world.assess().stock;
    let weighed = delta(&rules(&world, &grams), &target, &moved(&[]).unwrap(), &odoo);
    assert_eq!(spell(&weighed), ["Out NUTS 250"]);
}

fn packs(factor: &'static str, of: &'static str) -> impl Fn(&Sku) -> ItemRule {
    move |item| {
        if item.as_str() == "PACK" {
            let factor = Factor::parse(factor).unwrap();
            ItemRule {
                sku: sku(of),
                factor,
                said: true,
            }
        } else {
            ItemRule::same(item.clone())
        }
    }
}

#[test]
fn a_changed_alias_or_factor_corrects_what_was_moved_and_moves_nothing_twice() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("PACK", 2, 100), item("BOTTLE", 1, 100)]));
    let odoo = odoo(&["BOTTLE", "CAN"]);
    let step = |world: &World, done: &[Picking], rule: &dyn Fn(&Sku) -> ItemRule| {
        delta(
            &rules(world, rule),
            &world.assess().stock,
            &moved(done).unwrap(),
            &odoo,
        )
    };
    let six = packs("6", "BOTTLE");
    let first = step(&world, &[], &six);
    assert_eq!(spell(&first), ["Out BOTTLE 13"]);
    let mut done = pickings(&world, &first, 1);
    assert_eq!(step(&world, &done, &six), StockDelta::default());

    let eight = step(&world, &done, &packs("8", "BOTTLE"));
    assert_eq!(spell(&eight), ["Out BOTTLE 4"]);
    done.extend(pickings(&world, &eight, 2));

    let cans = step(&world, &done, &packs("12", "CAN"));
    assert_eq!(spell(&cans), ["Out CAN 24", "Back BOTTLE 16"]);
    done.extend(pickings(&world, &cans, 3));
    assert_eq!(step(&world, &done, &packs("12", "CAN")), StockDelta::default());
}

#[test]
fn a_factor_that_gives_no_exact_number_freezes_its_product() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("BOTTLE", 1, 100)]));
    let odoo = odoo(&["BOTTLE"]);
    let done = pickings(&world, &next(&world, &[], &odoo), 1);
    world.tell(sold(
        T1,
        "2",
        vec![some("PACK", "0.5", Unit::Each), item("BOTTLE", 1, 100)],
    ));
    let third = packs("0.333333", "BOTTLE");
    let frozen = delta(
        &rules(&world, &third),
        &world.assess().stock,
        &moved(&done).unwrap(),
        &odoo,
    );
    assert!(frozen.batches.is_empty(), "{:?}", spell(&frozen));
    assert_eq!(
        reasons(&frozen),
        [(ExceptionKind::UnitRounding, "unit-rounding:BOTTLE")]
    );
}

#[test]
fn a_barcode_and_an_internal_reference_of_one_product_are_one() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "1",
        vec![item("4006381333931", 2, 100), item("PEN", 1, 100)],
    ));
    let mut odoo = odoo(&["PEN"]);
    let pen = odoo.products[&sku("PEN")].clone();
    let unknown = next(&world, &[], &odoo);
    assert_eq!(spell(&unknown), ["Out PEN 1"]);
    assert_eq!(unknown.held.len(), 1);
    odoo.products.insert(sku("4006381333931"), pen);
    let delta = next(&world, &pickings(&world, &unknown, 1), &odoo);
    assert_eq!(spell(&delta), ["Out PEN 2"]);
}

#[test]
fn stock_below_zero_is_moved_with_a_note_or_held_as_the_retailer_wants() {
    let mut world = World::new();
    world.tell(sold(
        T1,
        "1",
        vec![item("A1", 5, 100), item("B2", 1, 100), item("HAMPER", 2, 100)],
    ));
    let mut odoo = odoo(&["A1", "B2", "HAMPER", "WINE"]);
    with(&mut odoo, "HAMPER", |product| {
        product.kit = Some(kit_of(&[("WINE", 4, 2, 1)]));
    });
    odoo.on_hand = [(1, 3_000_000), (2, 1_000_000), (4, 3_000_000)].into();
    let noted = next(&world, &[], &odoo);
    assert_eq!(spell(&noted), ["Out A1 5", "Out B2 1", "Out WINE 4"]);
    let causes: Vec<_> = noted
        .notes
        .iter()
        .map(|note| (note.kind, note.cause.as_str()))
        .collect();
    assert_eq!(
        causes,
        [
            (ExceptionKind::NegativeStock, "negative-stock:s01:A1"),
            (ExceptionKind::NegativeStock, "negative-stock:s01:HAMPER")
        ]
    );
    assert!(noted.notes[0].detail.contains("5 of A1") && noted.notes[0].detail.contains("goes to -2"));

    let mut hold = rules(&world, &same);
    hold.below_zero = BelowZero::Hold;
    let held = delta(&hold, &world.assess().stock, &moved(&[]).unwrap(), &odoo);
    assert_eq!(spell(&held), ["Out B2 1"]);
    assert_eq!(
        reasons(&held),
        [
            (ExceptionKind::StockShort, "stock-short:A1"),
            (ExceptionKind::StockShort, "stock-short:HAMPER")
        ]
    );
}

#[test]
fn held_goods_say_which_and_how_many() {
    let mut world = World::new();
    world.tell(sold(T1, "1", vec![item("NEW", 3, 100)]));
    let delta = next(&world, &[], &odoo(&[]));
    assert_eq!(
        delta.held[0].goods,
        Goods {
            sku: sku("NEW"),
            lot: None
        }
    );
    assert_eq!(delta.held[0].quantity, Quantity::each(3));
}
