//! The last comparison of each store's stock with Odoo.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::stock::DriftLine;

use super::{StoreError, Unit};

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockReport {
    /// When Odoo was read, milliseconds since 1970.
    pub at_ms: i64,
    /// Every product that this relay ever moved or wants to move there.
    pub lines: Vec<DriftLine>,
}

/// The last one of a store.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn last(db: &Connection, tenant: &TenantId, store: &StoreId) -> Result<Option<StockReport>, StoreError> {
    let report = db
        .prepare_cached("SELECT at_ms, lines FROM stock_reports WHERE tenant = ?1 AND store = ?2")?
        .query_row([tenant.as_str(), store.as_str()], |row| {
            Ok(StockReport {
                at_ms: row.get(0)?,
                lines: super::json(row, 1)?,
            })
        })
        .optional()?;
    Ok(report)
}

/// Keeps one in place of the last.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn keep(
    unit: &Unit<'_>,
    tenant: &TenantId,
    store: &StoreId,
    report: &StockReport,
) -> Result<(), StoreError> {
    let lines = serde_json::to_string(&report.lines).map_err(|e| StoreError::refused(e.to_string()))?;
    unit.db
        .prepare_cached(
            "INSERT INTO stock_reports (tenant, store, at_ms, lines) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (tenant, store) DO UPDATE SET at_ms = ?3, lines = ?4",
        )?
        .execute(params![tenant.as_str(), store.as_str(), report.at_ms, lines])?;
    Ok(())
}
