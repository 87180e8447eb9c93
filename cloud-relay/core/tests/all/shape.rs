//! What is usual, and what is not.

use proptest::prelude::*;
use tillwire_relay_core::shape::{DayShape, HOURS, HourSales, band, limits};

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
