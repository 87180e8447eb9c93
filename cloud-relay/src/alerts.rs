//! Alerts: exceptions that open, go away or come back, told to an address of the retailer's, signed.
//!
//! The form is that of the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with
//! HMAC-SHA256 over `id.timestamp.body`. What is to be told follows from the exceptions themselves and is noted there after
//! the other side has answered 2xx: told at least once, in order, and again under the same id after a crash or a silence,
//! so that the receiver can drop what it has. An address that does not answer is tried again, at the latest every hour; it
//! never holds anything else up.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use data_encoding::BASE64;
use ring::hmac;
use rusqlite::params;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::store::exceptions::{self, StoredException};
use crate::store::{Store, StoreError};

/// Between two looks when nothing wakes it.
const IDLE: Duration = Duration::from_secs(5);

/// First and longest pause after a silence or a refusal.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Told in one go.
const ROUND: u32 = 50;

/// Fewest bytes of a secret (the specification asks for 24 to 64).
const SECRET_LEN_MIN: usize = 24;

/// What the secret's text may begin with, as the specification writes it.
const SECRET_PREFIX: &str = "whsec_";

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    exception: i64,
    /// The same for every try.
    pub id: String,
    /// What `told` is to say afterwards.
    told: &'static str,
    /// The message.
    pub body: String,
}

/// Tells alerts.
#[derive(Debug)]
pub struct Alerts {
    store: Store,
    http: reqwest::Client,
    url: String,
    key: hmac::Key,
}

/// Reads a secret: base64 behind `whsec_`, or any text that is long enough.
///
/// # Errors
/// Names the file and what was found.
fn secret(path: &Path) -> Result<Vec<u8>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the secret of alerts {}", path.display()))?;
    let text = text.trim();
    let bytes = match text.strip_prefix(SECRET_PREFIX) {
        Some(packed) => BASE64
            .decode(packed.as_bytes())
            .with_context(|| format!("found no base64 behind {SECRET_PREFIX} in {}", path.display()))?,
        None => text.as_bytes().to_vec(),
    };
    ensure!(
        bytes.len() >= SECRET_LEN_MIN,
        "found {} bytes in {}, wanted a secret of at least {SECRET_LEN_MIN}",
        bytes.len(),
        path.display()
    );
    Ok(bytes)
}

impl Alerts {
    /// To this address, signed with the secret of this file.
    ///
    /// # Errors
    /// When the file holds no fit secret.
    pub fn new(store: Store, url: &str, secret_file: &Path) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("tillwire-relay/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            // what is signed for one address is not for another
            .redirect(reqwest::redirect::Policy::none());
        if url.starts_with("http://") {
            http = http.no_proxy();
        }
        Ok(Self {
            store,
            http: http
                .build()
                .context("cannot prepare the HTTP client for alerts")?,
            url: url.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret(secret_file)?),
        })
    }

    /// Goes on until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut events = self.store.listen();
        let mut pause = PAUSE_MIN;
        loop {
            let wait = match self.step().await {
                Ok(_) => {
                    pause = PAUSE_MIN;
                    IDLE
                }
                Err(error) => {
                    tracing::warn!("alerts wait: {error:#}; tried again in {} s", pause.as_secs());
                    let wait = pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                    wait
                }
            };
            let is_well = wait == IDLE;
            tokio::select! {
                () = stop.cancelled() => return,
                _ = events.recv(), if is_well => tokio::time::sleep(Duration::from_millis(200)).await,
                () = tokio::time::sleep(wait) => {}
            }
            events = events.resubscribe();
        }
    }

    /// Tells what is not told yet, in order. Returns how much.
    ///
    /// # Errors
    /// At the first that was not taken; it and what follows are tried again.
    pub async fn step(&self) -> Result<usize> {
        let relay = self.store.relay().to_string();
        let waiting = self.store.read(move |db| waiting(db, &relay)).await?;
        for alert in &waiting {
            self.tell(alert).await?;
            let (id, told) = (alert.exception, alert.told);
            let sql = "UPDATE exceptions SET told = ?2, told_count = told_count + 1 WHERE id = ?1";
            self.store
                .write(move |unit| Ok(unit.db.execute(sql, params![id, told]).map(drop)?))
                .await?;
        }
        Ok(waiting.len())
    }

    async fn tell(&self, alert: &Alert) -> Result<()> {
        let seconds = self.store.clock().now_ms().div_euclid(1000);
        let signed = format!("{}.{seconds}.{}", alert.id, alert.body);
        let signature = BASE64.encode(hmac::sign(&self.key, signed.as_bytes()).as_ref());
        let answer = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &alert.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", format!("v1,{signature}"))
            .body(alert.body.clone())
            .send()
            .await
            .map_err(|error| anyhow::anyhow!("no answer of the alert address: {}", error.without_url()))?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "the alert address answered {status}, wanted 2xx; look at its log for {}",
            alert.id
        );
        Ok(())
    }
}

/// What is to be told, oldest exception first.
fn waiting(db: &rusqlite::Connection, relay: &str) -> Result<Vec<Alert>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, told, told_count FROM exceptions \
         WHERE (resolved_ms IS NULL AND coalesce(told, '') <> 'opened') OR (resolved_ms IS NOT NULL AND told = 'opened') \
         ORDER BY id LIMIT ?1",
    )?;
    let rows: Vec<(i64, Option<String>, i64)> = statement
        .query_map([ROUND], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut alerts = Vec::new();
    for (id, told, count) in rows {
        if let Some(one) = exceptions::get(db, id)? {
            alerts.push(alert(&one, relay, told.is_some(), count));
        }
    }
    Ok(alerts)
}

fn alert(one: &StoredException, relay: &str, was_told: bool, count: i64) -> Alert {
    let (kind, told, at_ms) = match (&one.resolved, was_told) {
        (Some((at_ms, ..)), _) => ("exception.resolved", "resolved", *at_ms),
        (None, true) => ("exception.reopened", "opened", one.seen_ms),
        (None, false) => ("exception.opened", "opened", one.opened_ms),
    };
    let draft = &one.draft;
    let moment = jiff::Timestamp::from_millisecond(at_ms).map(|at| at.to_string());
    let body: Value = json!({
        "type": kind,
        "timestamp": moment.unwrap_or_default(),
        "data": {
            "exception": one.id, "kind": draft.kind, "tenant": draft.tenant, "store": draft.store, "day": draft.day,
            "register": draft.register, "title": draft.title, "detail": draft.detail, "owner": draft.kind.owner(),
            "at_risk": draft.at_risk.map(|amount| json!({ "amount": amount.decimal(), "currency": amount.currency() })),
            "holds_day": draft.waits_for_signature(), "page": format!("/exceptions/{}", one.id),
            "resolved_by": one.resolved.as_ref().map(|(_, by, _)| by),
            "resolution": one.resolved.as_ref().map(|(.., words)| words),
        },
    });
    Alert {
        exception: one.id,
        id: format!("msg_{relay}_{}_{count}", one.id),
        told,
        body: body.to_string(),
    }
}

#[cfg(test)]
mod tests;
