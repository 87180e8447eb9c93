//! Rows of store-days: which need another look, what the last look found, which batches hold their records.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use tillwire_proto::{Amount, BusinessDay, Currency, StoreId, TenantId};
use tillwire_relay_core::shape::DayShape;

use super::{StoreError, Unit};
use crate::events::RelayEvent;

/// A store-day as the last assessment left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRow {
    /// Row number.
    pub id: i64,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The day.
    pub day: BusinessDay,
    /// Changes since the last assessment.
    pub dirty: u64,
    /// The state's word: `Open`, `Closing`, `Complete`, `Balanced`, `Posted`, `Settled`.
    pub state: String,
    /// Last record that touched it, milliseconds since 1970.
    pub changed_ms: i64,
    /// Last assessment.
    pub assessed_ms: Option<i64>,
    /// Postings so far.
    pub revision: u32,
    /// Sales, returns and exchanges.
    pub trades: u64,
    /// Lines after discounts.
    pub net: Option<Amount>,
    /// Taxes.
    pub tax: Option<Amount>,
    /// Net, tax and tips.
    pub total: Option<Amount>,
    /// Counted less expected cash, over the registers that counted.
    pub over_short: Option<Amount>,
    /// Open exceptions that hold the day.
    pub blockers: u32,
}

/// What an assessment found, for the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The state's word.
    pub state: String,
    /// When to look again whatever happens.
    pub due_ms: Option<i64>,
    /// Postings so far.
    pub revision: u32,
    /// Sales, returns and exchanges.
    pub trades: u64,
    /// Lines after discounts.
    pub net: Amount,
    /// Taxes.
    pub tax: Amount,
    /// Net, tax and tips.
    pub total: Amount,
    /// Counted less expected cash.
    pub over_short: Amount,
    /// Open exceptions that hold the day.
    pub blockers: u32,
    /// How it looks beside other days.
    pub shape: DayShape,
}

/// The day's row number; makes the row when it is not there.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn ensure(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    now_ms: i64,
) -> Result<i64, StoreError> {
    Ok(unit
        .db
        .prepare_cached(
            "INSERT INTO store_days (tenant, store, day, changed_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (tenant, store, day) DO UPDATE SET dirty = dirty + 1, changed_ms = ?4 RETURNING id",
        )?
        .query_row(
            params![tenant.as_str(), store.as_str(), day.days_since_epoch(), now_ms],
            |row| row.get(0),
        )?)
}

/// Asks for another look at a day that is there.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    now_ms: i64,
) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "UPDATE store_days SET dirty = dirty + 1, changed_ms = ?4 WHERE tenant = ?1 AND store = ?2 AND day = ?3",
        )?
        .execute(params![tenant.as_str(), store.as_str(), day.days_since_epoch(), now_ms])?;
    unit.tell(RelayEvent::Day {
        tenant: tenant.clone(),
        store: store.clone(),
        day,
    });
    Ok(())
}

/// Asks for another look at the days beside one, no later than `due_ms`: a payment after midnight may belong to a
/// ticket before it.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_neighbours(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    due_ms: i64,
) -> Result<(), StoreError> {
    let day = day.days_since_epoch();
    unit.db
        .prepare_cached(
            "UPDATE store_days SET due_ms = min(coalesce(due_ms, ?5), ?5) \
             WHERE tenant = ?1 AND store = ?2 AND day IN (?3, ?4)",
        )?
        .execute(params![tenant.as_str(), store.as_str(), day - 1, day + 1, due_ms])?;
    Ok(())
}

/// Asks for another look at every day of a store; of all stores with `None`. Deposits that are held are looked at too.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_all(unit: &mut Unit<'_>, of: Option<(&TenantId, &StoreId)>) -> Result<(), StoreError> {
    super::settlement::touch_held(unit)?;
    match of {
        Some((tenant, store)) => unit.db.execute(
            "UPDATE store_days SET dirty = dirty + 1 WHERE tenant = ?1 AND store = ?2",
            params![tenant.as_str(), store.as_str()],
        )?,
        None => unit.db.execute("UPDATE store_days SET dirty = dirty + 1", [])?,
    };
    Ok(())
}

