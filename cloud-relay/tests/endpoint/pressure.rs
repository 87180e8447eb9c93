//! Floods, silence and slowness: what they cost, and that the healthy do not notice.

use std::time::Duration;

use bytes::Bytes;
use tillwire_relay::endpoint::{CloseReason, Delivery, Limits, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{SOON, World, until};
use crate::wire::{V3, V5, Wire, connect, packet, publish};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn fifty_silent_sockets_do_not_delay_a_healthy_device() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    let started = Instant::now();
    timeout(SOON, Wire::connected(&world, &owner, V3))
        .await
        .expect("a connection in time");
    assert!(
        started.elapsed() < Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_full_waiting_room_evicts_the_silent_and_not_the_device() {
    let limits = Limits {
        silent_max: 10,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let owner = world.make_box("d1");
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    until("the oldest are evicted", || {
        world.ingest.handshake_failures().len() == 20
    })
    .await;
    Wire::connected(&world, &owner, V3).await;
    assert_eq!(
        timeout(SOON, silent[0].read(&mut [0]))
            .await
            .unwrap()
            .unwrap_or(0),
        0
    );
}

#[tokio::test]
async fn silence_before_tls_ends_in_time() {
    let limits = Limits {
        handshake_time: SHORT,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(
        timeout(SOON, silent.read(&mut [0])).await.unwrap().unwrap_or(0),
        0
    );
    until("it is heard", || {
        world.ingest.handshake_failures() == ["no TLS handshake in time: deadline has elapsed"]
    })
    .await;
}

#[tokio::test]
async fn a_connect_that_drips_ends_in_time() {
    let limits = Limits {
        connect_time: SHORT,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let owner = world.make_box("d1");
    let mut wire = Wire::open(&world, &owner).await;
    let started = Instant::now();
    let drip = async {
        for byte in connect(V3, 2, 60, &[]) {
            wire.send(&[byte]).await;
            sleep(SHORT / 4).await;
        }
    };
    drip.await;
    assert!(wire.closed().await);
    until("it is heard", || {
        world.ingest.reasons() == [CloseReason::ConnectTimeout]
    })
    .await;
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn an_oversized_packet_is_refused_by_its_header_alone() {
    for level in [V3, V5] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::connected(&world, &owner, level).await;
        // 256 KiB + 1 announced, not one byte of the body sent
        wire.send(&[0x32, 0xfd, 0xff, 0x0f]).await;
        if level == V5 {
            assert_eq!(wire.packet().await, Some(vec![0xe0, 1, 0x95]));
        }
        assert!(wire.closed().await);
        until("it is heard", || {
            world.ingest.reasons() == [CloseReason::PacketTooLarge]
        })
        .await;
    }
}

#[tokio::test]
async fn the_largest_packet_allowed_is_taken() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    let topic = owner.device.up_topic();
    let overhead = publish(V3, 0x32, &topic, Some(1), &[0; 200_000]).len() - 200_000;
    let payload = vec![b'x'; 256 * 1024 - overhead];
    wire.publish(&topic, 1, &payload).await;
    assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 1]));
    wire.publish(&topic, 2, &[&payload[..], b"x"].concat()).await;
    assert!(wire.closed().await);
    assert_eq!(world.ingest.stored(), [payload]);
}

#[tokio::test]
async fn packets_before_connect_may_only_be_small_connects() {
    for bytes in [
        packet(0x10, &[0; 5000]),
        publish(V3, 0x32, "tillwire/v1/acme/d1/up", Some(1), b"x"),
        packet(0xc0, &[]),
    ] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        let mut wire = Wire::open(&world, &owner).await;
        wire.send(&bytes).await;
        assert!(wire.closed().await);
        assert!(world.ingest.started.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn silence_beyond_the_keep_alive_ends_the_connection() {
    for (level, keep_alive) in [(V3, 1), (V3, 0), (V5, 0), (V3, u16::MAX)] {
        let longest = Duration::from_secs(1);
        let limits = Limits {
            keep_alive_min: longest,
            keep_alive_max: longest,
            ..Limits::default()
        };
        let world = World::with(limits).await;
        let owner = world.make_box("d1");
        let mut wire = Wire::open(&world, &owner).await;
        wire.send(&connect(level, 2, keep_alive, &[])).await;
        wire.packet().await.unwrap();
        let started = Instant::now();
        if level == V5 {
            assert_eq!(wire.packet().await, Some(vec![0xe0, 1, 0x8d]));
        }
        assert!(wire.closed().await);
        assert!(
            started.elapsed() >= Duration::from_millis(1400),
            "{:?}",
            started.elapsed()
        );
        until("it is heard", || {
            world.ingest.reasons() == [CloseReason::KeepAlive]
        })
        .await;
    }
}

#[tokio::test]
async fn a_half_sent_packet_does_not_count_as_life() {
    let longest = Duration::from_secs(1);
    let limits = Limits {
        keep_alive_max: longest,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    wire.send(&[0x32, 0x80, 0x08]).await;
    let started = Instant::now();
    while started.elapsed() < SOON && world.ingest.reasons().is_empty() {
        wire.send(b"x").await;
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.ingest.reasons(), [CloseReason::KeepAlive]);
}

#[tokio::test]
async fn waiting_for_a_commit_is_not_silence() {
    let longest = Duration::from_secs(1);
    let limits = Limits {
        keep_alive_max: longest,
        receive_max: 1,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    world.ingest.hold();
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    wire.publish(&owner.device.up_topic(), 1, b"slow").await;
    assert!(wire.silent_for(Duration::from_millis(2200)).await);
    world.ingest.commit(1);
    assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 1]));
}

#[tokio::test]
async fn memory_for_waiting_payloads_is_shared_and_bounded() {
    let limits = Limits {
        pending_bytes_max: 64 * 1024,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    world.ingest.hold();
    let (first, second) = (world.make_box("d1"), world.make_box("d2"));
    let mut greedy = Wire::connected(&world, &first, V3).await;
    let mut other = Wire::connected(&world, &second, V3).await;
    // larger than all the memory there is: it waits for all of it, and gets it
    greedy
        .publish(&first.device.up_topic(), 1, &vec![b'g'; 100_000])
        .await;
    until("the first is handed over", || {
        world.ingest.started.lock().unwrap().len() == 1
    })
    .await;
    other.publish(&second.device.up_topic(), 1, b"small").await;
    sleep(SHORT).await;
    assert_eq!(world.ingest.started.lock().unwrap().len(), 1);
    world.ingest.commit(2);
    assert_eq!(greedy.packet().await, Some(vec![0x40, 2, 0, 1]));
    assert_eq!(other.packet().await, Some(vec![0x40, 2, 0, 1]));
}

#[tokio::test]
async fn messages_down_need_a_listener_room_and_a_window() {
    let limits = Limits {
        down_in_flight_max: 2,
        down_queue_max: 2,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    let send = |payload: &'static [u8], delivery| {
        world
            .downlink
            .send(&owner.device, Bytes::from_static(payload), delivery)
    };
    assert_eq!(
        send(b"1", Delivery::Acknowledged),
        Err(SendError::NotListening(owner.device.clone()))
    );
    wire.subscribe(&owner.device.down_topic()).await;
    let too_large = send(&[0; 16 * 1024 + 1], Delivery::Acknowledged);
    assert!(matches!(
        too_large,
        Err(SendError::TooLarge {
            found: 16_385,
            wanted: 16_384,
            ..
        })
    ));

    for payload in [b"1", b"2"] {
        send(payload, Delivery::Acknowledged).unwrap();
        assert_eq!(wire.packet().await.unwrap()[0], 0x32);
    }
    // two are unanswered, so these wait in the queue, and there is no room for a third
    send(b"3", Delivery::Acknowledged).unwrap();
    send(b"4", Delivery::Plain).unwrap();
    assert_eq!(
        send(b"5", Delivery::Plain),
        Err(SendError::Busy(owner.device.clone()))
    );
    assert!(wire.silent_for(SHORT).await);
    wire.send(&packet(0x40, &[0, 1])).await;
    assert_eq!(wire.packet().await.unwrap().last(), Some(&b'3'));
    assert!(wire.silent_for(SHORT).await);
    wire.send(&packet(0x40, &[0, 2])).await;
    let plain = wire.packet().await.unwrap();
    assert_eq!((plain[0], plain.last()), (0x30, Some(&b'4')));

    wire.send(&packet(
        0xa2,
        &[&[0, 5][..], &crate::wire::text(&owner.device.down_topic())].concat(),
    ))
    .await;
    assert_eq!(wire.packet().await, Some(vec![0xb0, 2, 0, 5]));
    assert_eq!(
        send(b"6", Delivery::Plain),
        Err(SendError::NotListening(owner.device.clone()))
    );
}

#[tokio::test]
async fn a_device_that_takes_nothing_is_cut() {
    let limits = Limits {
        write_time: SHORT,
        down_queue_max: 10_000,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    wire.subscribe(&owner.device.down_topic()).await;
    let payload = Bytes::from(vec![b'x'; 16 * 1024]);
    // more than the socket buffers of both sides hold
    let started = Instant::now();
    while started.elapsed() < SOON && world.ingest.reasons().is_empty() {
        let _ = world
            .downlink
            .send(&owner.device, payload.clone(), Delivery::Plain);
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ingest.reasons(), [CloseReason::WriteTimeout]);
}

#[tokio::test]
async fn a_device_that_closes_its_side_is_forgotten() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    wire.stream.shutdown().await.unwrap();
    drop(wire);
    until("it is forgotten", || world.downlink.connections().is_empty()).await;
    until("it is heard", || world.ingest.reasons() == [CloseReason::Lost]).await;
}

#[tokio::test]
async fn mqtt_5_devices_are_told_what_there_is() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::open(&world, &owner).await;
    // topic alias maximum 0 (which the codec's own connection type cannot bear), session expiry 1 h, receive maximum 1
    wire.send(&connect(
        V5,
        0,
        10,
        &[0x22, 0, 0, 0x11, 0, 0, 0x0e, 0x10, 0x21, 0, 1],
    ))
    .await;
    let connack = wire.packet().await.unwrap();
    assert_eq!(
        &connack[..5],
        [
            0x20,
            u8::try_from(connack.len() - 2).unwrap(),
            0,
            0,
            u8::try_from(connack.len() - 5).unwrap()
        ]
    );
    let says = |property: &[u8]| {
        connack[5..]
            .windows(property.len())
            .any(|window| window == property)
    };
    assert!(says(&[0x21, 0, 16]), "receive maximum 16");
    assert!(says(&[0x27, 0, 4, 0, 0]), "packets up to 256 KiB");
    assert!(says(&[0x24, 1]) && says(&[0x25, 0]) && says(&[0x28, 0]) && says(&[0x29, 0]) && says(&[0x2a, 0]));
    assert!(says(&[0x13, 0, 30]), "keep-alive of 30 s");
    assert!(says(&[0x11, 0, 0, 0, 0]), "no session kept");
}

#[tokio::test]
async fn room_that_is_asked_for_and_not_used_is_given_back() {
    let limits = Limits {
        pending_bytes_max: 256 * 1024,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let (slow, quick) = (world.make_box("d1"), world.make_box("d2"));
    let mut slow_wire = Wire::connected(&world, &slow, V3).await;
    let mut quick_wire = Wire::connected(&world, &quick, V3).await;
    // it announces all the room that there is, sends some, and stops
    let large = publish(V3, 0x32, &slow.device.up_topic(), Some(1), &[b's'; 200_000]);
    let (some, rest) = large.split_at(20_000);
    slow_wire.send(some).await;
    sleep(SHORT).await;
    let payload = [b'q'; 100_000];
    quick_wire.publish(&quick.device.up_topic(), 1, &payload).await;
    assert!(quick_wire.silent_for(SHORT).await, "there is no room for it yet");
    let started = Instant::now();
    assert_eq!(quick_wire.packet().await, Some(vec![0x40, 2, 0, 1]));
    assert!(started.elapsed() < SOON, "a slow line held it up");
    slow_wire.send(rest).await;
    assert_eq!(slow_wire.packet().await, Some(vec![0x40, 2, 0, 1]));
    let stored: Vec<usize> = world.ingest.stored().iter().map(Bytes::len).collect();
    assert_eq!(stored, [100_000, 200_000]);
}

#[tokio::test]
async fn what_has_no_room_yet_stays_in_the_network() {
    let limits = Limits {
        pending_bytes_max: 256 * 1024,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    world.ingest.hold();
    let mut wires = Vec::new();
    for number in 0..8 {
        let owner = world.make_box(&format!("d{number}"));
        let mut wire = Wire::connected(&world, &owner, V3).await;
        let topic = owner.device.up_topic();
        wires.push(tokio::spawn(async move {
            wire.publish(&topic, 1, &[b'x'; 200_000]).await;
            assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 1]));
        }));
    }
    // there is room for one of them
    until("one is read", || world.ingest.started.lock().unwrap().len() == 1).await;
    sleep(SHORT).await;
    let read: u64 = world.downlink.connections().iter().map(|one| one.bytes_in).sum();
    assert!(read < 200_000 + 8 * 40_000, "{read} bytes were read of 1,600,000");
    world.ingest.commit(8);
    for wire in wires {
        timeout(SOON, wire).await.unwrap().unwrap();
    }
    assert_eq!(world.ingest.stored().len(), 8);
}

#[tokio::test]
async fn waiting_for_room_is_not_silence() {
    let limits = Limits {
        pending_bytes_max: 256 * 1024,
        keep_alive_max: Duration::from_secs(1),
        receive_max: 1,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    world.ingest.hold();
    let (first, second) = (world.make_box("d1"), world.make_box("d2"));
    let mut taken = Wire::connected(&world, &first, V3).await;
    taken.publish(&first.device.up_topic(), 1, &[b'x'; 200_000]).await;
    until("the first is read", || {
        world.ingest.started.lock().unwrap().len() == 1
    })
    .await;
    let mut waits = Wire::connected(&world, &second, V3).await;
    let large = publish(V3, 0x32, &second.device.up_topic(), Some(1), &[b'y'; 200_000]);
    let (some, rest) = large.split_at(20_000);
    waits.send(some).await;
    // longer than a device may be silent, and its line is not the quickest
    assert!(waits.silent_for(Duration::from_millis(2200)).await);
    world.ingest.commit(2);
    sleep(SHORT).await;
    waits.send(rest).await;
    assert_eq!(waits.packet().await, Some(vec![0x40, 2, 0, 1]));
}
