//! How far each account is known, and which tickets a webhook named.

pub mod payments;
pub mod shelves;

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{Digest, TenantId};

use crate::store::{StoreError, Unit};

/// How far an account is known. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Nothing that changed before this is unknown.
    pub since_ms: i64,
    /// When the last days were last read again.
    pub reread_ms: i64,
    /// Last round that went well.
    pub polled_ms: Option<i64>,
    /// Why the last one did not.
    pub problem: Option<String>,
}

/// A ticket that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its id in the account.
    pub ticket: String,
    /// When it had changed, milliseconds since 1970.
    pub updated_ms: i64,
    /// SHA-256 of what it says.
    pub content: Digest,
    /// Its revision.
    pub revision: u32,
}

/// What is known of an account.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn known(db: &Connection, account: &str) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT since_ms, reread_ms, polled_ms, problem FROM cloud_accounts WHERE account = ?1";
    let read = db.prepare_cached(sql)?.query_row([account], |row| {
        Ok(Known {
            since_ms: row.get(0)?,
            reread_ms: row.get(1)?,
            polled_ms: row.get(2)?,
            problem: row.get(3)?,
        })
    });
    Ok(read.optional()?)
}

/// Why accounts of a retailer were not heard in their last rounds; nothing when all were.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn problem(db: &Connection, tenant: &TenantId) -> Result<Option<String>, StoreError> {
    let sql =
        "SELECT group_concat(problem, '; ') FROM cloud_accounts WHERE substr(account, 1, length(?1)) = ?1";
    Ok(db
        .prepare_cached(sql)?
        .query_row([format!("{tenant}@")], |row| row.get(0))?)
}

/// Remembers how far it is known.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn remember(unit: &Unit<'_>, account: &str, known: &Known) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "INSERT INTO cloud_accounts (account, since_ms, reread_ms, polled_ms, problem) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (account) DO UPDATE SET since_ms = ?2, reread_ms = ?3, polled_ms = ?4, problem = ?5",
        )?
        .execute(params![account, known.since_ms, known.reread_ms, known.polled_ms, known.problem])?;
    Ok(())
}

/// The ticket as it is held; `None` for one that is not.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn ticket(db: &Connection, account: &str, ticket: &str) -> Result<Option<Ticket>, StoreError> {
    let sql =
        "SELECT ticket, updated_ms, content, revision FROM cloud_tickets WHERE account = ?1 AND ticket = ?2";
    let read = db.prepare_cached(sql)?.query_row([account, ticket], |row| {
        let content: [u8; 32] = row.get(2)?;
        Ok(Ticket {
            ticket: row.get(0)?,
            updated_ms: row.get(1)?,
            content: Digest(content),
            revision: row.get(3)?,
        })
    });
    Ok(read.optional()?)
}

/// Remembers what is held.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn hold(unit: &Unit<'_>, account: &str, tickets: &[Ticket]) -> Result<(), StoreError> {
    let mut put = unit.db.prepare_cached(
        "INSERT INTO cloud_tickets (account, ticket, updated_ms, content, revision) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (account, ticket) DO UPDATE SET updated_ms = ?3, content = ?4, revision = ?5",
    )?;
    for held in tickets {
        let content = held.content.as_bytes();
        put.execute(params![
            account,
            held.ticket,
            held.updated_ms,
            content,
            held.revision
        ])?;
    }
    Ok(())
}

/// Tickets that a webhook named, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn wakes(db: &Connection, account: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT ticket FROM cloud_wakes WHERE account = ?1 ORDER BY received_ms LIMIT 500";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([account], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A webhook names a ticket. At most 100,000 wait; who sends more sends noise, and the rounds find what there is.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn wake(unit: &Unit<'_>, account: &str, ticket: &str, now_ms: i64) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "INSERT OR IGNORE INTO cloud_wakes (account, ticket, received_ms) SELECT ?1, ?2, ?3 \
             WHERE (SELECT count(*) FROM cloud_wakes WHERE account = ?1) < 100000",
        )?
        .execute(params![account, ticket, now_ms])?;
    Ok(())
}

/// It was asked for.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn woken(unit: &Unit<'_>, account: &str, ticket: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM cloud_wakes WHERE account = ?1 AND ticket = ?2";
    unit.db.prepare_cached(sql)?.execute([account, ticket])?;
    Ok(())
}
