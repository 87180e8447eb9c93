//! Alerts: exceptions that open, go away or come back, told to an address of the retailer's, signed.
//!
//! The form is that of the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with
//! HMAC-SHA256 over `id.timestamp.body`. What is to be told follows from the exceptions themselves and is noted there after
//! the other side has answered 2xx: told at least once, in order, and again under the same id after a crash or a silence,
//! so that the receiver can drop what it has. An address that does not answer is tried again, at the latest every hour; it
//! never holds anything else up. One message that the address will not have waits by itself: those behind it are told.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use data_encoding::BASE64;
use reqwest::StatusCode;
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
const ROUND: usize = 50;

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
    refusals: Refusals,
}

/// Messages that the address answered were bad themselves, and when to try each again. Not kept over a restart: it is
/// then as if somebody had mended the receiver.
#[derive(Debug, Clone, Default)]
struct Refusals(BTreeMap<String, Refusal>);

#[derive(Debug, Clone, Copy)]
struct Refusal {
    pause: Duration,
    again_ms: i64,
}

impl Refusals {
    fn is_due(&self, id: &str, now_ms: i64) -> bool {
        self.0.get(id).is_none_or(|refusal| now_ms >= refusal.again_ms)
    }

    /// Notes one more refusal. Returns after how long the message is tried again: five seconds, then twice as long
    /// each time, up to an hour.
    fn note(&mut self, id: &str, now_ms: i64) -> Duration {
        let pause = longer(self.0.get(id).map(|refusal| refusal.pause));
        let again_ms = now_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        self.0.insert(id.to_owned(), Refusal { pause, again_ms });
        pause
    }
}

/// The pause after one more failure: twice the one before.
fn longer(before: Option<Duration>) -> Duration {
    before.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX))
}

/// Whether an answer speaks of the message and not of the address, so that the next message may fare better.
fn speaks_of_message(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
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
            refusals: Refusals::default(),
        })
    }

    /// Goes on until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut events = self.store.listen();
        let mut pause = None;
        loop {
            pause = match self.step().await {
                Ok(_) => None,
                Err(error) => {
                    let wait = longer(pause);
                    tracing::warn!("alerts wait: {error:#}; tried again in {} s", wait.as_secs());
                    Some(wait)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                // a new exception is no reason to ask an address sooner that has just not answered
                _ = events.recv(), if pause.is_none() => tokio::time::sleep(Duration::from_millis(200)).await,
                () = tokio::time::sleep(pause.unwrap_or(IDLE)) => {}
            }
            events = events.resubscribe();
        }
    }

    /// Tells what is not told yet, in order. Returns how much. What the address says is a bad message stays untold and
    /// is tried again later, by itself.
    ///
    /// # Errors
    /// At the first for which the address could not be reached or refused us; it and what follows are tried again.
    pub async fn step(&mut self) -> Result<usize> {
        let relay = self.store.relay().to_string();
        let now_ms = self.store.clock().now_ms();
        let refusals = self.refusals.clone();
        let read = move |db: &rusqlite::Connection| waiting(db, &relay, refusals, now_ms);
        let (due, refusals) = self.store.read(read).await?;
        self.refusals = refusals;
        let mut count = 0;
        for alert in &due {
            let status = self.tell(alert).await?;
            if !status.is_success() {
                let pause = self
                    .refusals
                    .note(&alert.id, self.store.clock().now_ms())
                    .as_secs();
                let id = &alert.id;
                tracing::warn!(
                    "the alert address answered {status} to {id}, wanted 2xx; look at its log for it; tried again in {pause} s"
                );
                continue;
            }
            count += 1;
            let (id, told) = (alert.exception, alert.told);
            let sql = "UPDATE exceptions SET told = ?2, told_count = told_count + 1 WHERE id = ?1";
            self.store
                .write(move |unit| Ok(unit.db.execute(sql, params![id, told]).map(drop)?))
                .await?;
        }
        Ok(count)
    }

    /// Says it once. The answer is 2xx or [`speaks_of_message`].
    async fn tell(&self, alert: &Alert) -> Result<StatusCode> {
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
            status.is_success() || speaks_of_message(status),
            "the alert address answered {status}, wanted 2xx; look at its log for {}",
            alert.id
        );
        Ok(status)
    }
}

/// What is to be told now, oldest exception first, at most [`ROUND`]; and the refusals that are still of something to be
/// told.
fn waiting(
    db: &rusqlite::Connection,
    relay: &str,
    refusals: Refusals,
    now_ms: i64,
) -> Result<(Vec<Alert>, Refusals), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, told, told_count FROM exceptions \
         WHERE (resolved_ms IS NULL AND coalesce(told, '') <> 'opened') OR (resolved_ms IS NOT NULL AND told = 'opened') \
         ORDER BY id",
    )?;
    let rows: Vec<(i64, Option<String>, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (mut alerts, mut kept) = (Vec::new(), Refusals::default());
    for (exception, told, count) in rows {
        let id = format!("msg_{relay}_{exception}_{count}");
        let is_due = refusals.is_due(&id, now_ms);
        if let Some(refusal) = refusals.0.get(&id) {
            kept.0.insert(id.clone(), *refusal);
        }
        if is_due && alerts.len() < ROUND {
            alerts.extend(exceptions::get(db, exception)?.map(|one| alert(&one, id, told.is_some())));
        }
    }
    Ok((alerts, kept))
}

fn alert(one: &StoredException, id: String, was_told: bool) -> Alert {
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
        id,
        told,
        body: body.to_string(),
    }
}

#[cfg(test)]
mod tests;
