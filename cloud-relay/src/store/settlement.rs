//! Rows of settlement: reports, their lines and deposits, the card tenders of days, and which line is about which
//! tender. A report is stored in one unit of work, or not at all.

mod tenders;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use tillwire_proto::{BusinessDay, Digest, StoreId, TenantId};
use tillwire_relay_core::odoo::EffectState;
use tillwire_relay_core::settlement::{Deposit, Matched, ProcessorId, Progress, SettlementLine};

pub use tenders::{free_tenders, put_tenders, tender, tender_days, tenders_like, tenders_of_day};

use super::days::DayRow;
use super::effects::StoredEffect;
use super::{StoreError, Unit, column, effects, json};

/// A report to store.
#[derive(Debug)]
pub struct NewReport<'a> {
    /// The retailer.
    pub tenant: &'a TenantId,
    /// The file's name, for people.
    pub name: &'a str,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// What may be kept of it.
    pub bytes: &'a [u8],
    /// Lines and deposits in it.
    pub counts: (usize, usize),
    /// Who.
    pub by: &'a str,
}

/// What became of a line or deposit of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not known.
    New,
    /// It goes further than what was known.
    Further,
    /// It says nothing new.
    Known,
}

/// A line as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Row number.
    pub id: i64,
    /// All of it.
    pub line: SettlementLine,
    /// The tender that it is about, and by which rule.
    pub matched: Option<Matched>,
}

/// A deposit as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeposit {
    /// Row number.
    pub id: i64,
    /// The store.
    pub store: StoreId,
    /// All of it.
    pub deposit: Deposit,
    /// Why it is not booked.
    pub held: Option<String>,
}

/// Stores a report's bytes. `None` when the same file is there already.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add_report(unit: &Unit<'_>, new: &NewReport<'_>, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let (lines, deposits) = new.counts;
    Ok(unit
        .db
        .prepare_cached(
            "INSERT INTO settlement_reports (tenant, digest, name, bytes, lines, deposits, imported_ms, imported_by) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING RETURNING id",
        )?
        .query_row(
            params![
                new.tenant.as_str(),
                new.digest.as_bytes(),
                new.name,
                new.bytes,
                lines,
                deposits,
                now_ms,
                new.by
            ],
            |row| row.get(0),
        )
        .optional()?)
}

/// Stores what a report says of a line, where that goes further than what is known.
///
/// # Errors
/// [`StoreError::Refused`] with both sides when neither goes further and they differ; or the write's.
pub fn put_line(
    unit: &Unit<'_>,
    (tenant, store): (&TenantId, &StoreId),
    line: &SettlementLine,
    report: i64,
) -> Result<Put, StoreError> {
    let sql =
        "SELECT line FROM settlement_lines WHERE tenant = ?1 AND merchant = ?2 AND name = ?3 AND kind = ?4";
    let key = params![
        tenant.as_str(),
        line.merchant.as_str(),
        line.id.as_str(),
        line.kind.name()
    ];
    let known: Option<SettlementLine> = unit
        .db
        .prepare_cached(sql)?
        .query_row(key, |row| json(row, 0))
        .optional()?;
    if let Some(known) = &known {
        let further = line
            .follows(known)
            .map_err(|e| StoreError::refused(e.to_string()))?;
        if !further {
            return Ok(Put::Known);
        }
    }
    unit.db
        .prepare_cached(
            "INSERT INTO settlement_lines (tenant, store, merchant, name, kind, deposit, line, report) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant, merchant, name, kind) \
             DO UPDATE SET deposit = ?6, line = ?7, report = ?8",
        )?
        .execute(params![
            tenant.as_str(),
            store.as_str(),
            line.merchant.as_str(),
            line.id.as_str(),
            line.kind.name(),
            line.deposit.as_ref().map(ProcessorId::as_str),
            text(line)?,
            report
        ])?;
    touch_deposit(unit, tenant, line)?;
    Ok(if known.is_some() { Put::Further } else { Put::New })
}

