//! Reads what is done again, later, and whether documents still pay each other: whoever edits an entry in Odoo (17 lets
//! them, even when it is posted), or the quantity of goods that have moved, should not find out at year's end that the
//! tills say otherwise. Contacts are left alone: once made, they belong to those who look after them.
//!
//! Once a round it also compares each store's stock ([`shelf`]).
//!
//! It reads only, one document at a time with a pause between, and raises an exception for what differs, was reset,
//! cancelled or deleted; when it is put back, the exception is taken back. It never corrects Odoo.

use std::sync::Arc;
use std::time::Duration;

use tillwire_relay_core::odoo::{EffectKind, EffectState};
use tokio_util::sync::CancellationToken;

use super::link::{Link, NotNow};
use super::post::look;
use super::{shelf, tell};
use crate::odoo::preflight::Prepared;
use crate::store::effects::{Effects, StoredEffect};
use crate::store::exceptions::{self, Filter, Source};
use crate::store::{Store, StoreError};

/// How far back documents are read again, in milliseconds: until the month after theirs is closed.
const WINDOW_MS: i64 = 45 * 86_400_000;

/// Pause between two rounds. An edit is noticed the same day.
const ROUND: Duration = Duration::from_secs(6 * 3_600);

/// Pause between two documents, so that reading is never what makes Odoo slow.
const PAUSE: Duration = Duration::from_millis(250);

/// The later read-back of one company.
#[derive(Debug)]
pub struct Drift {
    link: Arc<Link>,
    store: Store,
}

impl Drift {
    /// One that has not started.
    #[must_use]
    pub const fn new(link: Arc<Link>, store: Store) -> Self {
        Self { link, store }
    }

    /// Rounds until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                round = self.round(PAUSE) => match round {
                    Ok(changed) => tracing::info!(changed, company = self.link.company.lease(), "done documents read again"),
                    Err(StoreError::Closed) => return,
                    Err(error) => tracing::error!(%error, "reading what is done again is put off"),
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shelves() => {}
            }
        }
    }

    /// Compares the stock of each store.
    async fn shelves(&self) {
        for settings in &self.link.stores() {
            let store = &settings.store;
            match shelf::compare(&self.link, settings).await {
                Ok(report) => {
                    let eyes = report.lines.iter().filter(|line| line.needs_eyes()).count();
                    tracing::info!(%store, products = report.lines.len(), eyes, "stock was compared");
                }
                Err(error) => tracing::warn!(%store, %error, "stock could not be compared"),
            }
        }
    }

    /// Reads every done document of the window once. Returns how many differ. Ends early when Odoo is down.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn round(&self, pause: Duration) -> Result<usize, StoreError> {
        let since_ms = self.link.now_ms().saturating_sub(WINDOW_MS);
        let done = Effects::of(self.store.clone())
            .finished(&self.link.company.lease(), EffectState::Done)
            .await?;
        let mut changed = 0;
        for stored in done {
            let contact = stored.effect.payload.kind() == EffectKind::Contact;
            if contact || stored.changed_ms < since_ms {
                continue;
            }
            let Ok(prepared) = self.link.prepared().await.map_err(|NotNow { until_ms }| until_ms) else {
                return Ok(changed);
            };
            if self.read_again(&prepared, &stored).await? {
                changed += 1;
            }
            tokio::time::sleep(pause).await;
        }
        Ok(changed)
    }

    /// True when it differs.
    async fn read_again(&self, prepared: &Prepared, stored: &StoredEffect) -> Result<bool, StoreError> {
        let seen = match look(&self.link, prepared, &stored.store, &stored.effect).await {
            Ok(seen) => seen,
            Err(words) => {
                tracing::warn!(effect = %stored.effect.key, why = words, "it could not be read again");
                return Ok(false);
            }
        };
        let differences = stored.effect.changed_since(&seen);
        let differs = !differences.is_empty();
        let found = differs.then(|| tell::changed(stored, &differences));
        let prefix = tell::changed_prefix(&stored.effect);
        let (of, now_ms) = ((stored.tenant.clone(), stored.store.clone()), self.link.now_ms());
        let write = self.store.write(move |unit| {
            if let Some(draft) = &found {
                exceptions::raise(unit, Source::Odoo, draft, now_ms)?;
            }
            let filter = Filter {
                store: Some(of),
                ..Filter::default()
            };
            for open in exceptions::list(unit.db, &filter)? {
                let ours = open.draft.cause.as_str().starts_with(&prefix);
                if ours && found.as_ref().is_none_or(|draft| draft.cause != open.draft.cause) {
                    exceptions::close(unit, open.id, exceptions::BY_RELAY, "it was put back", now_ms)?;
                }
            }
            Ok(())
        });
        write.await?;
        Ok(differs)
    }
}
