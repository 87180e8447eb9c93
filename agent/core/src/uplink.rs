//! The uplink: which records to send next, when to send them again, what to believe of what comes back.
//!
//! A machine without sockets, clocks or disk. The shell feeds it what happened (`handle_…`, with `now` in milliseconds
//! of a clock that never goes back) and does what [`Uplink::next_command`] says until there is nothing more; then it
//! waits for an event or for [`Uplink::poll_timeout`].
//!
//! * Nothing is sent on a segment before the relay has said how much of it it holds (hello).
//! * At most 16 messages are under way. What waits meanwhile goes together in the next batch: a lone sale leaves at
//!   once, a backlog leaves in full batches.
//! * Newest segment first, so that live sales overtake an older start's backlog; attachments only when no record waits.
//! * Receipts are cumulative. What has none is sent again from the first missing record (go-back-n) after
//!   `max(resend, 4 × round trip)`, or at once when the relay wants it.
//! * A receipt counts only when its hash equals ours; the shell has checked the signature and looked ours up.
//! * PUBACKs mean nothing here. A connection that carries no receipt while something is under way is built anew.
//!
//! It never reads or holds a record: it says numbers, the shell reads bytes.

mod attachments;
mod backoff;
mod flow;
mod receive;

use std::collections::VecDeque;

use tillwire_proto::{LaneId, Note, RecordNumber, RelayId, SegmentId};

use crate::settings::RelayLink;
use attachments::Transfers;
pub use backoff::Backoff;
use flow::Flow;
pub use receive::Down;

/// Most messages under way at once.
pub const WINDOW: usize = 16;

/// What the machine is told about a segment when it starts, or when the journal begins one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its lane.
    pub lane: LaneId,
    /// The segment.
    pub segment: SegmentId,
    /// Oldest record on disk.
    pub first_kept: RecordNumber,
    /// Newest record.
    pub last: RecordNumber,
    /// Covered by a receipt.
    pub receipted: RecordNumber,
    /// Newest attachment.
    pub attachments: u64,
    /// Attachments covered by their receipts.
    pub attached: u64,
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Build a new connection, subscribe, and tell the outcome.
    Connect,
    /// Give the connection up, without hoping for an answer.
    Disconnect,
    /// Say what is on disk; several messages when there are many segments.
    SendHello,
    /// Send as many records from `from` as fit a batch, and tell how far it went.
    SendBatch {
        /// The segment.
        segment: SegmentId,
        /// First record.
        from: RecordNumber,
        /// True when the relay needs the segment's header.
        with_header: bool,
    },
    /// Send as many whole attachments of `from..=through` as fit a message, or a piece of the first where that alone does
    /// not, and tell how far it went.
    SendAttachments {
        /// The segment.
        segment: SegmentId,
        /// Number of the first in it.
        from: u64,
        /// Number of the last that may go along.
        through: u64,
        /// Where a piece starts in the packed bytes; 0 unless one was sent before.
        offset: u32,
    },
    /// Keep this as receipted.
    KeepReceipt {
        /// The segment.
        segment: SegmentId,
        /// Everything up to here.
        through: RecordNumber,
        /// The relay's clock.
        at_ms: i64,
    },
    /// Keep attachments up to here as receipted.
    KeepAttached {
        /// The segment.
        segment: SegmentId,
        /// Everything up to here.
        through: u64,
    },
    /// The relay holds less than it once said: lower the mark, and count no attachment as receipted.
    Rewind {
        /// The segment.
        segment: SegmentId,
        /// Records up to here count as receipted.
        through: RecordNumber,
    },
    /// Remember this relay.
    Heard {
        /// Which installation.
        relay: RelayId,
        /// Its generation.
        generation: u32,
    },
    /// Write down that this disk is older than what the relay has seen of it.
    RolledBack {
        /// The segment.
        segment: SegmentId,
        /// In words.
        detail: Note,
    },
}

/// A quiet connection says hello again after so long, in milliseconds: the relay hears of the box's health, the box whether
/// the relay is still there, also where a broker stands between the two.
pub const GREET_AGAIN_MS: u64 = 300_000;

/// The connection as the machine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Connect again at this time.
    Down { retry_at: u64 },
    /// The shell is connecting.
    Connecting,
    /// Connected.
    Up { since: u64, heard: bool },
}

