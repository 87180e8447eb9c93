//! Rows of mappings: what was put in force, by whom and why, and which version was first used when.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{BusinessDay, Digest, StoreId, TenantId};
use tillwire_relay_core::settings::Version;

use super::{StoreError, Unit, audit};

/// A mapping that was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMapping {
    /// Row number; the greatest is in force.
    pub id: i64,
    /// The mapping file's text.
    pub text: String,
    /// Who put it in force.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A version of a store's mapping that was posted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The version's number.
    pub version: u32,
    /// SHA-256 over the store's rows under it.
    pub digest: Digest,
    /// The first day that was posted with it.
    pub first_day: BusinessDay,
    /// When, in milliseconds since 1970.
    pub first_ms: i64,
}

/// The mapping in force; `None` when none was ever put in force, and the configuration's is.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn newest(db: &Connection) -> Result<Option<StoredMapping>, StoreError> {
    let sql = "SELECT id, text, by, reason, at_ms FROM mappings ORDER BY id DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        Ok(StoredMapping {
            id: row.get(0)?,
            text: row.get(1)?,
            by: row.get(2)?,
            reason: row.get(3)?,
            at_ms: row.get(4)?,
        })
    };
    Ok(db.prepare_cached(sql)?.query_row([], read).optional()?)
}

/// The number of the mapping in force.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn newest_id(db: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(db
        .prepare_cached("SELECT max(id) FROM mappings")?
        .query_row([], |row| row.get(0))?)
}

/// True when this text was put in force before, whatever came after.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn is_known(db: &Connection, text: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM mappings WHERE digest = ?1)";
    Ok(db
        .prepare_cached(sql)?
        .query_row(params![Digest::of(text.as_bytes()).0], |row| row.get(0))?)
}

/// Puts a mapping in force. The caller has checked it against the stores.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn put(unit: &mut Unit<'_>, text: &str, by: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
    let digest = Digest::of(text.as_bytes());
    unit.db
        .prepare_cached("INSERT INTO mappings (digest, text, by, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![digest.0, text, by, reason, now_ms])?;
    audit(
        unit,
        by,
        "mapping put in force",
        &format!("{digest}: {reason}"),
        now_ms,
    )
}

/// Notes that a posting was made with a version, the first time. A version that was posted with before and has other
/// rows now is noted as changed.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn used(
    unit: &mut Unit<'_>,
    (tenant, store): (&TenantId, &StoreId),
    day: BusinessDay,
    version: &Version,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (info, digest) = (&version.info, version.mapping.digest());
    let key = params![tenant.as_str(), store.as_str(), info.number, digest.0];
    let known = "SELECT EXISTS (SELECT 1 FROM mapping_use \
                 WHERE tenant = ?1 AND store = ?2 AND version = ?3 AND digest = ?4)";
    if unit.db.prepare_cached(known)?.query_row(key, |row| row.get(0))? {
        return Ok(());
    }
    let before: bool = unit
        .db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM mapping_use WHERE tenant = ?1 AND store = ?2 AND version = ?3)",
        )?
        .query_row(params![tenant.as_str(), store.as_str(), info.number], |row| {
            row.get(0)
        })?;
    unit.db
        .prepare_cached(
            "INSERT INTO mapping_use (tenant, store, version, digest, effective, author, first_day, first_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            tenant.as_str(),
            store.as_str(),
            info.number,
            digest.0,
            info.effective.map(BusinessDay::days_since_epoch),
            info.author,
            day.days_since_epoch(),
            now_ms
        ])?;
    let what = if before {
        "mapping version used with changed rows"
    } else {
        "mapping version first used"
    };
    let from = info
        .effective
        .map_or_else(|| "the beginning".to_owned(), |day| day.to_string());
    let detail = format!(
        "{tenant}/{store} {day}: version {} of {} effective from {from}, rows {digest}",
        info.number, info.author
    );
    audit(unit, "relay", what, &detail, now_ms)
}

/// Every version that was posted with, in order of stores and versions.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn uses(db: &Connection) -> Result<Vec<Use>, StoreError> {
    let sql = "SELECT tenant, store, version, digest, first_day, first_ms FROM mapping_use \
               ORDER BY tenant, store, version, first_ms";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Use {
            tenant: super::column(row, 0, TenantId::new)?,
            store: super::column(row, 1, StoreId::new)?,
            version: row.get(2)?,
            digest: super::bytes(row, 3, Digest::from_slice, "a digest")?,
            first_day: BusinessDay::from_days(row.get(4)?).ok_or_else(|| super::unreadable(4, "a day"))?,
            first_ms: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
