//! A store sells and closes its day without a line, its box is restarted in the dark, and in the morning everything
//! arrives, once.

use tillwire_e2e::link_sim::State;
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open};

#[tokio::test(flavor = "multi_thread")]
async fn link_is_away_all_night() {
    let world = open(12, 2, |_| {}).await;
    let site = &world.sites[0];
    site.link.set_state(State::Cut);
    let events = a_day(&world, 20);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    let missing = world.missing_at_relay(world.date).unwrap();
    assert!(!missing.is_empty(), "a line that is cut carries nothing");
    site.agent.stop().unwrap();
    site.agent.start().unwrap();
    site.wait_up().await.unwrap();
    site.link.set_state(State::Up);
    all_is_well(&world).await;
}
