//! What the lines of each posting are made of: written with its intent, never changed. The way from a cent in Odoo to the
//! tickets behind it, also after later postings have changed what the day's ledger says.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::books::{Contribution, Parts};

use super::{StoreError, Unit};

/// Fast, and ten times smaller: the parts of a day repeat a few accounts and labels.
const LEVEL: i32 = 3;

/// Larger ones are not read: a day of a hundred thousand tickets has a tenth of this.
const LEN_MAX: usize = 1 << 30;

/// Writes a posting's parts down, beside its intent.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn put(unit: &mut Unit<'_>, effect: &str, parts: &Parts) -> Result<(), StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::refused(format!("parts of {effect}: {error}"));
    let plain = serde_json::to_vec(parts).map_err(|error| wrong(&error))?;
    let packed = zstd::bulk::compress(&plain, LEVEL).map_err(|error| wrong(&error))?;
    unit.db
        .prepare_cached("INSERT OR REPLACE INTO posting_parts (effect, len, packed) VALUES (?1, ?2, ?3)")?
        .execute(params![
            effect,
            i64::try_from(plain.len()).unwrap_or(i64::MAX),
            packed
        ])?;
    Ok(())
}

/// A posting's parts; `None` for one that was read back from Odoo, or that is no posting.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, effect: &str) -> Result<Option<Parts>, StoreError> {
    let row: Option<(usize, Vec<u8>)> = db
        .prepare_cached("SELECT len, packed FROM posting_parts WHERE effect = ?1")?
        .query_row([effect], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(len, packed)| unpack(effect, len, &packed)).transpose()
}

fn unpack(effect: &str, len: usize, packed: &[u8]) -> Result<Parts, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::refused(format!("parts of {effect}: {error}"));
    if len > LEN_MAX {
        return Err(wrong(&format!("found {len} bytes, wanted at most {LEN_MAX}")));
    }
    let plain = zstd::bulk::decompress(packed, len).map_err(|error| wrong(&error))?;
    serde_json::from_slice(&plain).map_err(|error| wrong(&error))
}

/// All that a day's postings have told of its tickets, by effect, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_day(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<Vec<(String, Parts)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT e.key, p.len, p.packed FROM effects e JOIN posting_parts p ON p.effect = e.key \
         WHERE e.tenant = ?1 AND e.store = ?2 AND e.day = ?3 ORDER BY e.sequence",
    )?;
    let key = params![tenant.as_str(), store.as_str(), day.days_since_epoch()];
    let rows = statement.query_map(key, |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, usize>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (effect, len, packed) = row?;
        let parts = unpack(&effect, len, &packed)?;
        Ok((effect, parts))
    })
    .collect()
}

/// The parts alone.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn told(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<Vec<Contribution>, StoreError> {
    let all = of_day(db, tenant, store, day)?;
    Ok(all.into_iter().flat_map(|(_, parts)| parts.of).collect())
}

/// Forgets the parts of an effect that gave way to what Odoo holds under its key.
///
/// # Errors
/// [`StoreError`] of the write.
pub(super) fn forget(unit: &mut Unit<'_>, effect: &str) -> Result<(), StoreError> {
    unit.db
        .prepare_cached("DELETE FROM posting_parts WHERE effect = ?1")?
        .execute([effect])?;
    Ok(())
}
