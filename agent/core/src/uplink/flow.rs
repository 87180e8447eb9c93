//! One segment's way to the relay: what is receipted, what is under way, what comes next.

use std::collections::VecDeque;

use tillwire_proto::{LaneId, SegmentId};

use super::SegmentFacts;

/// A segment whose records the relay does not accept rests so long before it is tried again, in milliseconds.
const REST_MS: u64 = 300_000;

/// The same record is wanted again at the earliest after so long, in milliseconds: the batches that were under way
/// when the first want came would each cause another.
const WANT_AGAIN_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) lane: LaneId,
    pub(super) segment: SegmentId,
    pub(super) first_kept: u64,
    pub(super) last: u64,
    pub(super) receipted: u64,
    /// Next record to send.
    pub(super) next: u64,
    /// True while the shell reads a batch.
    pub(super) reading: bool,
    /// True when the relay has said, on this connection, what it holds.
    pub(super) greeted: bool,
    pub(super) attachments: u64,
    pub(super) attached: u64,
    /// Next attachment to send.
    pub(super) next_attachment: u64,
    /// Batches under way: the last record of each, and when it left.
    sent: VecDeque<(u64, u64)>,
    rest_until: u64,
    wanted: Option<(u64, u64)>,
}

impl Flow {
    pub(super) fn of_disk(facts: SegmentFacts) -> Self {
        Self {
            lane: facts.lane,
            segment: facts.segment,
            first_kept: facts.first_kept.0,
            last: facts.last.0,
            receipted: facts.receipted.0,
            next: (facts.receipted.0 + 1).max(facts.first_kept.0),
            reading: false,
            greeted: false,
            attachments: facts.attachments,
            attached: facts.attached,
            next_attachment: facts.attached + 1,
            sent: VecDeque::new(),
            rest_until: 0,
            wanted: None,
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.sent.len() + usize::from(self.reading)
    }

    pub(super) fn wants_to_send(&self, now: u64) -> bool {
        self.greeted && !self.reading && self.next <= self.last && now >= self.rest_until
    }

    /// True when nothing waits on it, so that no hello needs to name it.
    pub(super) fn is_done(&self) -> bool {
        self.receipted >= self.last && self.attached >= self.attachments
    }

    pub(super) fn needs_header(&self) -> bool {
        self.next == 1 || self.receipted == 0
    }

    /// A batch left up to `through`; false when nothing could be read.
    pub(super) fn sent(&mut self, now: u64, through: u64) -> bool {
        self.reading = false;
        if through < self.next {
            // Deleted or unreadable; the relay will want what it can get after the next hello.
            self.rest_until = now + REST_MS;
            return false;
        }
        self.next = through + 1;
        self.sent.push_back((through, now));
        true
    }

    /// Everything through `through` is receipted; the round trip of the newest batch that this covers.
    pub(super) fn receipted(&mut self, now: u64, through: u64) -> Option<u64> {
        let mut round_trip = None;
        while let Some(&(last, at)) = self.sent.front()
            && last <= through
        {
            round_trip = Some(now.saturating_sub(at));
            self.sent.pop_front();
        }
        self.receipted = self.receipted.max(through);
        self.next = self.next.max(through + 1);
        round_trip
    }

    /// Goes back to the first record without a receipt.
    pub(super) fn go_back(&mut self) {
        self.sent.clear();
        self.reading = false;
        self.next = (self.receipted + 1).max(self.first_kept);
    }

    /// The relay holds only up to `through`.
    pub(super) fn rewind(&mut self, through: u64) {
        self.receipted = through;
        self.attach_again();
        self.go_back();
    }

    /// All attachments go again.
    pub(super) const fn attach_again(&mut self) {
        (self.attached, self.next_attachment) = (0, 1);
    }

    pub(super) fn rest(&mut self, now: u64) {
        self.go_back();
        self.rest_until = now + REST_MS;
    }

    /// True when a want is news and not the echo of one that was answered.
    pub(super) fn takes_want(&mut self, now: u64, from: u64) -> bool {
        let echo = self
            .wanted
            .is_some_and(|(wanted, at)| wanted == from && now < at + WANT_AGAIN_MS);
        if !echo {
            self.wanted = Some((from, now));
        }
        !echo
    }

    pub(super) fn forget_connection(&mut self) {
        self.go_back();
        self.greeted = false;
        self.rest_until = 0;
        self.wanted = None;
        self.next_attachment = self.attached + 1;
    }

    /// Ends a rest that is over, and sends again what has waited too long.
    pub(super) fn wake(&mut self, now: u64, resend: u64) {
        if now >= self.rest_until {
            self.rest_until = 0;
        }
        if self.sent.front().is_some_and(|&(_, at)| now >= at + resend) {
            self.go_back();
        }
    }

    pub(super) fn wake_at(&self, resend: u64) -> Option<u64> {
        let rest = (self.rest_until > 0 && self.next <= self.last).then_some(self.rest_until);
        self.sent
            .front()
            .map(|&(_, at)| at + resend)
            .into_iter()
            .chain(rest)
            .min()
    }
}
