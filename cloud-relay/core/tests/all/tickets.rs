use tillwire_proto::{Body, TransactionKind, Void};
use tillwire_relay_core::exception::{CauseKey, Decision, ExceptionKind, Signature};
use tillwire_relay_core::store_day::DayState;

use crate::world::*;

#[test]
fn a_second_witness_changes_nothing_but_is_kept() {
    let mut world = World::new();
    let pushed = world.tell(cash_sale(T1, "1", 1000));
    let alone = spell(&world.ledger());
    let printed = world.print(cash_sale(T1, "1", 1000));
    assert_eq!(spell(&world.ledger()), alone);
    let ledger = world.ledger();
    let (_, line) = ledger.lines().next().unwrap();
    assert!(line.records.contains(&pushed) && line.records.contains(&printed));
}

#[test]
fn details_that_only_one_witness_knows_are_no_conflict() {
    let mut world = World::new();
    let mut printed = cash_sale(T1, "1", 1000);
    printed.at.0 += 3_600;
    printed.operator = Some(tillwire_proto::Operator::new("Sam").unwrap());
    world.tell(cash_sale(T1, "1", 1000));
    world.print(printed);
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn two_contents_under_one_key_hold_the_day_until_one_is_chosen() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let other = world.print(cash_sale(T1, "1", 1100));
    world.close_all();
    let assessment = world.assess();
    assert_eq!(assessment.state, DayState::Complete);
    assert_eq!(kinds(&assessment), [ExceptionKind::Conflict]);
    assert_eq!(assessment.ledger.lines().count(), 0);
    let cause = assessment.blockers[0].clone();
    let chosen = Signature {
        decision: Decision::Use(other),
        ..sign(&cause)
    };
    let signed = world.assess_signed(&[chosen]);
    assert_eq!(signed.state, DayState::Balanced);
    assert_eq!(spell(&signed.ledger)[0], "101501 Cash 11.00");
    // signed on without a choice, the ticket stays out
    let without = world.assess_signed(&[sign(&cause)]);
    assert_eq!(without.state, DayState::Balanced);
    assert_eq!(without.ledger.lines().count(), 0);
}

#[test]
fn a_higher_revision_takes_the_place_of_a_lower() {
    let mut world = World::new();
    world.tell(revised(cash_sale(T1, "1", 900), 2));
    world.tell(cash_sale(T1, "1", 1000));
    world.tell(revised(cash_sale(T1, "1", 950), 1));
    assert_eq!(spell(&world.ledger()), ["101501 Cash 9.00", "400001 Sales -9.00"]);
}

#[test]
fn a_void_of_the_same_day_leaves_nothing() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    world.tell(void(T1, "2", "1", None));
    let assessment = world.assess();
    assert_eq!(assessment.ledger.lines().count(), 0);
    assert!(assessment.stock.items.is_empty());
    assert!(assessment.exceptions.is_empty());
}

#[test]
fn a_void_that_comes_before_its_sale_works_too() {
    let mut world = World::new();
    world.tell(void(T1, "1", "1", None));
    assert!(
        kinds(&world.assess()).is_empty(),
        "a void on its own ticket needs no sale"
    );
    world.tell(cash_sale(T1, "1", 1000));
    assert_eq!(world.ledger().lines().count(), 0);
}

#[test]
fn two_voids_of_one_sale_take_it_back_once() {
    let mut world = World::new();
    world.tell(moved_to(cash_sale(T1, "9", 1000), day_before()));
    world.tell(void(T1, "1", "9", Some(day_before())));
    world.tell(void(T1, "2", "9", Some(day_before())));
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash -10.00", "400001 Sales 10.00"]
    );
    assert_eq!(kinds(&world.assess()), [ExceptionKind::VoidWithoutSale]);
}