/// Stores what a report says of a deposit, where that goes further than what is known.
///
/// # Errors
/// As [`put_line`].
pub fn put_deposit(
    unit: &Unit<'_>,
    (tenant, store): (&TenantId, &StoreId),
    deposit: &Deposit,
    report: i64,
) -> Result<Put, StoreError> {
    let sql = "SELECT deposit FROM settlement_deposits WHERE tenant = ?1 AND merchant = ?2 AND name = ?3";
    let known: Option<Deposit> = unit
        .db
        .prepare_cached(sql)?
        .query_row(
            params![tenant.as_str(), deposit.merchant.as_str(), deposit.id.as_str()],
            |row| json(row, 0),
        )
        .optional()?;
    if let Some(known) = &known {
        let further = deposit
            .follows(known)
            .map_err(|e| StoreError::refused(e.to_string()))?;
        if !further {
            return Ok(Put::Known);
        }
    }
    unit.db
        .prepare_cached(
            "INSERT INTO settlement_deposits (tenant, store, merchant, name, date, deposit, report) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tenant, merchant, name) \
             DO UPDATE SET date = ?5, deposit = ?6, report = ?7, dirty = 1",
        )?
        .execute(params![
            tenant.as_str(),
            store.as_str(),
            deposit.merchant.as_str(),
            deposit.id.as_str(),
            deposit.date.days_since_epoch(),
            text(deposit)?,
            report
        ])?;
    Ok(if known.is_some() { Put::Further } else { Put::New })
}

/// A store's settlement is to be looked at.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch(unit: &Unit<'_>, tenant: &TenantId, store: &StoreId) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "INSERT INTO settlement_due (tenant, store) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET dirty = dirty + 1",
        )?
        .execute(params![tenant.as_str(), store.as_str()])?;
    Ok(())
}

/// Every store with a deposit that is held is to be looked at.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_held(unit: &Unit<'_>) -> Result<(), StoreError> {
    unit.db.execute(
        "INSERT INTO settlement_due (tenant, store) \
         SELECT DISTINCT tenant, store FROM settlement_deposits WHERE dirty > 0 \
         ON CONFLICT DO UPDATE SET dirty = dirty + 1",
        [],
    )?;
    Ok(())
}

