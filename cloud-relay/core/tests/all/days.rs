use tillwire_proto::{
    Code, Digest, Fact, LaneId, Note, Notice, NoticeKind, RecordNumber, TransactionKind, Unreadable, Witness,
};
use tillwire_relay_core::exception::{ExceptionKind, Holds};
use tillwire_relay_core::facts::SegmentProgress;
use tillwire_relay_core::store_day::{DayState, assess};

use crate::world::*;

fn traded() -> World {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    world.tell(cash_sale(T1, "2", 500));
    world.tell(cash_sale(T2, "1", 250));
    world
}

#[test]
fn a_day_is_open_until_all_have_closed_or_it_is_over() {
    let mut world = traded();
    let noon = world.settings.day_ends_ms(day()) - 16 * 3_600_000;
    let state = |world: &World, now| assess(&world.facts(), &world.settings, now, &[]).state;
    assert_eq!(state(&world, noon), DayState::Open);
    world.tell(closing(T1));
    world.close(T1);
    assert_eq!(state(&world, noon), DayState::Open, "the other till still trades");
    world.tell(closing(T2));
    world.close(T2);
    assert_eq!(state(&world, noon), DayState::Balanced, "no clock is waited for");
}

#[test]
fn an_over_day_waits_its_grace_for_a_close() {
    let world = traded();
    let end = world.settings.day_ends_ms(day());
    let at = |now| assess(&world.facts(), &world.settings, now, &[]);
    assert_eq!(at(end).state, DayState::Closing);
    assert_eq!(
        at(end).waiting,
        ["till-1 has not closed", "till-2 has not closed"]
    );
    assert_eq!(at(end + 60 * 60_000).state, DayState::Balanced);
}

#[test]
fn a_required_close_that_is_missing_holds_the_day() {
    let mut draft = draft_with("", "");
    draft.close = tillwire_relay_core::settings::ClosePolicy::Required(30);
    let mut world = World::with(draft.check().unwrap());
    world.tell(cash_sale(T1, "1", 1000));
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::CloseMissing]);
    assert_eq!(assessment.state, DayState::Closing);
    let signed = world.assess_signed(&[sign(&assessment.blockers[0])]);
    assert_eq!(signed.state, DayState::Balanced);
    assert!(signed.blockers.is_empty());
}

#[test]
fn the_day_ends_by_the_stores_zone_also_when_clocks_change() {
    let world = World::new();
    let ends = |day: &str| world.settings.day_ends_ms(day.parse().unwrap());
    // 04:00 in Chicago is 10:00 UTC in winter and 09:00 UTC in summer
    assert_eq!(ends("2026-11-20"), 1_795_255_200_000);
    assert_eq!(ends("2026-03-07") - ends("2026-03-06"), 23 * 3_600_000);
    assert_eq!(ends("2026-10-31") - ends("2026-10-30"), 25 * 3_600_000);
}

#[test]
fn a_missing_ticket_number_holds_the_day_until_signed() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "A-101", 1000));
    world.tell(cash_sale(T1, "A-104", 500));
    world.close_all();
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::TicketGap]);
    let gap = &assessment.exceptions[0];
    assert_eq!(gap.cause.as_str(), "ticket-gap:till-1:A-:102:103");
    assert_eq!(gap.register.as_ref().unwrap().as_str(), T1);
    assert_eq!(assessment.state, DayState::Closing);
    let signature = sign(&gap.cause);
    assert_eq!(
        world.assess_signed(std::slice::from_ref(&signature)).state,
        DayState::Balanced
    );
    // a further gap is not covered by the signature
    world.tell(cash_sale(T1, "A-106", 500));
    world.close(T1);
    assert_eq!(world.assess_signed(&[signature]).state, DayState::Closing);
}

#[test]
fn every_kind_of_transaction_uses_a_number_up() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    world.tell(drawer(T1, "2", TransactionKind::NoSale, 0, None));
    world.tell(cash_sale(T1, "3", 1000));
    world.tell(void(T1, "5", "4", None));
    assert!(
        !kinds(&world.assess()).contains(&ExceptionKind::TicketGap),
        "the void names number 4"
    );
}

#[test]
fn numbers_are_followed_across_the_night_but_not_over_a_reset() {
    let mut world = World::new();
    world.tell(moved_to(cash_sale(T1, "10", 100), day_before()));
    world.tell(cash_sale(T1, "12", 100));
    let gaps = |world: &World| {
        kinds(&world.assess())
            .iter()
            .filter(|k| **k == ExceptionKind::TicketGap)
            .count()
    };
    assert_eq!(gaps(&world), 1);
    let mut reset = World::new();
    reset.tell(moved_to(cash_sale(T1, "10", 100), day_before()));
    reset.tell(cash_sale(T1, "1", 100));
    reset.tell(cash_sale(T1, "2", 100));
    assert_eq!(gaps(&reset), 0);
    let mut jump = World::new();
    jump.tell(cash_sale(T1, "1", 100));
    jump.tell(cash_sale(T1, "5000000", 100));
    assert_eq!(gaps(&jump), 0);
}

