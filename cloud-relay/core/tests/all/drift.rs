//! Every difference between Odoo's quantity and the tills' has a cause, and the parts sum to it.

use proptest::prelude::*;
use tillwire_proto::Quantity;
use tillwire_relay_core::stock::{Count, DriftCause, DriftLine, OdooSide, PosSide, Sold, Whereabouts};

use crate::stock::sku;

const ONE: i64 = 1_000_000;
const NOON: i64 = 1_800_000_000_000;

fn counted(quantity: i64) -> OdooSide {
    OdooSide {
        now: quantity * ONE,
        count: Some(Count {
            at_ms: NOON,
            quantity: quantity * ONE,
        }),
        rounding: 10_000,
        ..OdooSide::default()
    }
}

fn sold(quantity: i64, by_ms: i64, whereabouts: Whereabouts) -> Sold {
    Sold {
        quantity: quantity * ONE,
        by_ms,
        whereabouts,
        named: "TW/s01/7".to_owned(),
    }
}

fn causes(line: &DriftLine) -> Vec<(DriftCause, String)> {
    line.parts
        .iter()
        .map(|part| (part.cause, part.quantity.decimal()))
        .collect()
}

#[test]
fn sold_and_moved_since_the_count_is_no_difference() {
    let odoo = OdooSide {
        now: 7 * ONE,
        ours: -3 * ONE,
        ours_ever: -3 * ONE,
        ..counted(10)
    };
    let done = sold(3, NOON + 60_000, Whereabouts::Done { at_ms: NOON + 90_000 });
    let line = DriftLine::of(&sku("A"), &odoo, &[done]);
    assert_eq!((line.parts.len(), line.expected), (0, Quantity::each(7)));
    assert!(!line.needs_eyes());
}

#[test]
fn what_waits_is_held_or_was_refused_is_still_in_odoo() {
    let sales = [
        sold(2, NOON + 1, Whereabouts::Waiting),
        sold(3, NOON + 1, Whereabouts::Held),
        sold(-1, NOON + 1, Whereabouts::Held),
        sold(4, NOON + 1, Whereabouts::Refused),
        sold(9, NOON - 1, Whereabouts::Waiting),
    ];
    let line = DriftLine::of(&sku("A"), &counted(10), &sales);
    let two = |cause, quantity: &str| (cause, quantity.to_owned());
    assert_eq!(
        causes(&line),
        [
            two(DriftCause::Waiting, "2"),
            two(DriftCause::Held, "2"),
            two(DriftCause::Refused, "4")
        ]
    );
    assert_eq!(
        (line.difference, line.expected),
        (Quantity::each(8), Quantity::each(2))
    );
    assert!(line.needs_eyes());
}

#[test]
fn what_others_moved_is_named_by_its_documents() {
    let odoo = OdooSide {
        now: 15 * ONE,
        others: vec![("WH/IN/00012".to_owned(), 6 * ONE), ("WH/INT/3".to_owned(), -ONE)],
        ..counted(10)
    };
    let line = DriftLine::of(&sku("A"), &odoo, &[]);
    assert_eq!(causes(&line), [(DriftCause::MovedInOdoo, "5".to_owned())]);
    assert_eq!(line.parts[0].named, ["WH/IN/00012", "WH/INT/3"]);
    assert!(!line.needs_eyes());
}

#[test]
fn goods_that_the_count_had_left_out_leave_twice_and_that_is_said() {
    let odoo = OdooSide {
        now: 8 * ONE,
        ours: -2 * ONE,
        ours_ever: -2 * ONE,
        ..counted(10)
    };
    let late = sold(2, NOON - 3_600_000, Whereabouts::Done { at_ms: NOON + 60_000 });
    let line = DriftLine::of(&sku("A"), &odoo, &[late]);
    assert_eq!(causes(&line), [(DriftCause::Counted, "-2".to_owned())]);
    assert_eq!(line.expected, Quantity::each(10));
}

#[test]
fn a_quantity_without_a_move_was_edited_or_rounded_or_is_a_kits() {
    let odd = |now: i64, kit| OdooSide {
        now,
        kit,
        ..counted(10)
    };
    let of = |odoo: &OdooSide| causes(&DriftLine::of(&sku("A"), odoo, &[]));
    assert_eq!(
        of(&odd(12 * ONE, false)),
        [(DriftCause::EditedDirectly, "2".to_owned())]
    );
    assert_eq!(
        of(&odd(10 * ONE + 9_999, false)),
        [(DriftCause::Rounding, "0.009999".to_owned())]
    );
    assert_eq!(of(&odd(7 * ONE, true)), [(DriftCause::Kit, "-3".to_owned())]);
}

