//! Gathering a day's facts from stored records.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{BusinessDay, RecordNumber, decode_observation};
use tillwire_relay_core::exception::{CauseKey, Signature};
use tillwire_relay_core::facts::{Captured, DayFacts, RecordId, SegmentProgress, Wanted};
use tillwire_relay_core::settings::StoreSettings;

use crate::store::StoreError;
use crate::store::days::DayRow;
use crate::store::exceptions::{self, Filter};
use crate::store::records::{self, BatchRow, SegmentRow};
use crate::store::settlement::{self, Lines};

/// How far back a void may reach, in days, when it does not name the day of its ticket.
const VOID_DAYS_MAX: i32 = 400;

/// Rounds in which voids of voids are followed.
const ROUNDS_MAX: usize = 3;

/// Everything that bears on a day.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn gather(db: &Connection, row: &DayRow, settings: &StoreSettings) -> Result<DayFacts, StoreError> {
    evidence(db, row, settings).map(|(facts, _)| facts)
}

/// The same, with the records that it was made from.
pub(super) fn evidence(
    db: &Connection,
    row: &DayRow,
    settings: &StoreSettings,
) -> Result<(DayFacts, Vec<Captured>), StoreError> {
    let (reader, mut facts) = Reader::of(db, row, settings)?;
    facts.segments = reader.progress(&facts);
    facts.settlement = settlement::lines(db, &row.tenant, &row.store, Lines::OfDay(row.day))?
        .into_iter()
        .filter_map(|stored| Some((stored.line, stored.matched?)))
        .collect();
    let elsewhere = Filter {
        store: Some((row.tenant.clone(), row.store.clone())),
        day: Some(row.day),
        elsewhere: true,
        resolved: false,
    };
    facts.alarms = exceptions::list(db, &elsewhere)?
        .into_iter()
        .map(|stored| stored.draft)
        .collect();
    Ok((facts, reader.captured.into_values().collect()))
}

/// The segments that a day's evidence lies in, by their row in the database, each with its last record that bears on it.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn segments_behind(
    db: &Connection,
    row: &DayRow,
    settings: &StoreSettings,
) -> Result<BTreeMap<i64, RecordNumber>, StoreError> {
    let reader = Reader::of(db, row, settings)?.0;
    let mut last: BTreeMap<i64, RecordNumber> = BTreeMap::new();
    for (id, segment) in &reader.segments {
        let of = reader
            .captured
            .keys()
            .filter(|record| record.segment == segment.segment);
        if let Some(number) = of.map(|record| record.number).max() {
            last.insert(*id, number);
        }
    }
    Ok(last)
}

