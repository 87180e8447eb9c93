//! The one writer. Every change to the database goes through one thread, so that one `fsync` serves everything that
//! arrived while the previous one was running (group commit), and so that nothing ever waits for a lock.
//!
//! A unit of work runs in its own savepoint: one that fails takes back only itself. Its caller gets the answer after
//! the commit of the group, never before. An error of the disk ends the process with exit code 74 (`EX_IOERR`):
//! after a failed `fsync` the kernel may have dropped the pages that were not written, so memory can no longer be
//! trusted, and the next start believes the disk only. A full disk is not such an error: the group is taken back
//! and each caller hears [`StoreError::Full`].

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::error::StoreError;
use crate::events::RelayEvent;
use crate::metrics::Metrics;

/// Exit code when the disk fails (`EX_IOERR` of BSD's sysexits).
pub const EXIT_DISK: i32 = 74;

/// Most units in one commit. Bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 512;

/// Units that may wait. More makes callers wait in `send`, which is the back-pressure towards sockets.
const QUEUE_MAX: usize = 2048;

/// What a unit of work sees: the open transaction, and where to put what others should hear of it.
#[derive(Debug)]
pub struct Unit<'c> {
    /// The writer's connection, inside the group's transaction.
    pub db: &'c Connection,
    events: Vec<RelayEvent>,
}

impl Unit<'_> {
    /// Told to listeners after the commit; forgotten when the unit is taken back.
    pub fn tell(&mut self, event: RelayEvent) {
        self.events.push(event);
    }
}

/// A unit of work with the way back to its caller.
trait Work: Send {
    fn run(self: Box<Self>, unit: &mut Unit<'_>) -> Outcome;
    fn refuse(self: Box<Self>, error: StoreError);
}

/// Called after the group's commit, or with the reason why there was none.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

enum Outcome {
    Keep(Answer),
    Undo(StoreError, Box<dyn FnOnce(StoreError) + Send>),
}

struct Task<T, F> {
    work: F,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Unit<'_>) -> Result<T, StoreError> + Send,
{
    fn run(self: Box<Self>, unit: &mut Unit<'_>) -> Outcome {
        let Self { work, tell } = *self;
        // a caller that went away meanwhile does not change what is stored
        match work(unit) {
            Ok(value) => Outcome::Keep(Box::new(move |commit| drop(tell.send(commit.map(|()| value))))),
            Err(error) => Outcome::Undo(error, Box::new(move |error| drop(tell.send(Err(error))))),
        }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.tell.send(Err(error)));
    }
}

/// What to do when the disk fails: end the process, or what a test wants instead.
pub type OnDiskFailure = Arc<dyn Fn(&str) + Send + Sync>;

/// Ends the process at once, without unwinding and without another write.
#[must_use]
pub fn end_process() -> OnDiskFailure {
    Arc::new(|words| {
        tracing::error!("{words}; ending the process, the next start believes the disk only");
        std::process::exit(EXIT_DISK);
    })
}

/// A moment of the writer, for tests that end the process there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitMoment {
    /// The group's work is done, its commit is not.
    Before,
    /// The commit is on the disk, and nobody has heard of it.
    After,
}

/// Asked at each [`CommitMoment`]; at [`ControlFlow::Break`] the writer is gone, as in a process that was killed.
pub type AtCommit = Arc<dyn Fn(CommitMoment) -> ControlFlow<()> + Send + Sync>;

/// The way to the writer thread. Dropping the last handle stops it after what is queued.
#[derive(Debug, Clone)]
pub struct Writer(Way);

#[derive(Clone)]
enum Way {
    Queue(mpsc::Sender<Box<dyn Work>>),
    /// `None` once a test has ended the process.
    InPlace(Arc<Mutex<Option<Thread>>>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue(_) => "Queue",
            Self::InPlace(_) => "InPlace",
        })
    }
}

impl Writer {
    /// Starts the thread on a connection that is ready to write.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(
        connection: Connection,
        events: broadcast::Sender<RelayEvent>,
        metrics: Arc<Metrics>,
        on_disk_failure: OnDiskFailure,
        at_commit: Option<AtCommit>,
        in_place: bool,
    ) -> std::io::Result<(Self, Option<JoinHandle<()>>)> {
        let (queue, inbox) = mpsc::channel(QUEUE_MAX);
        let thread = Thread {
            connection,
            events,
            metrics,
            on_disk_failure,
            at_commit,
        };
        if in_place {
            return Ok((Self(Way::InPlace(Arc::new(Mutex::new(Some(thread))))), None));
        }
        let handle = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(|| thread.run(inbox))?;
        Ok((Self(Way::Queue(queue)), Some(handle)))
    }

    /// Runs `work` inside the next group and returns after its commit.
    ///
    /// # Errors
    /// What `work` returned, or why its commit did not happen. In every error nothing of it is stored.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Unit<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let work = Box::new(Task { work, tell });
        match &self.0 {
            Way::Queue(queue) => queue.send(work).await.map_err(|_| StoreError::Closed)?,
            Way::InPlace(thread) => {
                let mut thread = thread.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(open) = thread.as_ref() else {
                    return Err(StoreError::Closed);
                };
                let mut group: VecDeque<Box<dyn Work>> = [work as Box<dyn Work>].into();
                if open.commit(&mut group).is_break() {
                    // as in a process that was killed: what was not committed is gone with the connection
                    *thread = None;
                }
            }
        }
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

