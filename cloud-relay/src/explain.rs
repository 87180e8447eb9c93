//! Explain this cent: from what Odoo holds back to tickets, records and captured bytes, and from a record forward to
//! every line that it went to. For the command line and the pages; it reads one snapshot and decides nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use tillwire_proto::{Amount, BusinessDay, StoreId, TenantId};
use tillwire_relay_core::books::{Contribution, LineKey, Posting};
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::settlement::DepositPosting;

use crate::store::effects::{self, StoredEffect};
use crate::store::{StoreError, parts};

/// A posting as Odoo was asked for it, with what each line is made of.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The effect, with its name and id in Odoo.
    pub effect: StoredEffect,
    /// Its lines, in order.
    pub lines: Vec<ExplainedLine>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct ExplainedLine {
    /// Account, label and whose tax.
    pub key: LineKey,
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// The tickets that it is made of.
    pub parts: Vec<Contribution>,
    /// What no ticket explains: of a posting that was read back from Odoo, all of it.
    pub rest: Option<Amount>,
}

/// One line that a record went to.
#[derive(Debug, Clone)]
pub struct WentTo {
    /// The effect's key.
    pub effect: String,
    /// Its name in Odoo, once it has one.
    pub odoo_name: Option<String>,
    /// What it put where.
    pub part: Contribution,
}

/// Explains a posting.
///
/// # Errors
/// [`StoreError`] of the read. `Ok(None)` for an effect that was not made from a posting.
pub fn explain(db: &Connection, effect: StoredEffect) -> Result<Option<Explained>, StoreError> {
    let of_day = serde_json::from_str::<Posting>(&effect.source).ok();
    let of_deposit = || serde_json::from_str::<DepositPosting>(&effect.source).ok();
    let Some(posting) = of_day.or_else(|| Some(of_deposit()?.posting)) else {
        return Ok(None);
    };
    let made = parts::get(db, effect.effect.key.as_str())?;
    let mut of: BTreeMap<LineKey, Vec<Contribution>> = BTreeMap::new();
    let mut rest: BTreeMap<LineKey, Amount> = BTreeMap::new();
    match made {
        Some(made) => {
            for part in made.of {
                of.entry(part.line.clone()).or_default().push(part);
            }
            rest.extend(made.rest);
        }
        None => rest.extend(posting.lines().map(|(key, line)| (key.clone(), line.amount))),
    }
    let lines = posting.lines().map(|(key, line)| ExplainedLine {
        key: key.clone(),
        amount: line.amount,
        parts: of.remove(key).unwrap_or_default(),
        rest: rest.remove(key),
    });
    let lines = lines.collect();
    Ok(Some(Explained { effect, lines }))
}

/// The effect that `text` names: its key (which is its external id in Odoo), its name in Odoo, or its reference.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn named(db: &Connection, text: &str) -> Result<Option<StoredEffect>, StoreError> {
    if let Some(found) = effects::get(db, text)? {
        return Ok(Some(found));
    }
    // a name is unique in a journal; of several companies the newest is shown first
    let key: Option<String> = db
        .prepare_cached("SELECT key FROM effects WHERE odoo_name = ?1 ORDER BY sequence DESC LIMIT 1")?
        .query_row([text], |row| row.get(0))
        .optional()?;
    match key {
        Some(key) => effects::get(db, &key),
        None => Ok(None),
    }
}

/// Every posted line that a record of a store-day went to, oldest posting first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn went_to(
    db: &Connection,
    (tenant, store, day): (&TenantId, &StoreId, BusinessDay),
    is_it: impl Fn(&Contribution) -> bool,
) -> Result<Vec<WentTo>, StoreError> {
    let names: BTreeMap<String, Option<String>> = effects::of_day(db, tenant, store, day)?
        .into_iter()
        .map(|stored| (stored.effect.key.to_string(), stored.odoo_name))
        .collect();
    let all = parts::of_day(db, tenant, store, day)?;
    Ok(all
        .into_iter()
        .flat_map(|(effect, parts)| parts.of.into_iter().map(move |part| (effect.clone(), part)))
        .filter(|(_, part)| is_it(part))
        .map(|(effect, part)| WentTo {
            odoo_name: names.get(&effect).cloned().flatten(),
            effect,
            part,
        })
        .collect())
}

/// As [`went_to`], of one record, also where it bears on a neighbouring day: a terminal's answer after midnight names the
/// brand of a ticket before it.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn record_went_to(
    db: &Connection,
    (tenant, store, day): (&TenantId, &StoreId, BusinessDay),
    record: RecordId,
) -> Result<Vec<WentTo>, StoreError> {
    let mut all = Vec::new();
    for near in [-1, 0, 1] {
        if let Some(day) = BusinessDay::from_days(day.days_since_epoch() + near) {
            all.extend(went_to(db, (tenant, store, day), |part| {
                part.records.contains(&record)
            })?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