/// Something that a person should see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// A receipt or mark named another hash than ours.
    OtherHash,
    /// A relay of a lower generation than was seen before.
    OldGeneration,
    /// The relay refused messages.
    Refused,
    /// The relay wants records that are no longer on disk.
    WantsPruned,
    /// The relay holds more of a segment than this disk.
    RolledBack,
}

/// What `status` and health show of the uplink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// True when connected and greeted.
    pub up: bool,
    /// Messages under way.
    pub in_flight: usize,
    /// Time of the last receipt or hello, on the machine's clock.
    pub heard_at: Option<u64>,
    /// Smoothed round trip from batch to receipt, in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// What a person should see, each kind once.
    pub doubts: Vec<Doubt>,
    /// The relay's last refusal, in words.
    pub refusal: Option<String>,
}

/// The machine.
#[derive(Debug)]
pub struct Uplink {
    settings: RelayLink,
    backoff: Backoff,
    link: Link,
    flows: Vec<Flow>,
    transfers: Transfers,
    commands: VecDeque<Command>,
    relay: Option<(RelayId, u32)>,
    /// Since when something is under way without a word from the relay.
    silent_since: Option<u64>,
    hello_at: Option<u64>,
    greeted_at: u64,
    pause_until: u64,
    round_trip: Option<u64>,
    heard_at: Option<u64>,
    doubts: Vec<Doubt>,
    refusal: Option<String>,
}

impl Uplink {
    /// A machine over what is on disk, oldest segment first; `seed` makes its pauses differ from other agents'.
    #[must_use]
    pub fn new(
        settings: RelayLink,
        seed: u64,
        segments: Vec<SegmentFacts>,
        relay: Option<(RelayId, u32)>,
        now: u64,
    ) -> Self {
        let mut backoff = Backoff::new(settings.backoff_min_ms, settings.backoff_max_ms, seed);
        let link = Link::Down {
            retry_at: now + backoff.next_pause(),
        };
        Self {
            settings,
            backoff,
            link,
            flows: segments.into_iter().map(Flow::of_disk).collect(),
            transfers: Transfers::default(),
            commands: VecDeque::new(),
            relay,
            silent_since: None,
            hello_at: None,
            greeted_at: now,
            pause_until: 0,
            round_trip: None,
            heard_at: None,
            doubts: Vec::new(),
            refusal: None,
        }
    }

    /// Connected and subscribed.
    pub fn handle_connected(&mut self, now: u64) {
        self.link = Link::Up {
            since: now,
            heard: false,
        };
        self.hello_at = None;
        self.pause_until = 0;
        self.greet(now);
    }

    /// The connection is gone, or could not be made.
    pub fn handle_disconnected(&mut self, now: u64) {
        if let Link::Up { since, heard: true } = self.link
            && now.saturating_sub(since) >= self.settings.useful_ms
        {
            self.backoff.reset();
        }
        if !matches!(self.link, Link::Down { .. }) {
            self.link = Link::Down {
                retry_at: now + self.backoff.next_pause(),
            };
        }
        self.flows.iter_mut().for_each(Flow::forget_connection);
        self.transfers.clear();
        self.commands
            .retain(|c| !matches!(c, Command::SendHello | Command::Disconnect));
        (self.silent_since, self.hello_at) = (None, None);
    }

    /// The journal has records and attachments up to here. Unknown segments are begun with [`Self::handle_begun`].
    pub fn handle_appended(&mut self, segment: SegmentId, last: RecordNumber, attachments: u64) {
        if let Some(flow) = self.flow(segment) {
            flow.last = flow.last.max(last.0);
            flow.attachments = flow.attachments.max(attachments);
        }
    }

    /// True when the machine knows the segment.
    #[must_use]
    pub fn knows(&self, segment: SegmentId) -> bool {
        self.flows.iter().any(|f| f.segment == segment)
    }

    /// The journal began a segment. The relay cannot hold anything of it, so it needs no hello.
    pub fn handle_begun(&mut self, facts: SegmentFacts) {
        if !self.knows(facts.segment) {
            let greeted = matches!(self.link, Link::Up { .. }) && facts.receipted == RecordNumber::HEADER;
            let mut flow = Flow::of_disk(facts);
            flow.greeted = greeted;
            self.flows.push(flow);
        }
    }