struct Thread {
    connection: Connection,
    events: broadcast::Sender<RelayEvent>,
    metrics: Arc<Metrics>,
    on_disk_failure: OnDiskFailure,
    at_commit: Option<AtCommit>,
}

impl Thread {
    fn run(self, mut inbox: mpsc::Receiver<Box<dyn Work>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while inbox.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let mut rest: VecDeque<Box<dyn Work>> = group.drain(..).collect();
            while !rest.is_empty() {
                if self.commit(&mut rest).is_break() {
                    return;
                }
            }
        }
    }

    /// Commits as much of `rest` as goes in one group. Breaks off where a test ends the process: the caller then leaves
    /// at once, and nobody hears anything any more.
    fn commit(&self, rest: &mut VecDeque<Box<dyn Work>>) -> ControlFlow<()> {
        let started = Instant::now();
        let mut unit = Unit {
            db: &self.connection,
            events: Vec::new(),
        };
        let mut kept = Vec::with_capacity(rest.len());
        let done = match self.run_group(rest, &mut unit, &mut kept) {
            Ok(()) => {
                self.at(CommitMoment::Before)?;
                let committed = self.statement("COMMIT");
                self.at(CommitMoment::After)?;
                committed
            }
            error => error,
        };
        match done {
            Ok(()) => {
                self.metrics
                    .commit_seconds
                    .observe(started.elapsed().as_secs_f64());
                for event in unit.events {
                    // nobody listening is no error
                    let _ = self.events.send(event);
                }
                for answer in kept {
                    answer(Ok(()));
                }
            }
            Err(error) => self.take_back(error, kept),
        }
        ControlFlow::Continue(())
    }

    fn at(&self, moment: CommitMoment) -> ControlFlow<()> {
        self.at_commit
            .as_ref()
            .map_or(ControlFlow::Continue(()), |ask| ask(moment))
    }

    fn run_group(
        &self,
        rest: &mut VecDeque<Box<dyn Work>>,
        unit: &mut Unit<'_>,
        kept: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        if let Err(error) = self.statement("BEGIN IMMEDIATE") {
            // nothing ran; these callers hear why, and the next group tries again
            for work in rest.drain(..) {
                work.refuse(same(&error));
            }
            return Err(error);
        }
        while let Some(work) = rest.pop_front() {
            self.run_unit(work, unit, kept)?;
        }
        Ok(())
    }

    /// Runs one unit in its savepoint. An error means that the whole group has to be taken back.
    fn run_unit(
        &self,
        work: Box<dyn Work>,
        unit: &mut Unit<'_>,
        kept: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        self.statement("SAVEPOINT unit")?;
        let heard = unit.events.len();
        let (error, answer) = match work.run(unit) {
            Outcome::Keep(answer) => {
                kept.push(answer);
                return self.statement("RELEASE unit");
            }
            Outcome::Undo(error, answer) => (error, answer),
        };
        unit.events.truncate(heard);
        // SQLite may have taken back everything by itself, as it does when the disk is full
        if matches!(error, StoreError::Full | StoreError::Disk(_)) || self.connection.is_autocommit() {
            answer(same(&error));
            return Err(error);
        }
        answer(error);
        self.statement("ROLLBACK TO unit")?;
        self.statement("RELEASE unit")
    }

    fn take_back(&self, error: StoreError, kept: Vec<Answer>) {
        if let StoreError::Disk(cause) = &error {
            (self.on_disk_failure)(&format!("the disk failed under the database: {cause}"));
        }
        if !self.connection.is_autocommit()
            && let Err(cause) = self.statement("ROLLBACK")
        {
            (self.on_disk_failure)(&format!("the database cannot take back its last group: {cause}"));
        }
        tracing::warn!("{} units were not stored: {error}", kept.len());
        for answer in kept {
            answer(Err(same(&error)));
        }
    }

    fn statement(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// The group's error for each of its callers; the database's own words go to the log once.
fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full => StoreError::Full,
        other => StoreError::Refused(format!("not stored: {other}")),
    }
}
