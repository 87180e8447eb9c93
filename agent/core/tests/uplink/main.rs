//! The uplink machine against a relay and a line that misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod attachments;
mod model;

use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::{Command, Doubt, Down, GREET_AGAIN_MS, SegmentFacts, Uplink, WINDOW};
use tillwire_proto::{
    Digest, LaneId, Mark, Note, Receipt, RecordNumber, Refusal, RefusalReason, RelayHello, RelayId,
    SegmentId, Want,
};

const SEGMENT: SegmentId = SegmentId([7; 16]);
const RELAY: RelayId = RelayId([1; 16]);

fn lane() -> LaneId {
    LaneId::new("http").unwrap()
}

fn hash(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn facts(last: u64, receipted: u64) -> SegmentFacts {
    SegmentFacts {
        lane: lane(),
        segment: SEGMENT,
        first_kept: RecordNumber(1),
        last: RecordNumber(last),
        receipted: RecordNumber(receipted),
        attachments: 0,
        attached: 0,
    }
}

fn receipt(through: u64) -> Receipt {
    let (segment, hash) = (SEGMENT, hash(through));
    Receipt {
        relay: RELAY,
        generation: 1,
        lane: lane(),
        segment,
        through: RecordNumber(through),
        hash,
        at_ms: 5,
    }
}

fn hello(through: u64) -> RelayHello {
    let hash = (through > 0).then(|| hash(through));
    let marks = vec![Mark {
        segment: SEGMENT,
        through: RecordNumber(through),
        hash,
    }];
    RelayHello {
        relay: RELAY,
        generation: 1,
        at_ms: 5,
        marks,
    }
}

/// Everything the machine wants done now.
fn commands(uplink: &mut Uplink, now: u64) -> Vec<Command> {
    std::iter::from_fn(|| uplink.next_command(now)).collect()
}

fn give_receipt(uplink: &mut Uplink, now: u64, through: u64) {
    uplink.handle_message(now, &Down::Receipt(&receipt(through), Some(hash(through))));
}

/// A machine that is connected at 1000 and was told that the relay holds `relay_holds`.
fn greeted(facts: SegmentFacts, relay_holds: u64) -> Uplink {
    let mut uplink = Uplink::new(RelayLink::default(), 1, vec![facts], None, 0);
    uplink.handle_timeout(1_000);
    assert_eq!(commands(&mut uplink, 1_000), [Command::Connect]);
    uplink.handle_connected(1_000);
    assert_eq!(commands(&mut uplink, 1_000), [Command::SendHello]);
    let ours = [(relay_holds > 0).then(|| hash(relay_holds))];
    uplink.handle_message(1_000, &Down::Hello(&hello(relay_holds), &ours));
    uplink
}

fn batch(from: u64) -> Command {
    Command::SendBatch {
        segment: SEGMENT,
        from: RecordNumber(from),
        with_header: from == 1,
    }
}

const HEARD: Command = Command::Heard {
    relay: RELAY,
    generation: 1,
};

fn keep(through: u64) -> Command {
    Command::KeepReceipt {
        segment: SEGMENT,
        through: RecordNumber(through),
        at_ms: 5,
    }
}

#[test]
fn nothing_is_sent_before_the_relay_said_what_it_holds() {
    let mut uplink = Uplink::new(RelayLink::default(), 1, vec![facts(3, 0)], None, 0);
    uplink.handle_timeout(1_000);
    commands(&mut uplink, 1_000);
    uplink.handle_connected(1_000);
    assert_eq!(commands(&mut uplink, 1_000), [Command::SendHello]);
    assert_eq!(uplink.poll_timeout(), Some(11_000));
    uplink.handle_timeout(11_000);
    assert_eq!(commands(&mut uplink, 11_000), [Command::SendHello]);
}

#[test]
fn a_lone_sale_leaves_at_once_and_is_kept_when_receipted() {
    let mut uplink = greeted(facts(0, 0), 0);
    assert_eq!(commands(&mut uplink, 1_000), [HEARD]);
    uplink.handle_appended(SEGMENT, RecordNumber(1), 0);
    assert_eq!(commands(&mut uplink, 1_001), [batch(1)]);
    uplink.handle_sent(1_001, SEGMENT, RecordNumber(1));
    give_receipt(&mut uplink, 1_040, 1);
    assert_eq!(commands(&mut uplink, 1_040), [keep(1)]);
    assert_eq!(uplink.view().round_trip_ms, Some(39));
    assert_eq!(uplink.poll_timeout(), Some(1_000 + GREET_AGAIN_MS));
}

#[test]
fn at_most_a_window_of_batches_is_under_way() {
    let mut uplink = greeted(facts(1_000, 0), 0);
    let mut sent = 0;
    while let Some(command) = uplink.next_command(1_000) {
        if let Command::SendBatch { from, .. } = command {
            sent += 1;
            uplink.handle_sent(1_000, SEGMENT, RecordNumber(from.0 + 9));
        }
    }
    assert_eq!(sent, WINDOW);
    give_receipt(&mut uplink, 1_100, 20);
    assert_eq!(commands(&mut uplink, 1_100), [keep(20), batch(161)]);
}

#[test]
fn a_lost_receipt_is_mended_by_the_next_one() {
    let mut uplink = greeted(facts(2, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(1));
    assert_eq!(commands(&mut uplink, 1_000).len(), 1);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(2));
    give_receipt(&mut uplink, 1_050, 2);
    assert_eq!(commands(&mut uplink, 1_050), [keep(2)]);
}

#[test]
fn without_a_receipt_everything_unreceipted_is_sent_again() {
    let mut uplink = greeted(facts(5, 2), 2);
    assert_eq!(commands(&mut uplink, 1_000), [HEARD, batch(3)]);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(5));
    assert_eq!(uplink.poll_timeout(), Some(11_000));
    uplink.handle_timeout(11_000);
    assert_eq!(commands(&mut uplink, 11_000), [batch(3)]);
}

