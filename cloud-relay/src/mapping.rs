//! The mapping in force: which file's rows the days are booked with, and how another one takes its place in a running
//! relay.
//!
//! What was put in force is a row of the store, whole and with who and why; the newest counts. Whoever reads the mapping
//! asks for it anew ([`InForce::refresh`]), so that `tillwire-relay mapping apply` beside a running relay is all it takes:
//! the command writes the row and asks for another look at the days that it changes, in one transaction, and the next
//! look begins with the new rows. A mapping file of the configuration that was never in force is put there at start.

mod preview;

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};

use crate::config::{Config, ConfigError, MappingFile};
use crate::store::mappings::{self, StoredMapping};
use crate::store::{Store, StoreError, Unit, days};

pub use preview::{StorePreview, preview};

/// The stores as configured, with the mapping that is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    configured: Arc<RelaySettings>,
    now: Arc<RwLock<(Option<i64>, Arc<RelaySettings>)>>,
}

impl From<Arc<RelaySettings>> for InForce {
    fn from(configured: Arc<RelaySettings>) -> Self {
        let now = Arc::new(RwLock::new((None, Arc::clone(&configured))));
        Self { configured, now }
    }
}

impl InForce {
    /// The stores as configured: everything but the mapping is as it is.
    #[must_use]
    pub const fn configured(&self) -> &Arc<RelaySettings> {
        &self.configured
    }

    /// The stores with the mapping in force.
    #[must_use]
    pub fn now(&self) -> Arc<RelaySettings> {
        Arc::clone(&self.read().1)
    }

    /// Which mapping that is: changes whenever another one is in force.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.read().0
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, (Option<i64>, Arc<RelaySettings>)> {
        // what is behind the lock is replaced whole: one left by a panicking thread is as good as any
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the newest mapping up. True when it is another one.
    ///
    /// # Errors
    /// [`StoreError`] of the read, or when the newest mapping does not fit the configured stores.
    pub async fn refresh(&self, store: &Store) -> Result<bool, StoreError> {
        let known = self.id();
        let found = store
            .read(move |db| {
                if mappings::newest_id(db)? == known {
                    return Ok(None);
                }
                mappings::newest(db)
            })
            .await?;
        let Some(found) = found else { return Ok(false) };
        let file = file_of(&found).map_err(|error| StoreError::refused(error.to_string()))?;
        let settings = self
            .configured
            .with_mapping(Some(&file.draft))
            .map_err(|error| StoreError::refused(file.wrong(error).to_string()))?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = (Some(found.id), Arc::new(settings));
        Ok(true)
    }
}

/// A mapping as it was put in force.
///
/// # Errors
/// [`ConfigError`] when a newer program wrote it.
pub fn file_of(stored: &StoredMapping) -> Result<MappingFile, ConfigError> {
    MappingFile::read(
        stored.text.clone(),
        &format!("mapping put in force by {}", stored.by),
    )
}

/// The mapping in force at the start of a relay: a file of the configuration that never was is put there now.
///
/// # Errors
/// When the store cannot be written, or the mapping in force does not fit the configured stores.
pub async fn at_start(config: &Config, store: &Store) -> Result<InForce> {
    let in_force = InForce::from(Arc::new(config.stores.clone()));
    in_force.refresh(store).await.context("the mapping in force")?;
    if let Some(file) = &config.mapping {
        let text = file.text.clone();
        let newest = store.read(mappings::newest).await?;
        let known = store.read(move |db| mappings::is_known(db, &text)).await?;
        if !known {
            let reason = format!("read from {} at start", file.name);
            put(store, &in_force, file, "configuration", reason).await?;
            in_force.refresh(store).await?;
        } else if newest.is_some_and(|newest| newest.text != file.text) {
            tracing::warn!(
                "{} is an earlier mapping than the one in force, which stays; `tillwire-relay mapping show --text` \
                 prints that one",
                file.name
            );
        }
    }
    Ok(in_force)
}

/// Puts a mapping in force, and asks for another look at every day that it books otherwise. Returns how many stores it
/// changes.
///
/// # Errors
/// When it does not fit the stores, or the store cannot be written.
pub async fn put(
    store: &Store,
    in_force: &InForce,
    file: &MappingFile,
    by: &str,
    reason: String,
) -> Result<usize> {
    let change = Change::of(in_force, file)?;
    let count = change.stores.len();
    let (by, now_ms) = (by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| change.put(unit, &by, &reason, now_ms))
        .await?;
    Ok(count)
}

/// A mapping that fits the stores, with what it changes.
#[derive(Debug)]
pub struct Change {
    text: String,
    stores: Vec<(StoreSettings, Since)>,
}

impl Change {
    /// What this file would change.
    ///
    /// # Errors
    /// When it does not fit the stores.
    pub fn of(in_force: &InForce, file: &MappingFile) -> Result<Self, ConfigError> {
        let now = in_force.now();
        let then = now
            .with_mapping(Some(&file.draft))
            .map_err(|error| file.wrong(error))?;
        Ok(Self {
            text: file.text.clone(),
            stores: changed(&now, &then),
        })
    }

    /// Puts it in force, and asks for another look at every day that it books otherwise.
    ///
    /// # Errors
    /// [`StoreError`] of the write.
    pub fn put(&self, unit: &mut Unit<'_>, by: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
        mappings::put(unit, &self.text, by, reason, now_ms)?;
        for (settings, from) in &self.stores {
            look_again(unit, settings, *from)?;
        }
        Ok(())
    }
}

type Since = Option<tillwire_proto::BusinessDay>;

/// The stores that another mapping changes, each with the day from which on; `None` is from the beginning.
fn changed(now: &RelaySettings, then: &RelaySettings) -> Vec<(StoreSettings, Since)> {
    let both = now
        .iter()
        .filter_map(|store| Some((store, then.store(&store.tenant, &store.store)?)));
    both.filter_map(|(now, then)| {
        let since = now.odoo.mappings.first_difference(&then.odoo.mappings)?;
        Some((then.clone(), since))
    })
    .collect()
}

fn look_again(unit: &mut Unit<'_>, settings: &StoreSettings, since: Since) -> Result<(), StoreError> {
    days::touch_since(unit, (&settings.tenant, &settings.store), since)
}

#[cfg(test)]
mod tests;
