//! Goods come back, an exchange has both ways on one ticket, a ticket is taken back: books, stock and drawers follow.

use tillwire_e2e::shop::{Kind, What};
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn return_exchange_and_void_undo_what_they_should() {
    let world = open(15, 1, |_| {}).await;
    let events = a_day(&world, 10);
    for kind in [Kind::Return, Kind::Exchange] {
        assert!(events.iter().filter_map(ticket).any(|t| t.kind == kind));
    }
    assert!(events.iter().any(|e| matches!(e.what, What::Void(_))));
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
}

/// Heartland tells a void as the same ticket once more, with the time at which it had been completed: it belongs to
/// the day of the sale, which is posted already.
#[tokio::test(flavor = "multi_thread")]
async fn void_of_a_posted_days_ticket_revises_that_day() {
    let world = open(16, 1, |_| {}).await;
    let events = a_day(&world, 6);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;

    let sold = events
        .iter()
        .rfind(|e| ticket(e).is_some_and(|t| t.kind == Kind::Sale))
        .unwrap();
    let mut void = sold.clone();
    void.what = What::Void(Box::new(ticket(sold).unwrap().clone()));
    world.play(world.date, &[void], Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
}