#[test]
fn a_receipt_with_another_hash_changes_nothing() {
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(5));
    let forged = Receipt {
        hash: hash(99),
        ..receipt(5)
    };
    uplink.handle_message(1_050, &Down::Receipt(&forged, Some(hash(5))));
    assert_eq!(commands(&mut uplink, 1_050), []);
    assert_eq!(uplink.view().doubts, [Doubt::OtherHash]);
}

#[test]
fn a_receipt_of_an_older_generation_is_refused() {
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    let newer = RelayHello {
        generation: 4,
        ..hello(0)
    };
    uplink.handle_message(1_001, &Down::Hello(&newer, &[None]));
    commands(&mut uplink, 1_001);
    give_receipt(&mut uplink, 1_002, 5);
    assert_eq!(commands(&mut uplink, 1_002), []);
    assert_eq!(uplink.view().doubts, [Doubt::OldGeneration]);
}

#[test]
fn a_want_rewinds_once_and_its_echoes_do_not() {
    let mut uplink = greeted(facts(100, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(50));
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(100));
    let want = Want {
        segment: SEGMENT,
        from: RecordNumber(11),
    };
    uplink.handle_message(1_050, &Down::Want(&want));
    let again = commands(&mut uplink, 1_050);
    assert!(
        matches!(
            again[..],
            [Command::SendBatch {
                from: RecordNumber(11),
                ..
            }]
        ),
        "{again:?}"
    );
    uplink.handle_sent(1_050, SEGMENT, RecordNumber(100));
    uplink.handle_message(1_060, &Down::Want(&want));
    assert_eq!(commands(&mut uplink, 1_060), []);
}

#[test]
fn a_restored_relay_gets_again_what_it_lost() {
    let mut uplink = greeted(facts(50, 50), 20);
    let rewind = Command::Rewind {
        segment: SEGMENT,
        through: RecordNumber(20),
    };
    assert_eq!(commands(&mut uplink, 1_000), [HEARD, rewind, batch(21)]);
}

#[test]
fn a_relay_that_knows_nothing_gets_the_header_too() {
    let mut uplink = greeted(facts(50, 50), 0);
    let rewind = Command::Rewind {
        segment: SEGMENT,
        through: RecordNumber(0),
    };
    assert_eq!(commands(&mut uplink, 1_000), [HEARD, rewind, batch(1)]);
}

