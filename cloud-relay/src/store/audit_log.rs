//! The log of what people did, as rows. [`tillwire_relay_core::audit`] says what makes it a chain.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::Digest;
use tillwire_relay_core::audit::{AuditEntry, Head, check};

use super::{StoreError, Unit};

/// Writes down who did what. Never changed, never deleted.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn append(unit: &Unit<'_>, who: &str, what: &str, detail: &str, now_ms: i64) -> Result<(), StoreError> {
    let head = head_for_writing(unit.db)?;
    let entry = AuditEntry {
        number: head.number + 1,
        at_ms: now_ms,
        who: who.to_owned(),
        what: what.to_owned(),
        detail: detail.to_owned(),
    };
    unit.db
        .prepare_cached(
            "INSERT INTO audit (id, at_ms, who, what, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            entry.number,
            now_ms,
            who,
            what,
            detail,
            entry.hash(head.hash).0
        ])?;
    Ok(())
}

/// The end to continue at. Entries from before the log was a chain get their hashes now.
fn head_for_writing(db: &Connection) -> Result<Head, StoreError> {
    if let Some(head) = newest(db)? {
        return Ok(head);
    }
    let mut head = Head::EMPTY;
    let bare: Vec<AuditEntry> = db
        .prepare("SELECT id, at_ms, who, what, detail FROM audit ORDER BY id")?
        .query_map([], entry)?
        .collect::<rusqlite::Result<_>>()?;
    let mut write = db.prepare("UPDATE audit SET hash = ?2 WHERE id = ?1")?;
    for entry in bare {
        let hash = entry.hash(head.hash);
        write.execute(params![entry.number, hash.0])?;
        head = Head {
            number: entry.number,
            hash,
        };
    }
    Ok(head)
}

/// The end of the chain; `None` when no entry has a hash yet.
fn newest(db: &Connection) -> Result<Option<Head>, StoreError> {
    let found: Option<(u64, Option<Digest>)> = db
        .prepare_cached("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, hash(row, 1)?)))
        .optional()?;
    Ok(match found {
        Some((number, Some(hash))) => Some(Head { number, hash }),
        _ => None,
    })
}

/// An entry with its hash; the hash is missing only before the first entry is written by this version.
pub type Kept = (AuditEntry, Option<Digest>);

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Only entries before this number.
    pub before: Option<u64>,
    /// Only what this person did.
    pub who: Option<String>,
}

/// Entries, newest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(db: &Connection, which: &Which, most: u32) -> Result<Vec<Kept>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, at_ms, who, what, detail, hash FROM audit WHERE (?1 IS NULL OR id < ?1) \
         AND (?2 IS NULL OR who = ?2) ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![which.before, which.who, most], kept)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Entries after this number, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn after(db: &Connection, number: u64, most: u32) -> Result<Vec<Kept>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, at_ms, who, what, detail, hash FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![number, most], kept)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Entries that are read and checked at once.
const CHUNK: u32 = 10_000;

/// Follows the whole chain. `Ok(Err(_))` says where it does not hold.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn verify(db: &Connection) -> Result<Result<Head, String>, StoreError> {
    let mut head = Head::EMPTY;
    loop {
        let part = after(db, head.number, CHUNK)?;
        if part.is_empty() {
            return Ok(Ok(head));
        }
        let Some(hashed) = part
            .into_iter()
            .map(|(entry, hash)| Some((entry, hash?)))
            .collect::<Option<Vec<_>>>()
        else {
            return Ok(Err(format!(
                "entries after {} have no hash yet; the next entry that the relay writes gives them theirs",
                head.number
            )));
        };
        match check(head, hashed) {
            Ok(end) => head = end,
            Err(broken) => return Ok(Err(broken.to_string())),
        }
    }
}

/// The hash of one entry; `None` when there is no such entry, or it has none yet.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn hash_of(db: &Connection, number: u64) -> Result<Option<Digest>, StoreError> {
    Ok(db
        .prepare_cached("SELECT hash FROM audit WHERE id = ?1")?
        .query_row([number], |row| hash(row, 0))
        .optional()?
        .flatten())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        number: row.get(0)?,
        at_ms: row.get(1)?,
        who: row.get(2)?,
        what: row.get(3)?,
        detail: row.get(4)?,
    })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok((entry(row)?, hash(row, 5)?))
}

fn hash(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Digest>> {
    let bytes: Option<Vec<u8>> = row.get(index)?;
    bytes
        .map(|bytes| bytes.try_into().map(Digest))
        .transpose()
        .map_err(|_| super::unreadable(index, "a hash of 32 bytes"))
}

#[cfg(test)]
mod tests;
