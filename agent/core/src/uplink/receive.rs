//! What comes down: hello, receipt, want, refusal. Believed only as far as it agrees with what is on our disk.

use tillwire_proto::{
    AttachmentReceipt, Digest, Mark, Note, Receipt, RecordNumber, Refusal, RefusalReason, RelayHello,
    RelayId, Want,
};

use super::{Command, Doubt, Link, Uplink};

/// Shortest and longest pause that a busy relay may ask for, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 100..=300_000;

/// A message from the relay whose signature was checked. `ours` is our own chain hash at the number it names; `None`
/// when that record is not on disk.
#[derive(Debug, Clone)]
pub enum Down<'a> {
    /// What the relay holds; `ours` in order of its marks.
    Hello(&'a RelayHello, &'a [Option<Digest>]),
    /// Records are safe.
    Receipt(&'a Receipt, Option<Digest>),
    /// Send again.
    Want(&'a Want),
    /// An attachment, or a part of it, is safe.
    AttachmentReceipt(&'a AttachmentReceipt),
    /// Not accepted.
    Refusal(&'a Refusal),
}

impl Uplink {
    /// Takes a message from the relay.
    pub fn handle_message(&mut self, now: u64, message: &Down<'_>) {
        let Link::Up { heard, .. } = &mut self.link else {
            return; // from a connection that was given up
        };
        *heard = true;
        match message {
            Down::Hello(hello, ours) => self.hello(now, hello, ours),
            Down::Receipt(receipt, ours) => self.receipt(now, receipt, *ours),
            Down::Want(want) => self.want(now, want),
            Down::AttachmentReceipt(receipt) => {
                self.heard(now);
                self.attachment_receipt(now, receipt);
            }
            Down::Refusal(refusal) => self.refusal(now, refusal),
        }
        if self.in_flight() == 0 && self.hello_at.is_none() {
            self.silent_since = None;
        }
    }

    fn heard(&mut self, now: u64) {
        (self.heard_at, self.silent_since) = (Some(now), Some(now));
    }

    /// False for a relay that another one has replaced.
    fn is_current(&mut self, relay: RelayId, generation: u32, greeting: bool) -> bool {
        match self.relay {
            Some((known, seen)) if known == relay && generation < seen => {
                self.doubt(Doubt::OldGeneration);
                return false;
            }
            // Another installation introduces itself before it gives receipts.
            Some((known, _)) if known != relay && !greeting => return false,
            Some(same) if same == (relay, generation) => return true,
            Some(_) => self.attach_again(),
            None => {}
        }
        self.relay = Some((relay, generation));
        self.commands.push_back(Command::Heard { relay, generation });
        true
    }

    /// The relay is another one, or an older copy of itself: its marks will tell which records it lacks, nothing tells which
    /// attachments. All that are on disk are offered again; it answers for what it has.
    fn attach_again(&mut self) {
        // Behind a broker the line outlives a relay: what is under way, or receipted out of order, was another's word too.
        self.transfers.clear();
        for flow in &mut self.flows {
            let attached = flow.attached;
            flow.attach_again();
            if attached > 0 {
                self.commands.push_back(Command::Rewind {
                    segment: flow.segment,
                    through: RecordNumber(flow.receipted),
                });
            }
        }
    }

    fn hello(&mut self, now: u64, hello: &RelayHello, ours: &[Option<Digest>]) {
        if !self.is_current(hello.relay, hello.generation, true) {
            return;
        }
        self.heard(now);
        for (mark, ours) in hello.marks.iter().zip(ours) {
            self.mark(now, mark, *ours, hello.at_ms);
        }
        if self.flows.iter().all(|f| f.greeted || f.is_done()) {
            self.hello_at = None;
        }
    }

    /// The relay's mark of one segment: a receipt when it is ahead of ours, a restored relay when it is behind.
    fn mark(&mut self, now: u64, mark: &Mark, ours: Option<Digest>, at_ms: i64) {
        let Some(flow) = self.flow(mark.segment) else {
            return;
        };
        let (segment, through) = (mark.segment, mark.through.0);
        flow.greeted = true;
        if through > flow.last {
            let detail = format!(
                "the relay holds record {through} of segment {segment}, this disk ends at {}: it was rolled back",
                flow.last
            );
            flow.next = flow.last + 1;
            self.doubt(Doubt::RolledBack);
            let detail = Note::cleaned(&detail).expect("the text is printable");
            self.commands.push_back(Command::RolledBack { segment, detail });
            return;
        }
        let equal = through == 0 || (ours.is_some() && ours == mark.hash);
        let pruned = through + 1 < flow.first_kept;
        if !equal && !pruned {
            flow.rest(now);
            self.doubt(Doubt::OtherHash);
        } else if through < flow.receipted {
            flow.rewind(through);
            self.transfers.forget(segment);
            self.commands.push_back(Command::Rewind {
                segment,
                through: mark.through,
            });
        } else if through > flow.receipted {
            flow.receipted(now, through);
            self.commands.push_back(Command::KeepReceipt {
                segment,
                through: mark.through,
                at_ms,
            });
        }
    }

    fn receipt(&mut self, now: u64, receipt: &Receipt, ours: Option<Digest>) {
        if !self.is_current(receipt.relay, receipt.generation, false) {
            return;
        }
        let Some(flow) = self.flow(receipt.segment) else {
            return;
        };
        let (segment, through) = (receipt.segment, receipt.through);
        if flow.lane != receipt.lane || ours != Some(receipt.hash) {
            // A number that is pruned was receipted before; anything else is a lie or a fork.
            if through.0 >= flow.first_kept {
                self.doubt(Doubt::OtherHash);
            }
            return;
        }
        let before = flow.receipted;
        let round_trip = flow.receipted(now, through.0);
        let ahead = flow.receipted > before;
        self.heard(now);
        self.measure(round_trip);
        if ahead {
            self.commands.push_back(Command::KeepReceipt {
                segment,
                through,
                at_ms: receipt.at_ms,
            });
        }
    }

    /// Smooths as TCP does (RFC 6298: seven eighths of the old).
    fn measure(&mut self, round_trip: Option<u64>) {
        if let Some(sample) = round_trip.filter(|&ms| ms < self.settings.resend_ms) {
            self.round_trip = Some(self.round_trip.map_or(sample, |old| (7 * old + sample) / 8));
        }
    }

    fn want(&mut self, now: u64, want: &Want) {
        self.heard(now);
        let Some(flow) = self.flow(want.segment) else {
            return;
        };
        let from = want.from.0.max(1);
        if !flow.takes_want(now, from) || from > flow.last + 1 {
            return;
        }
        let (pruned, behind) = (from < flow.first_kept, from <= flow.receipted);
        if pruned {
            flow.rest(now); // nobody can send these any more; what is left is offered again after a while
        } else if behind {
            flow.rewind(from - 1);
            self.transfers.forget(want.segment);
            let through = RecordNumber(from - 1);
            self.commands.push_back(Command::Rewind {
                segment: want.segment,
                through,
            });
        } else {
            flow.go_back();
            flow.next = from;
        }
        if pruned {
            self.doubt(Doubt::WantsPruned);
        }
    }

    fn refusal(&mut self, now: u64, refusal: &Refusal) {
        self.heard(now);
        self.refusal = Some(format!("{:?}: {}", refusal.reason, refusal.detail));
        let pause = u64::from(refusal.retry_after_ms).clamp(*PAUSE_MS.start(), *PAUSE_MS.end());
        if refusal.reason == RefusalReason::Busy {
            self.flows.iter_mut().for_each(super::flow::Flow::go_back);
            self.pause_until = now + pause;
            return;
        }
        self.doubt(Doubt::Refused);
        match refusal.segment.and_then(|segment| self.flow(segment)) {
            Some(flow) => flow.rest(now),
            None => self.pause_until = now + pause.max(self.settings.resend_ms),
        }
    }
}
