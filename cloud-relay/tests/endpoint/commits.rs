//! PUBACK means committed: never before, in order, and up to sixteen at a time.

use std::time::Duration;

use tillwire_relay::endpoint::{CloseReason, Event, Limits};
use tokio::time::{sleep, timeout};

use crate::support::{SOON, World, until};
use crate::wire::{V3, V5, Wire, packet};

const A_WHILE: Duration = Duration::from_millis(150);

#[tokio::test]
async fn no_puback_comes_before_the_commit() {
    for level in [V3, V5] {
        let world = World::new().await;
        world.ingest.hold();
        let owner = world.make_box("d1");
        let mut wire = Wire::connected(&world, &owner, level).await;
        wire.publish(&owner.device.up_topic(), 7, b"a batch").await;
        until("the publish is handed over", || {
            !world.ingest.started.lock().unwrap().is_empty()
        })
        .await;
        assert!(wire.silent_for(A_WHILE).await);
        assert!(world.ingest.stored().is_empty());
        world.ingest.commit(1);
        assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 7]));
        assert_eq!(world.ingest.stored(), ["a batch"]);
    }
}

#[tokio::test]
async fn sixteen_publishes_wait_together_and_the_next_is_not_read() {
    let world = World::new().await;
    world.ingest.hold();
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    for packet_id in 1..=40 {
        wire.publish(
            &owner.device.up_topic(),
            packet_id,
            format!("batch {packet_id}").as_bytes(),
        )
        .await;
    }
    until("sixteen are handed over", || {
        world.ingest.started.lock().unwrap().len() == 16
    })
    .await;
    sleep(A_WHILE).await;
    assert_eq!(world.ingest.started.lock().unwrap().len(), 16);
    world.ingest.commit(40);
    for packet_id in 1..=40 {
        assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, packet_id]));
    }
    assert_eq!(world.ingest.stored().len(), 40);
}

#[tokio::test]
async fn a_refused_publish_gets_no_puback_and_ends_the_connection() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V5).await;
    wire.publish(&owner.device.up_topic(), 1, b"refuse").await;
    assert_eq!(wire.packet().await, Some(vec![0xe0, 1, 0x83]));
    assert!(wire.closed().await);
    until("the end is heard", || !world.ingest.reasons().is_empty()).await;
    assert_eq!(
        world.ingest.reasons(),
        [CloseReason::IngestRefused("not today".into())]
    );
}

#[tokio::test]
async fn a_panic_in_one_connection_leaves_the_others_alone() {
    let world = World::new().await;
    let (first, second) = (world.make_box("d1"), world.make_box("d2"));
    let mut healthy = Wire::connected(&world, &first, V3).await;
    let mut doomed = Wire::connected(&world, &second, V3).await;
    doomed.publish(&second.device.up_topic(), 1, b"panic").await;
    assert!(doomed.closed().await);
    until("the end is heard", || !world.ingest.reasons().is_empty()).await;
    assert_eq!(world.ingest.reasons(), [CloseReason::Panicked]);
    assert_eq!(world.downlink.connections().len(), 1);
    healthy.publish(&first.device.up_topic(), 1, b"still here").await;
    assert_eq!(healthy.packet().await, Some(vec![0x40, 2, 0, 1]));
    Wire::connected(&world, &second, V3).await;
}

#[tokio::test]
async fn the_newest_connection_of_a_device_wins() {
    for (level, last_words) in [(V3, None), (V5, Some(vec![0xe0, 1, 0x8e]))] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut old = Wire::connected(&world, &owner, level).await;
        let mut new = Wire::connected(&world, &owner, level).await;
        assert_eq!(old.packet().await, last_words);
        new.publish(&owner.device.up_topic(), 1, b"from the new one")
            .await;
        assert_eq!(new.packet().await, Some(vec![0x40, 2, 0, 1]));
        until("the end of the old one is heard", || {
            !world.ingest.reasons().is_empty()
        })
        .await;
        assert_eq!(world.ingest.reasons(), [CloseReason::TakenOver]);
        let takeover = world.ingest.events().into_iter().find_map(|event| match event {
            Event::TakenOver { old, new, .. } => Some((old, new)),
            _ => None,
        });
        let addresses = (
            old.stream.get_ref().0.local_addr().unwrap(),
            new.stream.get_ref().0.local_addr().unwrap(),
        );
        assert_eq!(takeover, Some(addresses));
        assert_eq!(world.downlink.connections().len(), 1);
    }
}

#[tokio::test]
async fn stopping_answers_commits_in_flight_and_then_closes() {
    let mut world = World::new().await;
    world.ingest.hold();
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V5).await;
    wire.publish(&owner.device.up_topic(), 1, b"in flight").await;
    until("the publish is handed over", || {
        !world.ingest.started.lock().unwrap().is_empty()
    })
    .await;
    let stopping = tokio::spawn(world.endpoint.take().unwrap().shutdown());
    assert!(wire.silent_for(A_WHILE).await);
    wire.publish(&owner.device.up_topic(), 2, b"too late").await;
    world.ingest.commit(2);
    assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 1]));
    assert_eq!(wire.packet().await, Some(vec![0xe0, 1, 0x8b]));
    assert!(wire.closed().await);
    assert!(timeout(SOON, stopping).await.unwrap().unwrap());
    assert_eq!(world.ingest.stored(), ["in flight"]);
    tokio::net::TcpStream::connect(world.address).await.unwrap_err();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever_for_a_commit() {
    let limits = Limits {
        drain_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut world = World::with(limits).await;
    world.ingest.hold();
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    wire.publish(&owner.device.up_topic(), 1, b"stuck").await;
    until("the publish is handed over", || {
        !world.ingest.started.lock().unwrap().is_empty()
    })
    .await;
    assert!(
        !timeout(SOON, world.endpoint.take().unwrap().shutdown())
            .await
            .unwrap()
    );
    assert!(wire.closed().await);
    assert_eq!(world.ingest.reasons(), [CloseReason::ShuttingDown]);
    assert!(world.ingest.stored().is_empty() && world.downlink.connections().is_empty());
}

#[tokio::test]
async fn pings_are_answered_in_both_versions() {
    for level in [V3, V5] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::connected(&world, &owner, level).await;
        wire.send(&packet(0xc0, &[])).await;
        assert_eq!(wire.packet().await, Some(vec![0xd0, 0]));
    }
}
