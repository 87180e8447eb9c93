//! What is usual, and what is not.

use proptest::prelude::*;
use tillwire_proto::LaneId;
use tillwire_relay_core::shape::{DayShape, HOURS, HourSales, Way, along, band, limits};

fn day(net: i64) -> DayShape {
    DayShape {
        hours: vec![HourSales { tickets: 1, net }; HOURS],
        ..DayShape::default()
    }
}

#[test]
fn the_usual_band_is_what_half_of_the_days_lie_between() {
    assert_eq!(band(&[day(1), day(2)]), None, "two days are no habit");
    let days: Vec<DayShape> = [50, 10, 40, 20, 30].into_iter().map(day).collect();
    assert_eq!(band(&days).unwrap()[7], (20, 40));
    // one mad day does not widen it
    let mut mad = days;
    mad[0] = day(1_000_000);
    assert_eq!(band(&mad).unwrap()[7], (20, 40));
    assert_eq!(
        band(&vec![DayShape::default(); 5]),
        None,
        "days without hours say nothing"
    );
}

#[test]
fn a_drawer_that_is_always_a_little_off_is_usual_and_a_sudden_hole_is_not() {
    assert_eq!(limits(&[0, 0, 0, 0, 0]), None);
    let habit = [-100, 50, -50, 100, -100, 50, 0, -50];
    let usual = limits(&habit).unwrap();
    assert!(habit.iter().all(|point| !usual.is_unusual(*point)), "{usual:?}");
    assert!(usual.is_unusual(-5_000) && usual.is_unusual(5_000), "{usual:?}");
    // a drawer that never differs makes any difference unusual
    let exact = limits(&[0; 10]).unwrap();
    assert!(exact.is_unusual(1) && !exact.is_unusual(0));
}

proptest! {
    #[test]
    fn limits_hold_their_mean_and_never_overflow(points in proptest::collection::vec(any::<i64>(), 6..20)) {
        let limits = limits(&points).unwrap();
        prop_assert!(limits.low <= limits.mean && limits.mean <= limits.high);
    }
}

const MINUTE: i64 = 60_000;

fn way(lane: &str, captured_ms: i64, arrived_ms: i64) -> Way {
    Way {
        lane: LaneId::new(lane).unwrap(),
        captured_ms,
        arrived_ms,
    }
}

#[test]
fn an_outage_is_the_gap_between_captured_and_arrived_and_closes_when_it_drains() {
    // one ticket a minute, a cut line from minute 10 to minute 30
    let ways: Vec<Way> = (0..60)
        .map(|minute| {
            let captured = minute * MINUTE + 30_000;
            let cut = (10..30).contains(&minute);
            way(
                "a",
                captured,
                if cut { 30 * MINUTE + 1_000 } else { captured + 40 },
            )
        })
        .collect();
    let drawn = along(&ways).unwrap();
    assert_eq!((drawn.from_ms, drawn.step_ms), (0, MINUTE));
    assert_eq!((drawn.captured[29], drawn.arrived[29]), (30, 10));
    assert_eq!((drawn.captured[30], drawn.arrived[30]), (31, 31));
    assert_eq!(drawn.waited_most(), 20);
    assert_eq!(drawn.half_ms, 40);
    assert_eq!(drawn.worst_ms, 20 * MINUTE - 29_000);
}

#[test]
fn a_box_whose_clock_is_ahead_captures_nothing_after_it_arrived() {
    let year = 365 * 24 * 60 * MINUTE;
    let ways = [
        way("ahead", year + 1_000, 900),
        way("ahead", year + 5_000, 4_950),
        way("right", 2_000, 2_040),
    ];
    let drawn = along(&ways).unwrap();
    assert_eq!((drawn.half_ms, drawn.worst_ms), (40, 50));
    assert_eq!(drawn.captured, [3]);
    assert_eq!(along(&[]), None);
}

proptest! {
    #[test]
    fn never_more_has_arrived_than_was_captured_and_in_the_end_all_has(
        times in prop::collection::vec((any::<bool>(), any::<i32>(), 0..i32::MAX), 1..60)
    ) {
        let ways: Vec<Way> = times
            .iter()
            .map(|(lane, captured, arrived)| {
                way(if *lane { "a" } else { "b" }, i64::from(*captured) * 1000, i64::from(*arrived) * 1000)
            })
            .collect();
        let drawn = along(&ways).unwrap();
        prop_assert!(drawn.captured.len() <= 242, "{} steps", drawn.captured.len());
        prop_assert_eq!(drawn.captured.len(), drawn.arrived.len());
        prop_assert!(drawn.captured.iter().zip(&drawn.arrived).all(|(captured, arrived)| captured >= arrived));
        let all = u32::try_from(ways.len()).unwrap();
        prop_assert_eq!((drawn.captured.last(), drawn.arrived.last()), (Some(&all), Some(&all)));
        prop_assert!(0 <= drawn.half_ms && drawn.half_ms <= drawn.most_ms && drawn.most_ms <= drawn.worst_ms);
    }
}
