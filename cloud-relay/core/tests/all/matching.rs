use tillwire_proto::{Fact, Outcome, PaymentCommand, TenderKind, Witness};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::matching::MatchRule;
use tillwire_relay_core::tickets::Tickets;

use crate::world::*;

fn rules(world: &World) -> Vec<MatchRule> {
    let facts = world.facts();
    let tickets = Tickets::settle(&facts, &world.settings, &[]);
    tickets
        .matching
        .joined
        .values()
        .map(|joined| joined.rule)
        .collect()
}

#[test]
fn the_invoice_number_joins_before_nearness() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    world.tell(card_sale(T1, "2", 1000));
    let near = world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("2")));
    assert_eq!(rules(&world), [MatchRule::Invoice, MatchRule::Invoice]);
    let facts = world.facts();
    let tickets = Tickets::settle(&facts, &world.settings, &[]);
    let first = tickets.matching.joined.iter().next().unwrap();
    assert_eq!((first.0.ticket.ticket.as_str(), first.1.payment), ("1", near));
}

#[test]
fn without_invoice_register_amount_and_nearness_join() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, None));
    assert_eq!(rules(&world), [MatchRule::Nearest]);
    let mut other_till = World::new();
    other_till.tell(card_sale(T1, "1", 1000));
    other_till.pay(answer(T2, PaymentCommand::Sale, 1000, None));
    assert!(rules(&other_till).is_empty());
}

#[test]
fn an_answer_hours_away_is_not_joined_by_amount() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    let payment = answer(T1, PaymentCommand::Sale, 1000, None);
    world.add_at(
        Fact::Terminal(Box::new(payment)),
        Witness::Terminal,
        9_000_000_000,
    );
    assert!(rules(&world).is_empty());
}

#[test]
fn a_split_payment_joins_tender_by_tender() {
    let mut world = World::new();
    let tenders = vec![tender(TenderKind::Card, 600), tender(TenderKind::Card, 400)];
    world.tell(sale(
        T1,
        "7",
        trade(vec![item("A1", 1, 1000)], vec![], &[], tenders, 0),
    ));
    world.pay(answer(T1, PaymentCommand::Sale, 400, Some("7")));
    world.pay(answer(T1, PaymentCommand::Sale, 600, Some("7")));
    assert_eq!(rules(&world), [MatchRule::Invoice, MatchRule::Invoice]);
}

#[test]
fn an_approval_without_ticket_is_named_with_its_money() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let record = world.pay(answer(T1, PaymentCommand::Sale, 4200, Some("99")));
    world.close_all();
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::OrphanApproval]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(4200)));
    assert_eq!(assessment.exceptions[0].records, [record]);
    assert!(assessment.blockers.is_empty());
}

#[test]
fn refusals_and_reservations_are_no_payments() {
    let mut world = World::new();
    let mut refused = answer(T1, PaymentCommand::Sale, 1000, Some("1"));
    refused.outcome = Outcome::Declined;
    world.pay(refused);
    world.pay(answer(T1, PaymentCommand::PreAuth, 1000, Some("2")));
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn a_payment_taken_back_at_the_terminal_is_no_orphan() {
    let mut world = World::new();
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    world.pay(answer(T1, PaymentCommand::Void, 1000, Some("1")));
    assert!(kinds(&world.assess()).is_empty());
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    assert_eq!(kinds(&world.assess()), [ExceptionKind::OrphanApproval]);
}

#[test]
fn a_refund_joins_the_negative_tender_of_its_return() {
    let mut world = World::new();
    let back = trade(
        vec![item("A1", -1, 1000)],
        vec![],
        &[],
        vec![tender(TenderKind::Card, -1000)],
        0,
    );
    world.tell(transaction(
        key(T1, "3", tillwire_proto::TransactionKind::Return),
        tillwire_proto::Body::Trade(back),
    ));
    world.pay(answer(T1, PaymentCommand::Refund, 1000, Some("3")));
    assert_eq!(rules(&world), [MatchRule::Invoice]);
    assert_eq!(spell(&world.ledger())[0], "101711 Card visa -10.00");
}

#[test]
fn different_amounts_under_one_invoice_are_shown() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    world.pay(answer(T1, PaymentCommand::Sale, 900, Some("1")));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::TenderDiffers]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(100)));
    assert_eq!(
        spell(&assessment.ledger)[0],
        "101711 Card visa 10.00",
        "the ticket is what is booked"
    );
}