/// What people signed for a day and did not withdraw.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn signatures(db: &Connection, row: &DayRow) -> Result<Vec<Signature>, StoreError> {
    let sql = "SELECT cause, decision, by, at_ms, reason FROM signatures \
               WHERE tenant = ?1 AND store = ?2 AND day = ?3 AND withdrawn_ms IS NULL ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    let key = params![
        row.tenant.as_str(),
        row.store.as_str(),
        row.day.days_since_epoch()
    ];
    let rows = statement.query_map(key, |row| {
        Ok(Signature {
            cause: CauseKey::from_stored(row.get::<_, String>(0)?),
            decision: crate::store::json(row, 1)?,
            by: row.get(2)?,
            at_ms: row.get(3)?,
            reason: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

struct Reader<'c> {
    db: &'c Connection,
    segments: BTreeMap<i64, SegmentRow>,
    batches: BTreeSet<i64>,
    captured: BTreeMap<RecordId, Captured>,
}

impl<'c> Reader<'c> {
    /// Reads the day, its neighbours, and what its voids lead to.
    fn of(
        db: &'c Connection,
        row: &DayRow,
        settings: &StoreSettings,
    ) -> Result<(Self, DayFacts), StoreError> {
        let mut reader = Reader::new(db);
        let home = row.day.days_since_epoch();
        for day in [home - 1, home, home + 1] {
            reader.day(row, day)?;
        }
        let mut facts = DayFacts::gather(settings, row.day, reader.captured.values().cloned());
        for _ in 0..ROUNDS_MAX {
            let wanted = facts.wanted();
            if wanted.is_empty() || !reader.find(row, &wanted)? {
                break;
            }
            facts = DayFacts::gather(settings, row.day, reader.captured.values().cloned());
        }
        Ok((reader, facts))
    }

    const fn new(db: &'c Connection) -> Self {
        Self {
            db,
            segments: BTreeMap::new(),
            batches: BTreeSet::new(),
            captured: BTreeMap::new(),
        }
    }

    /// Reads everything filed under a day.
    fn day(&mut self, row: &DayRow, day: i32) -> Result<(), StoreError> {
        let id: Option<i64> = self
            .db
            .prepare_cached("SELECT id FROM store_days WHERE tenant = ?1 AND store = ?2 AND day = ?3")?
            .query_row(params![row.tenant.as_str(), row.store.as_str(), day], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(id) = id else { return Ok(()) };
        for batch in records::of_day(self.db, id)? {
            self.batch(&batch)?;
        }
        Ok(())
    }

    /// Looks for the tickets that voids name: on the day that they name, else backwards. True when days were read
    /// that had not been.
    fn find(&mut self, row: &DayRow, wanted: &[Wanted]) -> Result<bool, StoreError> {
        let before = self.batches.len();
        let home = row.day.days_since_epoch();
        let named: BTreeSet<i32> = wanted
            .iter()
            .filter_map(|one| one.original.day.map(BusinessDay::days_since_epoch))
            .collect();
        for day in named {
            self.day(row, day)?;
        }
        if wanted.iter().any(|one| one.original.day.is_none()) {
            let days: Vec<i32> = self
                .db
                .prepare_cached(
                    "SELECT day FROM store_days WHERE tenant = ?1 AND store = ?2 AND day < ?3 AND day >= ?4 \
                     ORDER BY day DESC",
                )?
                .query_map(
                    params![
                        row.tenant.as_str(),
                        row.store.as_str(),
                        home,
                        home - VOID_DAYS_MAX
                    ],
                    |row| row.get(0),
                )?
                .collect::<rusqlite::Result<_>>()?;
            for day in days {
                self.day(row, day)?;
            }
        }
        Ok(self.batches.len() > before)
    }

    fn batch(&mut self, batch: &BatchRow) -> Result<(), StoreError> {
        if !self.batches.insert(batch.id) {
            return Ok(());
        }
        let segment = match self.segments.entry(batch.segment) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(records::segment_at(self.db, batch.segment)?)
            }
        };
        for record in records::records(batch)? {
            // what does not decode has its own exception
            let Ok(observation) = decode_observation(&record.body) else {
                continue;
            };
            let id = RecordId {
                segment: segment.segment,
                number: record.number,
            };
            self.captured.insert(
                id,
                Captured {
                    id,
                    hash: record.hash,
                    lane: segment.lane.clone(),
                    received_ms: batch.received_ms,
                    observation,
                },
            );
        }
        Ok(())
    }

    /// How far the segments that hold this day's records are.
    fn progress(&self, facts: &DayFacts) -> BTreeMap<tillwire_proto::SegmentId, SegmentProgress> {
        let named: BTreeSet<_> = facts
            .hashes
            .keys()
            .map(|id| id.segment)
            .chain(
                facts
                    .closes
                    .iter()
                    .flat_map(|close| close.close.spans.iter().map(|span| span.segment)),
            )
            .collect();
        self.segments
            .values()
            .filter(|row| named.contains(&row.segment))
            .map(|row| {
                (
                    row.segment,
                    SegmentProgress {
                        through: row.through,
                        announced: row.announced,
                    },
                )
            })
            .collect()
    }
}
