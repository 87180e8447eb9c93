//! Understanding: stored bytes become facts that are filed under their business days.
//!
//! Runs after the commit, on its own: reads the log of batches from where it left off, decodes each record, files the
//! batch under the days that its records belong to, and raises what cannot be decoded. Nothing here can lose a record
//! or hold one back; a better decoder or a mended configuration understands it [again](Understanding::again).

mod lineage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{Body, BusinessDay, Fact, Observation, decode_observation};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::facts::{RecordId, home_day};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};
use tokio_util::sync::CancellationToken;

use crate::events::RelayEvent;
use crate::store::exceptions::{self, Source};
use crate::store::records::{self, BatchRow, SegmentRow};
use crate::store::{Store, StoreError, Unit, days};

/// Batches taken up at once: some megabytes at most.
const BATCHES_MAX: u32 = 64;

/// How long it sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_secs(5);

/// How much later the days beside a changed one are looked at again, in milliseconds.
const NEIGHBOUR_MS: i64 = 5_000;

/// The stage.
#[derive(Debug, Clone)]
pub struct Understanding {
    store: Store,
    settings: Arc<RelaySettings>,
}

/// What one batch says, before it is written down.
struct Understood {
    batch: i64,
    segment: SegmentRow,
    days: BTreeSet<BusinessDay>,
    sales: u64,
    records: u64,
    last_ticket: Option<String>,
    received_ms: i64,
    aside: Option<&'static str>,
    alarms: Vec<ExceptionDraft>,
}

impl Understanding {
    /// The stage over a store.
    #[must_use]
    pub const fn new(store: Store, settings: Arc<RelaySettings>) -> Self {
        Self { store, settings }
    }

    /// Goes on until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut events = self.store.listen();
        loop {
            match self.step().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!("records are stored, but could not be filed yet: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = events.recv() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    /// Understands the next batches. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the step is then written.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let settings = Arc::clone(&self.settings);
        let (understood, last) = self
            .store
            .read(move |db| {
                let after = position(db)?;
                let batches = records::after(db, after, BATCHES_MAX)?;
                let last = batches.last().map_or(after, |batch| batch.id);
                Ok((read_all(db, &batches, &settings)?, last))
            })
            .await?;
        let count = understood.len();
        if count > 0 {
            let now_ms = self.store.clock().now_ms();
            self.store
                .write(move |unit| {
                    file_all(unit, &understood, now_ms)?;
                    unit.db.execute(
                        "INSERT INTO meta (key, value) VALUES ('understood', ?1) \
                         ON CONFLICT (key) DO UPDATE SET value = max(CAST(value AS INTEGER), ?1)",
                        [last],
                    )?;
                    Ok(())
                })
                .await?;
        }
        Ok(count)
    }

    /// Understands again what was set aside: a store that was not configured, records that did not decode. Returns how
    /// many batches are understood now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn again(&self) -> Result<usize, StoreError> {
        let settings = Arc::clone(&self.settings);
        let understood = self
            .store
            .read(move |db| {
                let ids: Vec<i64> = db
                    .prepare("SELECT batch FROM set_aside ORDER BY batch LIMIT 10000")?
                    .query_map([], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                let batches = ids
                    .into_iter()
                    .map(|id| records::batch(db, id))
                    .collect::<Result<Vec<_>, _>>()?;
                read_all(db, &batches, &settings)
            })
            .await?;
        let mended = understood.iter().filter(|one| one.aside.is_none()).count();
        let now_ms = self.store.clock().now_ms();
        self.store
            .write(move |unit| {
                for one in &understood {
                    unit.db
                        .execute("DELETE FROM set_aside WHERE batch = ?1", [one.batch])?;
                    if one.aside.is_none() {
                        let cause = cause(&one.segment, one.batch);
                        let tenant = &one.segment.tenant;
                        exceptions::close_cause(
                            unit,
                            tenant,
                            cause.as_str(),
                            "it is understood now",
                            now_ms,
                        )?;
                    }
                }
                file_all(unit, &understood, now_ms)
            })
            .await?;
        Ok(mended)
    }
}

/// The last batch of the log that is understood.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn position(db: &Connection) -> Result<i64, StoreError> {
    let at: Option<i64> = db
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'understood'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(at.unwrap_or(0))
}

fn read_all(
    db: &Connection,
    batches: &[BatchRow],
    settings: &RelaySettings,
) -> Result<Vec<Understood>, StoreError> {
    let mut segments: BTreeMap<i64, SegmentRow> = BTreeMap::new();
    let mut all = Vec::with_capacity(batches.len());
    for batch in batches {
        let segment = match segments.entry(batch.segment) {
            std::collections::btree_map::Entry::Occupied(there) => there.get().clone(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(records::segment_at(db, batch.segment)?).clone()
            }
        };
        let mut one = read_one(batch, segment, settings)?;
        one.alarms.extend(lineage::alarms(db, &one.segment, batch)?);
        all.push(one);
    }
    Ok(all)
}

