//! What a mapping would do before it is in force: every day that it books otherwise is assessed with both.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;
use tillwire_proto::{Amount, BusinessDay, MoneyError};
use tillwire_relay_core::books::{self, Counts, postings};
use tillwire_relay_core::settings::{AccountCode, RelaySettings, StoreSettings};
use tillwire_relay_core::store_day::{DayAssessment, DayState, assess};

use super::changed;
use crate::days::{already, gather, signatures};
use crate::store::days::{self, DayRow};
use crate::store::{StoreError, effects, mappings};

/// Days of one store that are looked at; far more than a retailer keeps open.
const DAYS_MAX: u32 = 100_000;

/// What would happen to one store.
#[derive(Debug, Clone, Serialize)]
pub struct StorePreview {
    /// The store, `TENANT/STORE`.
    pub store: String,
    /// From which day on its mapping changes; `None` from the beginning.
    pub from: Option<BusinessDay>,
    /// Days that were looked at.
    pub days: usize,
    /// Tickets and movements by what would become of them.
    pub tickets: Counts,
    /// Days that were posted and would get a further revision.
    pub revisions: Vec<BusinessDay>,
    /// Versions that were posted with and would have other rows.
    pub changed_versions: Vec<u32>,
    /// Per account whose sum changes: what it is, what it would be.
    pub accounts: BTreeMap<AccountCode, (Amount, Amount)>,
    /// Causes of exceptions that would go, with how many exceptions each.
    pub clears: BTreeMap<String, usize>,
    /// Causes of exceptions that would come, with how many exceptions each.
    pub raises: BTreeMap<String, usize>,
}

/// Looks at every day that another mapping books otherwise. Changes nothing.
///
/// # Errors
/// [`StoreError`] of the reads, or a sum beyond 64 bits.
pub fn preview(
    db: &Connection,
    now: &RelaySettings,
    then: &RelaySettings,
    now_ms: i64,
) -> Result<Vec<StorePreview>, StoreError> {
    let mut all = Vec::new();
    for (settings, from) in changed(now, then) {
        let Some(as_is) = now.store(&settings.tenant, &settings.store) else {
            continue;
        };
        let mut shown = StorePreview {
            store: format!("{}/{}", settings.tenant, settings.store),
            from,
            days: 0,
            tickets: Counts::default(),
            revisions: Vec::new(),
            changed_versions: changed_versions(db, &settings)?,
            accounts: BTreeMap::new(),
            clears: BTreeMap::new(),
            raises: BTreeMap::new(),
        };
        let of = Some((&settings.tenant, &settings.store));
        for row in days::list(db, of, from, DAYS_MAX)? {
            look(db, &row, (as_is, &settings), now_ms, &mut shown)?;
        }
        shown.revisions.sort_unstable();
        all.push(shown);
    }
    Ok(all)
}

fn look(
    db: &Connection,
    row: &DayRow,
    (as_is, to_be): (&StoreSettings, &StoreSettings),
    now_ms: i64,
    shown: &mut StorePreview,
) -> Result<(), StoreError> {
    let (facts, signed) = (gather(db, row, as_is)?, signatures(db, row)?);
    let before = assess(&facts, as_is, now_ms, &signed);
    let after = assess(&facts, to_be, now_ms, &signed);
    let too_large = |error: MoneyError| StoreError::refused(format!("{} {}: {error}", row.store, row.day));
    let day = books::preview(&before, &after).map_err(too_large)?;
    shown.days += 1;
    shown.tickets += day.counts;
    if is_revised(db, row, to_be, &after)? {
        shown.revisions.push(row.day);
    }
    for (account, (was, is)) in day.accounts {
        let nothing = Amount::zero(was.currency());
        let sum = shown.accounts.entry(account).or_insert((nothing, nothing));
        sum.0 = sum.0.checked_add(was).map_err(too_large)?;
        sum.1 = sum.1.checked_add(is).map_err(too_large)?;
    }
    for (drafts, causes) in [(day.cleared, &mut shown.clears), (day.raised, &mut shown.raises)] {
        for draft in drafts {
            *causes.entry(draft.cause.to_string()).or_default() += 1;
        }
    }
    Ok(())
}

/// Whether a day that was posted would be posted again.
fn is_revised(
    db: &Connection,
    row: &DayRow,
    settings: &StoreSettings,
    after: &DayAssessment,
) -> Result<bool, StoreError> {
    let already = already(&effects::of_day(db, &row.tenant, &row.store, row.day)?)?;
    if already.is_empty() || after.state != DayState::Balanced {
        return Ok(false);
    }
    let (tenant, store, corrections) = (&row.tenant, &row.store, settings.odoo.corrections);
    let due = postings(tenant, store, row.day, &after.ledger, &already, corrections);
    let due = due.map_err(|error| StoreError::refused(error.to_string()))?;
    Ok(!due.is_empty())
}

/// Versions of a store that postings were made with and whose rows would be others.
fn changed_versions(db: &Connection, to_be: &StoreSettings) -> Result<Vec<u32>, StoreError> {
    let uses = mappings::uses(db)?;
    let mine = uses
        .iter()
        .filter(|used| (&used.tenant, &used.store) == (&to_be.tenant, &to_be.store));
    let mut changed: Vec<u32> = mine
        .filter(|used| {
            let version = to_be
                .odoo
                .mappings
                .iter()
                .find(|version| version.info.number == used.version);
            version.is_none_or(|version| version.mapping.digest() != used.digest)
        })
        .map(|used| used.version)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}