#[test]
fn a_store_that_numbers_together_is_checked_together() {
    let numbered = |sequence: &str| {
        let text = format!(r#", "ticket_sequence": "{sequence}""#);
        let mut world = World::with(draft_with(&text, "").check().unwrap());
        world.tell(cash_sale(T1, "1", 100));
        world.tell(cash_sale(T2, "2", 100));
        world.tell(cash_sale(T1, "3", 100));
        kinds(&world.assess()).len()
    };
    assert_eq!(
        (numbered("per-store"), numbered("per-register"), numbered("none")),
        (0, 1, 0)
    );
}

#[test]
fn records_that_the_close_names_and_nobody_sent_hold_the_day() {
    let mut world = traded();
    world.close_all();
    let lost = world
        .records
        .iter()
        .position(|record| match &record.observation.fact {
            Fact::Transaction(t) => t.key.register.as_str() == T1 && t.key.kind == TransactionKind::DayClose,
            _ => false,
        });
    world.records.remove(lost.unwrap());
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::SegmentGap]);
    assert_eq!(assessment.state, DayState::Closing);
}

#[test]
fn a_record_missing_inside_the_close_shows_in_its_figures() {
    let mut world = traded();
    world.close_all();
    world.records.remove(1);
    let assessment = world.assess();
    assert!(kinds(&assessment).contains(&ExceptionKind::CloseMismatch));
    let mismatch = assessment
        .exceptions
        .iter()
        .find(|e| e.kind == ExceptionKind::CloseMismatch);
    assert_eq!(mismatch.unwrap().at_risk, Some(usd(500)));
    assert_eq!(assessment.state, DayState::Closing);
}

#[test]
fn another_hash_than_the_close_names_holds_the_day() {
    let mut world = traded();
    world.close_all();
    let last = world
        .records
        .iter()
        .rposition(|r| matches!(&r.observation.fact, Fact::Transaction(t) if t.key.register.as_str() == T1));
    world.records[last.unwrap()].hash = Digest::of(b"other");
    assert_eq!(kinds(&world.assess()), [ExceptionKind::CloseMismatch]);
}

#[test]
fn the_last_close_counts_whatever_order_they_came_in() {
    let mut world = traded();
    let early = world.close_record(T1);
    world.tell(cash_sale(T1, "3", 700));
    world.close_all();
    world.add(Fact::Close(early), Witness::Agent);
    assert_eq!(world.assess().state, DayState::Balanced);
    world.records.reverse();
    assert_eq!(world.assess().state, DayState::Balanced);
}

#[test]
fn a_sale_after_the_close_waits_for_the_close_that_counts_it() {
    let mut world = traded();
    world.close_all();
    world.tell(cash_sale(T1, "3", 700));
    let early = world.settings.day_ends_ms(day());
    let waiting = assess(&world.facts(), &world.settings, early, &[]);
    assert_eq!(waiting.state, DayState::Closing);
    assert!(waiting.exceptions.is_empty());
    assert_eq!(
        kinds(&world.assess()),
        [ExceptionKind::CloseMismatch],
        "after the grace it is a question"
    );
    world.close(T1);
    assert_eq!(world.assess().state, DayState::Balanced);
}

#[test]
fn an_announced_backlog_is_waited_for() {
    let mut world = traded();
    world.close_all();
    let mut facts = world.facts();
    let segment = world.records[0].id.segment;
    let progress = |through| SegmentProgress {
        through: RecordNumber(through),
        announced: Some(RecordNumber(9)),
    };
    facts.segments.insert(segment, progress(5));
    let assessment = assess(&facts, &world.settings, LATER, &[]);
    assert_eq!(assessment.state, DayState::Closing);
    assert!(assessment.waiting[0].starts_with("4 records"));
    facts.segments.insert(segment, progress(9));
    assert_eq!(
        assess(&facts, &world.settings, LATER, &[]).state,
        DayState::Balanced
    );
}

#[test]
fn the_registers_own_totals_are_compared() {
    let stated = |world: &mut World, minor| {
        let mut tally = tillwire_proto::Tally::new(tillwire_proto::Currency::USD);
        tally.add(&cash_sale(T1, "1", minor)).unwrap();
        let mut close = closing(T1);
        close.body = tillwire_proto::Body::Close { stated: Some(tally) };
        world.tell(close);
    };
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    stated(&mut world, 1000);
    assert!(kinds(&world.assess()).is_empty());
    let mut wrong = World::new();
    wrong.tell(cash_sale(T1, "1", 1000));
    stated(&mut wrong, 1100);
    let assessment = wrong.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::CloseMismatch]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(100)));
    // a report that leaves voided sales in, or takes them out, both agree
    world.tell(void(T1, "2", "1", None));
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn one_bad_ticket_does_not_hold_the_day() {
    let mut world = traded();
    let taxes = vec![tax("Narnia", None, 100)];
    let tenders = vec![tender(tillwire_proto::TenderKind::Cash, 1100)];
    world.tell(sale(
        T1,
        "3",
        trade(vec![item("A1", 1, 1000)], taxes, &[], tenders, 0),
    ));
    let mut foreign = cash_sale(T1, "5", 1000);
    foreign.currency = tillwire_proto::Currency::from_code("EUR").unwrap();
    world.add(
        Fact::Unreadable(Unreadable {
            reason: Code::new("malformed").unwrap(),
            detail: Note::new("found '<', wanted '{'").unwrap(),
            register: None,
        }),
        Witness::PosPush,
    );
    world.tell(cash_sale(T1, "4", 300));
    world.tell(foreign);
    world.close_all();
    let assessment = world.assess();
    assert_eq!(assessment.state, DayState::Balanced);
    assert_eq!(assessment.total.trades, 6);
    assert_eq!(
        kinds(&assessment),
        [ExceptionKind::UnknownTax, ExceptionKind::WrongCurrency]
    );
    assert_eq!(
        spell(&assessment.ledger),
        ["101501 Cash 20.50", "400001 Sales -20.50"]
    );
}

