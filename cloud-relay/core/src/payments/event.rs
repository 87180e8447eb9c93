//! What may happen to a payment.

use serde::{Deserialize, Serialize};
use tillwire_proto::Amount;

/// What happened. The order of variants is the order of a life: facts are told in it, whenever they arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentAct {
    /// Approved offline, kept in the terminal.
    Stored,
    /// Reserved.
    Authorised,
    /// Taken.
    Captured,
    /// Refused. After a capture, so that a contradiction leaves the state in which money moved.
    Declined,
    /// The tip is now this.
    TipAdjusted,
    /// Taken back before settlement.
    Voided,
    /// Closed in one of the processor's batches.
    Batched,
    /// Given back.
    Refunded,
    /// Giving back was refused.
    RefundFailed,
    /// Paid out, or for a refund taken, with a deposit.
    Settled,
    /// The cardholder's bank took it back.
    Disputed,
    /// The cardholder's bank returned it.
    DisputeReversed,
}

impl PaymentAct {
    /// Every act, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Stored,
        Self::Authorised,
        Self::Captured,
        Self::Declined,
        Self::TipAdjusted,
        Self::Voided,
        Self::Batched,
        Self::Refunded,
        Self::RefundFailed,
        Self::Settled,
        Self::Disputed,
        Self::DisputeReversed,
    ];

    /// As sentences about it say.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored offline",
            Self::Authorised => "authorised",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::TipAdjusted => "tip-adjusted",
            Self::Voided => "voided",
            Self::Batched => "closed in a batch",
            Self::Refunded => "refunded",
            Self::RefundFailed => "refused a refund",
            Self::Settled => "settled",
            Self::Disputed => "disputed",
            Self::DisputeReversed => "given back after a dispute",
        }
    }
}

/// One event with its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// What happened.
    pub act: PaymentAct,
    /// How much of it. Positive, but for the settling of a refund, which takes money and is negative; of a tip the
    /// whole tip; of a void nothing where the source does not say.
    pub amount: Amount,
    /// Of a capture the part that is tip, which needs no authorisation of its own.
    pub tip: Amount,
}

impl PaymentEvent {
    /// An event without a tip.
    #[must_use]
    pub const fn new(act: PaymentAct, amount: Amount) -> Self {
        Self {
            act,
            amount,
            tip: Amount::zero(amount.currency()),
        }
    }

    /// A capture that includes a tip.
    #[must_use]
    pub const fn captured_with_tip(amount: Amount, tip: Amount) -> Self {
        Self {
            act: PaymentAct::Captured,
            amount,
            tip,
        }
    }
}

impl std::fmt::Display for PaymentEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.act.name(), self.amount)
    }
}
