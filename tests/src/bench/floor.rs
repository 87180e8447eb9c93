//! Physical limits of this disk in this run: a raw `fdatasync`, and a bare loop of prepared inserts.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;

use super::figures::Times;

/// A write-ahead log page.
const PAGE: usize = 4096;

/// Writes one page and syncs it, `count` times, into a file whose blocks exist already.
pub(super) fn fdatasync(folder: &Path, count: usize) -> Result<Times> {
    let mut file = File::create(folder.join("floor.bin"))?;
    for _ in 0..count {
        file.write_all(&[1; PAGE])?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&[2; PAGE])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(Times::new(times))
}

/// Inserts the same bytes as one blob a row, in synced transactions of 256.
pub(super) fn bare_inserts(folder: &Path, bodies: &[Vec<u8>]) -> Result<Duration> {
    let mut db = Connection::open(folder.join("floor.sqlite"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE bare (n INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    let start = Instant::now();
    for group in bodies.chunks(256) {
        let transaction = db.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO bare (body) VALUES (?1)")?;
            for body in group {
                insert.execute([body])?;
            }
        }
        transaction.commit()?;
    }
    Ok(start.elapsed())
}