fn read_one(
    batch: &BatchRow,
    segment: SegmentRow,
    settings: &RelaySettings,
) -> Result<Understood, StoreError> {
    let mut one = Understood {
        batch: batch.id,
        days: BTreeSet::new(),
        sales: 0,
        records: 0,
        last_ticket: None,
        received_ms: batch.received_ms,
        aside: None,
        alarms: Vec::new(),
        segment,
    };
    let Some(settings) = settings.store(&one.segment.tenant, &one.segment.store) else {
        one.aside = Some("store unknown");
        one.alarms.push(unknown_store(&one.segment, batch));
        return Ok(one);
    };
    for record in records::records(batch)? {
        one.records += 1;
        match decode_observation(&record.body) {
            Ok(observation) => one.file(&observation, batch, settings),
            Err(error) => {
                let id = RecordId {
                    segment: one.segment.segment,
                    number: record.number,
                };
                one.aside = Some("undecodable");
                one.alarms
                    .push(undecodable(&one.segment, batch, id, &error.to_string(), settings));
            }
        }
    }
    Ok(one)
}

impl Understood {
    fn file(&mut self, observation: &Observation, batch: &BatchRow, settings: &StoreSettings) {
        self.days
            .insert(home_day(observation, batch.received_ms, settings));
        if let Fact::Transaction(transaction) = &observation.fact
            && matches!(transaction.body, Body::Trade(_))
        {
            self.sales += 1;
            self.last_ticket = Some(transaction.key.ticket.as_str().to_owned());
        }
    }
}

fn cause(segment: &SegmentRow, batch: i64) -> CauseKey {
    CauseKey::new(ExceptionKind::Undecodable, &[&segment.segment, &batch])
}

fn undecodable(
    segment: &SegmentRow,
    batch: &BatchRow,
    id: RecordId,
    error: &str,
    settings: &StoreSettings,
) -> ExceptionDraft {
    let detail = format!(
        "record {id} on lane {} does not decode ({error}); its bytes are kept, everything else goes on; update the \
         relay, then `tillwire-relay exception retry`",
        segment.lane
    );
    ExceptionDraft::new(
        ExceptionKind::Undecodable,
        &segment.tenant,
        &segment.store,
        cause(segment, batch.id),
        detail,
    )
    .on(settings.day_at_ms(batch.received_ms))
    .seen_in([id])
}

fn unknown_store(segment: &SegmentRow, batch: &BatchRow) -> ExceptionDraft {
    let detail = format!(
        "records of {}/{} are kept, but no [[store]] of that name is configured; add it, restart, and they are filed",
        segment.tenant, segment.store
    );
    let cause = CauseKey::new(ExceptionKind::Undecodable, &[&segment.segment, &batch.id]);
    ExceptionDraft::new(
        ExceptionKind::Undecodable,
        &segment.tenant,
        &segment.store,
        cause,
        detail,
    )
}

fn file_all(unit: &mut Unit<'_>, all: &[Understood], now_ms: i64) -> Result<(), StoreError> {
    for one in all {
        file(unit, one, now_ms)?;
    }
    Ok(())
}

fn file(unit: &mut Unit<'_>, one: &Understood, now_ms: i64) -> Result<(), StoreError> {
    let SegmentRow { tenant, store, .. } = &one.segment;
    for day in &one.days {
        let row = days::ensure(unit, tenant, store, *day, now_ms)?;
        days::link(unit, row, one.batch)?;
        days::touch_neighbours(unit, tenant, store, *day, now_ms + NEIGHBOUR_MS)?;
        unit.tell(RelayEvent::Day {
            tenant: tenant.clone(),
            store: store.clone(),
            day: *day,
        });
    }
    if one.sales > 0 {
        touch_voids(unit, one)?;
    }
    unit.db
        .prepare_cached(
            "INSERT INTO store_state (tenant, store, last_sale_ms, last_ticket, records) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (tenant, store) DO UPDATE SET records = records + ?5, \
             last_sale_ms = coalesce(max(last_sale_ms, ?3), ?3, last_sale_ms), last_ticket = coalesce(?4, last_ticket)",
        )?
        .execute(params![
            tenant.as_str(),
            store.as_str(),
            (one.sales > 0).then_some(one.received_ms),
            one.last_ticket,
            one.records
        ])?;
    if let Some(reason) = one.aside {
        unit.db
            .prepare_cached("INSERT OR REPLACE INTO set_aside (batch, reason) VALUES (?1, ?2)")?
            .execute(params![one.batch, reason])?;
    }
    for draft in &one.alarms {
        if let Some(day) = draft.day {
            days::ensure(unit, tenant, store, day, now_ms)?;
        }
        exceptions::raise(unit, Source::Ingest, draft, now_ms)?;
    }
    Ok(())
}

/// A ticket that arrives late may be what a void of another day was waiting for.
fn touch_voids(unit: &Unit<'_>, one: &Understood) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "UPDATE store_days SET dirty = dirty + 1 WHERE tenant = ?1 AND store = ?2 AND day IN \
             (SELECT day FROM exceptions WHERE resolved_ms IS NULL AND tenant = ?1 AND store = ?2 AND kind = ?3)",
        )?
        .execute(params![
            one.segment.tenant.as_str(),
            one.segment.store.as_str(),
            ExceptionKind::VoidWithoutSale.name()
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