#[test]
fn a_lost_tail_is_told_and_nothing_is_sent() {
    let mut uplink = Uplink::new(RelayLink::default(), 1, vec![facts(10, 10)], None, 0);
    uplink.handle_timeout(1_000);
    commands(&mut uplink, 1_000);
    uplink.handle_connected(1_000);
    commands(&mut uplink, 1_000);
    uplink.handle_message(1_000, &Down::Hello(&hello(14), &[None]));
    let commands = commands(&mut uplink, 1_000);
    let [_, Command::RolledBack { detail, .. }] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(
        detail.as_str().contains("holds record 14") && detail.as_str().contains("ends at 10"),
        "{detail}"
    );
}

#[test]
fn a_silent_connection_is_given_up_after_a_minute() {
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(5));
    let now = loop {
        let now = uplink.poll_timeout().unwrap();
        uplink.handle_timeout(now);
        let commands = commands(&mut uplink, now);
        if commands.contains(&Command::Disconnect) {
            break now;
        }
        assert!(now < 61_000, "{now}");
        uplink.handle_sent(now, SEGMENT, RecordNumber(5));
    };
    assert_eq!(now, 61_000);
    assert!(
        uplink.poll_timeout().unwrap() <= now + 2_000,
        "connects again soon"
    );
}

#[test]
fn an_idle_connection_says_hello_now_and_then_and_is_given_up_when_nobody_answers() {
    let mut uplink = greeted(facts(5, 5), 5);
    commands(&mut uplink, 1_000);
    let again = 1_000 + GREET_AGAIN_MS;
    assert_eq!(uplink.poll_timeout(), Some(again));
    uplink.handle_timeout(again - 1);
    assert_eq!(commands(&mut uplink, again - 1), []);
    uplink.handle_timeout(again);
    assert_eq!(commands(&mut uplink, again), [Command::SendHello]);
    uplink.handle_message(again + 30, &Down::Hello(&hello(5), &[Some(hash(5))]));
    assert_eq!(commands(&mut uplink, again + 30), []);
    assert_eq!(uplink.poll_timeout(), Some(again + GREET_AGAIN_MS));
    let mut now = again;
    let gone = std::iter::from_fn(|| {
        now = uplink.poll_timeout()?;
        uplink.handle_timeout(now);
        Some(commands(&mut uplink, now))
    });
    let gone = gone.take(20).any(|all| all.contains(&Command::Disconnect));
    assert!(gone && now == again + GREET_AGAIN_MS + 60_000, "{now}");
}

#[test]
fn what_is_under_way_goes_before_another_hello() {
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    let again = 1_000 + GREET_AGAIN_MS;
    uplink.handle_sent(again - 5_000, SEGMENT, RecordNumber(5));
    uplink.handle_timeout(again);
    assert_eq!(commands(&mut uplink, again), []);
    give_receipt(&mut uplink, again + 40, 5);
    assert_eq!(commands(&mut uplink, again + 40), [keep(5)]);
    uplink.handle_timeout(again + 40);
    assert_eq!(commands(&mut uplink, again + 40), [Command::SendHello]);
}

#[test]
fn a_busy_relay_is_left_alone_as_long_as_it_asked() {
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(5));
    let refusal = Refusal {
        segment: None,
        reason: RefusalReason::Busy,
        detail: Note::new("the disk is slow").unwrap(),
        retry_after_ms: 3_000,
    };
    uplink.handle_message(1_100, &Down::Refusal(&refusal));
    assert_eq!(commands(&mut uplink, 4_099), []);
    assert_eq!(uplink.poll_timeout(), Some(4_100));
    uplink.handle_timeout(4_100);
    assert_eq!(commands(&mut uplink, 4_100), [batch(1)]);
}

#[test]
fn a_refused_segment_does_not_hold_the_others() {
    let other = SegmentId([9; 16]);
    let mut uplink = greeted(facts(5, 0), 0);
    commands(&mut uplink, 1_000);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(5));
    let refusal = Refusal {
        segment: Some(SEGMENT),
        reason: RefusalReason::Fork,
        detail: Note::new("record 3 has two contents").unwrap(),
        retry_after_ms: 0,
    };
    uplink.handle_message(1_100, &Down::Refusal(&refusal));
    uplink.handle_begun(SegmentFacts {
        segment: other,
        ..facts(1, 0)
    });
    let sends = commands(&mut uplink, 1_101);
    assert!(
        matches!(sends[..], [Command::SendBatch { segment, .. }] if segment == other),
        "{sends:?}"
    );
}
