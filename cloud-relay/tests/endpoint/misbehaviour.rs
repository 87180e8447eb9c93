//! Devices with a valid certificate that do what none of ours does.

use tillwire_relay::endpoint::{CloseReason, Event};

use crate::support::{World, until};
use crate::wire::{V3, V5, Wire, connect, packet, publish, text};

/// The reason code of a DISCONNECT of MQTT 5, or nothing for a plain close.
async fn farewell(wire: &mut Wire) -> Option<u8> {
    let last = wire.packet().await;
    if last.is_some() {
        assert!(wire.closed().await);
    }
    last.map(|packet| {
        assert_eq!(packet[0], 0xe0);
        packet[2]
    })
}

/// Says `bytes` on a new, accepted connection of each version; expects to be cut for `reason`.
async fn is_cut(bytes: impl Fn(u8, &World) -> Vec<u8>, reason: CloseReason, code: u8) {
    for level in [V3, V5] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::connected(&world, &owner, level).await;
        wire.send(&bytes(level, &world)).await;
        let said = farewell(&mut wire).await;
        assert_eq!(said, (level == V5).then_some(code));
        until("the end is heard", || !world.ingest.reasons().is_empty()).await;
        assert_eq!(world.ingest.reasons(), std::slice::from_ref(&reason));
        assert!(reason.is_refusal());
        assert!(
            world.ingest.started.lock().unwrap().is_empty(),
            "something was handed over"
        );
        assert!(world.downlink.connections().is_empty());
    }
}

const OWN_UP: &str = "tillwire/v1/acme/d1/up";

#[tokio::test]
async fn a_publish_on_a_foreign_topic_is_cut() {
    for topic in [
        "tillwire/v1/acme/d2/up",
        "tillwire/v1/other/d1/up",
        "tillwire/v1/acme/d1/down",
        "tillwire/v1/acme/d1/up/",
        "/tillwire/v1/acme/d1/up",
        "$SYS/broker",
        "#",
        "tillwire/v1/acme/+/up",
        "tillwire/v1/acme/d1/up\0",
    ] {
        is_cut(
            |level, _| publish(level, 0x32, topic, Some(1), b"x"),
            CloseReason::ForeignTopic,
            0x87,
        )
        .await;
    }
}

#[tokio::test]
async fn a_topic_alias_does_not_hide_the_topic() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V5).await;
    let mut body = text("");
    body.extend([0, 1, 3, 0x23, 0, 1, b'x']);
    wire.send(&packet(0x32, &body)).await;
    assert_eq!(farewell(&mut wire).await, Some(0x87));
    assert!(world.ingest.stored().is_empty());
}

#[tokio::test]
async fn a_quality_of_service_other_than_one_is_cut() {
    let zero = |level, _: &World| publish(level, 0x30, OWN_UP, None, b"x");
    is_cut(zero, CloseReason::QosNotSupported, 0x9b).await;
    let two = |level, _: &World| publish(level, 0x34, OWN_UP, Some(1), b"x");
    is_cut(two, CloseReason::QosNotSupported, 0x9b).await;
    let three = |level, _: &World| publish(level, 0x36, OWN_UP, Some(1), b"x");
    is_cut(three, CloseReason::Malformed, 0x81).await;
}

#[tokio::test]
async fn a_retained_publish_is_cut() {
    let retained = |level, _: &World| publish(level, 0x33, OWN_UP, Some(1), b"x");
    is_cut(retained, CloseReason::RetainNotSupported, 0x9a).await;
}

#[tokio::test]
async fn a_packet_id_of_zero_is_cut() {
    let zero = |level, _: &World| publish(level, 0x32, OWN_UP, Some(0), b"x");
    is_cut(zero, CloseReason::Malformed, 0x81).await;
}

#[tokio::test]
async fn a_topic_of_64_kib_is_cut() {
    let long = "t".repeat(65_535);
    is_cut(
        |level, _| publish(level, 0x32, &long, Some(1), b"x"),
        CloseReason::TopicTooLong,
        0x90,
    )
    .await;
}

