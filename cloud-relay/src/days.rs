//! Store-days: takes up days that changed, gathers their facts, lets the core assess them, and commits what follows:
//! exceptions, state and sums, and, once a day is balanced, the intent of a posting.
//!
//! A day is computed from scratch each time; the outcome is written in one transaction. Whether a posting is due is
//! decided against the effects that are there in that same transaction, so that no two assessments can both intend
//! one. The same holds for movements of stock, which do not wait for the day to balance.
//!
//! Nothing is intended on which a second calculation comes to other figures ([`SecondCalculation`]).

mod calendar;
mod facts;
mod outcome;
mod post;
mod second;
mod stock;

use std::sync::Arc;
use std::time::Duration;

use tillwire_relay_core::exception::Signature;
use tillwire_relay_core::facts::{Captured, DayFacts};
use tillwire_relay_core::second::SecondFigures;
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::store_day::{DayAssessment, DayState, assess};
use tokio_util::sync::CancellationToken;

use crate::mapping::InForce;
use crate::settlement;
use crate::store::days::{self, DayRow};
use crate::store::{Store, StoreError};
use second::Check;

pub use facts::{gather, segments_behind, signatures};
pub(crate) use post::already;
pub(crate) use second::decision as decision_of;
pub use second::{Auditor, SecondCalculation};
pub use stock::{NoStock, Stockroom};
pub(crate) use stock::{READ_BACK, differing_of, left, pickings_of};

/// Days taken up at once.
const DAYS_MAX: u32 = 32;

/// How often days are looked for when nothing wakes the stage: cut-offs pass without an event.
const TICK: Duration = Duration::from_secs(1);

/// When and how often.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Time between two looks at days that change all the time. A trading store's page is this old at most.
    pub settle: Duration,
    /// Stock moves when this long has passed since the store's last movement was intended.
    pub stock_every: Duration,
    /// Or when this many items wait, whichever is sooner.
    pub stock_lines: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(250),
            stock_every: Duration::from_secs(60),
            stock_lines: 100,
        }
    }
}

/// The stage.
#[derive(Debug, Clone)]
pub struct Days<R> {
    store: Store,
    settings: InForce,
    stockroom: R,
    pace: Pace,
    second: Arc<dyn SecondCalculation>,
    opened: Arc<calendar::Opened>,
}

impl<R: Stockroom> Days<R> {
    /// The stage over a store; `stockroom` says which items Odoo knows. The second calculation is the auditor's.
    pub fn new(store: Store, settings: impl Into<InForce>, stockroom: R, pace: Pace) -> Self {
        Self {
            store,
            settings: settings.into(),
            stockroom,
            pace,
            second: Arc::new(Auditor),
            opened: Arc::default(),
        }
    }

    /// The same stage with somebody else's second calculation.
    #[must_use]
    pub fn seconded_by(mut self, second: impl SecondCalculation) -> Self {
        self.second = Arc::new(second);
        self
    }

    /// Goes on until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut events = self.store.listen();
        loop {
            match self.step().await {
                Err(StoreError::Closed) => return,
                Err(error) => tracing::error!("days could not be assessed: {error}"),
                Ok(_) => {}
            }
            let woken = async {
                tokio::select! {
                    _ = events.recv() => {}
                    () = tokio::time::sleep(TICK) => {}
                }
                // let a burst of changes settle into one look
                tokio::time::sleep(self.pace.settle).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = woken => {}
            }
            events = events.resubscribe();
        }
    }

    /// Assesses the days that wait. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`]; days not yet assessed keep waiting.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let now_ms = self.store.clock().now_ms();
        // before the days are read: whoever put another mapping in force has touched them in the same transaction
        if self.settings.refresh(&self.store).await? {
            tracing::info!("another mapping is in force");
        }
        let settings = self.settings.now();
        self.opened.open(&self.store, &settings, now_ms).await?;
        let waiting = self
            .store
            .read(move |db| days::waiting(db, now_ms, DAYS_MAX))
            .await?;
        let count = waiting.len();
        for row in waiting {
            let Some(settings) = settings.store(&row.tenant, &row.store).cloned() else {
                // filed by an earlier configuration; it is looked at again when the store is back
                let due = row.id;
                self.store
                    .write(move |unit| {
                        unit.db.execute(
                            "UPDATE store_days SET dirty = 0, due_ms = NULL WHERE id = ?1",
                            [due],
                        )?;
                        Ok(())
                    })
                    .await?;
                continue;
            };
            self.assess(row, settings, now_ms).await?;
        }
        settlement::work(&self.store, &self.settings.now()).await?;
        Ok(count)
    }

    async fn assess(&self, row: DayRow, settings: StoreSettings, now_ms: i64) -> Result<(), StoreError> {
        let settings = Arc::new(settings);
        let (row, mut assessed) = {
            let settings = Arc::clone(&settings);
            self.store
                .read(move |db| {
                    let assessed = look(db, &row, &settings, now_ms)?;
                    Ok((row, assessed))
                })
                .await?
        };
        let movement = stock::plan(
            &self.store,
            &self.stockroom,
            &self.pace,
            &row,
            &settings,
            &assessed,
            now_ms,
        )
        .await?;
        let intends = assessed.assessment.state == DayState::Balanced || movement.is_due();
        let figures = if intends {
            self.second_figures(&settings, &mut assessed).await?
        } else {
            Err("it was not asked for".to_owned())
        };
        let calendar = post::calendar(&self.store, &self.stockroom, &row, &settings, &assessed).await?;
        self.store
            .write(move |unit| {
                let plans = outcome::Plans { movement, calendar };
                let check = Check::new(&row, &settings, &figures);
                outcome::commit(unit, &row, &settings, &assessed, &plans, check, now_ms)
            })
            .await
    }

    /// Computes the day a second time, where reading is done and nobody waits.
    async fn second_figures(
        &self,
        settings: &Arc<StoreSettings>,
        assessed: &mut Assessed,
    ) -> Result<Result<SecondFigures, String>, StoreError> {
        let (second, settings) = (Arc::clone(&self.second), Arc::clone(settings));
        let (day, signatures) = (assessed.facts.day, assessed.signatures.clone());
        let records = std::mem::take(&mut assessed.records);
        self.store
            .read(move |_| Ok(second.figures(&settings, day, &records, &signatures)))
            .await
    }
}

/// Gathers and assesses a day as it stands, changing nothing: for pages and the command line too.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn look(
    db: &rusqlite::Connection,
    row: &DayRow,
    settings: &StoreSettings,
    now_ms: i64,
) -> Result<Assessed, StoreError> {
    let (facts, records) = facts::evidence(db, row, settings)?;
    let signatures = signatures(db, row)?;
    let assessment = assess(&facts, settings, now_ms, &signatures);
    Ok(Assessed {
        facts,
        records,
        signatures,
        assessment,
    })
}

/// A day with everything that it was computed from.
#[derive(Debug)]
pub struct Assessed {
    /// What was gathered.
    pub facts: DayFacts,
    /// The records that it was gathered from.
    pub records: Vec<Captured>,
    /// What people signed.
    pub signatures: Vec<Signature>,
    /// What it comes to.
    pub assessment: DayAssessment,
}

#[cfg(test)]
mod tests;
