//! The uplink machine against a relay and a line that misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::{Command, Doubt, Down, GREET_AGAIN_MS, SegmentFacts, Uplink, WINDOW};
use tillwire_proto::{
    AttachmentReceipt, Digest, LaneId, Mark, Note, Receipt, RecordNumber, Refusal, RefusalReason, RelayHello,
    RelayId, SegmentId, Want,
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

fn load(from: u64, through: u64, offset: u32) -> Command {
    Command::SendAttachments {
        segment: SEGMENT,
        from,
        through,
        offset,
    }
}

fn attached(through: u64) -> Command {
    Command::KeepAttached {
        segment: SEGMENT,
        through,
    }
}

fn give_attachment_receipt(uplink: &mut Uplink, now: u64, digest: Digest, have: u32, complete: bool) {
    let receipt = AttachmentReceipt {
        digest,
        have,
        complete,
    };
    uplink.handle_message(now, &Down::AttachmentReceipt(&receipt));
}

/// A machine whose only record left at 1000, with so many attachments to go behind it.
fn attaching(attachments: u64) -> Uplink {
    let mut uplink = greeted(
        SegmentFacts {
            attachments,
            ..facts(1, 0)
        },
        0,
    );
    assert_eq!(commands(&mut uplink, 1_000), [HEARD, batch(1)]);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(1));
    uplink
}

