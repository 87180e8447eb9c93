//! Odoo's own ways of writing nothing, a link and an amount.

use serde::Deserialize;
use serde_json::value::RawValue;
use tillwire_proto::{Amount, Currency};

use crate::odoo::answer::Answer;

/// Odoo writes an empty text as `false`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::odoo) enum Text {
    Filled(String),
    Empty(#[expect(dead_code, reason = "its being there says it")] bool),
}

impl Text {
    pub(in crate::odoo) fn take(self) -> String {
        match self {
            Self::Filled(text) => text,
            Self::Empty(_) => String::new(),
        }
    }
}

/// Odoo writes a many2one as `[id, "name"]`, or as `false`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::odoo) enum Link {
    Named((i64, String)),
    Id(i64),
    Empty(#[expect(dead_code, reason = "its being there says it")] bool),
}

impl Default for Link {
    fn default() -> Self {
        Self::Empty(false)
    }
}

impl Link {
    /// What Odoo shows for the record.
    pub(in crate::odoo) fn name(&self) -> String {
        match self {
            Self::Named((_, name)) => name.clone(),
            Self::Id(_) | Self::Empty(_) => String::new(),
        }
    }

    pub(in crate::odoo) fn id(&self) -> i64 {
        match self {
            Self::Named((id, _)) | Self::Id(id) => *id,
            Self::Empty(_) => 0,
        }
    }
}

pub(in crate::odoo) fn not_read(what: &str, error: impl std::fmt::Display) -> Answer {
    Answer::Unknown {
        after_ms: None,
        reason: format!("{what} could not be read: {error}"),
    }
}

pub(in crate::odoo) fn money(raw: &RawValue, currency: Currency) -> Result<Amount, Answer> {
    Amount::parse(raw.get(), currency).map_err(|error| not_read("amount", error))
}