#[test]
fn a_void_of_an_earlier_day_negates_it_today() {
    let mut world = World::new();
    let sold = world.tell(moved_to(cash_sale(T1, "9", 1000), day_before()));
    let voided = world.tell(void(T1, "1", "9", Some(day_before())));
    world.tell(cash_sale(T1, "2", 300));
    let assessment = world.assess();
    assert_eq!(
        spell(&assessment.ledger),
        ["101501 Cash -7.00", "400001 Sales 7.00"]
    );
    let key = key(T1, "1", TransactionKind::Void);
    let part = assessment.ledger.of_ticket(&key).next().unwrap();
    assert!(part.records.contains(&sold) && part.records.contains(&voided));
    assert_eq!((assessment.total.trades, assessment.total.voids), (1, 1));
    assert_eq!(assessment.total.net, usd(-700));
    let drawer = assessment.registers[0].drawer.as_ref().unwrap();
    assert_eq!(drawer.cash_sales, usd(-700));
}

#[test]
fn the_tickets_that_voids_name_are_asked_for() {
    let mut world = World::new();
    world.tell(void(T1, "1", "9", Some(day_before())));
    let wanted = world.facts().wanted();
    assert_eq!(wanted.len(), 1);
    assert_eq!(wanted[0].original.ticket.as_ref().unwrap().as_str(), "9");
    assert_eq!(kinds(&world.assess()), [ExceptionKind::VoidWithoutSale]);
    world.tell(moved_to(cash_sale(T1, "9", 1000), day_before()));
    assert!(world.facts().wanted().is_empty());
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn a_sale_voided_on_its_own_day_is_not_taken_back_again() {
    let mut world = World::new();
    world.tell(moved_to(cash_sale(T1, "8", 1000), day_before()));
    world.tell(moved_to(void(T1, "9", "8", None), day_before()));
    world.tell(void(T1, "10", "8", Some(day_before())));
    let assessment = world.assess();
    assert_eq!(assessment.ledger.lines().count(), 0);
    assert_eq!(kinds(&assessment), [ExceptionKind::VoidWithoutSale]);
}

#[test]
fn a_ticket_given_up_before_completion_counts_nothing() {
    let mut world = World::new();
    let mut given_up = void(T1, "1", "1", None);
    if let Body::Void(Void { was_completed, .. }) = &mut given_up.body {
        *was_completed = false;
    }
    world.tell(given_up);
    assert!(world.assess().exceptions.is_empty());
    world.tell(cash_sale(T1, "1", 1000));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::Conflict]);
    assert_eq!(
        assessment.ledger.lines().count(),
        2,
        "what was seen complete is counted"
    );
}

#[test]
fn a_void_finds_its_sale_by_the_pos_own_id() {
    let mut world = World::new();
    let id = tillwire_proto::PosId::new("uuid-77").unwrap();
    let mut sold = cash_sale(T2, "41", 1000);
    sold.pos_id = Some(id.clone());
    let mut voided = void(T1, "1", "999", None);
    if let Body::Void(void) = &mut voided.body {
        void.of.ticket = None;
        void.of.pos_id = Some(id);
    }
    world.tell(sold);
    world.tell(voided);
    assert_eq!(world.ledger().lines().count(), 0);
}

#[test]
fn a_number_that_two_registers_have_is_not_guessed() {
    let mut world = World::new();
    world.tell(cash_sale(T2, "5", 1000));
    let mut voided = void("till-3", "1", "5", None);
    voided.key.register = tillwire_proto::RegisterId::new("till-3").unwrap();
    world.tell(voided.clone());
    assert_eq!(
        world.ledger().lines().count(),
        0,
        "the store's only ticket of that number"
    );
    world.tell(cash_sale(T1, "5", 400));
    assert!(kinds(&world.assess()).contains(&ExceptionKind::VoidWithoutSale));
    assert_eq!(spell(&world.ledger())[0], "101501 Cash 14.00");
}

#[test]
fn a_signature_on_another_cause_chooses_nothing() {
    let mut world = World::new();
    let first = world.tell(cash_sale(T1, "1", 1000));
    world.print(cash_sale(T1, "1", 1100));
    let elsewhere = CauseKey::from_stored("conflict:till-2:sale:1:0");
    let wrong = Signature {
        decision: Decision::Use(first),
        ..sign(&elsewhere)
    };
    assert_eq!(world.assess_signed(&[wrong]).ledger.lines().count(), 0);
}
