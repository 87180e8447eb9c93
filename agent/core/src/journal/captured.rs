//! What capture hands to the journal: an observation that has no clock reading and no place in a chain yet.

use tillwire_proto::{Fact, LaneId, RegisterId, Witness};

/// One thing understood (or not) from a source's bytes, to be journaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The capture point it came in by.
    pub lane: LaneId,
    /// Whose account it is.
    pub witness: Witness,
    /// How many pieces of card data the tripwire replaced in `raw`.
    pub redacted: u32,
    /// The source's bytes *after* the tripwire, kept as attachment; empty when there are none. At most
    /// [`tillwire_proto::ATTACHMENT_LEN_MAX`].
    pub raw: Vec<u8>,
    /// What was understood.
    pub fact: Fact,
}

impl Captured {
    /// The register it belongs to, where the fact names one.
    #[must_use]
    pub fn register(&self) -> Option<&RegisterId> {
        match &self.fact {
            Fact::Transaction(transaction) => Some(&transaction.key.register),
            Fact::Terminal(payment) => Some(&payment.register),
            Fact::Unreadable(unreadable) => unreadable.register.as_ref(),
            Fact::Close(close) => Some(&close.register),
            Fact::Printed(printed) => Some(&printed.register),
            Fact::Report(report) => Some(&report.register),
            Fact::Screen(screen) => Some(&screen.register),
            Fact::Notice(_) => None,
        }
    }
}
