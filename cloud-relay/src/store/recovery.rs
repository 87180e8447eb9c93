//! What is still to be read back from Odoo after an older copy of the database was put in place.
//!
//! The copy knows nothing of what Odoo was asked after it was taken, and would ask again, under the same names but with
//! other contents. So from the moment that the generation rises, a store's entries and its movements of stock are each
//! *recovering* until what Odoo holds of them is written down here as effects; meanwhile nothing new is intended for
//! them. This is noted in the database itself, so that a stop in between forgets nothing. A store that is first
//! configured later is read back once too, and nothing is found.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::odoo::EffectKind;

use super::effects::kind_word;
use super::{StoreError, Unit};

/// Since which generation; absent when no older copy was ever put in place.
const SINCE: &str = "recovering";

/// Notes that everything is to be read back again.
pub(super) fn begin(db: &Connection, generation: u32) -> rusqlite::Result<()> {
    put(db, SINCE, &generation.to_string())
}

/// Whether entries or movements of a store are still to be read back.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn is_pending(
    db: &Connection,
    kind: EffectKind,
    tenant: &TenantId,
    store: &StoreId,
) -> Result<bool, StoreError> {
    let Some(since) = get(db, SINCE)? else {
        return Ok(false);
    };
    Ok(get(db, &name(kind, tenant, store))? != Some(since))
}

/// Notes that they are read back.
///
/// # Errors
/// [`StoreError`] of the write.
pub(super) fn finish(
    unit: &Unit<'_>,
    kind: EffectKind,
    tenant: &TenantId,
    store: &StoreId,
) -> Result<(), StoreError> {
    if let Some(since) = get(unit.db, SINCE)? {
        put(unit.db, &name(kind, tenant, store), &since)?;
    }
    Ok(())
}

fn name(kind: EffectKind, tenant: &TenantId, store: &StoreId) -> String {
    format!("recovered {} {tenant} {store}", kind_word(kind))
}

fn get(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

fn put(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
    )?
    .execute(params![key, value])?;
    Ok(())
}