#[test]
fn a_tip_added_later_still_joins() {
    let mut world = World::new();
    let tenders = vec![tender(TenderKind::Card, 1200)];
    world.tell(sale(
        T1,
        "1",
        trade(vec![item("A1", 1, 1000)], vec![], &[200], tenders, 0),
    ));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    world.pay(answer(T1, PaymentCommand::TipAdjust, 200, Some("1")));
    assert_eq!(rules(&world), [MatchRule::Invoice]);
}

#[test]
fn silence_of_a_watched_terminal_is_a_note_only() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    world.close_all();
    assert!(
        kinds(&world.assess()).is_empty(),
        "no terminal is watched at this till"
    );
    world.tell(card_sale(T1, "2", 500));
    world.close(T1);
    world.pay(answer(T1, PaymentCommand::Sale, 500, Some("2")));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::TenderWithoutTerminal]);
    assert!(assessment.blockers.is_empty());
    assert_eq!(assessment.total.trades, 2);
}

#[test]
fn a_store_may_hold_card_tickets_until_the_terminal_speaks() {
    let hold = r#", "ticket_without_terminal": "hold""#;
    let mut world = World::with(draft_with(hold, "").check().unwrap());
    world.tell(card_sale(T1, "1", 1000));
    let assessment = world.assess();
    assert_eq!(assessment.ledger.lines().count(), 0);
    let cause = assessment.exceptions[0].cause.clone();
    assert_eq!(world.assess_signed(&[sign(&cause)]).ledger.lines().count(), 2);
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    assert_eq!(world.ledger().lines().count(), 2);
}

#[test]
fn a_neighbours_ticket_owns_its_payment_across_midnight() {
    let mut world = World::new();
    let mut late_evening = answer(T1, PaymentCommand::Sale, 1000, Some("77"));
    late_evening.at = Some(tillwire_proto::LocalTime(
        i64::from(day().days_since_epoch()) * 86_400 + 20_000,
    ));
    world.pay(late_evening);
    assert_eq!(kinds(&world.assess()), [ExceptionKind::OrphanApproval]);
    world.tell(moved_to(card_sale(T1, "77", 1000), day_before()));
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn a_terminal_clock_years_off_is_filed_by_arrival() {
    let mut world = World::new();
    let mut odd = answer(T1, PaymentCommand::Sale, 1000, Some("1"));
    odd.at = Some(tillwire_proto::LocalTime(0));
    world.pay(odd);
    let facts = world.facts();
    assert_eq!(facts.payments[0].home, world.settings.day_at_ms(LATER));
    world.tell(card_sale(T1, "1", 1000));
    assert_eq!(
        rules(&world),
        [MatchRule::Invoice],
        "the invoice joins whatever the clock says"
    );
}

#[test]
fn a_card_sale_voided_next_day_goes_back_by_its_brand() {
    let mut world = World::new();
    let on = |day: tillwire_proto::BusinessDay, command| {
        let mut told = answer(T1, command, 1000, Some("9"));
        told.at = Some(tillwire_proto::LocalTime(
            i64::from(day.days_since_epoch()) * 86_400 + 50_000,
        ));
        told
    };
    world.tell(moved_to(card_sale(T1, "9", 1000), day_before()));
    world.pay(on(day_before(), PaymentCommand::Sale));
    world.tell(void(T1, "10", "9", Some(day_before())));
    world.pay(on(day(), PaymentCommand::Void));
    let today = world.assess();
    assert_eq!(
        spell(&today.ledger),
        ["101711 Card visa -10.00", "400001 Sales 10.00"]
    );
    assert!(kinds(&today).is_empty(), "{:?}", today.exceptions);
    // the day of the sale keeps its brand and raises nothing: it may be posted already
    let then =
        tillwire_relay_core::facts::DayFacts::gather(&world.settings, day_before(), world.records.clone());
    let then = tillwire_relay_core::store_day::assess(&then, &world.settings, LATER, &[]);
    assert_eq!(
        spell(&then.ledger),
        ["101711 Card visa 10.00", "400001 Sales -10.00"]
    );
    assert!(kinds(&then).is_empty(), "{:?}", then.exceptions);
}
