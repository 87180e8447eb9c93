//! Tickets and days inside a write transaction: is it new, which day does it belong to, what does the day add up to.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_agent_core::journal::{Content, DayRecord, Decision, Known, close_record, decide, register_day};
use tillwire_proto::{
    BusinessDay, CloseRecord, Currency, Fact, LaneId, Note, RecordNumber, RegisterId, SegmentId, StoreId,
    Transaction, decode_observation,
};

use super::open::{row_id, row_number, row_segment};
use super::prepare::Ticket;
use super::read::{digest, segment_id};

/// How many business days the journal holds records of, from their start on.
pub(crate) fn held(db: &Connection) -> rusqlite::Result<u32> {
    let sql = "SELECT count(DISTINCT d.day) FROM days d JOIN segments s ON s.no = d.segment WHERE d.first > s.pruned";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// One register's day on one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) lane: LaneId,
    pub(crate) store: StoreId,
    pub(crate) register: RegisterId,
    pub(crate) day: BusinessDay,
}

impl Day {
    pub(crate) fn of(lane: &LaneId, transaction: &Transaction) -> Self {
        let key = &transaction.key;
        Self {
            lane: lane.clone(),
            store: key.store.clone(),
            register: key.register.clone(),
            day: key.day,
        }
    }

    fn key(&self) -> [u8; 10] {
        register_day(&self.lane, &self.register, self.day)
    }

    /// Notes that the day has a record in a segment. True when the day was closed before.
    pub(crate) fn enter(&self, db: &Connection, no: i64, number: RecordNumber) -> rusqlite::Result<bool> {
        let key = self.key();
        let sql = "SELECT max(closed), max(segment = ?2) FROM days WHERE key = ?1";
        let (closed, here): (Option<bool>, Option<bool>) = db
            .prepare_cached(sql)?
            .query_row(params![key, no], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let closed = closed.unwrap_or(false);
        if here != Some(true) {
            let sql = "INSERT INTO days (key, segment, first, day, closed) VALUES (?, ?, ?, ?, ?)";
            let first = i64::try_from(number.0).unwrap_or(i64::MAX);
            db.prepare_cached(sql)?
                .execute(params![key, no, first, self.day.days_since_epoch(), closed])?;
        }
        Ok(closed)
    }

    /// Marks the day closed and adds it up. `None` when records of the day were deleted: what is left is not the day.
    pub(crate) fn close(&self, db: &Connection, currency: Currency) -> anyhow::Result<Option<CloseRecord>> {
        db.prepare_cached("UPDATE days SET closed = 1 WHERE key = ? AND closed = 0")?
            .execute([self.key()])?;
        let Some(records) = self.records(db)? else {
            return Ok(None);
        };
        let (store, register) = (self.store.clone(), self.register.clone());
        Ok(Some(close_record(store, register, self.day, currency, &records)))
    }

    /// Why there is no close record, for people.
    pub(crate) fn cannot_close(&self) -> Note {
        let Self { register, day, .. } = self;
        let text = format!(
            "the close of {register} on {day} cannot be stated: records of that day had to be deleted"
        );
        Note::cleaned(&text).expect("names and a date are printable")
    }

    fn records(&self, db: &Connection) -> anyhow::Result<Option<Vec<DayRecord>>> {
        let (mut from, mut to) = ([0; 20], [0xff; 20]);
        from[..10].copy_from_slice(&self.key());
        to[..10].copy_from_slice(&self.key());
        let sql = "SELECT t.record, r.hash, r.body, s.id FROM tickets t LEFT JOIN records r ON r.id = t.record \
                   JOIN segments s ON s.no = t.record >> 40 WHERE t.key BETWEEN ? AND ? ORDER BY t.record";
        let mut rows = db.prepare_cached(sql)?;
        let mut rows = rows.query(params![from, to])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(body) = row.get::<_, Option<Vec<u8>>>(2)? else {
                return Ok(None);
            };
            let Ok(observation) = decode_observation(&body) else {
                continue; // cannot be: this program wrote it; the relay would name it undecodable
            };
            if let Fact::Transaction(transaction) = observation.fact {
                records.push(DayRecord {
                    segment: segment_id(row, 3)?,
                    number: RecordNumber(row_number(row.get(0)?)),
                    hash: digest(row, 1)?,
                    transaction: *transaction,
                });
            }
        }
        Ok(Some(records))
    }
}

/// What the journal holds of a ticket, and what follows from it.
pub(crate) enum Filed {
    /// It is there, in this record.
    Already(SegmentId, RecordNumber),
    /// Journal it under this revision.
    Append(u32),
}

/// Looks a ticket up and decides.
pub(crate) fn look_up(db: &Connection, ticket: &Ticket, offered_revision: u32) -> rusqlite::Result<Filed> {
    let sql = "SELECT record, revision, content FROM tickets WHERE key = ? ORDER BY revision DESC LIMIT 1";
    let found = db
        .prepare_cached(sql)?
        .query_row([&ticket.key.0], |row| {
            let known = Known {
                revision: row.get(1)?,
                content: Content(row.get(2)?),
            };
            Ok((row.get::<_, i64>(0)?, known))
        })
        .optional()?;
    let (record, known) = match &found {
        Some((record, known)) => (*record, Some(known)),
        None => (0, None),
    };
    match decide(known, offered_revision, &ticket.content) {
        Decision::Append { revision } => Ok(Filed::Append(revision)),
        Decision::Already => {
            let sql = "SELECT id FROM segments WHERE no = ?";
            let segment = db
                .prepare_cached(sql)?
                .query_row([row_segment(record)], |row| segment_id(row, 0))?;
            Ok(Filed::Already(segment, RecordNumber(row_number(record))))
        }
    }
}

/// Files a ticket under its key and revision.
pub(crate) fn file(
    db: &Connection,
    ticket: &Ticket,
    no: i64,
    number: RecordNumber,
    revision: u32,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO tickets (key, record, revision, content) VALUES (?, ?, ?, ?)";
    db.prepare_cached(sql)?.execute(params![
        ticket.key.0,
        row_id(no, number.0),
        revision,
        ticket.content.0
    ])?;
    Ok(())
}
