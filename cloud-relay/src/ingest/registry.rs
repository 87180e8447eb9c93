//! Devices in memory, because the endpoint asks before every message. The table is the truth: it is read again each
//! second, so that a revocation by the command line, which is another process, takes hold within two.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::endpoint::{DeviceRef, Downlink};
use crate::store::devices::{self, DeviceRow};
use crate::store::{Store, StoreError};

/// The active devices.
#[derive(Debug, Default)]
pub struct Registry {
    active: RwLock<HashMap<DeviceRef, Arc<DeviceRow>>>,
}

impl Registry {
    /// Reads the table.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn load(store: &Store) -> Result<Arc<Self>, StoreError> {
        let registry = Arc::new(Self::default());
        registry.refresh(store).await?;
        Ok(registry)
    }

    /// The device, if it is active.
    #[must_use]
    pub fn active(&self, device: &DeviceRef) -> Option<Arc<DeviceRow>> {
        self.active
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(device)
            .cloned()
    }

    /// Reads the table again. Returns the devices that were active and no longer are, or have another key now.
    ///
    /// # Errors
    /// [`StoreError`] of the read; what is in memory then stays.
    pub async fn refresh(&self, store: &Store) -> Result<Vec<DeviceRef>, StoreError> {
        let rows = store.read(devices::list).await?;
        let fresh: HashMap<DeviceRef, Arc<DeviceRow>> = rows
            .into_iter()
            .filter(|row| row.revoked.is_none())
            .map(|row| {
                (
                    DeviceRef {
                        tenant: row.tenant.clone(),
                        device: row.device.clone(),
                    },
                    Arc::new(row),
                )
            })
            .collect();
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let gone = active
            .iter()
            .filter(|(device, old)| {
                fresh
                    .get(*device)
                    .is_none_or(|new| new.fingerprint != old.fingerprint)
            })
            .map(|(device, _)| device.clone())
            .collect();
        *active = fresh;
        Ok(gone)
    }

    /// Refreshes, and cuts the connections of devices that are no longer admitted.
    ///
    /// # Errors
    /// As [`Registry::refresh`].
    pub async fn enforce(&self, store: &Store, downlink: &Downlink) -> Result<(), StoreError> {
        for device in self.refresh(store).await? {
            tracing::warn!("{device} was revoked; its connection is cut");
            downlink.disconnect(&device, "the device was revoked");
        }
        Ok(())
    }
}
