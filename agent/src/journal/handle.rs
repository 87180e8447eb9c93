//! The border between capture and journal: append, and know that it is durable.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use anyhow::Context;
use tillwire_agent_core::journal::{Captured, Room};
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{LaneId, Note, RecordNumber, RelayId, SegmentId};
use tokio::sync::{Semaphore, oneshot, watch};

use super::disk::Reserve;
use super::lane::Origin;
use super::marks::{Marks, Receipted};
use super::open::{OpenOptions, database, open_writer};
use super::prepare::Prepared;
use super::read::segments;
use super::writer::{Command, Progress, Writer};
use crate::clock::Clock;

/// Appends that may wait at once; more wait for their turn outside, so that memory stays flat.
const WAITING_MAX: usize = 1024;

/// Where a captured fact now is on stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The segment.
    pub segment: SegmentId,
    /// The record.
    pub number: RecordNumber,
    /// True when the same ticket with the same content was there already; nothing new was written.
    pub already: bool,
}

/// Why a captured fact was not taken. Nothing of it is on disk then, and the source must not be told *taken*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is too full. Tell the source to wait and offer the same again.
    #[error("the journal's disk is full, the source must hold its data; free space on the disk")]
    Busy,
    /// The agent is stopping.
    #[error("the agent is stopping; offer the same again after its next start")]
    Stopped,
    /// Larger than any record or attachment may be; capture journals an `Unreadable` instead.
    #[error("{what} has {found} bytes, at most {wanted} are allowed")]
    TooLarge {
        /// `record` or `attachment`.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        wanted: usize,
    },
}

/// An append under way.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<Taken, AppendError>> + Send + 'a>>;

/// Takes captured facts. Done means: the commit, with its sync, has returned.
pub trait Sink: std::fmt::Debug + Send + Sync + 'static {
    /// Journals one fact. Who needs an order awaits one append before the next.
    fn append(&self, captured: Captured) -> Appending<'_>;
}

/// The way to the writer.
#[derive(Clone)]
enum Commands {
    Thread(mpsc::Sender<Command>),
    /// `None` once it has stopped.
    InPlace(Arc<Mutex<Option<Writer>>>),
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::InPlace(_) => "InPlace",
        })
    }
}

impl Commands {
    /// False when the writer has stopped.
    fn send(&self, command: Command) -> bool {
        match self {
            Self::Thread(commands) => commands.send(command).is_ok(),
            Self::InPlace(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(open) = writer.as_mut() else { return false };
                if !open.obey(command) {
                    *writer = None;
                }
                true
            }
        }
    }
}

/// The open journal. Clones share the one writer; when the last is gone the writer stops cleanly.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: Commands,
    waiting: Arc<Semaphore>,
    clock: Clock,
    progress: watch::Receiver<Progress>,
    state_dir: PathBuf,
}

impl Journal {
    /// Opens the journal of a state directory and starts its writer. `home` is the lane of the agent's own notices.
    ///
    /// The caller holds [`super::lock`]: two writers would be two agents.
    ///
    /// # Errors
    /// When the disk cannot be read or written, or holds something else.
    pub fn open(
        state_dir: &Path,
        origin: Origin,
        home: LaneId,
        limits: Limits,
        clock: Clock,
        options: &OpenOptions,
    ) -> anyhow::Result<Self> {
        let db = open_writer(&database(state_dir), options)?;
        if let Some(max) = limits.journal_len_max {
            let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
            db.pragma_update(
                None,
                "max_page_count",
                i64::try_from(max).unwrap_or(i64::MAX) / page.max(1),
            )?;
        }
        let reserve = Reserve::new(state_dir, limits.reserve_len);
        reserve.make();
        let marks = Marks::load(&segments(&db).context("cannot read the journal's segments")?);
        let (progress_sender, progress) = watch::channel(Progress::default());
        let writer = Writer {
            db,
            origin,
            started: clock.stamp(),
            clock: clock.clone(),
            state_dir: state_dir.to_owned(),
            limits,
            reserve,
            home,
            lanes: Vec::new(),
            marks,
            room: Room::Plenty,
            prune_as: Room::Plenty,
            full: false,
            progress: progress_sender,
        };
        let commands = if options.in_place {
            Commands::InPlace(Arc::new(Mutex::new(Some(writer))))
        } else {
            let (commands, receiver) = mpsc::channel();
            std::thread::Builder::new()
                .name("journal".to_owned())
                .spawn(move || writer.run(&receiver))
                .context("cannot start the journal's thread")?;
            Commands::Thread(commands)
        };
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        Ok(Self {
            commands,
            waiting,
            clock,
            progress,
            state_dir: state_dir.to_owned(),
        })
    }

    /// Of a journal that works in place: looks at the disk, keeps marks, prunes. The others do so by themselves.
    pub fn tick(&self) {
        if let Commands::InPlace(writer) = &self.commands
            && let Some(writer) = writer.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            while writer.tick() {}
        }
    }

    /// How the journal is doing, and a way to wait for a change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// A further connection that only reads.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn reader(&self) -> anyhow::Result<super::Reader> {
        super::Reader::open(&self.state_dir)
    }

    /// Takes note of a receipt that was found valid. On disk within 30 s, and before anything is deleted for it.
    pub fn receipted(&self, receipt: Receipted) {
        self.tell(Command::Receipt(Box::new(receipt)));
    }

    /// The relay holds a segment only up to `through`, less than it once said: nothing above is deleted any more.
    pub fn rewind(&self, segment: SegmentId, through: RecordNumber) {
        self.tell(Command::Rewind { segment, through });
    }

    /// The relay holds a segment's attachments up to this one.
    pub fn attached(&self, segment: SegmentId, through: u64) {
        self.tell(Command::Attached { segment, through });
    }

    /// Remembers which relay was heard, and its generation.
    pub fn heard(&self, id: RelayId, generation: u32) {
        self.tell(Command::Relay { id, generation });
    }

    /// Writes down, once per segment, that this disk was rolled back to an older state.
    pub fn rolled_back(&self, segment: SegmentId, detail: Note) {
        self.tell(Command::RolledBack { segment, detail });
    }

    /// Writes down that captured bytes on the disk are not what they were.
    pub fn rotten(&self, detail: Note) {
        self.tell(Command::Rotten(detail));
    }

    /// Stops the writer after what waits is committed and marks and totals are on disk.
    pub async fn stop(&self) {
        let (stopped, done) = oneshot::channel();
        self.tell(Command::Stop(stopped));
        let _ = done.await;
    }

    fn tell(&self, command: Command) {
        // A writer that has stopped has nothing to be told; the relay says the same again after the next start.
        self.commands.send(command);
    }

    async fn append_now(&self, captured: Captured) -> Result<Taken, AppendError> {
        let _turn = self.waiting.acquire().await.map_err(|_| AppendError::Stopped)?;
        let prepared = Box::new(Prepared::new(captured, self.clock.stamp())?);
        let (answer, answered) = oneshot::channel();
        if !self.commands.send(Command::Append(prepared, answer)) {
            return Err(AppendError::Stopped);
        }
        let (result, _spent) = answered.await.map_err(|_| AppendError::Stopped)?;
        result
    }
}

impl Sink for Journal {
    fn append(&self, captured: Captured) -> Appending<'_> {
        Box::pin(self.append_now(captured))
    }
}
