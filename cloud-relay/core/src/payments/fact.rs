//! A fact: an event, who told it, and the names under which its payment is known.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tillwire_proto::{LocalTime, ProcessorReference};

use super::event::PaymentEvent;
use crate::facts::RecordId;
use crate::matching::TenderRef;

/// A name of a payment. Facts that share one are about one payment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentName {
    /// The gateway's number.
    Reference(ProcessorReference),
    /// The record of the terminal's answer that began it.
    Record(RecordId),
    /// The tender that it pays.
    Tender(TenderRef),
    /// The processor's own name of a transaction, where that is no gateway number.
    Processor(String),
}

/// Who told it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// A terminal's answer.
    Terminal(RecordId),
    /// A line of the processor's report, by its name.
    Processor(String),
}

impl Told {
    /// True when both come from the same kind of witness.
    pub(super) const fn same_kind(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Terminal(_), Self::Terminal(_)) | (Self::Processor(_), Self::Processor(_))
        )
    }
}

/// An event of one payment, as told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// What happened.
    pub event: PaymentEvent,
    /// Who told it.
    pub told: Told,
    /// Under which names.
    pub names: BTreeSet<PaymentName>,
    /// When, by the teller's clock; only tells one tip from the next.
    pub at: Option<LocalTime>,
    /// True when it only follows from something else that is told: it counts where nobody told of this act.
    pub implied: bool,
}
