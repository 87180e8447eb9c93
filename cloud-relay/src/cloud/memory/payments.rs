//! Which payments are known, and on which ticket each stands.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_capture::heartland_retail::paid::{ALONE_MS, HeldPayment};

use super::super::checks::Alone;
use crate::store::{StoreError, Unit};

/// A payment is forgotten so long after it was first seen, in milliseconds: voided or refunded later, it comes as a new one.
const KEPT_MS: i64 = 400 * 24 * 3_600_000;

/// Payments that are told in one round at most.
const TOLD_MAX: u32 = 100;

/// What is held of a payment.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn held(db: &Connection, account: &str, payment: &str) -> Result<Option<HeldPayment>, StoreError> {
    let sql = "SELECT ticket, says, listed FROM cloud_payments WHERE account = ?1 AND payment = ?2";
    let read = db.prepare_cached(sql)?.query_row([account, payment], |row| {
        Ok(HeldPayment {
            ticket: row.get(0)?,
            says: row.get(1)?,
            listed: row.get(2)?,
        })
    });
    Ok(read.optional()?)
}

/// A ticket shows this payment. Returns whether it had been told to stand alone.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn stands(
    unit: &Unit<'_>,
    account: &str,
    ticket: &str,
    (payment, says): (&str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let was_told = was_told(unit.db, account, payment)?;
    unit.db
        .prepare_cached(
            "INSERT INTO cloud_payments (account, payment, ticket, says, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (account, payment) DO UPDATE SET ticket = ?3, says = ?4, alone = NULL, told = 0",
        )?
        .execute(params![account, payment, ticket, says, now_ms])?;
    Ok(was_told)
}

/// The list shows this payment. `alone` is what would be told of it; `None` when nothing is to be told. Returns whether it
/// had been told to stand alone.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn listed(
    unit: &Unit<'_>,
    account: &str,
    (payment, says): (&str, &str),
    alone: Option<&Alone>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let alone = alone.map(serde_json::to_string).transpose();
    let alone = alone.map_err(|e| StoreError::refused(e.to_string()))?;
    let was_told = was_told(unit.db, account, payment)?;
    unit.db
        .prepare_cached(
            "INSERT INTO cloud_payments (account, payment, listed, seen_ms, alone) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (account, payment) DO UPDATE SET listed = ?3, seen_ms = ?4, told = 0, alone = iif(ticket IS NULL, ?5, NULL)",
        )?
        .execute(params![account, payment, says, now_ms, alone])?;
    Ok(was_told)
}

fn was_told(db: &Connection, account: &str, payment: &str) -> Result<bool, StoreError> {
    let sql = "SELECT told FROM cloud_payments WHERE account = ?1 AND payment = ?2";
    let told = db
        .prepare_cached(sql)?
        .query_row([account, payment], |row| row.get(0));
    Ok(told.optional()?.unwrap_or(false))
}

/// Payments that no ticket has shown for long enough and that nobody was told of: they are told now.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn tell(unit: &Unit<'_>, account: &str, now_ms: i64) -> Result<Vec<(String, Alone)>, StoreError> {
    let mut read = unit.db.prepare_cached(
        "UPDATE cloud_payments SET told = 1 WHERE account = ?1 AND payment IN (SELECT payment FROM cloud_payments \
         WHERE account = ?1 AND ticket IS NULL AND told = 0 AND alone IS NOT NULL AND seen_ms <= ?2 \
         ORDER BY seen_ms LIMIT ?3) RETURNING payment, alone",
    )?;
    let rows = read.query_map(params![account, now_ms - ALONE_MS, TOLD_MAX], |row| {
        Ok((row.get(0)?, crate::store::json(row, 1)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets what is long past.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn forget(unit: &Unit<'_>, account: &str, now_ms: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM cloud_payments WHERE account = ?1 AND seen_ms < ?2";
    unit.db
        .prepare_cached(sql)?
        .execute(params![account, now_ms - KEPT_MS])?;
    Ok(())
}
