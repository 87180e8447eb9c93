//! The machine alone: random bytes, split anywhere, must never make it panic, hand over what is not the device's own,
//! or answer more than was asked.

use proptest::prelude::*;

use super::*;

fn device() -> DeviceRef {
    DeviceRef::from_uri("tillwire:tenant/acme/device/d1").unwrap()
}

fn connect(version: u8) -> Vec<u8> {
    let mut packet = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', version, 2, 0, 60];
    if version == 5 {
        packet.push(0);
    }
    packet.extend([0, 1, b'x']);
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    packet
}

fn publish(version: u8, first: u8, topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.bytes());
    body.extend(packet_id.to_be_bytes());
    if version == 5 {
        body.push(0);
    }
    body.extend(payload);
    let len = u8::try_from(body.len()).unwrap();
    assert!(len < 128);
    [&[first, len][..], &body].concat()
}

/// What came of a conversation.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    handed_over: Vec<(u16, Vec<u8>)>,
    closed: Option<CloseReason>,
    out: Vec<u8>,
    listening: bool,
}

/// Plays the driver: feeds the chunks, admits the device, acknowledges each publish at once.
fn play(chunks: &[&[u8]], limits: Limits) -> Outcome {
    let mut session = Session::new(&device(), limits);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut outcome = Outcome::default();
    for chunk in chunks {
        input.extend_from_slice(chunk);
        loop {
            match session.step(&mut input, &mut out) {
                Step::Wait => break,
                Step::Done | Step::SubscriptionRefused => {}
                Step::Connect => session.accept(&mut out),
                Step::Publish { packet_id, payload } => {
                    outcome.handed_over.push((packet_id, payload.to_vec()));
                    session.acknowledge(packet_id, &mut out);
                }
                Step::Listening(listening) => outcome.listening = listening,
                Step::Close(reason) => {
                    session.close(&reason, &mut out);
                    outcome.closed = Some(reason);
                    break;
                }
            }
        }
        // whatever waits is less than one packet of the largest size
        assert!(outcome.closed.is_some() || input.len() < limits.packet_size_max);
    }
    outcome.out = out.to_vec();
    outcome
}

/// Bytes that look like MQTT more often than chance would have it.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let own = device().up_topic();
    let topic = prop_oneof![3 => Just(own), 1 => Just(device().down_topic()), 1 => "[ -~]{0,40}"];
    let any_publish = (
        prop_oneof![4 => Just(0x32_u8), 1 => 0x30..0x40_u8],
        topic,
        any::<u16>(),
        any::<bool>(),
    )
        .prop_map(|(first, topic, packet_id, five)| {
            publish(if five { 5 } else { 4 }, first, &topic, packet_id, b"x")
        });
    let any_packet =
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..100)).prop_map(|(first, body)| {
            let len = u8::try_from(body.len()).unwrap();
            [&[first, len][..], &body].concat()
        });
    prop_oneof![
        4 => any_publish,
        2 => any_packet,
        1 => Just(vec![0xc0, 0]),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_packets_hand_over_only_own_payloads(
        version in 4..=5_u8,
        packets in proptest::collection::vec(packet(), 0..12),
    ) {
        let mut chunks = vec![connect(version)];
        chunks.extend(packets);
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let outcome = play(&chunks, Limits::default());
        // the payload of every publish above is "x"; MQTT 5 properties may be cut off it
        for (packet_id, payload) in outcome.handed_over {
            prop_assert!(packet_id != 0);
            prop_assert!(payload.len() <= 100);
        }
    }

    #[test]
    fn random_bytes_never_panic_nor_get_in(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let outcome = play(&[&bytes], Limits::default());
        prop_assert!(outcome.handed_over.is_empty() || bytes.first() == Some(&0x10));
        prop_assert!(outcome.out.len() < 200);
    }

    #[test]
    fn a_connect_with_random_parts_never_panics(
        version in 3..=6_u8, flags: u8, rest in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', version, flags, 0, 60];
        body.extend(rest);
        let mut bytes = vec![0x10, u8::try_from(body.len() & 0x7f).unwrap() | 0x80, u8::try_from(body.len() >> 7).unwrap()];
        bytes.extend(body);
        let outcome = play(&[&bytes, &[0xc0, 0]], Limits::default());
        let accepted = outcome.out.first() == Some(&0x20) && outcome.out.get(3) == Some(&0);
        prop_assert!(!accepted || (flags & 1 == 0 && flags & 4 == 0 && (4..=5).contains(&version)));
    }

    #[test]
    fn how_bytes_are_split_changes_nothing(
        version in 4..=5_u8,
        packets in proptest::collection::vec(packet(), 0..6),
        cuts in proptest::collection::vec(1..30_usize, 1..50),
    ) {
        let mut whole = connect(version);
        whole.extend(packets.concat());
        let mut chunks = Vec::new();
        let mut rest = &whole[..];
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        chunks.push(rest);
        prop_assert_eq!(play(&chunks, Limits::default()), play(&[&whole], Limits::default()));
    }
}

