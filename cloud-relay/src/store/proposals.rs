//! What one person asks for and another must allow.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::people::Login;

use super::{StoreError, Unit, column, json};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Sign these exceptions of the day, as they are.
    Sign {
        /// Their numbers.
        exceptions: Vec<i64>,
    },
    /// Take back what was signed for the day.
    Reopen,
    /// Put this mapping in force.
    Mapping {
        /// The mapping in force when it was asked for; another one in between makes it void.
        after: Option<i64>,
        /// The file's text.
        text: String,
    },
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits for a second person.
    Open,
    /// Somebody decided; the word is `allowed`, `refused` or `withdrawn`.
    Decided {
        /// How.
        how: String,
        /// Who.
        by: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
        /// What came of it, or why not.
        words: String,
    },
}

/// A proposal as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: i64,
    /// What is asked for.
    pub act: Act,
    /// The store that it is about; the mapping's is the one where it was missed.
    pub place: (TenantId, StoreId),
    /// The business day, where it is about one.
    pub day: Option<BusinessDay>,
    /// In words.
    pub title: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: Login,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where it stands.
    pub state: State,
}

/// What is put down.
#[derive(Debug, Clone)]
pub struct NewProposal {
    /// What is asked for.
    pub act: Act,
    /// The store.
    pub place: (TenantId, StoreId),
    /// The business day.
    pub day: Option<BusinessDay>,
    /// In words.
    pub title: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: Login,
}

/// Puts one down. Returns its number.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add(unit: &Unit<'_>, new: &NewProposal, now_ms: i64) -> Result<i64, StoreError> {
    let act = serde_json::to_string(&new.act).map_err(|e| StoreError::refused(format!("proposal: {e}")))?;
    unit.db.execute(
        "INSERT INTO proposals (act, tenant, store, day, title, reason, by, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            act,
            new.place.0.as_str(),
            new.place.1.as_str(),
            new.day.map(BusinessDay::days_since_epoch),
            new.title,
            new.reason,
            new.by.as_str(),
            now_ms
        ],
    )?;
    Ok(unit.db.last_insert_rowid())
}

/// Decides on an open one. False when somebody was quicker.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn decide(
    unit: &Unit<'_>,
    id: i64,
    how: &str,
    by: &Login,
    words: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let decided = unit.db.execute(
        "UPDATE proposals SET state = ?2, decided_by = ?3, decided_ms = ?4, words = ?5 \
         WHERE id = ?1 AND state = 'open'",
        params![id, how, by.as_str(), now_ms, words],
    )?;
    Ok(decided > 0)
}

const SELECT: &str = "SELECT id, act, tenant, store, day, title, reason, by, at_ms, state, decided_by, decided_ms, \
                      words FROM proposals";

/// One.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, id: i64) -> Result<Option<Proposal>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], read)
        .optional()?)
}

/// Open ones first, then what was decided, newest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(db: &Connection, most: u32) -> Result<Vec<Proposal>, StoreError> {
    let sql = format!("{SELECT} ORDER BY state <> 'open', id DESC LIMIT ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([most], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Open ones of a store's day, or those of a store that are about no day.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn open_of(
    db: &Connection,
    (tenant, store): (&TenantId, &StoreId),
    day: Option<BusinessDay>,
) -> Result<Vec<Proposal>, StoreError> {
    let sql =
        format!("{SELECT} WHERE state = 'open' AND tenant = ?1 AND store = ?2 AND day IS ?3 ORDER BY id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            tenant.as_str(),
            store.as_str(),
            day.map(BusinessDay::days_since_epoch)
        ],
        read,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Proposal> {
    let state: String = row.get(9)?;
    let day: Option<i32> = row.get(4)?;
    Ok(Proposal {
        id: row.get(0)?,
        act: json(row, 1)?,
        place: (column(row, 2, TenantId::new)?, column(row, 3, StoreId::new)?),
        day: day
            .map(|days| BusinessDay::from_days(days).ok_or_else(|| super::unreadable(4, "a day")))
            .transpose()?,
        title: row.get(5)?,
        reason: row.get(6)?,
        by: column(row, 7, str::parse)?,
        at_ms: row.get(8)?,
        state: if state == "open" {
            State::Open
        } else {
            State::Decided {
                how: state,
                by: row.get::<_, Option<String>>(10)?.unwrap_or_default(),
                at_ms: row.get::<_, Option<i64>>(11)?.unwrap_or_default(),
                words: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
            }
        },
    })
}
