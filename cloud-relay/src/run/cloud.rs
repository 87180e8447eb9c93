//! Starts the witnesses in the POS's cloud.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cloud::Poller;
use crate::cloud::hooks::Door;
use crate::config::Config;
use crate::ingest::RelayIngest;
use crate::pki::Pki;
use crate::store::Store;

/// One poller per account; the doors of their webhooks.
///
/// # Errors
/// When a token or secret cannot be read, or the store does not take the lanes.
pub(super) async fn start(
    config: &Config,
    store: &Store,
    ingest: &Arc<RelayIngest>,
    pki: &Pki,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Vec<Door>> {
    let mut doors = Vec::new();
    if config.heartland.is_empty() {
        return Ok(doors);
    }
    let key = pki.cloud_key()?;
    for account in &config.heartland {
        let wake = Arc::new(Notify::new());
        doors.extend(Door::of(account, Arc::clone(&wake))?);
        let poller = Poller::open(account.clone(), store, ingest, &key, wake).await?;
        tasks.spawn(poller.run(stop.clone()));
    }
    Ok(doors)
}
