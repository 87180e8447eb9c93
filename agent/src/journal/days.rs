//! Tickets and days inside a write transaction: is it new, which day does it belong to, what does the day add up to.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_agent_core::journal::{
    Content, DayRecord, Decision, Known, REGISTER_DAY_LEN, TicketKey, close_record, decide, register_day,
};
use tillwire_proto::{
    BusinessDay, CloseRecord, Currency, Fact, LaneId, Note, RecordNumber, RegisterId, SegmentId, StoreId,
    Transaction, decode_observation,
};

use super::open::{row_id, row_number, row_segment};
use super::plans::Plans;
use super::prepare::Ticket;
use super::read::{digest, segment_id};

/// Register-days that a lane remembers: as many registers as one store has, and their day before.
const REMEMBERED: usize = 32;

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

    fn key(&self) -> [u8; REGISTER_DAY_LEN] {
        register_day(&self.lane, &self.register, self.day)
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
        let (from, to) = keys(self.key());
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

/// The register-days that a lane's last tickets were of. Tills count up, so that a ticket is nearly always above all that is
/// filed of its day, and then nothing need be looked up to know that it is new. Whoever deletes rows makes it forget
/// ([`Days::forget`]); a transaction that fails takes its lane's copy with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Days(Vec<Today>);

/// One of them, as the transaction under way sees it.
#[derive(Debug, Clone, Copy)]
struct Today {
    day: [u8; REGISTER_DAY_LEN],
    /// No ticket of the day is filed above it.
    highest: Option<TicketKey>,
    /// Noted as a day of the lane's open segment.
    entered: bool,
    closed: bool,
}

impl Days {
    /// What is remembered is no longer so.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    fn today(&mut self, db: &Connection, no: Option<i64>, key: &TicketKey) -> rusqlite::Result<&mut Today> {
        let day = key.register_day();
        let at = match self.0.iter().position(|today| today.day == day) {
            Some(at) => at,
            None => {
                let today = Today::read(db, no, day)?;
                if self.0.len() == REMEMBERED {
                    self.0.remove(0);
                }
                self.0.push(today);
                self.0.len() - 1
            }
        };
        Ok(&mut self.0[at])
    }

    /// Looks a ticket up and decides.
    pub(crate) fn look_up(
        &mut self,
        (db, plans): (&Connection, &mut Plans<'_>),
        no: Option<i64>,
        ticket: &Ticket,
        offered_revision: u32,
    ) -> rusqlite::Result<Filed> {
        let today = self.today(db, no, &ticket.key)?;
        let is_above = today.highest.is_none_or(|highest| ticket.key > highest);
        let found = if is_above {
            None
        } else {
            newest(plans, &ticket.key)?
        };
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

    /// Files a ticket under its key and revision, and notes that its day has a record in the segment. True when the day was
    /// closed before.
    pub(crate) fn file(
        &mut self,
        (db, plans): (&Connection, &mut Plans<'_>),
        (no, number): (i64, RecordNumber),
        ticket: &Ticket,
        (day, revision): (BusinessDay, u32),
    ) -> rusqlite::Result<bool> {
        plans.ticket.execute(params![
            ticket.key.0,
            row_id(no, number.0),
            revision,
            ticket.content.0
        ])?;
        let today = self.today(db, Some(no), &ticket.key)?;
        today.highest = today.highest.max(Some(ticket.key));
        if !today.entered {
            let sql = "INSERT INTO days (key, segment, first, day, closed) VALUES (?, ?, ?, ?, ?)";
            let first = i64::try_from(number.0).unwrap_or(i64::MAX);
            db.prepare_cached(sql)?.execute(params![
                today.day,
                no,
                first,
                day.days_since_epoch(),
                today.closed
            ])?;
            today.entered = true;
        }
        Ok(today.closed)
    }

    /// A day was closed.
    pub(crate) fn closed(&mut self, day: &Day) {
        let key = day.key();
        for today in self.0.iter_mut().filter(|today| today.day == key) {
            today.closed = true;
        }
    }
}

impl Today {
    fn read(db: &Connection, no: Option<i64>, day: [u8; REGISTER_DAY_LEN]) -> rusqlite::Result<Self> {
        let sql = "SELECT max(closed), max(segment = ?2) FROM days WHERE key = ?1";
        let (closed, entered): (Option<bool>, Option<bool>) = db
            .prepare_cached(sql)?
            .query_row(params![day, no], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (from, to) = keys(day);
        let sql = "SELECT max(key) FROM tickets WHERE key BETWEEN ? AND ?";
        let highest: Option<[u8; 20]> = db
            .prepare_cached(sql)?
            .query_row(params![from, to], |row| row.get(0))?;
        Ok(Self {
            day,
            highest: highest.map(TicketKey),
            entered: entered.unwrap_or(false),
            closed: closed.unwrap_or(false),
        })
    }
}

/// First and last key that a ticket of a register's day can have.
fn keys(day: [u8; REGISTER_DAY_LEN]) -> ([u8; 20], [u8; 20]) {
    let (mut from, mut to) = ([0; 20], [0xff; 20]);
    from[..REGISTER_DAY_LEN].copy_from_slice(&day);
    to[..REGISTER_DAY_LEN].copy_from_slice(&day);
    (from, to)
}

/// The newest record under a key, and what it says.
fn newest(plans: &mut Plans<'_>, key: &TicketKey) -> rusqlite::Result<Option<(i64, Known)>> {
    let found = plans.look_up.query_row([&key.0], |row| {
        let known = Known {
            revision: row.get(1)?,
            content: Content(row.get(2)?),
        };
        Ok((row.get(0)?, known))
    });
    found.optional()
}