/// Asks for another look at a store's days from one on; at all with `None`.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_since(
    unit: &mut Unit<'_>,
    (tenant, store): (&TenantId, &StoreId),
    since: Option<BusinessDay>,
) -> Result<(), StoreError> {
    let since = since.map_or(i32::MIN, BusinessDay::days_since_epoch);
    unit.db.execute(
        "UPDATE store_days SET dirty = dirty + 1 WHERE tenant = ?1 AND store = ?2 AND day >= ?3",
        params![tenant.as_str(), store.as_str(), since],
    )?;
    Ok(())
}

/// Asks for another look at every day that is not done: posted without anything open. Mappings and limits may have
/// changed since, which deposits that are held wait for too.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_open(unit: &Unit<'_>) -> Result<usize, StoreError> {
    super::settlement::touch_held(unit)?;
    Ok(unit.db.execute(
        "UPDATE store_days SET dirty = dirty + 1 WHERE state NOT IN ('Posted', 'Settled') OR EXISTS (SELECT 1 FROM exceptions e \
         WHERE e.resolved_ms IS NULL AND e.tenant = store_days.tenant AND e.store = store_days.store \
         AND e.day = store_days.day)",
        [],
    )?)
}

/// Notes that a batch holds records of a day.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn link(unit: &Unit<'_>, day: i64, batch: i64) -> Result<(), StoreError> {
    unit.db
        .prepare_cached("INSERT OR IGNORE INTO day_batches (store_day, batch) VALUES (?1, ?2)")?
        .execute([day, batch])?;
    Ok(())
}

/// Days that changed or whose time has come, the longest waiting first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn waiting(db: &Connection, now_ms: i64, count_max: u32) -> Result<Vec<DayRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE id IN (SELECT id FROM store_days WHERE dirty > 0 \
         UNION SELECT id FROM store_days WHERE due_ms IS NOT NULL AND due_ms <= ?1) \
         ORDER BY coalesce(assessed_ms, 0) LIMIT ?2"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![now_ms, count_max], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes what an assessment found. Changes that came while it ran (`seen_dirty` is what it had seen) keep the day
/// waiting.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn assessed(unit: &mut Unit<'_>, row: &DayRow, found: &Found, now_ms: i64) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "UPDATE store_days SET dirty = max(dirty - ?2, 0), due_ms = ?3, state = ?4, assessed_ms = ?5, \
             revision = ?6, trades = ?7, net_minor = ?8, tax_minor = ?9, total_minor = ?10, \
             over_short_minor = ?11, currency = ?12, blockers = ?13, shape = ?14 WHERE id = ?1",
        )?
        .execute(params![
            row.id,
            row.dirty,
            found.due_ms,
            found.state,
            now_ms,
            found.revision,
            found.trades,
            found.net.minor(),
            found.tax.minor(),
            found.total.minor(),
            found.over_short.minor(),
            found.net.currency().code(),
            found.blockers,
            serde_json::to_string(&found.shape)
                .map_err(|error| StoreError::refused(format!("shape: {error}")))?
        ])?;
    unit.tell(RelayEvent::Day {
        tenant: row.tenant.clone(),
        store: row.store.clone(),
        day: row.day,
    });
    Ok(())
}

/// One day.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<Option<DayRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND day = ?3");
    let key = params![tenant.as_str(), store.as_str(), day.days_since_epoch()];
    Ok(db.prepare_cached(&sql)?.query_row(key, read).optional()?)
}

/// Days from `since` on, newest first; of one store, or of all.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(
    db: &Connection,
    of: Option<(&TenantId, &StoreId)>,
    since: Option<BusinessDay>,
    count_max: u32,
) -> Result<Vec<DayRow>, StoreError> {
    list_of(db, of, since, |_| true, count_max as usize)
}

