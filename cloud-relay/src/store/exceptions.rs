//! What people must see: one row per cause, opened once, seen again, resolved by a person or by its going away.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::exception::ExceptionDraft;

use super::{StoreError, Unit};
use crate::events::RelayEvent;

/// Who resolved an exception whose cause went away.
pub const BY_RELAY: &str = "relay";

/// Which part of the relay raised it. Only that part may find that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Assessment of a store-day.
    Day,
    /// Stock movements of a store.
    Stock,
    /// Admission and decoding of what devices send.
    Ingest,
    /// Settlement of a store.
    Settlement,
    /// Odoo.
    Odoo,
    /// The second calculation.
    Second,
    /// What an account in the POS's cloud says beside its tickets.
    Cloud,
}

impl Source {
    const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Stock => "stock",
            Self::Ingest => "ingest",
            Self::Settlement => "settlement",
            Self::Odoo => "odoo",
            Self::Second => "second",
            Self::Cloud => "cloud",
        }
    }
}

/// An exception as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredException {
    /// Its number, for people.
    pub id: i64,
    /// What it is.
    pub draft: ExceptionDraft,
    /// First seen, milliseconds since 1970.
    pub opened_ms: i64,
    /// Last seen.
    pub seen_ms: i64,
    /// When it was resolved, by whom, with which words.
    pub resolved: Option<(i64, String, String)>,
}

/// Opens an exception or notes that it is still there. One that a person resolved stays so; one that had gone away by
/// itself opens again.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn raise(
    unit: &mut Unit<'_>,
    source: Source,
    draft: &ExceptionDraft,
    now_ms: i64,
) -> Result<(), StoreError> {
    let json = serde_json::to_string(draft).map_err(|e| StoreError::refused(format!("exception: {e}")))?;
    let fresh = unit
        .db
        .prepare_cached(
            "INSERT INTO exceptions (kind, cause, source, tenant, store, day, draft, opened_ms, seen_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) \
             ON CONFLICT (tenant, store, coalesce(day, -1000000), cause) DO UPDATE SET \
             draft = ?7, seen_ms = ?8, \
             resolved_ms = iif(resolved_by = 'relay', NULL, resolved_ms), \
             resolution = iif(resolved_by = 'relay', NULL, resolution), \
             resolved_by = iif(resolved_by = 'relay', NULL, resolved_by) \
             WHERE draft <> ?7 OR resolved_by = 'relay' OR seen_ms < ?8 - 60000",
        )?
        .execute(params![
            draft.kind.name(),
            draft.cause.as_str(),
            source.word(),
            draft.tenant.as_str(),
            draft.store.as_str(),
            draft.day.map(BusinessDay::days_since_epoch),
            json,
            now_ms
        ])?;
    if fresh > 0 {
        unit.tell(RelayEvent::Exception {
            tenant: draft.tenant.clone(),
        });
    }
    Ok(())
}

/// Resolves what `source` had raised for a store (and day, where the source works by day) and no longer finds.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn settle(
    unit: &mut Unit<'_>,
    source: Source,
    tenant: &TenantId,
    store: &StoreId,
    day: Option<BusinessDay>,
    found: &[ExceptionDraft],
    now_ms: i64,
) -> Result<(), StoreError> {
    let open: Vec<(i64, String)> = unit
        .db
        .prepare_cached(
            "SELECT id, cause FROM exceptions WHERE resolved_ms IS NULL AND tenant = ?1 AND store = ?2 \
             AND (?3 IS NULL OR day = ?3) AND source = ?4",
        )?
        .query_map(
            params![
                tenant.as_str(),
                store.as_str(),
                day.map(BusinessDay::days_since_epoch),
                source.word()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for (id, cause) in open {
        if !found.iter().any(|draft| draft.cause.as_str() == cause) {
            close(unit, id, BY_RELAY, "the cause is gone", now_ms)?;
        }
    }
    Ok(())
}

/// Resolves one by its number. False when it is not there or was resolved before.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn close(unit: &mut Unit<'_>, id: i64, by: &str, words: &str, now_ms: i64) -> Result<bool, StoreError> {
    let tenant: Option<String> = unit
        .db
        .prepare_cached(
            "UPDATE exceptions SET resolved_ms = ?2, resolved_by = ?3, resolution = ?4 \
             WHERE id = ?1 AND resolved_ms IS NULL RETURNING tenant",
        )?
        .query_row(params![id, now_ms, by, words], |row| row.get(0))
        .optional()?;
    let Some(tenant) = tenant else { return Ok(false) };
    if let Ok(tenant) = TenantId::new(&tenant) {
        unit.tell(RelayEvent::Exception { tenant });
    }
    Ok(true)
}

/// Resolves one by its cause, whoever raised it.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn close_cause(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    cause: &str,
    words: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let ids: Vec<i64> = unit
        .db
        .prepare_cached("SELECT id FROM exceptions WHERE tenant = ?1 AND cause = ?2 AND resolved_ms IS NULL")?
        .query_map(params![tenant.as_str(), cause], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in ids {
        close(unit, id, BY_RELAY, words, now_ms)?;
    }
    Ok(())
}

/// Which exceptions.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Resolved ones too.
    pub resolved: bool,
    /// Of one store.
    pub store: Option<(TenantId, StoreId)>,
    /// Of one day.
    pub day: Option<BusinessDay>,
    /// Not those of the day's own assessment: what `DayFacts::alarms` wants.
    pub elsewhere: bool,
}

/// Exceptions that [`list`] gives at most.
pub const LISTED_MAX: usize = 5000;

/// Exceptions, newest first, [`LISTED_MAX`] at most.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(db: &Connection, filter: &Filter) -> Result<Vec<StoredException>, StoreError> {
    list_of(db, filter, |_| true, LISTED_MAX)
}

/// As [`list`], but only those that `keep` keeps, and `count_max` at most.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list_of(
    db: &Connection,
    filter: &Filter,
    keep: impl Fn(&StoredException) -> bool,
    count_max: usize,
) -> Result<Vec<StoredException>, StoreError> {
    let (tenant, store) = match &filter.store {
        Some((tenant, store)) => (Some(tenant.as_str()), Some(store.as_str())),
        None => (None, None),
    };
    let sql = format!(
        "{SELECT} WHERE (?1 OR resolved_ms IS NULL) AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR store = ?3) \
         AND (?4 IS NULL OR day = ?4) AND (NOT ?5 OR source NOT IN ('day', 'stock')) ORDER BY id DESC"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let day = filter.day.map(BusinessDay::days_since_epoch);
    let rows = statement.query_map(
        params![filter.resolved, tenant, store, day, filter.elsewhere],
        read,
    )?;
    let kept = rows.filter(|row| row.as_ref().map_or(true, &keep));
    Ok(kept.take(count_max).collect::<rusqlite::Result<_>>()?)
}

/// One exception.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, id: i64) -> Result<Option<StoredException>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], read)
        .optional()?)
}

const SELECT: &str =
    "SELECT id, draft, opened_ms, seen_ms, resolved_ms, resolved_by, resolution FROM exceptions";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredException> {
    let resolved_ms: Option<i64> = row.get(4)?;
    let by: Option<String> = row.get(5)?;
    let words: Option<String> = row.get(6)?;
    Ok(StoredException {
        id: row.get(0)?,
        draft: super::json(row, 1)?,
        opened_ms: row.get(2)?,
        seen_ms: row.get(3)?,
        resolved: resolved_ms.map(|at| (at, by.unwrap_or_default(), words.unwrap_or_default())),
    })
}