#[test]
fn attachments_travel_behind_the_facts_and_long_ones_resume() {
    let mut uplink = attaching(2);
    assert_eq!(commands(&mut uplink, 1_000), [load(1, 2, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 1, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [load(2, 2, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 2, 2, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(1), 49_152, false);
    assert_eq!(commands(&mut uplink, 1_050), [load(1, 1, 49_152)]);
    uplink.handle_attachments_sent(1_050, SEGMENT, 1, 1, hash(1));
    give_attachment_receipt(&mut uplink, 1_060, hash(2), 80, true);
    assert_eq!(commands(&mut uplink, 1_060), []);
    give_attachment_receipt(&mut uplink, 1_070, hash(1), 60_000, true);
    assert_eq!(commands(&mut uplink, 1_070), [attached(2)]);
}

#[test]
fn what_fits_a_message_goes_together_and_one_receipt_is_for_all_of_it() {
    let mut uplink = attaching(300);
    assert_eq!(commands(&mut uplink, 1_000), [load(1, 300, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 256, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [load(257, 300, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 257, 300, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(2), 9_000, true);
    assert_eq!(commands(&mut uplink, 1_050), [], "the first are not there yet");
    give_attachment_receipt(&mut uplink, 1_060, hash(1), 9_000, true);
    assert_eq!(commands(&mut uplink, 1_060), [attached(300)]);
}

#[test]
fn what_does_not_fit_when_it_is_sent_again_goes_in_a_message_of_its_own() {
    let mut uplink = attaching(40);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 40, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1)]);
    uplink.handle_timeout(11_001);
    assert_eq!(commands(&mut uplink, 11_001), [load(1, 40, 0)]);
    uplink.handle_attachments_sent(11_001, SEGMENT, 1, 25, hash(2));
    assert_eq!(commands(&mut uplink, 11_001), [load(26, 40, 0)]);
    uplink.handle_attachments_sent(11_001, SEGMENT, 26, 40, hash(3));
    give_attachment_receipt(&mut uplink, 11_050, hash(3), 1, true);
    give_attachment_receipt(&mut uplink, 11_050, hash(2), 1, true);
    assert_eq!(commands(&mut uplink, 11_050), [attached(40)]);
}

#[test]
fn what_the_disk_changed_is_passed_over_and_what_stands_behind_it_goes() {
    let mut uplink = attaching(9);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 9, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1)]);
    uplink.handle_timeout(11_002);
    assert_eq!(commands(&mut uplink, 11_002), [load(1, 9, 0)]);
    uplink.handle_attachments_sent(11_002, SEGMENT, 1, 4, hash(2));
    assert_eq!(commands(&mut uplink, 11_002), [load(5, 9, 0)]);
    uplink.handle_attachments_missing(SEGMENT, 5, 5);
    assert_eq!(commands(&mut uplink, 11_002), [load(6, 9, 0)]);
    uplink.handle_attachments_sent(11_002, SEGMENT, 6, 9, hash(3));
    for digest in [hash(2), hash(3)] {
        give_attachment_receipt(&mut uplink, 11_050, digest, 1, true);
    }
    assert_eq!(commands(&mut uplink, 11_050), [attached(5), attached(9)]);
}

#[test]
fn a_relay_put_back_to_a_copy_is_offered_every_attachment_again() {
    let facts = SegmentFacts {
        attachments: 3,
        attached: 3,
        ..facts(1, 1)
    };
    let mut uplink = Uplink::new(RelayLink::default(), 1, vec![facts], Some((RELAY, 0)), 0);
    uplink.handle_timeout(1_000);
    uplink.next_command(1_000);
    uplink.handle_connected(1_000);
    commands(&mut uplink, 1_000);
    uplink.handle_message(1_000, &Down::Hello(&hello(1), &[Some(hash(1))]));
    let rewind = Command::Rewind {
        segment: SEGMENT,
        through: RecordNumber(1),
    };
    assert_eq!(commands(&mut uplink, 1_000), [rewind, HEARD, load(1, 3, 0)]);
}

#[test]
fn behind_a_broker_a_copied_relay_gets_what_only_the_one_before_it_receipted() {
    let mut uplink = attaching(9);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 4, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1), load(5, 9, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 5, 9, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(2), 1, true);
    assert_eq!(commands(&mut uplink, 1_050), []);
    let copied = RelayHello {
        generation: 2,
        ..hello(1)
    };
    uplink.handle_message(1_060, &Down::Hello(&copied, &[Some(hash(1))]));
    let heard = Command::Heard {
        relay: RELAY,
        generation: 2,
    };
    assert_eq!(commands(&mut uplink, 1_060), [heard, load(1, 9, 0)]);
}

/// A line and a relay with everything that goes wrong between them, and what the agent has kept of it.
#[derive(Debug)]
struct World {
    uplink: Uplink,
    now: u64,
    connected: bool,
    last: u64,
    /// Receipted on the agent's disk.
    kept: u64,
    stored: u64,
    /// Attachments receipted on the agent's disk, all up to this one; there are as many as records.
    attached: u64,
    /// Attachments at the relay, and the first halves of long ones.
    held: BTreeSet<u64>,
    begun: BTreeSet<u64>,
    generation: u32,
    up: VecDeque<Up>,
    down: VecDeque<Answer>,
}

#[derive(Debug, Clone, Copy)]
enum Up {
    Records(u64, u64),
    Attachments(u64, u64),
    /// Half of a long one.
    Half(u64, u32),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Hello,
    Receipt(u64),
    Want(u64),
    Attachments(AttachmentReceipt),
}

/// A long attachment travels in two pieces.
const HALF: u32 = 40_000;

fn is_long(attachment: u64) -> bool {
    attachment.is_multiple_of(7)
}

fn bundle(from: u64, through: u64) -> Digest {
    Digest::of(format!("{from} to {through}").as_bytes())
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Append(u64),
    DeliverUp,
    DropUp,
    DeliverDown,
    DropDown,
    Wait(u64),
    Cut,
    RestoreRelay(u64),
    Forge,
}

impl World {
    fn new() -> Self {
        let uplink = Uplink::new(RelayLink::default(), 3, vec![facts(0, 0)], None, 0);
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Self {
            uplink,
            now: 0,
            connected: false,
            last: 0,
            kept: 0,
            stored: 0,
            attached: 0,
            held: BTreeSet::new(),
            begun: BTreeSet::new(),
            generation: 1,
            up,
            down,
        }
    }

    fn cut(&mut self) {
        if self.connected {
            self.uplink.handle_disconnected(self.now);
        }
        self.connected = false;
        (self.up, self.down) = (VecDeque::new(), VecDeque::new());
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Append(count) => {
                self.last += count;
                self.uplink
                    .handle_appended(SEGMENT, RecordNumber(self.last), self.last);
            }
            Event::DeliverUp => self.deliver_up(),
            Event::DropUp => drop(self.up.pop_front()),
            Event::DeliverDown => self.deliver_down(),
            Event::DropDown => drop(self.down.pop_front()),
            Event::Wait(ms) => {
                self.now += ms;
                self.uplink.handle_timeout(self.now);
            }
            Event::Cut => self.cut(),
            Event::RestoreRelay(lost) => {
                self.cut();
                // Attachments come after their records: a copy may have these and lack those.
                self.stored = self.stored.saturating_sub(lost.saturating_sub(10));
                let newest = self.held.last().copied().unwrap_or(0);
                self.held.retain(|one| one + lost <= newest);
                self.begun.clear();
                self.generation += 1;
            }
            Event::Forge => {
                let forged = Receipt {
                    hash: hash(u64::MAX),
                    ..receipt(self.last)
                };
                let ours = Some(hash(self.last));
                self.uplink
                    .handle_message(self.now, &Down::Receipt(&forged, ours));
            }
        }
        self.obey();
    }

    fn obey(&mut self) {
        while let Some(command) = self.uplink.next_command(self.now) {
            match command {
                Command::Connect => {
                    self.connected = true;
                    self.uplink.handle_connected(self.now);
                }
                Command::Disconnect => {
                    self.connected = false;
                    (self.up, self.down) = (VecDeque::new(), VecDeque::new());
                }
                Command::SendHello => self.down.push_back(Answer::Hello),
                Command::SendBatch { from, .. } => {
                    let through = (from.0 + 6).min(self.last);
                    self.up.push_back(Up::Records(from.0, through));
                    self.uplink.handle_sent(self.now, SEGMENT, RecordNumber(through));
                }
                Command::KeepReceipt { through, .. } => {
                    assert!(
                        through.0 <= self.stored,
                        "kept a receipt for what the relay does not hold"
                    );
                    self.kept = through.0;
                }
                Command::SendAttachments {
                    from,
                    through,
                    offset,
                    ..
                } => self.load(from, through, offset),
                Command::KeepAttached { through, .. } => {
                    assert!(
                        (1..=through).all(|one| self.held.contains(&one)),
                        "kept a receipt for attachments that the relay does not hold"
                    );
                    self.attached = through;
                }
                Command::Rewind { through, .. } => (self.kept, self.attached) = (through.0, 0),
                Command::Heard { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// As many as fit; sometimes fewer than at another time.
    fn load(&mut self, from: u64, through: u64, offset: u32) {
        let (last, digest) = if is_long(from) {
            self.up.push_back(Up::Half(from, offset));
            (from, bundle(from, from))
        } else {
            let fit = 3 + self.now % 3;
            let last = (from..=through)
                .take(usize::try_from(fit).unwrap())
                .take_while(|one| !is_long(*one))
                .last()
                .unwrap();
            self.up.push_back(Up::Attachments(from, last));
            (last, bundle(from, last))
        };
        self.uplink
            .handle_attachments_sent(self.now, SEGMENT, from, last, digest);
    }

    fn deliver_up(&mut self) {
        let answer = match self.up.pop_front() {
            None => return,
            Some(Up::Records(from, _)) if from > self.stored + 1 => Answer::Want(self.stored + 1),
            Some(Up::Records(_, through)) => {
                self.stored = self.stored.max(through);
                Answer::Receipt(self.stored)
            }
            Some(Up::Attachments(from, through)) => {
                self.held.extend(from..=through);
                Answer::Attachments(AttachmentReceipt {
                    digest: bundle(from, through),
                    have: 9,
                    complete: true,
                })
            }
            Some(Up::Half(one, offset)) => Answer::Attachments(self.take_half(one, offset)),
        };
        self.down.push_back(answer);
    }

    fn take_half(&mut self, one: u64, offset: u32) -> AttachmentReceipt {
        let begun = self.begun.contains(&one);
        if offset == HALF && begun {
            self.held.insert(one);
        } else if offset == 0 {
            self.begun.insert(one);
        }
        let complete = self.held.contains(&one);
        let have = match (complete, self.begun.contains(&one)) {
            (true, _) => 2 * HALF,
            (_, true) => HALF,
            _ => 0,
        };
        AttachmentReceipt {
            digest: bundle(one, one),
            have,
            complete,
        }
    }

    fn deliver_down(&mut self) {
        let Some(answer) = self.down.pop_front() else {
            return;
        };
        let generation = self.generation;
        match answer {
            Answer::Hello => {
                let hello = RelayHello {
                    generation,
                    ..hello(self.stored)
                };
                let ours = [(self.stored > 0 && self.stored <= self.last).then(|| hash(self.stored))];
                self.uplink.handle_message(self.now, &Down::Hello(&hello, &ours));
            }
            Answer::Receipt(through) => {
                let receipt = Receipt {
                    generation,
                    ..receipt(through)
                };
                self.uplink
                    .handle_message(self.now, &Down::Receipt(&receipt, Some(hash(through))));
            }
            Answer::Want(from) => {
                let want = Want {
                    segment: SEGMENT,
                    from: RecordNumber(from),
                };
                self.uplink.handle_message(self.now, &Down::Want(&want));
            }
            Answer::Attachments(receipt) => self
                .uplink
                .handle_message(self.now, &Down::AttachmentReceipt(&receipt)),
        }
    }

    /// No more faults: everything must arrive.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.step(Event::DeliverUp);
            self.step(Event::DeliverDown);
            if self.up.is_empty() && self.down.is_empty() {
                let attached = self.attached == self.last && self.held.len() as u64 == self.last;
                if self.kept == self.last && self.stored == self.last && attached && self.connected {
                    return;
                }
                let next = self.uplink.poll_timeout().unwrap_or(self.now + 1);
                self.step(Event::Wait(next.saturating_sub(self.now).max(1)));
            }
        }
        panic!("not everything arrived: {self:?}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..20_u64).prop_map(Event::Append),
        8 => Just(Event::DeliverUp),
        2 => Just(Event::DropUp),
        8 => Just(Event::DeliverDown),
        2 => Just(Event::DropDown),
        3 => (1..30_000_u64).prop_map(Event::Wait),
        1 => Just(Event::Cut),
        1 => (1..40_u64).prop_map(Event::RestoreRelay),
        1 => Just(Event::Forge),
    ]
}

proptest! {
    #[test]
    fn every_record_and_attachment_arrives_whatever_the_line_does(events in prop::collection::vec(event(), 0..300)) {
        let mut world = World::new();
        for event in events {
            world.step(event);
        }
        world.settle();
    }
}
