//! The statements that every append runs, taken up once a transaction.

use rusqlite::{CachedStatement, Connection};

/// Statements of one write transaction.
pub(crate) struct Plans<'a> {
    pub(crate) record: CachedStatement<'a>,
    pub(crate) attachment: CachedStatement<'a>,
    pub(crate) look_up: CachedStatement<'a>,
    pub(crate) ticket: CachedStatement<'a>,
}

impl<'a> Plans<'a> {
    pub(crate) fn of(db: &'a Connection) -> rusqlite::Result<Self> {
        let attachment = "INSERT INTO attachments (id, record, digest, len, packed) VALUES (?, ?, ?, ?, ?)";
        let look_up =
            "SELECT record, revision, content FROM tickets WHERE key = ? ORDER BY revision DESC LIMIT 1";
        let ticket = "INSERT INTO tickets (key, record, revision, content) VALUES (?, ?, ?, ?)";
        Ok(Self {
            record: db.prepare_cached("INSERT INTO records (id, hash, body) VALUES (?, ?, ?)")?,
            attachment: db.prepare_cached(attachment)?,
            look_up: db.prepare_cached(look_up)?,
            ticket: db.prepare_cached(ticket)?,
        })
    }
}
