//! When a store trades, and what its calendar says of a silent day and a silent till.

use tillwire_relay_core::exception::{ExceptionKind, OwnerRole};
use tillwire_relay_core::settings::{Standing, StoreSettings};
use tillwire_relay_core::store_day::{DayState, assess};

use crate::world::*;

fn with_hours(hours: &str, closed: &str) -> StoreSettings {
    let more = format!(r#", "trading": {{"hours": {{{hours}}}, "closed": [{closed}]}}"#);
    draft_with(&more, "").check().unwrap()
}

/// Open daily but on Sundays, on Fridays into the night, and not at Christmas.
fn usual() -> StoreSettings {
    with_hours(
        r#""daily": "09:00-21:00", "friday": "18:00-02:00", "sunday": "closed""#,
        r#""2026-12-25""#,
    )
}

/// Local time in Chicago.
fn at(text: &str) -> i64 {
    let local: jiff::civil::DateTime = text.parse().unwrap();
    let zoned = local.in_tz("America/Chicago").unwrap();
    zoned.timestamp().as_millisecond()
}

#[test]
fn store_stands_open_or_closed_by_its_hours_and_says_when_it_opens() {
    let settings = usual();
    let standing = |text: &str| match settings.standing(at(text)) {
        None => "unknown".to_owned(),
        Some(Standing::Open { since_ms }) => format!("open for {} min", (at(text) - since_ms) / 60_000),
        Some(Standing::Closed { opens: None }) => "closed for good".to_owned(),
        Some(Standing::Closed {
            opens: Some((day, time)),
        }) => format!("opens {day} {time}"),
    };
    // 2026-11-20 is a Friday
    assert_eq!(standing("2026-11-19T09:00:00"), "open for 0 min");
    assert_eq!(standing("2026-11-19T20:59:00"), "open for 719 min");
    assert_eq!(standing("2026-11-19T21:00:00"), "opens 2026-11-20 18:00:00");
    assert_eq!(
        standing("2026-11-21T01:59:00"),
        "open for 479 min",
        "Friday's night"
    );
    assert_eq!(standing("2026-11-21T02:00:00"), "opens 2026-11-21 09:00:00");
    assert_eq!(
        standing("2026-11-21T22:00:00"),
        "opens 2026-11-23 09:00:00",
        "over Sunday"
    );
    assert_eq!(standing("2026-12-25T12:00:00"), "opens 2026-12-26 09:00:00");
    assert_eq!(draft_with("", "").check().unwrap().standing(0), None);
    let once = with_hours(r#""monday": "09:00-21:00""#, "");
    assert_eq!(once.trades_on("2026-11-23".parse().unwrap()), Some(true));
    assert_eq!(
        once.trades_on("2026-11-24".parse().unwrap()),
        Some(false),
        "what is not named is closed"
    );
    let always = with_hours(r#""daily": "04:00-04:00""#, "");
    assert!(matches!(
        always.standing(at("2026-11-21T03:59:00")),
        Some(Standing::Open { .. })
    ));
    assert!(matches!(
        always.standing(at("2026-11-21T04:00:00")),
        Some(Standing::Open { .. })
    ));
}

#[test]
fn hours_follow_the_clock_on_the_wall_when_it_is_changed() {
    let settings = usual();
    let long = |day: &str| {
        let (opens, closes) = settings.hours_ms(day.parse().unwrap()).unwrap();
        (closes - opens) / 3_600_000
    };
    assert_eq!(long("2026-11-20"), 8);
    // the nights of the change are an hour shorter and longer
    let night = with_hours(r#""daily": "22:00-04:00""#, "");
    let long = |day: &str| {
        let (opens, closes) = night.hours_ms(day.parse().unwrap()).unwrap();
        (closes - opens) / 3_600_000
    };
    assert_eq!(
        (long("2026-03-06"), long("2026-03-07"), long("2026-10-31")),
        (6, 5, 7)
    );
}

#[test]
fn hours_that_cannot_be_name_their_day() {
    for (hours, closed, words) in [
        (
            r#""daily": "9-21""#,
            "",
            "trading.hours.daily: found \"9-21\", wanted opening and closing such as 09:00-21:00",
        ),
        (
            r#""funday": "09:00-21:00""#,
            "",
            "trading.hours: found \"funday\", wanted monday to sunday, or daily",
        ),
        (r#""daily": "03:00-21:00""#, "", "an opening not before cut_off"),
        (r#""daily": "18:00-05:00""#, "", "the next morning up to cut_off"),
        (r#""sunday": "closed""#, "", "at least one"),
        (
            r#""daily": "09:00-21:00""#,
            r#""25.12.2026""#,
            "trading.closed: found \"25.12.2026\", wanted dates such as 2026-12-25",
        ),
    ] {
        let more = format!(r#", "trading": {{"hours": {{{hours}}}, "closed": [{closed}]}}"#);
        let error = draft_with(&more, "").check().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn trading_day_of_which_nothing_is_told_is_missed_after_its_grace_and_signed_like_any_other_doubt() {
    let mut world = World::with(with_hours(r#""daily": "09:00-21:00""#, ""));
    let ends = world.settings.day_ends_ms(day());
    let state = |world: &World, now| assess(&world.facts(), &world.settings, now, &[]).state;
    assert_eq!(state(&world, ends - 1), DayState::Open);
    let waiting = assess(&world.facts(), &world.settings, ends, &[]);
    assert_eq!((waiting.state, waiting.exceptions.len()), (DayState::Closing, 0));
    assert_eq!(waiting.waiting, ["nothing was told of this day yet"]);
    let missed = world.assess();
    assert_eq!(kinds(&missed), [ExceptionKind::DayMissing]);
    assert_eq!(missed.state, DayState::Closing);
    assert!(
        missed.exceptions[0].detail.contains("this Friday"),
        "{}",
        missed.exceptions[0].detail
    );
    assert_eq!(missed.exceptions[0].kind.owner(), OwnerRole::Operations);
    let signed = world.assess_signed(&[sign(&missed.blockers[0])]);
    assert_eq!(signed.state, DayState::Balanced);
    // the box was off, and sends what it holds
    world.tell(cash_sale(T1, "1", 1000));
    world.close_all();
    assert!(!kinds(&world.assess()).contains(&ExceptionKind::DayMissing));
}

#[test]
fn closed_day_and_store_without_a_calendar_are_not_missed_and_a_close_without_sales_is_no_silence() {
    let closed = World::with(with_hours(r#""daily": "09:00-21:00", "friday": "closed""#, ""));
    assert_eq!(closed.assess().state, DayState::Balanced);
    assert_eq!(World::new().assess().state, DayState::Balanced);
    let mut idle = World::with(with_hours(r#""daily": "09:00-21:00""#, ""));
    idle.tell(closing(T1));
    assert!(
        !kinds(&idle.assess()).contains(&ExceptionKind::DayMissing),
        "a snowed-in store closed its till"
    );
}
