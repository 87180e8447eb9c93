//! Attachments behind the facts: as many whole ones in a message as fit, a long one in pieces, resumable.

use std::collections::BTreeMap;

use tillwire_proto::{AttachmentReceipt, Digest, SegmentId};

use super::flow::Flow;
use super::{Command, Uplink};

/// Most messages with attachments under way: as many publications as the relay takes before it has answered one.
const AT_ONCE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Transfers {
    open: Vec<Transfer>,
    /// Done out of order: the first of each run, and its last.
    done: BTreeMap<(SegmentId, u64), u64>,
}

/// Attachments that follow one another in a segment and travel in one message, or one in pieces.
#[derive(Debug)]
struct Transfer {
    segment: SegmentId,
    from: u64,
    through: u64,
    /// False until it was read, which tells how many fit its message.
    measured: bool,
    /// What its receipt will name; `None` before it has left.
    digest: Option<Digest>,
    offset: u32,
    /// When its newest message left; `None` when one is to be sent.
    sent_at: Option<u64>,
    reading: bool,
}

impl Transfers {
    pub(super) fn in_flight(&self) -> usize {
        self.open
            .iter()
            .filter(|t| t.reading || t.sent_at.is_some())
            .count()
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.done.clear();
    }

    /// The relay holds less of a segment than it once did: nothing that was said of its attachments counts any more.
    pub(super) fn forget(&mut self, segment: SegmentId) {
        self.open.retain(|t| t.segment != segment);
        self.done.retain(|(of, _), _| *of != segment);
    }

    pub(super) fn resend_if_due(&mut self, now: u64, resend: u64) {
        for transfer in &mut self.open {
            if transfer.sent_at.is_some_and(|at| now >= at + resend) {
                transfer.sent_at = None;
            }
        }
    }

    pub(super) fn wake_at(&self, resend: u64) -> Option<u64> {
        self.open
            .iter()
            .filter_map(|t| t.sent_at)
            .map(|at| at + resend)
            .min()
    }

    /// The next message to send: of attachments under way, or of the next ones. How many these are is known when they
    /// are read, so that a segment's next message waits for that.
    pub(super) fn next(&mut self, flows: &mut [Flow]) -> Option<Command> {
        if let Some(ready) = self.open.iter_mut().find(|t| !t.reading && t.sent_at.is_none()) {
            ready.reading = true;
            return Some(ready.command());
        }
        if self.open.len() >= AT_ONCE {
            return None;
        }
        let flow = flows.iter().rev().find(|flow| {
            let unmeasured = |t: &Transfer| t.segment == flow.segment && !t.measured;
            flow.greeted && flow.next_attachment <= flow.attachments && !self.open.iter().any(unmeasured)
        })?;
        let transfer = Transfer {
            segment: flow.segment,
            from: flow.next_attachment,
            through: flow.attachments,
            measured: false,
            digest: None,
            offset: 0,
            sent_at: None,
            reading: true,
        };
        let command = transfer.command();
        self.open.push(transfer);
        Some(command)
    }

    fn find(&mut self, segment: SegmentId, from: u64) -> Option<&mut Transfer> {
        self.open
            .iter_mut()
            .find(|t| t.segment == segment && t.from == from)
    }

    /// Some are done; how far that makes their segment complete.
    fn finish(&mut self, flow: &mut Flow, from: u64, through: u64) -> Option<Command> {
        self.open.retain(|t| (t.segment, t.from) != (flow.segment, from));
        self.done.insert((flow.segment, from), through);
        let before = flow.attached;
        while let Some(last) = self.done.remove(&(flow.segment, flow.attached + 1)) {
            flow.attached = last;
        }
        (flow.attached > before).then_some(Command::KeepAttached {
            segment: flow.segment,
            through: flow.attached,
        })
    }
}

impl Transfer {
    const fn command(&self) -> Command {
        Command::SendAttachments {
            segment: self.segment,
            from: self.from,
            through: self.through,
            offset: self.offset,
        }
    }
}

impl Uplink {
    /// A message with attachments `from..=through` left, or a piece of one; `digest` is what its receipt will name.
    pub fn handle_attachments_sent(
        &mut self,
        now: u64,
        segment: SegmentId,
        from: u64,
        through: u64,
        digest: Digest,
    ) {
        let Some(transfer) = self.transfers.find(segment, from) else {
            return;
        };
        let (wanted, measured) = (transfer.through, transfer.measured);
        (transfer.through, transfer.measured, transfer.digest) = (through, true, Some(digest));
        (transfer.sent_at, transfer.reading) = (Some(now), false);
        self.silent_since.get_or_insert(now);
        self.go_on_after(segment, through, wanted, measured);
    }

    /// A segment's next message with attachments begins after this one; what this one held the first time and does not hold
    /// now is a message of its own.
    fn go_on_after(&mut self, segment: SegmentId, through: u64, wanted: u64, measured: bool) {
        if !measured {
            if let Some(flow) = self.flow(segment) {
                flow.next_attachment = flow.next_attachment.max(through + 1);
            }
        } else if through < wanted {
            self.transfers.open.push(Transfer {
                segment,
                from: through + 1,
                through: wanted,
                measured: true,
                digest: None,
                offset: 0,
                sent_at: None,
                reading: false,
            });
        }
    }

    /// Nothing can be sent of the attachments `from..=through`: they are not on disk any more, so that the relay has had them,
    /// or the disk has changed them, which the shell has written down.
    pub fn handle_attachments_missing(&mut self, segment: SegmentId, from: u64, through: u64) {
        let Some(transfer) = self.transfers.find(segment, from) else {
            return;
        };
        let (wanted, measured) = (transfer.through, transfer.measured);
        self.go_on_after(segment, through, wanted, measured);
        self.finish_attachments(segment, from, through);
    }

    pub(super) fn attachment_receipt(&mut self, now: u64, receipt: &AttachmentReceipt) {
        let Some(transfer) = self
            .transfers
            .open
            .iter_mut()
            .find(|t| t.digest == Some(receipt.digest))
        else {
            return;
        };
        let (segment, from, through) = (transfer.segment, transfer.from, transfer.through);
        if receipt.complete {
            self.finish_attachments(segment, from, through);
        } else if receipt.have > transfer.offset {
            (transfer.offset, transfer.sent_at) = (receipt.have, None);
        } else {
            // No step forward: begin again where the relay is, but not before the usual wait.
            (transfer.offset, transfer.sent_at) = (receipt.have, Some(now));
        }
    }

    fn finish_attachments(&mut self, segment: SegmentId, from: u64, through: u64) {
        if let Some(flow) = self.flows.iter_mut().find(|f| f.segment == segment) {
            let keep = self.transfers.finish(flow, from, through);
            self.commands.extend(keep);
        }
    }
}
