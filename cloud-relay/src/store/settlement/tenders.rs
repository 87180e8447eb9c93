//! Rows of card tenders: what the days have in clearing. They can be computed again; which lines are about them cannot.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::matching::TenderRef;
use tillwire_relay_core::settlement::CardTender;

use super::{text, touch};
use crate::store::{StoreError, Unit, json};

/// Writes the card tenders of a day. Lines of a tender that is not there any more are open again.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn put_tenders(
    unit: &Unit<'_>,
    (tenant, store): (&TenantId, &StoreId),
    day: BusinessDay,
    tenders: &[CardTender],
) -> Result<(), StoreError> {
    let there = tenders_of_day(unit.db, tenant, store, day)?;
    if there == tenders {
        return Ok(());
    }
    for gone in there
        .iter()
        .filter(|known| tenders.iter().all(|one| one.tender != known.tender))
    {
        let key = params![tenant.as_str(), store.as_str(), text(&gone.tender)?];
        unit.db
            .prepare_cached("DELETE FROM card_tenders WHERE tenant = ?1 AND store = ?2 AND tender = ?3")?
            .execute(key)?;
        unit.db
            .prepare_cached(
                "UPDATE settlement_deposits SET dirty = 1 WHERE tenant = ?1 AND EXISTS (SELECT 1 FROM \
                 settlement_lines l WHERE l.tenant = ?1 AND l.store = ?2 AND l.tender = ?3 \
                 AND l.merchant = settlement_deposits.merchant AND l.deposit = settlement_deposits.name)",
            )?
            .execute(key)?;
        unit.db
            .prepare_cached(
                "UPDATE settlement_lines SET tender = NULL, rule = NULL, day = NULL \
                 WHERE tenant = ?1 AND store = ?2 AND tender = ?3",
            )?
            .execute(key)?;
    }
    for tender in tenders {
        unit.db
            .prepare_cached(
                "INSERT INTO card_tenders (tenant, store, day, tender, card) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO UPDATE SET card = ?5",
            )?
            .execute(params![
                tenant.as_str(),
                store.as_str(),
                day.days_since_epoch(),
                text(&tender.tender)?,
                text(tender)?
            ])?;
    }
    touch(unit, tenant, store)
}

/// The card tenders of a day as last written, in order.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn tenders_of_day(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<Vec<CardTender>, StoreError> {
    let sql = "SELECT card FROM card_tenders WHERE tenant = ?1 AND store = ?2 AND day = ?3";
    let mut all: Vec<CardTender> = db
        .prepare_cached(sql)?
        .query_map(
            params![tenant.as_str(), store.as_str(), day.days_since_epoch()],
            |row| json(row, 0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    all.sort_by(|one, other| one.tender.cmp(&other.tender));
    Ok(all)
}

/// Days that have card tenders, in order.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn tender_days(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
) -> Result<Vec<BusinessDay>, StoreError> {
    let sql = "SELECT DISTINCT day FROM card_tenders WHERE tenant = ?1 AND store = ?2 ORDER BY day";
    let mut statement = db.prepare_cached(sql)?;
    let days = statement.query_map(params![tenant.as_str(), store.as_str()], |row| row.get(0))?;
    let days: Vec<i32> = days.collect::<rusqlite::Result<_>>()?;
    Ok(days.into_iter().filter_map(BusinessDay::from_days).collect())
}

/// Card tenders in whose row a text appears: those that may be called by it.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn tenders_like(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    text: &str,
) -> Result<Vec<CardTender>, StoreError> {
    let sql = "SELECT card FROM card_tenders WHERE tenant = ?1 AND store = ?2 AND instr(card, ?3) > 0";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.as_str(), store.as_str(), text], |row| json(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The card tenders from a day on that not every kind of report has told about yet.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn free_tenders(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    since: BusinessDay,
) -> Result<Vec<CardTender>, StoreError> {
    let sql = "SELECT card FROM card_tenders t WHERE t.tenant = ?1 AND t.store = ?2 AND t.day >= ?3 \
               AND (SELECT count(*) FROM settlement_lines l WHERE l.tenant = ?1 AND l.store = ?2 \
               AND l.tender = t.tender AND l.kind IN ('sale', 'refund')) < 2";
    let mut statement = db.prepare_cached(sql)?;
    let key = params![tenant.as_str(), store.as_str(), since.days_since_epoch()];
    let rows = statement.query_map(key, |row| json(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One tender, as its day has it.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn tender(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    tender: &TenderRef,
) -> Result<Option<CardTender>, StoreError> {
    let sql = "SELECT card FROM card_tenders WHERE tenant = ?1 AND store = ?2 AND tender = ?3";
    let key = params![tenant.as_str(), store.as_str(), text(tender)?];
    Ok(db
        .prepare_cached(sql)?
        .query_row(key, |row| json(row, 0))
        .optional()?)
}