#[test]
fn an_announced_giant_is_refused_before_its_body() {
    let first = connect(4);
    let outcome = play(&[&first, &[0x32, 0x81, 0x80, 0x10]], Limits::default());
    assert_eq!(outcome.closed, Some(CloseReason::PacketTooLarge));
    let giants: [&[u8]; 3] = [
        &[0x82, 0x80, 0x40],
        &[0x40, 0xff, 0xff, 0x7f],
        &[0xe0, 0xff, 0xff, 0xff, 0x7f],
    ];
    for giant in giants {
        assert_eq!(
            play(&[&first, giant], Limits::default()).closed,
            Some(CloseReason::PacketTooLarge)
        );
    }
}

#[test]
fn a_publish_full_of_properties_is_refused() {
    let mut body = vec![0, u8::try_from(device().up_topic().len()).unwrap()];
    body.extend(device().up_topic().bytes());
    body.extend([0, 1]);
    // 10,000 empty user properties of five bytes
    body.extend([0xd0, 0x86, 0x03]);
    body.extend([0x26, 0, 0, 0, 0].repeat(10_000));
    let len = body.len();
    let byte = |shift: usize| u8::try_from(len >> shift & 0x7f).unwrap();
    let header = [0x32, byte(0) | 0x80, byte(7) | 0x80, byte(14)];
    let outcome = play(&[&connect(5), &header, &body], Limits::default());
    assert_eq!(outcome.closed, Some(CloseReason::PacketTooLarge));
    assert!(outcome.handed_over.is_empty());
}

#[test]
fn answers_larger_than_the_device_takes_are_not_sent() {
    // maximum packet size 4: a CONNACK with our properties is longer
    let mut packet = vec![
        0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 5, 0x27, 0, 0, 0, 4, 0, 1, b'x',
    ];
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    let outcome = play(&[&packet], Limits::default());
    assert!(outcome.out.is_empty());
}

#[test]
fn packet_ids_towards_the_device_skip_the_unanswered() {
    let limits = Limits {
        down_in_flight_max: 3,
        ..Limits::default()
    };
    let mut session = Session::new(&device(), limits);
    let mut out = BytesMut::new();
    let mut say = |session: &mut Session, bytes: &[u8]| session.step(&mut BytesMut::from(bytes), &mut out);
    assert_eq!(say(&mut session, &connect(4)), Step::Connect);
    session.accept(&mut BytesMut::new());
    let topic = device().down_topic();
    let mut subscribe = vec![
        0x82,
        u8::try_from(topic.len() + 5).unwrap(),
        0,
        1,
        0,
        u8::try_from(topic.len()).unwrap(),
    ];
    subscribe.extend(topic.bytes());
    subscribe.push(1);
    assert_eq!(say(&mut session, &subscribe), Step::Listening(true));
    let mut seen = Vec::new();
    for round in 0..70_000_u32 {
        let mut sent = BytesMut::new();
        assert!(session.may_deliver());
        assert!(session.deliver(b"", true, &mut sent));
        let packet_id = u16::from_be_bytes([sent[sent.len() - 2], sent[sent.len() - 1]]);
        assert!(
            packet_id != 0 && (round == 0 || packet_id != 1),
            "the first one is never answered"
        );
        if round > 0 {
            let [high, low] = packet_id.to_be_bytes();
            assert_eq!(say(&mut session, &[0x40, 2, high, low]), Step::Done);
        }
        seen.push(packet_id);
    }
    assert_eq!(seen[1], 2);
    assert_eq!(seen[65_535], 2, "round and round, past the unanswered one");
}
