//! The one writer: a thread that takes what waits into one transaction and answers after its commit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tillwire_agent_core::journal::{Captured, Room, RoomChange, buffer_days};
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{
    Fact, LaneId, Note, Notice, NoticeKind, RecordNumber, RegisterId, SegmentId, Stamp, Witness,
};
use tokio::sync::{oneshot, watch};

use super::days;
use super::disk::{self, Reserve, die};
use super::handle::{AppendError, Taken};
use super::lane::{Lane, Origin};
use super::marks::{Marks, Receipted};
use super::plans::Plans;
use super::prepare::Prepared;
use super::work::Work;
use crate::clock::Clock;

/// Most appends in one transaction.
const GROUP_MAX: usize = 256;

/// Between looks at the disk.
const TICK: Duration = Duration::from_secs(5);

/// Between looks while the disk is full.
const TICK_FULL: Duration = Duration::from_millis(500);

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Box<Prepared>, Answer),
    Receipt(Box<Receipted>),
    Rewind {
        segment: SegmentId,
        through: RecordNumber,
    },
    Attached {
        segment: SegmentId,
        through: u64,
    },
    Relay {
        id: tillwire_proto::RelayId,
        generation: u32,
    },
    RolledBack {
        segment: SegmentId,
        detail: Note,
    },
    Rotten(Note),
    Stop(oneshot::Sender<()>),
}

/// How the journal is doing; what the uplink and `status` watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Newest record and attachment of each segment that this start writes.
    pub open: Vec<(SegmentId, RecordNumber, u64)>,
    /// Records without a receipt.
    pub backlog: u64,
    /// Attachments without a receipt.
    pub attachments: u64,
    /// Records journaled by this start.
    pub appended: u64,
    /// Offers answered with a record that was there already.
    pub already: u64,
    /// Offers answered *busy*.
    pub refused: u64,
    /// Used part of the room on the disk, in percent; see [`Space`](tillwire_agent_core::journal::Space).
    pub disk_percent: u8,
    /// For how many more trading days the disk takes sales without the relay; `None` before a day's size is known.
    pub buffer_days: Option<u16>,
    /// True while sources are told *busy*.
    pub busy: bool,
    /// Wall clock of each register's newest transaction, in milliseconds since 1970-01-01T00:00:00Z.
    pub last_sale: BTreeMap<RegisterId, i64>,
}

/// What became of an append, and the append itself: who made it frees it, for the one writer has better to do.
pub(crate) type Answered = (Result<Taken, AppendError>, Box<Prepared>);
type Answer = oneshot::Sender<Answered>;
type Waiting = (Box<Prepared>, Answer);

pub(crate) struct Writer {
    pub(crate) db: Connection,
    pub(crate) origin: Origin,
    pub(crate) clock: Clock,
    pub(crate) started: Stamp,
    pub(crate) state_dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) reserve: Reserve,
    /// Where the agent's own notices go.
    pub(crate) home: LaneId,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) marks: Marks,
    pub(crate) room: Room,
    /// The room that pruning goes by.
    pub(crate) prune_as: Room,
    /// True from the moment the disk was found full until a notice that it is not could be written.
    pub(crate) full: bool,
    pub(crate) progress: watch::Sender<Progress>,
}

/// What a committed group did.
struct Committed {
    answers: Vec<Result<Taken, AppendError>>,
    last_sale: Vec<(RegisterId, i64)>,
}

impl Writer {
    /// Runs until told to stop or nobody holds the journal any more. The disk is looked at in its time however busy
    /// the sources are: tills that are told to wait come again so often that waiting for silence would be waiting
    /// for ever.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut again = true;
        let mut looked_ms = 0;
        loop {
            let wait = match (again, self.full) {
                (true, _) => Duration::ZERO,
                (_, true) => TICK_FULL,
                _ => TICK,
            };
            let now_ms = self.clock.running_ms();
            let since = Duration::from_millis(now_ms.saturating_sub(looked_ms));
            let wait = wait.saturating_sub(since).min(self.marks.due_in(now_ms));
            let mut appends = Vec::new();
            let mut stop = None;
            let mut look = wait.is_zero();
            match commands.recv_timeout(wait) {
                Ok(command) => stop = self.take(command, &mut appends),
                Err(RecvTimeoutError::Timeout) => look = true,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if look {
                again = self.tick();
                looked_ms = self.clock.running_ms();
            }
            while stop.is_none() && appends.len() < GROUP_MAX {
                match commands.try_recv() {
                    Ok(command) => stop = self.take(command, &mut appends),
                    Err(_) => break,
                }
            }
            if !appends.is_empty() {
                self.write_group(appends);
            }
            if let Some(stopped) = stop {
                self.close();
                let _ = stopped.send(());
                return;
            }
        }
        self.close();
    }

