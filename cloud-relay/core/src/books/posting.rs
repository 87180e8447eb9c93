//! A posting: the balanced difference between a ledger and what was posted before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use tillwire_proto::{Amount, BusinessDay, MoneyError, StoreId, TenantId};

use super::ledger::{BooksError, Ledger, LedgerLine, LineKey};

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
        let Some((_, first)) = lines.first() else {
            return Err(Unbalanced::Empty);
        };
        let currency = first.amount.currency();
        let rest = Amount::sum(lines.iter().map(|(_, line)| line.amount), currency)?;
        if rest.is_zero() {
            Ok(Self {
                tenant,
                store,
                day,
                revision,
                lines,
                provenance: Provenance::Records,
            })
        } else {
            Err(Unbalanced::Rest(rest))
        }
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

    /// 1 for the day's first posting.
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
        }
        let stored = Stored::deserialize(deserializer)?;
        let count = stored.lines.len();
        let lines: BTreeMap<_, _> = stored.lines.into_iter().collect();
        if lines.len() < count {
            return Err(serde::de::Error::custom(
                "found one line twice, wanted each line once",
            ));
        }
        let provenance = stored.provenance;
        Self::new(stored.tenant, stored.store, stored.day, stored.revision, lines)
            .map(|posting| Self {
                provenance,
                ..posting
            })
            .map_err(serde::de::Error::custom)
    }
}

/// The posting that takes the books from what was posted to what the ledger says; `None` when they agree. Give it
/// every earlier posting of this store-day whose effect was not given up, in any order; its revision follows theirs.
///
/// # Errors
/// [`BooksError`] on sums beyond 64 bits or another currency.
pub fn posting(
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    target: &Ledger,
    already: &[Posting],
) -> Result<Option<Posting>, BooksError> {
    let mut delta: BTreeMap<LineKey, LedgerLine> = target
        .lines()
        .map(|(key, line)| (key.clone(), line.clone()))
        .collect();
    let (known, read_back): (Vec<&Posting>, Vec<&Posting>) = already
        .iter()
        .partition(|posting| posting.provenance.is_records());
    for (key, line) in known.into_iter().flat_map(Posting::lines) {
        take_off(&mut delta, key, line)?;
    }
    super::forgotten::take_off(&mut delta, read_back.into_iter().flat_map(Posting::lines))?;
    explain(&mut delta, target);
    delta.retain(|_, line| !line.amount.is_zero());
    if delta.is_empty() {
        return Ok(None);
    }
    let revision = already.iter().map(Posting::revision).max().unwrap_or(0) + 1;
    match Posting::new(tenant.clone(), store.clone(), day, revision, delta) {
        Ok(posting) => Ok(Some(posting)),
        Err(Unbalanced::Money(error)) => Err(error.into()),
        Err(Unbalanced::Rest(rest)) => Err(BooksError::Unbalanced {
            ticket: day.to_string(),
            rest,
        }),
        Err(Unbalanced::Empty) => Ok(None),
    }
}

/// Takes a posted line off. Records count by turns: one that is in the ledger and was posted explains no difference.
pub(crate) fn take_off(
    delta: &mut BTreeMap<LineKey, LedgerLine>,
    key: &LineKey,
    posted: &LedgerLine,
) -> Result<(), MoneyError> {
    let currency = posted.amount.currency();
    let line = delta
        .entry(key.clone())
        .or_insert_with(|| LedgerLine::nothing(key, currency));
    line.take_off(posted)?;
    line.records = &line.records ^ &posted.records;
    Ok(())
}

/// A difference that no single record explains, such as a drawer's, rests on all records of its line.
fn explain(delta: &mut BTreeMap<LineKey, LedgerLine>, target: &Ledger) {
    for (key, line) in target.lines() {
        if let Some(difference) = delta
            .get_mut(key)
            .filter(|difference| difference.records.is_empty())
        {
            difference.records.clone_from(&line.records);
        }
    }
}
