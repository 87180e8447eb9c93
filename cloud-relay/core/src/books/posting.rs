//! A posting: a balanced set of lines of one document of a store-day.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use tillwire_proto::{Amount, BusinessDay, MoneyError, StoreId, TenantId};

use super::document::Document;
use super::ledger::{LedgerLine, LineKey};

/// Where a posting's lines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// From records, which every line names.
    #[default]
    Records,
    /// Read back from Odoo after this relay had forgotten it. Lines have an account, a label and an amount, and name
    /// no record; whose tax a line is was not kept there, and is netted by account and label alone.
    Odoo,
}

impl Provenance {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    const fn is_records(&self) -> bool {
        matches!(self, Self::Records)
    }
}

/// A set of lines that sums to nothing. There is no other way to have one than a constructor that checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Posting {
    tenant: TenantId,
    store: StoreId,
    day: BusinessDay,
    revision: u32,
    lines: Vec<(LineKey, LedgerLine)>,
    #[serde(default, skip_serializing_if = "Provenance::is_records")]
    provenance: Provenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reverses: Option<u32>,
}

/// Lines that are no posting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// The lines do not sum to nothing.
    #[error("posting leaves {0} over, wanted lines that sum to nothing")]
    Rest(Amount),
    /// A posting says something.
    #[error("posting has no lines")]
    Empty,
    /// A posting is one document.
    #[error("posting has lines of {0:?} and {1:?}, wanted lines of one document")]
    Documents(String, String),
    /// Two currencies, or a sum beyond 64 bits.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Posting {
    /// Checks that the lines sum to nothing. Lines of nothing are left out.
    ///
    /// # Errors
    /// [`Unbalanced`] says by how much they do not.
    pub fn new(
        tenant: TenantId,
        store: StoreId,
        day: BusinessDay,
        revision: u32,
        lines: BTreeMap<LineKey, LedgerLine>,
    ) -> Result<Self, Unbalanced> {
        let lines: Vec<_> = lines
            .into_iter()
            .filter(|(_, line)| !line.amount.is_zero())
            .collect();
        let Some((first, line)) = lines.first() else {
            return Err(Unbalanced::Empty);
        };
        if let Some((other, _)) = lines.iter().find(|(key, _)| key.document != first.document) {
            let labels = (first.document.label(), other.document.label());
            return Err(Unbalanced::Documents(labels.0, labels.1));
        }
        let currency = line.amount.currency();
        let rest = Amount::sum(lines.iter().map(|(_, line)| line.amount), currency)?;
        if rest.is_zero() {
            Ok(Self {
                tenant,
                store,
                day,
                revision,
                lines,
                provenance: Provenance::Records,
                reverses: None,
            })
        } else {
            Err(Unbalanced::Rest(rest))
        }
    }

    /// The posting that takes this one back, line by line.
    ///
    /// # Errors
    /// [`MoneyError`] for an amount without an opposite.
    pub fn reversal(&self, revision: u32) -> Result<Self, MoneyError> {
        let turned = self.lines.iter().map(|(key, line)| {
            let mut back = LedgerLine {
                records: line.records.clone(),
                ..LedgerLine::nothing(key, line.amount.currency())
            };
            back.take_off(line)?;
            Ok((key.clone(), back))
        });
        Ok(Self {
            lines: turned.collect::<Result<_, MoneyError>>()?,
            revision,
            reverses: Some(self.revision),
            ..self.clone()
        })
    }

    /// The same lines, as ones that take another posting of the same document back.
    #[must_use]
    pub const fn reversing(mut self, revision: Option<u32>) -> Self {
        self.reverses = revision;
        self
    }

    /// The revision that it takes back.
    #[must_use]
    pub const fn reverses(&self) -> Option<u32> {
        self.reverses
    }

    /// The same lines, as read back from Odoo.
    #[must_use]
    pub const fn read_back(mut self) -> Self {
        self.provenance = Provenance::Odoo;
        self
    }

    /// Where its lines come from.
    #[must_use]
    pub const fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// The retailer.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &StoreId {
        &self.store
    }

    /// The business day.
    #[must_use]
    pub const fn day(&self) -> BusinessDay {
        self.day
    }

    /// The document that its lines stand in.
    #[must_use]
    pub fn document(&self) -> &Document {
        let (key, _) = self.lines.first().expect("a posting has lines");
        &key.document
    }

    /// 1 for the document's first posting.
    #[must_use]
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// The lines, none of nothing, in order of their keys.
    pub fn lines(&self) -> impl Iterator<Item = (&LineKey, &LedgerLine)> {
        self.lines.iter().map(|(key, line)| (key, line))
    }

    /// Sum of the debits.
    #[must_use]
    pub fn total(&self) -> Amount {
        let debits = self
            .lines
            .iter()
            .map(|(_, line)| line.amount)
            .filter(|a| !a.is_negative());
        let currency = self.lines.first().map(|(_, line)| line.amount.currency());
        let currency = currency.expect("a posting has lines");
        Amount::sum(debits, currency).expect("a part of a sum that fits")
    }

    /// Every record that it rests on.
    #[must_use]
    pub fn records(&self) -> BTreeSet<crate::facts::RecordId> {
        self.lines
            .iter()
            .flat_map(|(_, line)| line.records.iter().copied())
            .collect()
    }
}

/// Reading is checked like making.
impl<'de> Deserialize<'de> for Posting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            tenant: TenantId,
            store: StoreId,
            day: BusinessDay,
            revision: u32,
            lines: Vec<(LineKey, LedgerLine)>,
            #[serde(default)]
            provenance: Provenance,
            #[serde(default)]
            reverses: Option<u32>,
        }
        let stored = Stored::deserialize(deserializer)?;
        let count = stored.lines.len();
        let lines: BTreeMap<_, _> = stored.lines.into_iter().collect();
        if lines.len() < count {
            return Err(serde::de::Error::custom(
                "found one line twice, wanted each line once",
            ));
        }
        let (provenance, reverses) = (stored.provenance, stored.reverses);
        Self::new(stored.tenant, stored.store, stored.day, stored.revision, lines)
            .map(|posting| Self {
                provenance,
                reverses,
                ..posting
            })
            .map_err(serde::de::Error::custom)
    }
}