    /// One command from beginning to end, by whoever gives it. False when it was told to stop.
    pub(crate) fn obey(&mut self, command: Command) -> bool {
        let mut appends = Vec::new();
        let stop = self.take(command, &mut appends);
        if !appends.is_empty() {
            self.write_group(appends);
        }
        match stop {
            Some(stopped) => {
                self.close();
                let _ = stopped.send(());
                false
            }
            None => true,
        }
    }

    fn take(&mut self, command: Command, appends: &mut Vec<Waiting>) -> Option<oneshot::Sender<()>> {
        match command {
            // told of when the group is written
            Command::Append(prepared, answer) => {
                appends.push((prepared, answer));
                return None;
            }
            Command::Receipt(receipt) => self.marks.receipted(*receipt, self.clock.running_ms()),
            Command::Attached { segment, through } => {
                self.marks.attached(segment, through, self.clock.running_ms());
            }
            Command::Rewind { segment, through } => {
                self.now(|marks, _, tx| marks.rewind(tx, segment, through));
            }
            Command::Relay { id, generation } => self.now(|_, _, tx| Marks::heard(tx, id, generation)),
            Command::RolledBack { segment, detail } => self.rolled_back(segment, detail),
            Command::Rotten(detail) => {
                if let Err(error) = self.notice(NoticeKind::Rotten, detail.as_str()) {
                    self.notice_failed(&error);
                }
            }
            Command::Stop(stopped) => return Some(stopped),
        }
        self.publish();
        None
    }

    /// Commits one small change at once. On a full disk it is lost, and the relay will say it again.
    fn now(&mut self, change: impl FnOnce(&mut Marks, &mut Vec<Lane>, &Connection) -> rusqlite::Result<()>) {
        let changed = self.db.unchecked_transaction().and_then(|tx| {
            change(&mut self.marks, &mut self.lanes, &tx)?;
            tx.commit()
        });
        if let Err(error) = changed {
            if !is_full(&error) {
                die(&error);
            }
            self.marks.forget_written();
            self.filled();
        }
    }

    fn write_group(&mut self, group: Vec<Waiting>) {
        let (mut prepared, answers): (Vec<Box<Prepared>>, Vec<Answer>) = group.into_iter().unzip();
        let results = if self.full {
            None
        } else {
            match self.commit(&mut prepared) {
                Ok(committed) => Some(committed),
                Err(error) if full_in(&error) => {
                    self.filled();
                    None
                }
                Err(error) => die(&format_args!("{error:#}")),
            }
        };
        let count = answers.len() as u64;
        let Some(committed) = results else {
            for (answer, spent) in answers.into_iter().zip(prepared) {
                let _ = answer.send((Err(AppendError::Busy), spent));
            }
            self.progress.send_modify(|p| p.refused += count);
            return;
        };
        let (mut new, mut already) = (0, 0);
        for taken in committed.answers.iter().flatten() {
            *(if taken.already { &mut already } else { &mut new }) += 1;
        }
        self.progress.send_modify(|p| {
            p.appended += new;
            p.already += already;
            p.last_sale.extend(committed.last_sale);
        });
        self.publish();
        // Last, so that whoever hears taken finds it in the progress too.
        for ((answer, result), spent) in answers.into_iter().zip(committed.answers).zip(prepared) {
            let _ = answer.send((result, spent));
        }
    }

    /// One transaction: every append, the closes that follow from them, the marks that are due.
    fn commit(&mut self, group: &mut [Box<Prepared>]) -> anyhow::Result<Committed> {
        let tx = self.db.unchecked_transaction()?;
        let mut lanes = self.lanes.clone();
        let mut work = Work {
            tx: &tx,
            plans: Plans::of(&tx)?,
            lanes: &mut lanes,
            origin: &self.origin,
            clock: &self.clock,
            started: self.started,
            closes: Vec::new(),
        };
        let mut done = Committed {
            answers: Vec::new(),
            last_sale: Vec::new(),
        };
        for prepared in group {
            let answer = work.append(prepared)?;
            if let Some(transaction) = prepared.transaction() {
                done.last_sale.push((
                    transaction.key.register.clone(),
                    prepared.observation.stamp.wall_ms,
                ));
            }
            done.answers.push(answer);
        }
        work.append_closes(self.clock.stamp())?;
        drop(work);
        let kept = self.marks.write_due(&tx, self.clock.running_ms())?;
        tx.commit()?;
        self.lanes = lanes;
        self.marks.written(kept);
        Ok(done)
    }

    /// Journals something that the agent itself has to say.
    fn notice(&mut self, kind: NoticeKind, text: &str) -> anyhow::Result<()> {
        let Some(text) = Note::cleaned(text) else {
            return Ok(());
        };
        let captured = Captured {
            lane: self.home.clone(),
            witness: Witness::Agent,
            redacted: 0,
            raw: Vec::new(),
            fact: Fact::Notice(Notice { kind, text }),
        };
        let mut prepared = [Box::new(Prepared::new(captured, self.clock.stamp())?)];
        self.commit(&mut prepared)?;
        self.publish();
        Ok(())
    }

