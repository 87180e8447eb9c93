//! Small things that have to be done again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::endpoint::Downlink;
use crate::ingest::registry::Registry;
use crate::store::{Store, people};

/// How often devices are read again; with the time of a cut it keeps a revocation below five seconds.
const DEVICES: Duration = Duration::from_secs(1);

/// Rounds between two notes of how far the database is.
const MARK_ROUNDS: u32 = 10;

/// Rounds between two looks for sessions that ended long ago.
const FORGET_ROUNDS: u32 = 3600;

/// Goes on until `stop`.
pub(super) async fn run(store: Store, registry: Arc<Registry>, downlink: Downlink, stop: CancellationToken) {
    let mut round: u32 = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(DEVICES) => {}
        }
        if let Err(error) = registry.enforce(&store, &downlink).await {
            tracing::error!("devices could not be read again: {error}");
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(MARK_ROUNDS)
            && let Err(error) = store.mark().await
        {
            tracing::warn!("{error:#}");
        }
        if round.is_multiple_of(FORGET_ROUNDS) {
            let now_ms = store.clock().now_ms();
            if let Err(error) = store.write(move |unit| people::forget_old(unit, now_ms)).await {
                tracing::warn!("old sessions could not be forgotten: {error}");
            }
        }
    }
}
