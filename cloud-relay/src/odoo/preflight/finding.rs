//! One thing that preflight noticed: how bad, about what, and the exact mending.

use std::fmt;

use serde::Serialize;
use tillwire_proto::StoreId;

/// How bad it is. The order is the order of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something cannot be posted before this is mended.
    Stop,
    /// It works, but somebody will regret it.
    Warn,
    /// Good to know.
    Note,
}

/// What was found, in words for the person who looks after Odoo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// A stable name for scripts, such as `account-missing`.
    pub code: &'static str,
    /// The store it concerns; `None` for the whole company.
    pub store: Option<StoreId>,
    /// What was found and what was wanted.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl Finding {
    pub(super) fn stop(code: &'static str, what: String, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Stop,
            code,
            store: None,
            what,
            mend: mend.into(),
        }
    }

    pub(super) fn warn(code: &'static str, what: String, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warn,
            ..Self::stop(code, what, mend)
        }
    }

    pub(super) fn note(code: &'static str, what: String, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::stop(code, what, mend)
        }
    }

    pub(super) fn of(mut self, store: &StoreId) -> Self {
        self.store = Some(store.clone());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Stop => "STOP",
            Severity::Warn => "warn",
            Severity::Note => "note",
        };
        write!(f, "{severity} {}: ", self.code)?;
        if let Some(store) = &self.store {
            write!(f, "store {store}: ")?;
        }
        write!(f, "{}\n       mend: {}", self.what, self.mend)
    }
}