    fn rolled_back(&mut self, segment: SegmentId, detail: Note) {
        if !self.marks.note_rolled_back(segment) {
            return;
        }
        // Where this very process was rolled back (a resumed image of a machine), its numbers are taken: begin anew.
        self.lanes.retain(|lane| lane.head.segment != segment);
        let sql = "UPDATE segments SET rolled_back = 1 WHERE id = ?";
        self.now(|_, _, tx| tx.execute(sql, [segment.as_bytes()]).map(drop));
        if let Err(error) = self.notice(NoticeKind::RolledBack, detail.as_str()) {
            self.notice_failed(&error);
        }
    }

    fn notice_failed(&self, error: &anyhow::Error) {
        if full_in(error) {
            tracing::warn!("no room for a notice in the journal");
        } else {
            die(&format_args!("{error:#}"));
        }
    }

    /// The disk is full: give up the reserve, and use the room to say so.
    fn filled(&mut self) {
        if self.full {
            return;
        }
        self.full = true;
        self.reserve.give_up();
        tracing::error!("the journal's disk is full; sources are told to wait");
        let percent = self.progress.borrow().disk_percent;
        let text = format!(
            "the journal has no room, {percent} % of it is used; sources hold their data until space is freed"
        );
        if let Err(error) = self.notice(NoticeKind::DiskFull, &text) {
            self.notice_failed(&error);
        }
        self.publish();
    }

    /// Tries to leave the full state: room for the reserve, and for the notice that says so.
    fn try_free(&mut self) {
        if !self.reserve.make() {
            return;
        }
        let refused = self.progress.borrow().refused;
        let text =
            format!("capture goes on; sources were told to wait {refused} times since the agent's start");
        match self.notice(NoticeKind::DiskFreed, &text) {
            Ok(()) => {
                self.full = false;
                tracing::info!("the journal has room again; capture goes on");
                self.publish();
            }
            Err(error) => {
                self.reserve.give_up();
                self.notice_failed(&error);
            }
        }
    }

    /// Looks at the disk, keeps marks, prunes. True when there is more to prune at once.
    pub(crate) fn tick(&mut self) -> bool {
        let fill = disk::fill(&self.db, &self.state_dir, &self.limits);
        let room = self.room.at(fill.percent, &self.limits);
        // SQLite may find no room where the system still counts some.
        self.prune_as = if self.full { Room::None } else { room };
        let change = self.room.change(room);
        self.room = room;
        // A gauge that cannot be read is no reason to stop capturing.
        let buffer_days =
            days::held(&self.db).map_or(None, |held| buffer_days(fill.free_len, fill.used_len, held));
        self.progress.send_modify(|p| {
            p.disk_percent = fill.percent;
            p.buffer_days = buffer_days;
        });
        if change == Some(RoomChange::Filled) {
            self.filled();
        } else if self.full && room != Room::None {
            self.try_free();
        }
        let more = self.prune();
        self.publish();
        more
    }

    fn prune(&mut self) -> bool {
        let mut more = false;
        let (room, limits, now) = (self.prune_as, self.limits, self.clock.running_ms());
        self.now(|marks, lanes, tx| {
            let kept = if room == Room::Plenty {
                marks.write_due(tx, now)?
            } else {
                lanes.iter_mut().try_for_each(|lane| lane.write_totals(tx))?;
                marks.write_all(tx)?
            };
            marks.written(kept);
            more = marks.prune(tx, room, &limits)?;
            lanes
                .iter_mut()
                .filter(|_| more)
                .for_each(|lane| lane.days.forget());
            Ok(())
        });
        more
    }

    fn publish(&mut self) {
        self.marks.follow(&self.lanes);
        let (backlog, attachments) = self.marks.backlog();
        let (lanes, full) = (&self.lanes, self.full);
        self.progress.send_modify(|p| {
            let open = lanes.iter().filter(|l| l.no.is_some());
            p.open = open
                .map(|l| (l.head.segment, l.head.number, l.attachments))
                .collect();
            (p.backlog, p.attachments, p.busy) = (backlog, attachments, full);
        });
    }

    /// A clean stop: marks and totals are written down, so that the next start has nothing to add up.
    fn close(&mut self) {
        self.now(|marks, lanes, tx| {
            let kept = marks.write_all(tx)?;
            marks.written(kept);
            lanes.iter_mut().try_for_each(|lane| lane.write_totals(tx))
        });
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(e, _) if e.code == ErrorCode::DiskFull)
}

fn full_in(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(is_full))
}