#[test]
fn a_picking_of_ours_that_somebody_changed_is_unexplained() {
    let odoo = OdooSide {
        now: 6 * ONE,
        ours: -4 * ONE,
        ours_ever: -4 * ONE,
        ..counted(10)
    };
    let done = sold(3, NOON + 1, Whereabouts::Done { at_ms: NOON + 2 });
    let line = DriftLine::of(&sku("A"), &odoo, &[done]);
    assert_eq!(causes(&line), [(DriftCause::Unexplained, "-1".to_owned())]);
    assert_eq!(line.expected, Quantity::each(7));
}

fn whereabouts() -> impl Strategy<Value = Whereabouts> {
    prop_oneof![
        (0..20_i64).prop_map(|at| Whereabouts::Done {
            at_ms: NOON - 10 + at
        }),
        Just(Whereabouts::Waiting),
        Just(Whereabouts::Held),
        Just(Whereabouts::Refused),
    ]
}

#[test]
fn what_was_received_in_one_system_only_stands_apart_and_no_sale_does() {
    let day = 86_400_000;
    let night = NOON + day / 2;
    let sales = [
        // yesterday, moved; yesterday, held here; this morning, moved already; a minute ago, on its way
        sold(3, NOON + 60_000, Whereabouts::Done { at_ms: NOON + 90_000 }),
        sold(2, NOON + 60_000, Whereabouts::Held),
        sold(
            1,
            night + 1,
            Whereabouts::Done {
                at_ms: night + 90_000,
            },
        ),
        sold(4, night + day, Whereabouts::Waiting),
    ];
    let odoo = OdooSide {
        now: 16 * ONE,
        ours: -4 * ONE,
        ours_ever: -4 * ONE,
        ..counted(20)
    };
    // counted 20, and five sold before the night
    let pos = |on_hand: i64| PosSide {
        at_ms: night,
        on_hand: on_hand * ONE,
    };
    let line = DriftLine::of(&sku("A"), &odoo, &sales);
    let same = line.clone().beside(pos(15), &sales);
    assert_eq!(same.pos.as_ref().unwrap().apart, Quantity::each(0));
    let received = line.beside(pos(27), &sales);
    assert_eq!(received.pos.as_ref().unwrap().apart, Quantity::each(12));
    assert!(received.needs_eyes() && received.differs());
    let gone = DriftLine::of(&sku("A"), &counted(10), &[]).beside(pos(0), &[]);
    assert_eq!(
        gone.pos.unwrap().apart,
        Quantity::each(-10),
        "an item that the POS does not list"
    );
}

proptest! {
    /// A shelf of real pieces, and what everybody wrote down about it.
    #[test]
    fn parts_sum_to_the_difference_and_the_tills_side_is_the_shelf(
        counted_quantity in 0..50_i64,
        sales in prop::collection::vec((-3..6_i64, 0..20_i64, whereabouts()), 0..12),
        received in -5..20_i64,
        edited in -5..5_i64,
    ) {
        let mut odoo = counted(counted_quantity);
        let mut shelf = counted_quantity;
        let sales: Vec<Sold> = sales
            .into_iter()
            // what is done was done after it was sold
            .filter(|(_, by, at)| !matches!(at, Whereabouts::Done { at_ms } if *at_ms < NOON - 10 + by))
            .map(|(quantity, by, at)| sold(quantity, NOON - 10 + by, at))
            .collect();
        for goods in &sales {
            if goods.by_ms > NOON {
                shelf -= goods.quantity / ONE;
            }
            if let Whereabouts::Done { at_ms } = goods.whereabouts {
                odoo.ours_ever -= goods.quantity;
                if at_ms > NOON {
                    odoo.ours -= goods.quantity;
                    odoo.now -= goods.quantity;
                }
            }
        }
        odoo.others.push(("WH/IN/1".to_owned(), received * ONE));
        odoo.now += (received + edited) * ONE;
        let line = DriftLine::of(&sku("A"), &odoo, &sales);
        let sum: i64 = line.parts.iter().map(|part| part.quantity.millionths()).sum();
        prop_assert_eq!(sum, line.difference.millionths());
        prop_assert_eq!(line.odoo.millionths() - line.expected.millionths(), sum);
        prop_assert_eq!(line.expected.millionths(), shelf * ONE);
        prop_assert!(line.parts.iter().all(|part| part.cause != DriftCause::Unexplained));
        let edits = line.parts.iter().find(|part| part.cause == DriftCause::EditedDirectly);
        prop_assert_eq!(edits.map_or(0, |part| part.quantity.millionths()), edited * ONE);
    }
}
