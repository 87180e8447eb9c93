//! What the POS's own stock had at each store when it was read last.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{Sku, StoreId, TenantId};

use crate::store::{StoreError, Unit};

/// A store's stock in the POS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// When its reading began, milliseconds since 1970.
    pub at_ms: i64,
    /// Of each item, in millionths of the POS's unit; an item that is not here has none.
    pub lines: BTreeMap<Sku, i64>,
}

/// The last one of a store.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn last(db: &Connection, tenant: &TenantId, store: &StoreId) -> Result<Option<Shelf>, StoreError> {
    let shelf = db
        .prepare_cached("SELECT at_ms, lines FROM cloud_shelves WHERE tenant = ?1 AND store = ?2")?
        .query_row([tenant.as_str(), store.as_str()], |row| {
            Ok(Shelf {
                at_ms: row.get(0)?,
                lines: crate::store::json(row, 1)?,
            })
        })
        .optional()?;
    Ok(shelf)
}

/// Keeps one in place of the last.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn keep(unit: &Unit<'_>, tenant: &TenantId, store: &StoreId, shelf: &Shelf) -> Result<(), StoreError> {
    let lines = serde_json::to_string(&shelf.lines).map_err(|e| StoreError::refused(e.to_string()))?;
    unit.db
        .prepare_cached(
            "INSERT INTO cloud_shelves (tenant, store, at_ms, lines) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (tenant, store) DO UPDATE SET at_ms = ?3, lines = ?4",
        )?
        .execute(params![tenant.as_str(), store.as_str(), shelf.at_ms, lines])?;
    Ok(())
}
