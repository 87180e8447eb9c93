//! The store: one SQLite file that holds what devices sent, what people decided and what Odoo was asked.
//!
//! - Write-ahead log with `synchronous=FULL`: when a commit returns, it is on the disk.
//! - One writer thread with group commit ([`writer`]); readers have their own read-only connections ([`readers`]).
//! - What a device signed is kept as it was signed, and never changed. Everything else about a day can be computed
//!   from it again.
//! - A small file beside the database ([`generation`]) notices when an older copy was put back.
//!
//! The store decides nothing about sales: modules below it move rows, the core decides what they mean.

pub mod attachments;
pub mod audit_log;
pub mod days;
pub mod devices;
pub mod effects;
pub mod enrolments;
mod error;
pub mod exceptions;
mod generation;
pub mod mappings;
mod migrate;
pub mod names;
pub mod parts;
pub mod people;
pub mod proposals;
mod readers;
pub mod records;
pub mod recovery;
pub mod settlement;
pub mod stock_reports;
pub mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use tillwire_proto::RelayId;
use tokio::sync::broadcast;

pub use audit_log::append as audit;
pub use error::StoreError;
pub use generation::Restored;
pub use writer::{AtCommit, CommitMoment, OnDiskFailure, Unit};

use crate::clock::Clock;
use crate::events::RelayEvent;
use crate::metrics::Metrics;

/// Oldest SQLite with which the group commit and the write-ahead log are trusted, as `major * 1_000_000 +
/// minor * 1_000 + patch`. Before 3.51.3 a checkpoint could, rarely, race with a commit of another process and lose
/// it (SQLite's release notes call it the WAL-reset bug).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Events that a slow listener may be behind before it misses some and has to read the store.
const EVENTS_MAX: usize = 4096;

/// How to open a store.
#[derive(Clone)]
pub struct StoreOptions {
    /// The database file.
    pub path: PathBuf,
    /// The operator says that this is an older copy: raise the generation whatever the marker file says.
    pub restored: bool,
    /// Most pages that the database may have; for tests of a full disk.
    pub page_count_max: Option<u32>,
    /// The time.
    pub clock: Clock,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// What to do when the disk fails.
    pub on_disk_failure: OnDiskFailure,
    /// What a test does around each commit.
    pub at_commit: Option<AtCommit>,
    /// Work is done by whoever asks for it, without a thread of the store's own: for simulations that must happen in one
    /// thread to happen again in the same order.
    pub in_place: bool,
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl StoreOptions {
    /// The defaults of a running relay.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            restored: false,
            page_count_max: None,
            clock: Clock::system(),
            metrics: Arc::default(),
            on_disk_failure: writer::end_process(),
            at_commit: None,
            in_place: false,
        }
    }
}

/// An open store. Cloning it gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// Where this handle's reads are done; in the caller's runtime where there is none.
    reads: Option<tokio::runtime::Handle>,
}

