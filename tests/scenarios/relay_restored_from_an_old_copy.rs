//! The relay's disk is lost after the day was posted, and a copy of noon is put back. Agents send again what it lacks;
//! what Odoo holds already is found and not done twice.

use tillwire_e2e::world::{Pace, until};

use crate::story::{PATIENCE, a_day, all_is_well, open};

#[tokio::test(flavor = "multi_thread")]
async fn relay_restored_from_an_old_copy() {
    let world = open(23, 2, |_| {}).await;
    let events = a_day(&world, 14);
    let (morning, afternoon) = events.split_at(events.len() / 2);
    world.play(world.date, morning, Pace::AtOnce).await.unwrap();
    until("the relay holds the morning", PATIENCE, async || {
        Ok(world.missing_at_relay(world.date)?.is_empty().then_some(()))
    })
    .await
    .unwrap();
    world.relay.program.stop().unwrap();
    let copy = world.relay.database.with_extension("copy");
    std::fs::copy(&world.relay.database, &copy).unwrap();
    world.relay.program.start().unwrap();

    world.play(world.date, afternoon, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;

    world.relay.program.kill();
    for suffix in ["db-wal", "db-shm"] {
        // a clean stop has removed them already
        let _absent = std::fs::remove_file(world.relay.database.with_extension(suffix));
    }
    std::fs::rename(&copy, &world.relay.database).unwrap();
    world.relay.program.start().unwrap();
    world.relay.wait_up().await.unwrap();
    until("the agents have sent the afternoon again", PATIENCE, async || {
        Ok(world.missing_at_relay(world.date)?.is_empty().then_some(()))
    })
    .await
    .unwrap();
    all_is_well(&world).await;
}