#[tokio::test]
async fn packets_that_are_not_for_servers_are_cut() {
    for bytes in [
        connect(V3, 2, 60, &[]),        // a second CONNECT
        packet(0x20, &[0, 0]),          // CONNACK
        packet(0x62, &[0, 1]),          // PUBREL
        packet(0x50, &[0, 1]),          // PUBREC
        packet(0x40, &[0, 7]),          // PUBACK for nothing
        packet(0xf0, &[]),              // AUTH
        packet(0xc1, &[]),              // PINGREQ with flags
        packet(0x80, &[0, 1, 0, 1, 0]), // SUBSCRIBE without its flags
    ] {
        is_cut(|_, _| bytes.clone(), CloseReason::Protocol, 0x82).await;
    }
}

#[tokio::test]
async fn foreign_and_wildcard_subscriptions_are_refused_then_cut() {
    for level in [V3, V5] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::connected(&world, &owner, level).await;
        for topic in [
            "#",
            "tillwire/v1/acme/d2/down",
            "tillwire/v1/acme/+/down",
            "$SYS/#",
        ] {
            let suback = wire.subscribe(topic).await;
            let code = if level == V5 { 0x87 } else { 0x80 };
            assert_eq!(suback.last(), Some(&code), "{topic}");
        }
        assert!(!world.downlink.connections()[0].listening);
        let last = wire.subscribe("$share/g/tillwire/v1/acme/d1/down").await;
        assert_eq!(last[0], 0x90);
        assert_eq!(farewell(&mut wire).await, (level == V5).then_some(0x87));
        until("the end is heard", || !world.ingest.reasons().is_empty()).await;
        assert_eq!(world.ingest.reasons(), [CloseReason::ForeignSubscriptions]);
        let refused = world.ingest.events().into_iter();
        assert_eq!(
            refused
                .filter(|event| matches!(event, Event::SubscriptionRefused { .. }))
                .count(),
            4
        );
    }
}

#[tokio::test]
async fn a_will_is_refused_in_the_answer_to_connect() {
    for (level, refusal) in [(V3, vec![0x20, 2, 0, 5]), (V5, vec![0x20, 3, 0, 0x87, 0])] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::open(&world, &owner).await;
        let mut body = connect(level, 2 | 4, 60, &[])[2..].to_vec();
        if level == V5 {
            body.push(0);
        }
        body.extend(text("tillwire/v1/acme/d2/up"));
        body.extend(text("gone"));
        wire.send(&packet(0x10, &body)).await;
        assert_eq!(wire.packet().await, Some(refusal));
        assert!(wire.closed().await);
        until("the end is heard", || !world.ingest.reasons().is_empty()).await;
        assert_eq!(world.ingest.reasons(), [CloseReason::WillNotSupported]);
    }
}

#[tokio::test]
async fn a_stored_session_is_answered_with_a_new_one() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    for _ in 0..2 {
        let mut wire = Wire::open(&world, &owner).await;
        wire.send(&connect(V3, 0, 60, &[])).await;
        assert_eq!(wire.packet().await, Some(vec![0x20, 2, 0, 0]));
        assert!(!world.downlink.connections()[0].listening);
        assert_eq!(
            wire.subscribe("tillwire/v1/acme/d1/down").await,
            [0x90, 3, 0, 9, 1]
        );
    }
}

#[tokio::test]
async fn an_unknown_mqtt_version_is_told_so() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::open(&world, &owner).await;
    wire.send(&connect(6, 2, 60, &[])).await;
    assert_eq!(wire.packet().await, Some(vec![0x20, 2, 0, 1]));
    assert!(wire.closed().await);
}

#[tokio::test]
async fn garbage_instead_of_connect_is_cut_without_words() {
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 64],
        &[0xff; 64],
        &[0x10, 0xff, 0xff, 0xff, 0xff],
    ] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::open(&world, &owner).await;
        wire.send(garbage).await;
        assert!(wire.closed().await);
    }
}
