//! How far each segment is receipted, and what may go because of it.
//!
//! A receipt lost is harmless, so receipts are written now and then, not one by one: flash wears by the commit.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_agent_core::journal::{Kept, Room, prunable};
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{RecordNumber, RelayId, SegmentId};

use super::lane::Lane;
use super::open::row_id;
use super::read::Segment;

/// Receipts are on disk at most so long after they came.
const WRITE_EVERY_MS: u64 = 30_000;

/// ... and at the latest when so many records more are receipted than the disk knows.
const WRITE_EVERY_RECORDS: u64 = 8192;

/// Most records deleted in one transaction, so that an append never waits long.
const PRUNE_STEP: u64 = 2000;

/// The newest business days are spared when pruning early: a close may still have to add them up.
const SPARE_DAYS: i64 = 2;

/// ... and days that were not closed, for so long.
const SPARE_OPEN_DAYS: i64 = 7;

/// Tickets are told apart for so long after their records may be deleted.
const FORGET_AFTER_DAYS: i32 = 30;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// A receipt that was found valid, with a hash equal to ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipted {
    /// The segment.
    pub segment: SegmentId,
    /// Everything up to here.
    pub through: RecordNumber,
    /// The relay's clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// The message as signed, for whoever wants to check it again.
    pub message: Vec<u8>,
}

/// The marks of all segments that matter, and what of them is not on disk yet.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    segments: BTreeMap<i64, Mark>,
    pending: BTreeMap<i64, Receipted>,
    /// When the oldest pending mark came.
    pending_since: Option<u64>,
}

#[derive(Debug, Clone)]
struct Mark {
    id: SegmentId,
    last: u64,
    pruned: u64,
    receipted: u64,
    /// The receipted number on disk.
    written: u64,
    attachments: u64,
    attached: u64,
    attached_written: u64,
    rolled_back: bool,
}

/// What a transaction has written and memory believes after its commit.
#[derive(Debug)]
pub(crate) struct Written(Vec<(i64, u64, u64)>);

impl Marks {
    pub(crate) fn load(segments: &[Segment]) -> Self {
        let segments = segments.iter().map(|s| {
            let mark = Mark {
                id: s.id,
                last: s.last.number.0,
                pruned: s.pruned.number.0,
                receipted: s.receipted.0,
                written: s.receipted.0,
                attachments: s.attachments,
                attached: s.attached,
                attached_written: s.attached,
                rolled_back: s.rolled_back,
            };
            (s.no, mark)
        });
        Self {
            segments: segments.collect(),
            ..Self::default()
        }
    }