    /// A batch left, up to `through`. Nothing could be read when that is before its `from`.
    pub fn handle_sent(&mut self, now: u64, segment: SegmentId, through: RecordNumber) {
        let Some(flow) = self.flow(segment) else { return };
        if flow.sent(now, through.0) {
            self.silent_since.get_or_insert(now);
        }
    }

    /// What time brings: connecting again, sending again, giving a silent connection up.
    pub fn handle_timeout(&mut self, now: u64) {
        match self.link {
            Link::Down { retry_at } if now >= retry_at => {
                self.link = Link::Connecting;
                self.commands.push_back(Command::Connect);
            }
            Link::Up { .. } => self.check_silence(now),
            _ => {}
        }
    }

    fn check_silence(&mut self, now: u64) {
        if self
            .silent_since
            .is_some_and(|since| now >= since + self.settings.watchdog_ms)
        {
            self.handle_disconnected(now);
            self.commands.push_back(Command::Disconnect);
            return;
        }
        if now >= self.pause_until {
            self.pause_until = 0;
        }
        let resend = self.resend_after();
        self.flows.iter_mut().for_each(|flow| flow.wake(now, resend));
        self.transfers.resend_if_due(now, resend);
        let unanswered = self.hello_at.is_some_and(|at| now >= at + resend);
        if unanswered || self.greets_again_at().is_some_and(|at| now >= at) {
            self.greet(now);
        }
    }

    /// When a quiet connection says hello again. What is under way says as much, and goes first.
    fn greets_again_at(&self) -> Option<u64> {
        let quiet = self.hello_at.is_none() && self.in_flight() == 0;
        quiet.then_some(self.greeted_at + GREET_AGAIN_MS)
    }

    fn greet(&mut self, now: u64) {
        self.hello_at = Some(now);
        self.greeted_at = now;
        self.silent_since.get_or_insert(now);
        self.commands.push_back(Command::SendHello);
    }

    fn resend_after(&self) -> u64 {
        self.settings.resend_ms.max(4 * self.round_trip.unwrap_or(0))
    }

    /// When to call [`Self::handle_timeout`] at the latest; `None` when only an event can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let resend = self.resend_after();
        match self.link {
            Link::Down { retry_at } => Some(retry_at),
            Link::Connecting => None,
            Link::Up { .. } => {
                let silence = self.silent_since.map(|since| since + self.settings.watchdog_ms);
                let hello = self.hello_at.map(|at| at + resend);
                let flows = self.flows.iter().filter_map(|f| f.wake_at(resend));
                let pause = (self.pause_until > 0).then_some(self.pause_until);
                flows
                    .chain(silence)
                    .chain(hello)
                    .chain(pause)
                    .chain(self.greets_again_at())
                    .chain(self.transfers.wake_at(resend))
                    .min()
            }
        }
    }

    /// The next thing to do; `None` when there is nothing until the next event.
    pub fn next_command(&mut self, now: u64) -> Option<Command> {
        if let Some(command) = self.commands.pop_front() {
            return Some(command);
        }
        if !matches!(self.link, Link::Up { .. }) || now < self.pause_until || self.in_flight() >= WINDOW {
            return None;
        }
        if let Some(flow) = self.flows.iter_mut().rev().find(|f| f.wants_to_send(now)) {
            let (segment, from) = (flow.segment, RecordNumber(flow.next));
            flow.reading = true;
            return Some(Command::SendBatch {
                segment,
                from,
                with_header: flow.needs_header(),
            });
        }
        let records_wait = self.flows.iter().any(|f| f.reading || f.wants_to_send(now));
        if records_wait {
            None
        } else {
            self.transfers.next(&mut self.flows)
        }
    }

    /// Messages under way.
    fn in_flight(&self) -> usize {
        self.flows.iter().map(Flow::in_flight).sum::<usize>() + self.transfers.in_flight()
    }

    /// The machine's state for people.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            up: matches!(self.link, Link::Up { heard: true, .. }),
            in_flight: self.in_flight(),
            heard_at: self.heard_at,
            round_trip_ms: self.round_trip,
            doubts: self.doubts.clone(),
            refusal: self.refusal.clone(),
        }
    }

    fn flow(&mut self, segment: SegmentId) -> Option<&mut Flow> {
        self.flows.iter_mut().find(|f| f.segment == segment)
    }

    fn doubt(&mut self, doubt: Doubt) {
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }
}
