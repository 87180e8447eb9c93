//! One occurrence: what tells it from others, what it says, and what a person decided about it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, BusinessDay, BusinessKey, RegisterId, StoreId, TenantId};

use super::ExceptionKind;
use crate::facts::RecordId;

/// What tells one exception from another: the same cause, seen again, is the same exception. It names the figures
/// that were signed, so that a further difference is a new exception.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CauseKey(String);

impl CauseKey {
    /// `kind` and what distinguishes it, separated by colons.
    #[must_use]
    pub fn new(kind: ExceptionKind, parts: &[&dyn fmt::Display]) -> Self {
        let mut key = kind.name().to_owned();
        for part in parts {
            key.push(':');
            key.push_str(&part.to_string());
        }
        Self(key)
    }

    /// As stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what [`CauseKey::as_str`] gave.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CauseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells a posting that waits from one that Odoo dated otherwise.
const HELD: &str = "held";

/// An exception as it is found. The shell stores it under tenant, store, day and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionDraft {
    /// What is wrong.
    pub kind: ExceptionKind,
    /// Which occurrence.
    pub cause: CauseKey,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day, where it belongs to one.
    pub day: Option<BusinessDay>,
    /// The register, where it belongs to one.
    pub register: Option<RegisterId>,
    /// The ticket, where it belongs to one.
    pub ticket: Option<BusinessKey>,
    /// A short sentence.
    pub title: String,
    /// What was found, what was wanted, what to do.
    pub detail: String,
    /// How much money is in question.
    pub at_risk: Option<Amount>,
    /// The records to look at.
    pub records: Vec<RecordId>,
}

impl ExceptionDraft {
    /// An exception of a store without further particulars; the `with_` methods add them.
    #[must_use]
    pub fn new(
        kind: ExceptionKind,
        tenant: &TenantId,
        store: &StoreId,
        cause: CauseKey,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            cause,
            tenant: tenant.clone(),
            store: store.clone(),
            day: None,
            register: None,
            ticket: None,
            title: kind.title().to_owned(),
            detail: detail.into(),
            at_risk: None,
            records: Vec::new(),
        }
    }

    /// The key of the row that the mapping lacks, such as `tender.EBAY` or `product.A1`; `None` when no row would mend it.
    #[must_use]
    pub fn missing_row(&self) -> Option<String> {
        let what = self
            .cause
            .as_str()
            .strip_prefix(self.kind.name())?
            .strip_prefix(':')?;
        match self.kind {
            ExceptionKind::UnknownTender | ExceptionKind::UnknownTax => Some(what.to_owned()),
            // of a drawer's difference the register follows
            ExceptionKind::MissingAccount => match what.split_once(':') {
                Some((key @ ("cash_over" | "cash_short"), _)) => Some(key.to_owned()),
                _ => Some(what.to_owned()),
            },
            ExceptionKind::UnknownSku if what == "without-number" || what.contains(":unit:") => None,
            ExceptionKind::UnknownSku => Some(format!("product.{what}")),
            _ => None,
        }
    }

    /// The cause of a posting that waits because its day is locked in Odoo; `figures` tell this one from others.
    #[must_use]
    pub fn held_posting(figures: &[&dyn fmt::Display]) -> CauseKey {
        let mut parts: Vec<&dyn fmt::Display> = vec![&HELD];
        parts.extend_from_slice(figures);
        CauseKey::new(ExceptionKind::LockedPeriod, &parts)
    }

    /// True when the day, or a posting of it, goes on once somebody has signed this.
    #[must_use]
    pub fn waits_for_signature(&self) -> bool {
        let held = CauseKey::new(ExceptionKind::LockedPeriod, &[&HELD, &""]);
        self.kind.holds_day() || self.cause.as_str().starts_with(held.as_str())
    }

    /// Belongs to a business day.
    #[must_use]
    pub fn on(mut self, day: BusinessDay) -> Self {
        self.day = Some(day);
        self
    }

    /// Belongs to a register.
    #[must_use]
    pub fn at(mut self, register: &RegisterId) -> Self {
        self.register = Some(register.clone());
        self
    }

    /// Belongs to a ticket, and so to its register and day.
    #[must_use]
    pub fn about(mut self, ticket: &BusinessKey) -> Self {
        self.register = Some(ticket.register.clone());
        self.ticket = Some(ticket.clone());
        self
    }

    /// This much money is in question; the sign does not matter.
    #[must_use]
    pub fn risking(mut self, amount: Amount) -> Self {
        let positive = if amount.is_negative() {
            amount.checked_neg().ok()
        } else {
            Some(amount)
        };
        self.at_risk = positive;
        self
    }

    /// Look at these records.
    #[must_use]
    pub fn seen_in(mut self, records: impl IntoIterator<Item = RecordId>) -> Self {
        self.records.extend(records);
        self.records.sort_unstable();
        self.records.dedup();
        self
    }
}

/// A person's word about one exception, which lets a held day go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Which exception.
    pub cause: CauseKey,
    /// What was decided.
    pub decision: Decision,
    /// Who.
    pub by: String,
    /// When, by the relay's clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// Why.
    pub reason: String,
}

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Go on as it is.
    GoOn,
    /// Of a conflict, this record is right.
    Use(RecordId),
}