    /// Takes over where the open lanes are.
    pub(crate) fn follow(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            let Some(no) = lane.no else { continue };
            let mark = self
                .segments
                .entry(no)
                .or_insert_with(|| Mark::new(lane.head.segment));
            mark.last = lane.head.number.0;
            mark.attachments = lane.attachments;
        }
    }

    /// Records and attachments without a receipt.
    pub(crate) fn backlog(&self) -> (u64, u64) {
        self.segments.values().fold((0, 0), |(records, attachments), m| {
            (
                records + m.last.saturating_sub(m.receipted),
                attachments + m.attachments.saturating_sub(m.attached),
            )
        })
    }

    fn find(&mut self, id: SegmentId) -> Option<(i64, &mut Mark)> {
        self.segments
            .iter_mut()
            .find(|(_, m)| m.id == id)
            .map(|(no, m)| (*no, m))
    }

    pub(crate) fn receipted(&mut self, receipt: Receipted, now_ms: u64) {
        let Some((no, mark)) = self.find(receipt.segment) else {
            return;
        };
        let through = receipt.through.0.min(mark.last);
        if through > mark.receipted {
            mark.receipted = through;
            self.pending.insert(no, receipt);
            self.pending_since.get_or_insert(now_ms);
        }
    }

    pub(crate) fn attached(&mut self, segment: SegmentId, through: u64, now_ms: u64) {
        if let Some((_, mark)) = self.find(segment) {
            mark.attached = mark.attached.max(through.min(mark.attachments));
            self.pending_since.get_or_insert(now_ms);
        }
    }

    /// True the first time.
    pub(crate) fn note_rolled_back(&mut self, segment: SegmentId) -> bool {
        self.find(segment)
            .is_some_and(|(_, mark)| !std::mem::replace(&mut mark.rolled_back, true))
    }

    /// The relay holds less than it once said: what it lost must not be pruned any more.
    pub(crate) fn rewind(
        &mut self,
        db: &Connection,
        segment: SegmentId,
        through: RecordNumber,
    ) -> rusqlite::Result<()> {
        let Some((no, mark)) = self.find(segment) else {
            return Ok(());
        };
        mark.receipted = mark.receipted.min(through.0);
        mark.written = mark.receipted;
        // What was attached is asked for again too: chunks are idempotent and the relay answers at once.
        (mark.attached, mark.attached_written) = (0, 0);
        let receipted = mark.receipted;
        self.pending.remove(&no);
        let sql = "UPDATE segments SET receipted = ?, attached = 0 WHERE no = ?";
        db.prepare_cached(sql)?.execute(params![signed(receipted), no])?;
        let sql = "DELETE FROM receipts WHERE segment = ? AND through > ?";
        db.prepare_cached(sql)?.execute(params![no, signed(receipted)])?;
        Ok(())
    }

    /// Keeps which relay was heard.
    pub(crate) fn heard(db: &Connection, id: RelayId, generation: u32) -> rusqlite::Result<()> {
        db.prepare_cached("DELETE FROM relay")?.execute([])?;
        let sql = "INSERT INTO relay (id, generation) VALUES (?, ?)";
        db.prepare_cached(sql)?
            .execute(params![id.as_bytes(), generation])?;
        Ok(())
    }

    /// How long until pending marks should be written.
    pub(crate) fn due_in(&self, now_ms: u64) -> Duration {
        self.pending_since.map_or(Duration::MAX, |since| {
            Duration::from_millis((since + WRITE_EVERY_MS).saturating_sub(now_ms).max(1))
        })
    }

    /// Writes pending marks when it is time.
    pub(crate) fn write_due(&self, db: &Connection, now_ms: u64) -> rusqlite::Result<Option<Written>> {
        let waited = self
            .pending_since
            .is_some_and(|since| now_ms >= since + WRITE_EVERY_MS);
        let ahead: u64 = self
            .segments
            .values()
            .map(|m| m.receipted.saturating_sub(m.written))
            .sum();
        if waited || ahead >= WRITE_EVERY_RECORDS {
            return self.write_all(db);
        }
        Ok(None)
    }

    /// Writes pending marks.
    pub(crate) fn write_all(&self, db: &Connection) -> rusqlite::Result<Option<Written>> {
        let mut written = Vec::new();
        for (no, mark) in &self.segments {
            if mark.receipted == mark.written && mark.attached == mark.attached_written {
                continue;
            }
            let sql = "UPDATE segments SET receipted = ?, attached = ? WHERE no = ?";
            db.prepare_cached(sql)?
                .execute(params![signed(mark.receipted), signed(mark.attached), no])?;
            if let Some(receipt) = self.pending.get(no) {
                let sql = "INSERT OR REPLACE INTO receipts (segment, hour, through, at_ms, message) VALUES (?, ?, ?, ?, ?)";
                db.prepare_cached(sql)?.execute(params![
                    no,
                    receipt.at_ms.div_euclid(HOUR_MS),
                    signed(mark.receipted),
                    receipt.at_ms,
                    receipt.message
                ])?;
            }
            written.push((*no, mark.receipted, mark.attached));
        }
        Ok(Some(Written(written)))
    }

    /// After the commit of what [`Self::write_due`] wrote.
    pub(crate) fn written(&mut self, written: Option<Written>) {
        let Some(Written(written)) = written else { return };
        for (no, receipted, attached) in written {
            if let Some(mark) = self.segments.get_mut(&no) {
                (mark.written, mark.attached_written) = (receipted, attached);
            }
        }
        self.pending.clear();
        self.pending_since = None;
    }

    /// After a transaction that failed: nothing counts as written until it is written again.
    pub(crate) fn forget_written(&mut self) {
        for mark in self.segments.values_mut() {
            (mark.written, mark.attached_written) = (0, 0);
        }
    }

    /// Deletes a step of what may go, oldest first. True when there is more.
    pub(crate) fn prune(&mut self, db: &Connection, room: Room, limits: &Limits) -> rusqlite::Result<bool> {
        for (no, mark) in self.segments.iter_mut().filter(|(_, m)| m.written > m.pruned) {
            let kept = Kept {
                pruned: RecordNumber(mark.pruned),
                receipted: RecordNumber(mark.written),
                receipted_long_ago: long_ago(db, *no, limits)?,
                totalled: totalled(db, *no)?,
                spare_from: spare_from(db, *no)?,
            };
            let Some(through) = prunable(&kept, room) else {
                continue;
            };
            let step = through.0.min(mark.pruned + PRUNE_STEP);
            delete(db, *no, step, mark.attached_written)?;
            forget_tickets(db, row_id(*no, step), limits)?;
            mark.pruned = step;
            return Ok(true);
        }
        Ok(false)
    }
}