/// As [`list`], but only those that `keep` keeps.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list_of(
    db: &Connection,
    of: Option<(&TenantId, &StoreId)>,
    since: Option<BusinessDay>,
    keep: impl Fn(&DayRow) -> bool,
    count_max: usize,
) -> Result<Vec<DayRow>, StoreError> {
    let since = since.map_or(i32::MIN, BusinessDay::days_since_epoch);
    // two questions, because one with "any store" in it would read all days of all stores for those of one
    let (sql, key): (_, &[&dyn ToSql]) = match &of {
        Some((tenant, store)) => (
            format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND day >= ?3 ORDER BY day DESC"),
            params![tenant.as_str(), store.as_str(), since],
        ),
        None => (
            format!("{SELECT} WHERE day >= ?1 ORDER BY day DESC, tenant, store"),
            params![since],
        ),
    };
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(key, read)?;
    let kept = rows.filter(|row| row.as_ref().map_or(true, &keep));
    Ok(kept.take(count_max).collect::<rusqlite::Result<_>>()?)
}

/// One business day of all stores.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_day(db: &Connection, day: BusinessDay) -> Result<Vec<DayRow>, StoreError> {
    let sql = format!("{SELECT} WHERE day = ?1 ORDER BY tenant, store");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([day.days_since_epoch()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many signatures of a day count.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn signatures(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM signatures WHERE tenant = ?1 AND store = ?2 AND day = ?3 AND withdrawn_ms IS NULL";
    let key = params![tenant.as_str(), store.as_str(), day.days_since_epoch()];
    Ok(db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
}

/// Shapes of a store's days from `first` to `last`, both included, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn shapes(
    db: &Connection,
    (tenant, store): (&TenantId, &StoreId),
    first: BusinessDay,
    last: BusinessDay,
) -> Result<Vec<(BusinessDay, DayShape)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT day, shape FROM store_days WHERE tenant = ?1 AND store = ?2 AND day BETWEEN ?3 AND ?4 \
         AND shape IS NOT NULL ORDER BY day",
    )?;
    let (first, last) = (first.days_since_epoch(), last.days_since_epoch());
    let rows = statement.query_map(params![tenant.as_str(), store.as_str(), first, last], |row| {
        let day = BusinessDay::from_days(row.get(0)?).ok_or_else(|| super::unreadable(0, "a day"))?;
        Ok((day, super::json(row, 1)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A store's days from `first` to `last`, both included, in order.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn between(
    db: &Connection,
    (tenant, store): (&TenantId, &StoreId),
    first: BusinessDay,
    last: BusinessDay,
) -> Result<Vec<DayRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND day BETWEEN ?3 AND ?4 ORDER BY day");
    let mut statement = db.prepare_cached(&sql)?;
    let (first, last) = (first.days_since_epoch(), last.days_since_epoch());
    let rows = statement.query_map(params![tenant.as_str(), store.as_str(), first, last], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const SELECT: &str = "SELECT id, tenant, store, day, dirty, state, changed_ms, assessed_ms, revision, trades, \
                      net_minor, tax_minor, total_minor, over_short_minor, currency, blockers FROM store_days";

fn read(row: &Row<'_>) -> rusqlite::Result<DayRow> {
    let currency: Option<String> = row.get(14)?;
    let currency = currency.and_then(|code| Currency::from_code(&code).ok());
    let amount = |index| -> rusqlite::Result<Option<Amount>> {
        let minor: i64 = row.get(index)?;
        Ok(currency.map(|currency| Amount::new(minor, currency)))
    };
    Ok(DayRow {
        id: row.get(0)?,
        tenant: super::column(row, 1, TenantId::new)?,
        store: super::column(row, 2, StoreId::new)?,
        day: BusinessDay::from_days(row.get(3)?).ok_or_else(|| super::unreadable(3, "a day"))?,
        dirty: row.get(4)?,
        state: row.get(5)?,
        changed_ms: row.get(6)?,
        assessed_ms: row.get(7)?,
        revision: row.get(8)?,
        trades: row.get(9)?,
        net: amount(10)?,
        tax: amount(11)?,
        total: amount(12)?,
        over_short: amount(13)?,
        blockers: row.get(15)?,
    })
}
