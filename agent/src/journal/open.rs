//! Opening the database: its version, its settings, its tables.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};

/// First SQLite without the write-ahead-log reset bug that could corrupt a journal (sqlite.org, release 3.51.3).
const SQLITE_WANTED: i32 = 3_051_003;

/// The smallest pages: a sale's commit writes the last pages of three tables and what points to them, and flash wears by what is
/// written. Measured for tickets with their bytes: 10.5 KB a sale with 512, 12.9 with 1,024, 16.6 with 2,048, 22.1 with 4,096.
const PAGE_LEN: u32 = 512;

/// Number of bits that a record's number has in a row id; the segment's local number is above them.
const NUMBER_BITS: u32 = 40;

/// How to open; the defaults are what a store runs.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Largest database, in pages; `None` is no limit but the disk's. Tests give one to fill the disk.
    pub page_count_max: Option<u32>,
    /// Work is done by whoever asks for it, without a thread of the journal's own: for simulations that must happen in one
    /// thread to happen again in the same order. Whoever opens it so also calls [`super::Journal::tick`].
    pub in_place: bool,
}

/// Where the database of a state directory is.
#[must_use]
pub fn database(state_dir: &Path) -> PathBuf {
    state_dir.join("journal.db")
}

/// Makes a folder that is still there after a power cut: its name is stable only when the folder above it was synced, and so
/// on up to the first that was there before.
///
/// # Errors
/// When it cannot be made, or a folder above a new one not be synced.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let new: Vec<&Path> = folder
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    std::fs::create_dir_all(folder)?;
    for dir in new {
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Keeps a second agent away from the same state directory while it lives.
///
/// # Errors
/// When another process has it, or the directory cannot be written.
pub fn lock(state_dir: &Path) -> anyhow::Result<File> {
    make_folder(state_dir)
        .with_context(|| format!("cannot make the state directory {}", state_dir.display()))?;
    let path = state_dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("cannot write {}; check owner and rights", path.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "another agent runs on {}; stop it first, or give this one its own state_dir",
            state_dir.display()
        );
    }
    Ok(file)
}

/// Opens for writing, and makes the tables of a new journal.
///
/// # Errors
/// When SQLite is too old, or the file is not a journal or cannot be read.
pub fn open_writer(path: &Path, options: &OpenOptions) -> anyhow::Result<Connection> {
    if rusqlite::version_number() < SQLITE_WANTED {
        bail!(
            "found SQLite {}, wanted 3.51.3 or newer; older ones can damage a journal",
            rusqlite::version()
        );
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    prepare(&connection, options).with_context(|| format!("cannot use {} as a journal", path.display()))?;
    Ok(connection)
}

/// Opens for reading beside a writer, or without one.
///
/// # Errors
/// When there is no journal or it cannot be read.
pub fn open_reader(path: &Path) -> anyhow::Result<Connection> {
    // Reading a write-ahead log needs its index, which a read-only handle cannot make when no writer is there.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -256)?;
    connection.set_prepared_statement_cache_capacity(16);
    plans_stay(&connection)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> anyhow::Result<Connection> {
    Connection::open_with_flags(path, flags)
        .with_context(|| format!("cannot open the journal {}", path.display()))
}

/// Statements are planned once. Otherwise SQLite plans a query anew whenever one of its parameters is bound to another value, in
/// the hope of statistics that a journal does not have: a fifth of an append's time.
fn plans_stay(connection: &Connection) -> rusqlite::Result<()> {
    let stability = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(stability, true).map(drop)
}

fn prepare(connection: &Connection, options: &OpenOptions) -> anyhow::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "page_size", PAGE_LEN)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        bail!("found journal mode {mode}, wanted wal; the state directory must be on a local file system");
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
    connection.pragma_update(None, "journal_size_limit", 8 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    if let Some(max) = options.page_count_max {
        connection.pragma_update(None, "max_page_count", max)?;
    }
    connection.set_prepared_statement_cache_capacity(48);
    plans_stay(connection)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => connection.execute_batch(SCHEMA)?,
        1 => {}
        other => bail!("found a journal of version {other}, this program knows version 1; update the agent"),
    }
    Ok(())
}

/// A row id from a segment's local number and a number in it.
#[must_use]
pub fn row_id(segment: i64, number: u64) -> i64 {
    (segment << NUMBER_BITS) | i64::try_from(number).unwrap_or(i64::MAX)
}

/// The segment's local number in a row id.
#[must_use]
pub const fn row_segment(id: i64) -> i64 {
    id >> NUMBER_BITS
}

/// The number in a row id.
#[must_use]
pub const fn row_number(id: i64) -> u64 {
    (id & ((1 << NUMBER_BITS) - 1)).unsigned_abs()
}

/// Row ids of records and attachments hold the segment's local number above 40 bits and the number in it below, so
/// that a segment lies in one stretch and its newest row is found at once.
const SCHEMA: &str = "
BEGIN;
-- One start of the agent on one lane. `no` is local and counts up: it is the order of age.
CREATE TABLE segments (
  no INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  lane TEXT NOT NULL,
  header BLOB NOT NULL,
  pruned INTEGER NOT NULL,                -- deleted up to here ...
  pruned_hash BLOB NOT NULL,              -- ... where the chain hash was this one
  receipted INTEGER NOT NULL DEFAULT 0,   -- the relay holds everything up to here
  attached INTEGER NOT NULL DEFAULT 0,    -- and every attachment up to this one
  totalled INTEGER NOT NULL DEFAULT 0,    -- added into the lane's perpetual totals up to here
  totals TEXT NOT NULL,
  rolled_back INTEGER NOT NULL DEFAULT 0  -- the relay once held more of it than this disk
);
CREATE INDEX segments_of_lane ON segments (lane, no);
CREATE TABLE records (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL);
-- Captured bytes, numbered on their own so that `how many are left` is a subtraction.
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY, record INTEGER NOT NULL, digest BLOB NOT NULL, len INTEGER NOT NULL, packed BLOB NOT NULL
);
-- Every record that has a business key, under it; the key starts with the register's day.
CREATE TABLE tickets (
  key BLOB NOT NULL, revision INTEGER NOT NULL, record INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (key, revision)
) WITHOUT ROWID;
-- Where each register's day starts in each segment.
CREATE TABLE days (
  key BLOB NOT NULL, segment INTEGER NOT NULL, first INTEGER NOT NULL, day INTEGER NOT NULL, closed INTEGER NOT NULL,
  PRIMARY KEY (key, segment)
) WITHOUT ROWID;
-- One receipt per segment and hour of the relay's clock, as signed.
CREATE TABLE receipts (
  segment INTEGER NOT NULL, hour INTEGER NOT NULL, through INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  message BLOB NOT NULL, PRIMARY KEY (segment, hour)
) WITHOUT ROWID;
-- The relay that was heard: id and generation.
CREATE TABLE relay (id BLOB PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
";
