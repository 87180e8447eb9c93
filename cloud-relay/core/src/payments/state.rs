//! The states of a payment, and which event is legal in which: one table, read by the machine and by its test.

use serde::{Deserialize, Serialize};

use super::event::PaymentAct;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentState {
    /// Refused; no money moves.
    Declined,
    /// Approved offline and kept in the terminal; nobody at the processor knows of it yet.
    Stored,
    /// Reserved on the card, not taken.
    Authorised,
    /// Less was taken than was reserved.
    PartlyCaptured,
    /// Taken.
    Captured,
    /// Taken, with a tip that was added later.
    TipAdjusted,
    /// Taken back before it was settled; no money moves.
    Voided,
    /// Given back, in part or whole; also money given back that belongs to no payment known here.
    Refunded,
    /// Giving back was refused: the customer does not have what the ticket says.
    RefundFailed,
    /// Everything that was taken and given back is in a deposit.
    Settled,
    /// The cardholder's bank has taken it back for now.
    Disputed,
}

impl PaymentState {
    /// Every state, for lists and tests.
    pub const ALL: [Self; 11] = [
        Self::Declined,
        Self::Stored,
        Self::Authorised,
        Self::PartlyCaptured,
        Self::Captured,
        Self::TipAdjusted,
        Self::Voided,
        Self::Refunded,
        Self::RefundFailed,
        Self::Settled,
        Self::Disputed,
    ];

    /// Lower-case words for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Stored => "stored offline",
            Self::Authorised => "authorised",
            Self::PartlyCaptured => "partly captured",
            Self::Captured => "captured",
            Self::TipAdjusted => "tip-adjusted",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
            Self::RefundFailed => "refund failed",
            Self::Settled => "settled",
            Self::Disputed => "disputed",
        }
    }

    /// The acts that are legal here, as far as amounts allow them.
    #[must_use]
    pub const fn legal(self) -> &'static [PaymentAct] {
        use PaymentAct as A;
        match self {
            Self::Declined => &[],
            Self::Stored => &[
                A::Authorised,
                A::Captured,
                A::Declined,
                A::Voided,
                A::Refunded,
                A::RefundFailed,
            ],
            Self::Authorised => &[A::Captured, A::Voided],
            Self::PartlyCaptured => &[
                A::Captured,
                A::TipAdjusted,
                A::Voided,
                A::Refunded,
                A::RefundFailed,
                A::Batched,
                A::Settled,
            ],
            Self::Captured | Self::TipAdjusted => &[
                A::TipAdjusted,
                A::Voided,
                A::Refunded,
                A::RefundFailed,
                A::Batched,
                A::Settled,
            ],
            Self::Voided => &[A::Voided],
            // a void of a refund that stands alone; of a payment only what was not given back could be voided
            Self::Refunded => &[
                A::Voided,
                A::Refunded,
                A::RefundFailed,
                A::Batched,
                A::Settled,
                A::Disputed,
            ],
            Self::RefundFailed => &[A::Refunded, A::RefundFailed, A::Batched, A::Settled, A::Disputed],
            Self::Settled => &[A::Refunded, A::RefundFailed, A::Settled, A::Disputed],
            Self::Disputed => &[A::Disputed, A::DisputeReversed, A::Settled],
        }
    }

    /// The acts that a payment may begin with. A void of something never seen leaves nothing; a capture proves that
    /// it was authorised.
    pub const BEGINNINGS: &'static [PaymentAct] = &[
        PaymentAct::Stored,
        PaymentAct::Declined,
        PaymentAct::Authorised,
        PaymentAct::Captured,
        PaymentAct::Voided,
        PaymentAct::Refunded,
        PaymentAct::RefundFailed,
    ];
}

impl std::fmt::Display for PaymentState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
