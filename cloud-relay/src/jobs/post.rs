//! The poster of one Odoo company: makes committed effects true in Odoo, each exactly once, one after the other.
//!
//! For each effect: `sent` is committed before a call leaves; `load()` under the effect's own key creates it or finds
//! it; what Odoo then holds is read and compared before it is confirmed, and read again before it is called done. A
//! draft that differs is never posted. What each answer leads to is decided by the core's effect machine
//! ([`drive`]); this file keeps the lease, leaves alone an Odoo that is down, and waits.
//!
//! One effect that Odoo refuses becomes an exception and the next one goes on.

mod drive;
mod machine;
mod step;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::link::{Link, NotNow};
use super::recover::{Progress, recover};
use crate::events::RelayEvent;
use crate::store::effects::{Effects, Lease};
use crate::store::{Store, StoreError};

pub use machine::{CoreMachine, Machine};
pub(super) use step::look;

/// How long the lease lasts, in milliseconds: longer than the longest call (150 s), so that it is still ours when the
/// answer is committed. It is prolonged with every effect.
const LEASE_MS: i64 = 240_000;

/// The longest sleep, in milliseconds. A hint that was missed costs at most this.
const SLEEP_MS_MAX: i64 = 30_000;

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It drove one effect as far as it would go.
    Worked,
    /// Nothing is due before this moment, in milliseconds since 1970; `None` when nothing is open.
    Idle {
        /// When the next effect is due.
        until_ms: Option<i64>,
    },
    /// Odoo is down or the company is not prepared: nothing before this moment.
    Down {
        /// When to try again.
        until_ms: i64,
    },
    /// Another process drives this company.
    NotOurs,
}

/// The poster of one company.
#[derive(Debug)]
pub struct Poster {
    link: Arc<Link>,
    effects: Effects,
    store: Store,
    holder: String,
    lease: Option<Lease>,
    /// When to look whether something is to be read back; `None` once nothing is.
    recover_ms: Option<i64>,
    machine: Arc<dyn Machine>,
}

impl Poster {
    /// A poster that has not started. `holder` names this process, and differs with each start.
    #[must_use]
    pub fn new(link: Arc<Link>, store: Store, holder: String) -> Self {
        Self {
            link,
            effects: Effects::of(store.clone()),
            store,
            holder,
            lease: None,
            recover_ms: Some(i64::MIN),
            machine: Arc::new(CoreMachine),
        }
    }

    /// The same poster with another machine: for tests that must see a wrong one fail.
    #[must_use]
    pub fn with_machine(mut self, machine: Arc<dyn Machine>) -> Self {
        self.machine = machine;
        self
    }

    /// Drives effects until `stop`; a call that is out is awaited. Gives the lease back at the end.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut events = self.store.listen();
        while !stop.is_cancelled() {
            let turn = match self.turn().await {
                Ok(turn) => turn,
                Err(StoreError::Closed) => break,
                Err(error) => {
                    tracing::error!(%error, company = self.link.company.lease(), "posting is put off");
                    Turn::Down {
                        until_ms: self.link.now_ms().saturating_add(SLEEP_MS_MAX),
                    }
                }
            };
            let sleep = match turn {
                Turn::Worked => continue,
                Turn::Idle { until_ms } => self.sleep(until_ms),
                Turn::Down { until_ms } => self.sleep(Some(until_ms)),
                Turn::NotOurs => self.sleep(None),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(sleep) => {}
                () = effect_made(&mut events), if matches!(turn, Turn::Idle { .. }) => {}
            }
        }
        if let Some(lease) = self.lease.take() {
            // the store may be closed already; then the lease runs out by itself
            let _ = self.effects.release(lease).await;
        }
    }

    /// One turn: at most one effect.
    ///
    /// # Errors
    /// [`StoreError`] of the store. A lease that was taken over is not an error: the turn is [`Turn::NotOurs`].
    pub async fn turn(&mut self) -> Result<Turn, StoreError> {
        let name = self.link.company.lease();
        if let Some(NotNow { until_ms }) = self.link.held_back() {
            return Ok(Turn::Down { until_ms });
        }
        self.lease = self.effects.lease(&name, &self.holder, LEASE_MS).await?;
        let Some(lease) = self.lease.clone() else {
            return Ok(Turn::NotOurs);
        };
        match self.recover(&lease).await {
            Ok(None) => {}
            Ok(Some(turn)) => return Ok(turn),
            Err(error) => return self.fenced(error),
        }
        let Some(stored) = self.effects.next_due(&name).await? else {
            return Ok(Turn::Idle {
                until_ms: self.effects.next_due_ms(&name).await?,
            });
        };
        let prepared = match self.link.prepared().await {
            Ok(prepared) => prepared,
            Err(NotNow { until_ms }) => return Ok(Turn::Down { until_ms }),
        };
        // an older copy that is put back later must be noticed by whatever Odoo was asked since
        if let Err(error) = self.store.mark().await {
            tracing::warn!("how far the database is could not be noted: {error:#}");
        }
        let driver = drive::Driver {
            link: &self.link,
            effects: &self.effects,
            lease: &lease,
            prepared: &prepared,
            machine: self.machine.as_ref(),
        };
        match driver.drive(stored).await {
            Ok(()) => Ok(Turn::Worked),
            Err(error) => self.fenced(error),
        }
    }

    /// Reads back what an older database does not know, before anything is driven. `None` when the turn may go on.
    async fn recover(&mut self, lease: &Lease) -> Result<Option<Turn>, StoreError> {
        if self.recover_ms.is_none_or(|at_ms| at_ms > self.link.now_ms()) {
            return Ok(None);
        }
        match recover(&self.link, &self.effects, lease).await? {
            Progress::Finished => self.recover_ms = None,
            Progress::Stuck { until_ms } => self.recover_ms = Some(until_ms),
            Progress::Lost { until_ms } => return Ok(Some(Turn::Down { until_ms })),
        }
        Ok(None)
    }

    fn fenced(&mut self, error: StoreError) -> Result<Turn, StoreError> {
        match error {
            StoreError::Fenced { name, held } => {
                tracing::warn!(name, held, "another poster took the company over");
                self.lease = None;
                Ok(Turn::NotOurs)
            }
            error => Err(error),
        }
    }

    fn sleep(&self, until_ms: Option<i64>) -> Duration {
        let wait = until_ms.map_or(SLEEP_MS_MAX, |until| until.saturating_sub(self.link.now_ms()));
        Duration::from_millis(wait.clamp(10, SLEEP_MS_MAX).unsigned_abs())
    }
}

/// Returns when an effect was made or changed, or when hints were missed.
async fn effect_made(events: &mut tokio::sync::broadcast::Receiver<RelayEvent>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(RelayEvent::Effect { .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