impl Mark {
    const fn new(id: SegmentId) -> Self {
        Self {
            id,
            last: 0,
            pruned: 0,
            receipted: 0,
            written: 0,
            attachments: 0,
            attached: 0,
            attached_written: 0,
            rolled_back: false,
        }
    }
}

/// What a receipt covered that the relay gave long before its newest one. Both times are the relay's.
fn long_ago(db: &Connection, no: i64, limits: &Limits) -> rusqlite::Result<RecordNumber> {
    let sql = "SELECT max(through) FROM receipts WHERE segment = ? AND at_ms <= (SELECT max(at_ms) FROM receipts) - ?";
    let keep_ms = i64::from(limits.keep_days) * DAY_MS;
    let through: Option<i64> = db
        .prepare_cached(sql)?
        .query_row(params![no, keep_ms], |row| row.get(0))?;
    Ok(RecordNumber(through.unwrap_or(0).unsigned_abs()))
}

fn totalled(db: &Connection, no: i64) -> rusqlite::Result<RecordNumber> {
    // An older segment's totals were added up by the segment after it.
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM segments n WHERE n.lane = s.lane AND n.no > s.no) \
               THEN 9223372036854775807 ELSE totalled END FROM segments s WHERE no = ?";
    let through: Option<i64> = db
        .prepare_cached(sql)?
        .query_row([no], |row| row.get(0))
        .optional()?;
    Ok(RecordNumber(through.unwrap_or(0).unsigned_abs()))
}

fn spare_from(db: &Connection, no: i64) -> rusqlite::Result<Option<RecordNumber>> {
    let sql = "SELECT min(first) FROM days WHERE segment = ?1 AND \
               day > (SELECT max(day) FROM days) - CASE closed WHEN 1 THEN ?2 ELSE ?3 END";
    let first: Option<i64> = db
        .prepare_cached(sql)?
        .query_row(params![no, SPARE_DAYS, SPARE_OPEN_DAYS], |row| row.get(0))?;
    Ok(first.map(|n| RecordNumber(n.unsigned_abs())))
}

/// Deletes records through a number. The chain hash there stays, and so do attachments that the relay does not have.
fn delete(db: &Connection, no: i64, through: u64, attached: u64) -> rusqlite::Result<()> {
    let last = row_id(no, through);
    let sql =
        "UPDATE segments SET pruned = ?, pruned_hash = (SELECT hash FROM records WHERE id = ?) WHERE no = ?";
    db.prepare_cached(sql)?
        .execute(params![signed(through), last, no])?;
    db.prepare_cached("DELETE FROM records WHERE id > ? AND id <= ?")?
        .execute([row_id(no, 0), last])?;
    let sql = "DELETE FROM attachments WHERE id > ? AND id <= ? AND record <= ?";
    db.prepare_cached(sql)?
        .execute([row_id(no, 0), row_id(no, attached), last])?;
    db.prepare_cached("DELETE FROM receipts WHERE segment = ? AND through < ?")?
        .execute([no, signed(through)])?;
    Ok(())
}

/// Forgets how old tickets were filed, in steps. One that is offered again after that is a new record with the same
/// business key and content, which the relay takes for a further witness.
fn forget_tickets(db: &Connection, last: i64, limits: &Limits) -> rusqlite::Result<()> {
    let newest: Option<i32> = db
        .prepare_cached("SELECT max(day) FROM days")?
        .query_row([], |row| row.get(0))?;
    let Some(horizon) = newest.map(|day| day - i32::from(limits.keep_days) - FORGET_AFTER_DAYS) else {
        return Ok(());
    };
    let before = horizon.wrapping_sub(i32::MIN).to_be_bytes();
    let sql = "DELETE FROM tickets WHERE (key, revision) IN \
               (SELECT key, revision FROM tickets WHERE key < ? AND record <= ? LIMIT 2000)";
    db.prepare_cached(sql)?.execute(params![before, last])?;
    db.prepare_cached("DELETE FROM days WHERE key < ?")?
        .execute([before])?;
    Ok(())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
