//! The box wakes up a year ago, another a year ahead. They sell, connect and book as all others do; that a clock is
//! wrong is shown to somebody.

use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open, open_kinds};

const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn till_clock_is_a_year_wrong() {
    let world = open(18, 2, |setup| {
        setup.clocks_off = [(0, -YEAR_MS), (1, YEAR_MS)].into();
    })
    .await;
    let events = a_day(&world, 10);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    let open = open_kinds(&world);
    assert!(open.iter().any(|kind| kind == "clock-off"), "{open:?}");
}
