//! Why a ticket was refused.

use tillwire_proto::{Discrepancy, MoneyError};

/// The first thing about a ticket or till event that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not JSON, or JSON of another shape.
    #[error("the body cannot be read: {0}")]
    Malformed(String),
    /// A webhook's bare header.
    #[error(
        "found a ticket without {0}; fetch it with its lines and payments (_include[]=lines&_include[]=payments) and push that"
    )]
    NeedsParts(&'static str),
    /// A field that must be there.
    #[error("{0} is missing")]
    Missing(String),
    /// A field that cannot be what it says.
    #[error("{field}: {problem}")]
    Value {
        /// Which.
        field: String,
        /// In words.
        problem: String,
    },
    /// A kind of ticket that is not trade.
    #[error("found ticket type {0:?}, wanted Ticket or Return")]
    Type(String),
    /// A kind of line that nobody told us about.
    #[error("line {line} has type {found:?}, wanted ItemLine, GiftCardLine, ShippingLine or TaxLine")]
    Line {
        /// Position, from 1.
        line: usize,
        /// As found.
        found: String,
    },
    /// A station that no register has.
    #[error("found station {found:?}, wanted one of: {wanted}; add it to a [[register]]")]
    Register {
        /// As found.
        found: String,
        /// The stations that registers have.
        wanted: String,
    },
    /// Another store's ticket.
    #[error("found location {found:?}, wanted one of: {wanted}")]
    Location {
        /// As found.
        found: String,
        /// This store's.
        wanted: String,
    },
    /// Another currency.
    #[error("found currency {found:?}, wanted {wanted}")]
    Currency {
        /// As found.
        found: String,
        /// The store's.
        wanted: String,
    },
    /// Still being rung up.
    #[error("the ticket is {0:?}, not complete; push it again when it is")]
    NotComplete(String),
    /// The figures disagree.
    #[error("the figures do not add up: {0}")]
    Sums(Discrepancy),
    /// A payment is not resolved.
    #[error("{0}; push the ticket again when it is")]
    Pending(Discrepancy),
}

impl TicketError {
    /// The stable word under which the bytes are kept.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NeedsParts(_) => "parts-missing",
            Self::Missing(_) => "field-missing",
            Self::Value { .. } => "wrong-value",
            Self::Type(_) => "unknown-type",
            Self::Line { .. } => "unknown-line",
            Self::Register { .. } => "unknown-register",
            Self::Location { .. } => "unknown-location",
            Self::Currency { .. } => "wrong-currency",
            Self::NotComplete(_) => "not-complete",
            Self::Sums(_) => "does-not-add-up",
            Self::Pending(_) => "pending-payment",
        }
    }

    /// True when the same ticket, pushed later, will be taken: it is early, not wrong.
    #[must_use]
    pub const fn is_early(&self) -> bool {
        matches!(self, Self::NotComplete(_) | Self::Pending(_))
    }

    pub(super) fn value(field: impl Into<String>, problem: impl ToString) -> Self {
        Self::Value {
            field: field.into(),
            problem: problem.to_string(),
        }
    }
}

impl From<Discrepancy> for TicketError {
    fn from(discrepancy: Discrepancy) -> Self {
        match discrepancy {
            Discrepancy::Pending(_) => Self::Pending(discrepancy),
            other => Self::Sums(other),
        }
    }
}

impl From<MoneyError> for TicketError {
    fn from(error: MoneyError) -> Self {
        Self::Sums(error.into())
    }
}