#[derive(Debug)]
struct Shared {
    writer: Mutex<Option<writer::Writer>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    in_place: bool,
    readers: readers::Readers,
    events: broadcast::Sender<RelayEvent>,
    clock: Clock,
    metrics: Arc<Metrics>,
    relay: RelayId,
    generation: u32,
    restored: Option<Restored>,
    marker: generation::Marker,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings it to this version's form.
    ///
    /// # Errors
    /// When the file cannot be opened or was written by a newer version, with what to do.
    pub fn open(options: &StoreOptions) -> Result<Self> {
        ensure!(
            rusqlite::version_number() >= SQLITE_VERSION_MIN,
            "found SQLite {}, wanted 3.51.3 or newer; build with the bundled one",
            rusqlite::version()
        );
        let mut connection = open_writer(&options.path)
            .with_context(|| format!("cannot open the database {}", options.path.display()))?;
        if let Some(pages) = options.page_count_max {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        migrate::migrate(&mut connection)
            .with_context(|| format!("cannot bring {} to this version's form", options.path.display()))?;
        let marker = generation::Marker::beside(&options.path);
        let identity = generation::settle(&mut connection, &marker, options.restored)?;
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let (writer, thread) = writer::Writer::start(
            connection,
            events.clone(),
            Arc::clone(&options.metrics),
            Arc::clone(&options.on_disk_failure),
            options.at_commit.clone(),
            options.in_place,
        )?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer: Mutex::new(Some(writer)),
                thread: Mutex::new(thread),
                in_place: options.in_place,
                readers: readers::Readers::new(&options.path, Arc::clone(&options.on_disk_failure)),
                events,
                clock: options.clock.clone(),
                metrics: Arc::clone(&options.metrics),
                relay: identity.relay,
                generation: identity.generation,
                restored: identity.restored,
                marker,
            }),
            reads: None,
        })
    }

    /// Runs `work` in the next group commit; returns after it. See [`writer::Writer::write`].
    ///
    /// # Errors
    /// As there.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Unit<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let writer = self.shared.writer.lock().ok().and_then(|writer| writer.clone());
        writer.ok_or(StoreError::Closed)?.write(work).await
    }

    /// Runs `query` on a read-only connection, in one snapshot, on a thread that may block.
    ///
    /// # Errors
    /// What `query` returned.
    pub async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        if self.shared.in_place {
            return self.shared.readers.read(query);
        }
        let shared = Arc::clone(&self.shared);
        let read = move || shared.readers.read(query);
        let reading = match &self.reads {
            Some(elsewhere) => elsewhere.spawn_blocking(read),
            None => tokio::task::spawn_blocking(read),
        };
        reading.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same store, whose reads are done on another runtime's threads.
    #[must_use]
    pub fn reading_on(&self, runtime: tokio::runtime::Handle) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            reads: Some(runtime),
        }
    }

    /// As [`Store::read`], for callers that may block (command line, tests).
    ///
    /// # Errors
    /// What `query` returned.
    pub fn read_blocking<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.readers.read(query)
    }

    /// Listens to what becomes durable from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<RelayEvent> {
        self.shared.events.subscribe()
    }

    /// Tells listeners something that is not in the store, such as a connection that came.
    pub fn tell(&self, event: RelayEvent) {
        // nobody listening is no error
        let _ = self.shared.events.send(event);
    }

    /// This installation.
    #[must_use]
    pub fn relay(&self) -> RelayId {
        self.shared.relay
    }

    /// Raised each time an older copy was put back.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.shared.generation
    }

    /// What was noticed at opening, if an older copy was put back.
    #[must_use]
    pub fn restored(&self) -> Option<&Restored> {
        self.shared.restored.as_ref()
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The figures.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// Notes beside the database how far it is, so that an older copy is noticed. Cheap; called now and then.
    ///
    /// # Errors
    /// When the marker file cannot be written.
    pub async fn mark(&self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let note = move || {
            let extent = shared.readers.read(generation::extent)?;
            shared.marker.write(shared.relay, shared.generation, extent)
        };
        if self.shared.in_place {
            return note();
        }
        tokio::task::spawn_blocking(note).await?
    }

    /// Lets the writer finish what is queued and stops it. Later writes are refused.
    pub async fn close(&self) {
        self.shared.readers.close();
        let thread = self
            .shared
            .thread
            .lock()
            .ok()
            .and_then(|mut thread| thread.take());
        drop(self.shared.writer.lock().map(|mut writer| writer.take()));
        if let Some(thread) = thread {
            // the thread only ends; it has no result to lose
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// A text column that holds a checked name.
pub(crate) fn column<T, E>(
    row: &rusqlite::Row<'_>,
    index: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(index)?.as_str()?;
    parse(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, e.into()))
}

/// A text column that holds JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    column(row, index, |text| serde_json::from_str(text))
}

/// A blob column of a fixed length.
pub(crate) fn bytes<T>(
    row: &rusqlite::Row<'_>,
    index: usize,
    parse: impl FnOnce(&[u8]) -> Option<T>,
    wanted: &str,
) -> rusqlite::Result<T> {
    parse(row.get_ref(index)?.as_blob()?).ok_or_else(|| unreadable(index, wanted))
}

/// A column that holds something else than we ever wrote.
pub(crate) fn unreadable(index: usize, wanted: &str) -> rusqlite::Error {
    let words = format!("wanted {wanted}").into();
    rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Blob, words)
}

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // the command line may hold the write lock for a moment; five seconds is far longer than it ever does
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.set_prepared_statement_cache_capacity(256);
    plans_stay(&connection)?;
    Ok(connection)
}

/// Statements are planned once. Otherwise SQLite plans a query anew whenever one of its parameters is bound to another value, in
/// the hope of statistics that nobody keeps here.
fn plans_stay(connection: &Connection) -> rusqlite::Result<()> {
    let stability = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(stability, true).map(drop)
}