/// Stores whose settlement is to be looked at, each with what is then taken off.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn due(db: &Connection) -> Result<Vec<(TenantId, StoreId, i64)>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT tenant, store, dirty FROM settlement_due WHERE dirty > 0")?;
    let rows = statement.query_map([], |row| {
        Ok((
            column(row, 0, TenantId::new)?,
            column(row, 1, StoreId::new)?,
            row.get(2)?,
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes off what was looked at; changes that came meanwhile stay.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn looked_at(unit: &Unit<'_>, tenant: &TenantId, store: &StoreId, seen: i64) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "UPDATE settlement_due SET dirty = max(dirty - ?3, 0) WHERE tenant = ?1 AND store = ?2",
        )?
        .execute(params![tenant.as_str(), store.as_str(), seen])?;
    Ok(())
}

/// Which lines of a store.
#[derive(Debug, Clone, Copy)]
pub enum Lines<'a> {
    /// Those that are about no tender yet.
    Open,
    /// Those about tenders from this day on.
    Matched(BusinessDay),
    /// Those about tenders of a day.
    OfDay(BusinessDay),
    /// Those in a deposit.
    InDeposit(&'a Deposit),
}

/// Lines of a store, in order of the processor's names.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn lines(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    which: Lines<'_>,
) -> Result<Vec<StoredLine>, StoreError> {
    let day = |day: BusinessDay| Value::from(day.days_since_epoch());
    let name = |id: &ProcessorId| Value::from(id.as_str().to_owned());
    let (condition, more) = match which {
        Lines::Open => ("tender IS NULL", Vec::new()),
        Lines::Matched(since) => ("day >= ?3", vec![day(since)]),
        Lines::OfDay(of) => ("day = ?3", vec![day(of)]),
        Lines::InDeposit(deposit) => (
            "merchant = ?3 AND deposit = ?4",
            vec![name(&deposit.merchant), name(&deposit.id)],
        ),
    };
    let sql = format!(
        "SELECT id, line, tender, rule FROM settlement_lines WHERE tenant = ?1 AND store = ?2 AND {condition} \
         ORDER BY merchant, name, kind"
    );
    let place = [tenant.as_str(), store.as_str()].map(|text| Value::from(text.to_owned()));
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(place.into_iter().chain(more)), read_line)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// True when every deposit that settles a card tender of the day is in Odoo and equal.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn is_posted(db: &Connection, row: &DayRow) -> Result<bool, StoreError> {
    for stored in lines(db, &row.tenant, &row.store, Lines::OfDay(row.day))? {
        let Some(deposit) = stored
            .line
            .deposit
            .filter(|_| stored.line.progress == Progress::Funded)
        else {
            continue;
        };
        let entries = effects::of_deposit(db, &row.tenant, &row.store, deposit.as_str())?;
        let done = entries
            .iter()
            .all(|entry| entry.effect.state == EffectState::Done);
        if entries.is_empty() || !done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The entry of a deposit has ended: days whose card tenders it settles are looked at again.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_days(unit: &mut Unit<'_>, entry: &StoredEffect, now_ms: i64) -> Result<(), StoreError> {
    if entry.day.is_some() {
        return Ok(());
    }
    let sql = "SELECT DISTINCT day FROM settlement_lines WHERE tenant = ?1 AND store = ?2 AND day IS NOT NULL \
               AND deposit = json_extract(?3, '$.deposit')";
    let key = params![entry.tenant.as_str(), entry.store.as_str(), entry.source];
    let days: Vec<i32> = unit
        .db
        .prepare_cached(sql)?
        .query_map(key, |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for day in days.into_iter().filter_map(BusinessDay::from_days) {
        super::days::touch(unit, &entry.tenant, &entry.store, day, now_ms)?;
    }
    Ok(())
}

/// Notes which tender a line is about.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn join(
    unit: &Unit<'_>,
    tenant: &TenantId,
    line: &StoredLine,
    matched: &Matched,
) -> Result<(), StoreError> {
    unit.db
        .prepare_cached("UPDATE settlement_lines SET tender = ?2, rule = ?3, day = ?4 WHERE id = ?1")?
        .execute(params![
            line.id,
            text(&matched.tender)?,
            text(&matched.rule)?,
            matched.tender.ticket.day.days_since_epoch()
        ])?;
    touch_deposit(unit, tenant, &line.line)
}

fn touch_deposit(unit: &Unit<'_>, tenant: &TenantId, line: &SettlementLine) -> Result<(), StoreError> {
    let Some(deposit) = &line.deposit else {
        return Ok(());
    };
    unit.db
        .prepare_cached(
            "UPDATE settlement_deposits SET dirty = 1 WHERE tenant = ?1 AND merchant = ?2 AND name = ?3",
        )?
        .execute(params![tenant.as_str(), line.merchant.as_str(), deposit.as_str()])?;
    Ok(())
}

/// Deposits, newest first; of a store those that are not booked as they are, or of a retailer all.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn deposits(
    db: &Connection,
    tenant: Option<&TenantId>,
    open_of: Option<&StoreId>,
) -> Result<Vec<StoredDeposit>, StoreError> {
    let sql = "SELECT id, store, deposit, held FROM settlement_deposits WHERE (?1 IS NULL OR tenant = ?1) \
               AND (?2 IS NULL OR (store = ?2 AND dirty > 0)) ORDER BY date DESC, tenant, merchant, name";
    let mut statement = db.prepare_cached(sql)?;
    let of = params![tenant.map(TenantId::as_str), open_of.map(StoreId::as_str)];
    let rows = statement.query_map(of, |row| {
        Ok(StoredDeposit {
            id: row.get(0)?,
            store: column(row, 1, StoreId::new)?,
            deposit: json(row, 2)?,
            held: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a deposit is booked as it is, or why not.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn booked(unit: &Unit<'_>, deposit: i64, held: Option<&str>) -> Result<(), StoreError> {
    unit.db
        .prepare_cached("UPDATE settlement_deposits SET held = ?2, dirty = ?3 WHERE id = ?1")?
        .execute(params![deposit, held, i64::from(held.is_some())])?;
    Ok(())
}

fn read_line(row: &Row<'_>) -> rusqlite::Result<StoredLine> {
    let tender: Option<String> = row.get(2)?;
    let matched = match tender {
        Some(_) => Some(Matched {
            tender: json(row, 2)?,
            rule: json(row, 3)?,
        }),
        None => None,
    };
    Ok(StoredLine {
        id: row.get(0)?,
        line: json(row, 1)?,
        matched,
    })
}

fn text(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::refused(format!("settlement: {e}")))
}
