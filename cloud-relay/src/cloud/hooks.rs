//! Webhooks of Heartland Retail. They are not signed, so that who calls is told by a secret in the address, and nothing that
//! they say is believed: the ticket's id is written down, and the account is asked for it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use subtle::ConstantTimeEq as _;
use tillwire_capture::heartland_retail::cloud::{Listing, read_listed};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::{Account, memory};
use crate::store::Store;

/// Longest webhook, in bytes: a ticket without its parts.
const BODY_LEN_MAX: usize = 256 * 1024;

/// Shortest secret, in bytes.
const SECRET_LEN_MIN: usize = 16;

/// Where one account's webhooks arrive.
pub struct Door {
    account: String,
    secret: Zeroizing<String>,
    orders: bool,
    /// Wakes the account's poller.
    pub wake: Arc<Notify>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({})", self.account)
    }
}

impl Door {
    /// Reads the secret; `None` for an account without webhooks.
    ///
    /// # Errors
    /// Names the file, and what is wrong with the secret in it.
    pub fn of(account: &Account, wake: Arc<Notify>) -> Result<Option<Self>> {
        let Some(path) = &account.hook_secret_file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read the webhook's secret {}", path.display()))?;
        let secret = Zeroizing::new(text.trim().to_owned());
        let good = secret.len() >= SECRET_LEN_MIN && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        anyhow::ensure!(
            good,
            "found a secret of {} bytes in {}, wanted at least {SECRET_LEN_MIN} letters and digits; make one with \
             `openssl rand -hex 32`",
            secret.len(),
            path.display()
        );
        Ok(Some(Self {
            account: account.name(),
            secret,
            orders: account.reads.contains(&super::settings::Reads::Orders),
            wake,
        }))
    }
}

#[derive(Clone)]
struct Hall {
    store: Store,
    doors: Arc<Vec<Door>>,
}

/// `POST /hooks/heartland/{secret}`.
pub fn router(store: Store, doors: Vec<Door>) -> Router {
    let hall = Hall {
        store,
        doors: Arc::new(doors),
    };
    Router::new()
        .route("/hooks/heartland/{secret}", post(told))
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .with_state(hall)
}

/// 200 once the ticket's id is on disk. A wrong secret is told nothing, not even that there are others.
async fn told(State(hall): State<Hall>, Path(secret): Path<String>, body: Bytes) -> StatusCode {
    let mut door = None;
    for candidate in hall.doors.iter() {
        // every one is compared, and in constant time
        if bool::from(candidate.secret.as_bytes().ct_eq(secret.as_bytes())) {
            door = Some(candidate);
        }
    }
    let Some(door) = door else {
        return StatusCode::NOT_FOUND;
    };
    // items and customers come to the same address; they have no such time, or are fetched and found to be no ticket
    let Ok(listed) = read_listed(&body, Listing::Tickets) else {
        // what an account with the newer interface sends is not known: it is worth a look at the lists, and no more
        if door.orders {
            door.wake.notify_one();
        }
        return StatusCode::OK;
    };
    let (account, ticket, now_ms) = (door.account.clone(), listed.id, hall.store.clock().now_ms());
    let written = hall
        .store
        .write(move |unit| memory::wake(unit, &account, &ticket, now_ms))
        .await;
    match written {
        Ok(()) => {
            door.wake.notify_one();
            StatusCode::OK
        }
        Err(error) => {
            tracing::error!("a webhook could not be written down: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
