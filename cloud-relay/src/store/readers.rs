//! Read-only connections, taken and given back. A reader never waits for the writer, nor the writer for a reader.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::writer::OnDiskFailure;

/// Connections kept when nobody reads. More are opened under load and dropped afterwards.
const IDLE_MAX: usize = 8;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    on_disk_failure: OnDiskFailure,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Readers {
    pub(super) fn new(path: &Path, on_disk_failure: OnDiskFailure) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            on_disk_failure,
        }
    }

    /// Runs `query` in one snapshot.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.idle.lock().ok().and_then(|mut idle| idle.pop()) {
            Some(connection) => connection,
            None => self.open()?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = query(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        if let Err(StoreError::Disk(cause)) = &result {
            (self.on_disk_failure)(&format!("the disk failed under a read: {cause}"));
        }
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_MAX
        {
            idle.push(connection);
        }
        result
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close(&self) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.clear();
        }
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        // opened for writing so that a missing `-shm` file can be made, and then barred from it
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", "ON")?;
        connection.set_prepared_statement_cache_capacity(64);
        super::plans_stay(&connection)?;
        Ok(connection)
    }
}
