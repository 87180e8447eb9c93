//! Attachments behind the facts: a few at a time, each in pieces, resumable.

use std::collections::BTreeSet;

use tillwire_proto::{AttachmentReceipt, Digest, SegmentId};

use super::flow::Flow;
use super::{Command, Uplink};

/// Most attachments under way: as many publications as the relay takes before it has answered one.
const AT_ONCE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Transfers {
    open: Vec<Transfer>,
    /// Done out of order.
    done: BTreeSet<(SegmentId, u64)>,
}

#[derive(Debug)]
struct Transfer {
    segment: SegmentId,
    number: u64,
    digest: Option<Digest>,
    offset: u32,
    /// When its newest piece left; `None` when one is to be sent.
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

    /// The next piece to send, of an attachment under way or of the next one.
    pub(super) fn next(&mut self, flows: &mut [Flow]) -> Option<Command> {
        if let Some(ready) = self.open.iter_mut().find(|t| !t.reading && t.sent_at.is_none()) {
            ready.reading = true;
            return Some(ready.command());
        }
        if self.open.len() >= AT_ONCE {
            return None;
        }
        let flow = flows
            .iter_mut()
            .rev()
            .find(|f| f.greeted && f.next_attachment <= f.attachments)?;
        let transfer = Transfer {
            segment: flow.segment,
            number: flow.next_attachment,
            digest: None,
            offset: 0,
            sent_at: None,
            reading: true,
        };
        flow.next_attachment += 1;
        let command = transfer.command();
        self.open.push(transfer);
        Some(command)
    }

    fn find(&mut self, segment: SegmentId, number: u64) -> Option<&mut Transfer> {
        self.open
            .iter_mut()
            .find(|t| t.segment == segment && t.number == number)
    }

    /// One is done; how far that makes its segment complete.
    fn finish(&mut self, flow: &mut Flow, number: u64) -> Option<Command> {
        self.open
            .retain(|t| (t.segment, t.number) != (flow.segment, number));
        self.done.insert((flow.segment, number));
        let before = flow.attached;
        while self.done.remove(&(flow.segment, flow.attached + 1)) {
            flow.attached += 1;
        }
        (flow.attached > before).then_some(Command::KeepAttached {
            segment: flow.segment,
            through: flow.attached,
        })
    }
}

impl Transfer {
    const fn command(&self) -> Command {
        Command::SendAttachment {
            segment: self.segment,
            number: self.number,
            offset: self.offset,
        }
    }
}

impl Uplink {
    /// A piece of an attachment left.
    pub fn handle_attachment_sent(&mut self, now: u64, segment: SegmentId, number: u64, digest: Digest) {
        if let Some(transfer) = self.transfers.find(segment, number) {
            (transfer.digest, transfer.sent_at, transfer.reading) = (Some(digest), Some(now), false);
            self.silent_since.get_or_insert(now);
        }
    }

    /// An attachment is not on disk any more: the relay has had it.
    pub fn handle_attachment_missing(&mut self, segment: SegmentId, number: u64) {
        self.finish_attachment(segment, number);
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
        let (segment, number) = (transfer.segment, transfer.number);
        if receipt.complete {
            self.finish_attachment(segment, number);
        } else if receipt.have > transfer.offset {
            (transfer.offset, transfer.sent_at) = (receipt.have, None);
        } else {
            // No step forward: begin again where the relay is, but not before the usual wait.
            (transfer.offset, transfer.sent_at) = (receipt.have, Some(now));
        }
    }

    fn finish_attachment(&mut self, segment: SegmentId, number: u64) {
        if let Some(flow) = self.flows.iter_mut().find(|f| f.segment == segment) {
            let keep = self.transfers.finish(flow, number);
            self.commands.extend(keep);
        }
    }
}
