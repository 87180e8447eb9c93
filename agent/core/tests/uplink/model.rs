//! Whatever the line and the relay do, every record and every attachment arrives.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::{Command, Down, Uplink};
use tillwire_proto::{AttachmentReceipt, Digest, Receipt, RecordNumber, RelayHello, Want};

use super::{SEGMENT, facts, hash, hello, receipt};

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
