//! What keeps a month open.

use proptest::prelude::*;
use tillwire_proto::{Amount, BusinessDay, Currency};
use tillwire_relay_core::closing::{
    Blocker, BlockerKind, Month, MonthDay, MonthEffect, MonthException, MonthFacts, blockers,
};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::EffectState;
use tillwire_relay_core::settings::AccountCode;
use tillwire_relay_core::store_day::DayState;

fn day(text: &str) -> BusinessDay {
    text.parse().unwrap()
}

fn november() -> Month {
    "2026-11".parse().unwrap()
}

fn usd(minor: i64) -> Amount {
    Amount::new(minor, Currency::USD)
}

/// A day that was sold on, posted and read back.
fn posted(text: &str) -> MonthDay {
    MonthDay {
        day: day(text),
        state: DayState::Balanced,
        posted: true,
        trades: 12,
        net: Some(usd(10_000)),
    }
}

/// Every Friday and Saturday of the month and the four weeks before.
fn weekends() -> MonthFacts {
    let first = day("2026-10-02").days_since_epoch();
    let fridays = (0..9).map(|week| first + 7 * week);
    let days = fridays.flat_map(|friday| [friday, friday + 1]);
    MonthFacts {
        days: days
            .map(|at| posted(&BusinessDay::from_days(at).unwrap().to_string()))
            .collect(),
        ..MonthFacts::default()
    }
}

fn today() -> BusinessDay {
    day("2026-12-02")
}

fn kinds(found: &[Blocker]) -> Vec<BlockerKind> {
    found.iter().map(|blocker| blocker.kind).collect()
}

#[test]
fn a_month_whose_days_are_all_in_odoo_has_nothing_against_closing() {
    assert_eq!(blockers(november(), &weekends(), today()), []);
}

#[test]
fn a_usual_day_that_nobody_heard_of_is_missing_and_a_closed_weekday_is_not() {
    let mut facts = weekends();
    facts.days.retain(|known| known.day != day("2026-11-14"));
    let found = blockers(november(), &facts, today());
    assert_eq!(kinds(&found), [BlockerKind::DayMissing]);
    assert_eq!(found[0].day, Some(day("2026-11-14")));
    assert!(found[0].what.contains("Saturday"), "{}", found[0].what);
}

#[test]
fn day_on_which_the_store_is_closed_by_its_calendar_is_not_missing() {
    let mut facts = weekends();
    facts.days.retain(|known| known.day != day("2026-11-14"));
    facts.closed.insert(day("2026-11-14"));
    assert_eq!(blockers(november(), &facts, today()), []);
}

#[test]
fn days_to_come_are_not_missed() {
    let mut facts = weekends();
    facts.days.retain(|known| known.day < day("2026-11-14"));
    assert_eq!(blockers(november(), &facts, day("2026-11-14")), []);
    assert_eq!(blockers(november(), &facts, day("2026-11-15")).len(), 1);
}

#[test]
fn a_held_day_names_the_exception_that_holds_it_once() {
    let mut facts = weekends();
    let held = facts
        .days
        .iter_mut()
        .find(|known| known.day == day("2026-11-20"))
        .unwrap();
    (held.state, held.posted) = (DayState::Closing, false);
    facts.exceptions.push(MonthException {
        id: 7,
        kind: ExceptionKind::TicketGap,
        day: day("2026-11-20"),
        detail: "ticket 9 of till-1 was never seen".to_owned(),
        at_risk: None,
    });
    let found = blockers(november(), &facts, today());
    assert_eq!(kinds(&found), [BlockerKind::DayHeld]);
    assert!(found[0].what.contains("exception 7"), "{}", found[0].what);
    assert_eq!(found[0].at_risk, Some(usd(10_000)));
}

#[test]
fn refusals_doubts_and_suspense_stop_and_another_period_is_told() {
    let mut facts = weekends();
    let effect = |key: &str, state, booked_on: Option<&str>| MonthEffect {
        key: key.to_owned(),
        day: day("2026-11-07"),
        state,
        booked_on: booked_on.map(str::to_owned),
        reason: Some("words".to_owned()),
        total: Some(usd(500)),
    };
    facts.effects = vec![
        effect("a", EffectState::Done, Some("2026-12-01")),
        effect("b", EffectState::Unknown, None),
        effect("c", EffectState::Rejected, None),
    ];
    facts.suspense = Some((AccountCode::new("999000").unwrap(), usd(-1_250)));
    facts.exceptions.push(MonthException {
        id: 3,
        kind: ExceptionKind::UnknownSku,
        day: day("2026-11-07"),
        detail: "?-1 is not a product in Odoo".to_owned(),
        at_risk: None,
    });
    let found = blockers(november(), &facts, today());
    assert_eq!(
        kinds(&found),
        [
            BlockerKind::Suspense,
            BlockerKind::Refused,
            BlockerKind::Unfinished,
            BlockerKind::HeldBack,
            BlockerKind::BookedElsewhere
        ]
    );
    assert!(found.iter().take(4).all(|blocker| blocker.stops) && !found[4].stops);
}

#[test]
fn a_balanced_day_that_odoo_was_never_asked_about_is_not_posted() {
    let mut facts = weekends();
    facts.days.last_mut().unwrap().posted = false;
    let found = blockers(november(), &facts, today());
    assert_eq!(kinds(&found), [BlockerKind::NotPosted]);
    facts.days.last_mut().unwrap().trades = 0;
    facts.days.last_mut().unwrap().net = Some(usd(0));
    assert_eq!(
        blockers(november(), &facts, today()),
        [],
        "a day without a sale posts nothing"
    );
}

#[test]
fn a_month_reads_as_it_writes_and_nothing_else_is_one() {
    let month = november();
    assert_eq!(month.to_string(), "2026-11");
    assert_eq!(month.days().count(), 30);
    assert_eq!(
        (month.first(), month.last()),
        (day("2026-11-01"), day("2026-11-30"))
    );
    assert_eq!(Month::of(day("2026-11-14")), month);
    for wrong in [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-1",
        "26-11",
        "2026-11-01",
        "+026-11",
    ] {
        let error = wrong.parse::<Month>().unwrap_err().to_string();
        assert!(error.ends_with("wanted a month such as 2026-11"), "{error}");
    }
}

proptest! {
    #[test]
    fn the_list_is_empty_only_when_every_day_is_posted(states in proptest::collection::vec((0_usize..4, any::<bool>()), 18)) {
        let mut facts = weekends();
        for (known, (state, posted)) in facts.days.iter_mut().zip(&states) {
            known.state = [DayState::Open, DayState::Closing, DayState::Complete, DayState::Balanced][*state];
            known.posted = *posted && known.state == DayState::Balanced;
        }
        let open = facts.days.iter().filter(|known| november().contains(known.day) && !known.posted).count();
        prop_assert_eq!(blockers(november(), &facts, today()).len(), open);
    }
}