#[test]
fn what_agents_report_is_shown_on_the_day_of_arrival() {
    let mut world = World::new();
    let notice = |kind| {
        Fact::Notice(Notice {
            kind,
            text: Note::new("something").unwrap(),
        })
    };
    for kind in [
        NoticeKind::CardData,
        NoticeKind::DiskFull,
        NoticeKind::DiskFreed,
        NoticeKind::Clock,
        NoticeKind::Source,
        NoticeKind::RolledBack,
        NoticeKind::Rotten,
    ] {
        world.add(notice(kind), Witness::Agent);
    }
    let facts = tillwire_relay_core::facts::DayFacts::gather(
        &world.settings,
        world.settings.day_at_ms(LATER),
        world.records.clone(),
    );
    let assessment = assess(&facts, &world.settings, LATER, &[]);
    let found = kinds(&assessment);
    assert_eq!(found.len(), 6, "a freed disk is good news: {found:?}");
    for exception in &assessment.exceptions {
        assert_eq!(exception.kind.holds(), Holds::Nothing);
    }
}

#[test]
fn alarms_from_elsewhere_hold_the_day_they_bear_on() {
    let mut world = traded();
    world.close_all();
    let mut facts = world.facts();
    let kind = ExceptionKind::Fork;
    let cause = tillwire_relay_core::exception::CauseKey::new(kind, &[&"http", &7]);
    facts.alarms.push(
        tillwire_relay_core::exception::ExceptionDraft::new(
            kind,
            &facts.tenant,
            &facts.store,
            cause.clone(),
            "two",
        )
        .on(day()),
    );
    let blockers = assess(&facts, &world.settings, LATER, &[]).blockers;
    assert_eq!(blockers, std::slice::from_ref(&cause));
    assert_eq!(
        assess(&facts, &world.settings, LATER, &[sign(&cause)]).state,
        DayState::Balanced
    );
}

#[test]
fn a_till_clock_a_year_wrong_changes_nothing() {
    let mut right = traded();
    right.close_all();
    let mut wrong = traded();
    wrong.close_all();
    for record in &mut wrong.records {
        record.observation.stamp.wall_ms -= 365 * 86_400_000;
        if let Fact::Transaction(transaction) = &mut record.observation.fact {
            transaction.at.0 -= 365 * 86_400;
        }
    }
    let (right, wrong) = (right.assess(), wrong.assess());
    assert_eq!(spell(&right.ledger), spell(&wrong.ledger));
    assert_eq!((right.state, right.exceptions), (wrong.state, wrong.exceptions));
}

#[test]
fn records_of_other_stores_stay_outside() {
    let mut world = traded();
    let before = spell(&world.ledger());
    let mut foreign = cash_sale(T1, "9", 100);
    foreign.key.store = tillwire_proto::StoreId::new("s02").unwrap();
    world.tell(foreign);
    assert_eq!(spell(&world.ledger()), before);
}

#[test]
fn an_empty_day_over_is_balanced_and_posts_nothing() {
    let world = World::new();
    assert_eq!(world.assess().state, DayState::Balanced);
    assert!(world.posting(&[]).is_none());
}

#[test]
fn a_close_of_another_lane_is_checked_on_its_own() {
    let mut world = traded();
    world.print(cash_sale(T1, "1", 1000));
    world.close_all();
    assert_eq!(world.assess().state, DayState::Balanced);
    let printer = LaneId::new("printer-1").unwrap();
    let printed = world
        .records
        .iter()
        .find(|record| record.lane == printer)
        .unwrap();
    let mut close = world.close_record(T1);
    close.spans = vec![tillwire_proto::Span {
        segment: printed.id.segment,
        first: printed.id.number,
        last: printed.id.number,
        head: printed.hash,
    }];
    let id = world.add(Fact::Close(close), Witness::Printer);
    assert_eq!(world.records.last().unwrap().lane, printer);
    let assessment = world.assess();
    assert_eq!(
        kinds(&assessment),
        [ExceptionKind::CloseMismatch],
        "the printer saw one sale, its close counts two"
    );
    assert!(assessment.exceptions[0].records.contains(&id));
}
