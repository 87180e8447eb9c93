//! Asks an account for its sales, round after round: what a webhook named, what changed since the last round, and once a day
//! the last days again, because a change of a payment does not always show in its ticket's time. A sale is a ticket, or in the
//! newer interface an order; what is said of tickets holds for both.
//!
//! A ticket that is held in the same words makes no record; a changed one is the next revision. The order is: records,
//! then what is held, then how far it is known. Whatever is lost between two of them is asked for again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use tillwire_capture::heartland_retail::cloud::{Listing, Manner, read_listed, ticket_path};
use tillwire_capture::heartland_retail::feed::{Ask, Feed, LONG, Offer, Onward, is_worth_a_notice, trouble};
use tillwire_capture::{tripwire, unreadable};
use tillwire_proto::{Digest, Fact, Note, Notice, NoticeKind, StoreId, Transaction};
use tillwire_relay_core::odoo::{Backoff, jitter};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Account;
use super::checks::{Check, Reading};
use super::client::{Client, Told};
use super::lane::{Heard, Lane};
use super::memory::{self, Known, Ticket};
use crate::ingest::RelayIngest;
use crate::pki::CloudKey;
use crate::store::{Store, devices};

/// How far back an account is read at first.
const FIRST_DAYS: i64 = 3;

/// Between two times that the last days are read again, in milliseconds.
const REREAD_MS: i64 = 24 * 3_600_000;

/// Why a round did not go well.
#[derive(Debug)]
pub enum Problem {
    /// The account says no, or nothing: in words, and how long to leave it alone at least.
    Account(String, Duration),
    /// Something here.
    Here(anyhow::Error),
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Here(error)
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Here(error.into())
    }
}

/// The witness of one account.
pub struct Poller {
    pub(super) account: Account,
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) store: Store,
    lanes: BTreeMap<StoreId, Lane>,
    pub(super) wake: Arc<Notify>,
    failures: u32,
    /// Notices that wait for a round in which they can be written.
    silent: bool,
    alarmed_ms: i64,
    /// Checks that are left alone, until when, in milliseconds since 1970.
    pub(super) resting: BTreeMap<Check, i64>,
    /// The POS's stock while it is read.
    pub(super) reading: Option<Reading>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Poller({})", self.name)
    }
}

impl Poller {
    /// Opens the lanes of the account's stores.
    ///
    /// # Errors
    /// When the token cannot be read, or the store does not take the lanes' device.
    pub async fn open(
        account: Account,
        store: &Store,
        ingest: &Arc<RelayIngest>,
        key: &Arc<CloudKey>,
        wake: Arc<Notify>,
    ) -> Result<Self> {
        let client = Client::new(&account).with_context(|| format!("heartland account {}", account.url))?;
        let mut lanes = BTreeMap::new();
        for at in &account.stores {
            let lane = Lane::open(store, ingest, key, &account.tenant, &at.store).await?;
            lanes.insert(at.store.clone(), lane);
        }
        Ok(Self {
            name: account.name(),
            account,
            client,
            store: store.clone(),
            lanes,
            wake,
            failures: 0,
            silent: false,
            alarmed_ms: i64::MIN,
            resting: BTreeMap::new(),
            reading: None,
        })
    }

    /// Rounds until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        if let Err(problem) = self.drop_checks().await {
            tracing::error!(
                account = self.name,
                ?problem,
                "what was checked before could not be dropped"
            );
        }
        while !stop.is_cancelled() {
            let pause = self.turn().await;
            let wake = Arc::clone(&self.wake);
            tokio::select! {
                () = stop.cancelled() => return,
                () = wake.notified(), if self.failures == 0 => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round, and how long to pause after it.
    async fn turn(&mut self) -> Duration {
        let (words, least) = match self.round().await {
            Ok(fresh) => {
                if fresh > 0 {
                    tracing::info!(account = self.name, fresh, "tickets came from the cloud");
                }
                if self.silent {
                    self.tell("answers again").await;
                    self.silent = false;
                }
                self.failures = 0;
                return self.account.every;
            }
            Err(Problem::Account(words, least)) => (words, least),
            Err(Problem::Here(error)) => (format!("{error:#}"), Duration::ZERO),
        };
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(
            account = self.name,
            failures = self.failures,
            "the cloud was not read: {words}"
        );
        self.note_problem(&words).await;
        if is_worth_a_notice(self.failures, least) && !std::mem::replace(&mut self.silent, true) {
            self.tell(&format!("is not heard: {words}")).await;
        }
        let seed = jitter(
            self.store.clock().now_ms().unsigned_abs(),
            u64::from(self.failures),
            u64::MAX,
        );
        let wait = Backoff::default().wait_ms(self.failures, seed);
        least.max(Duration::from_millis(wait)).max(self.account.every)
    }

    async fn note_problem(&self, words: &str) {
        let (name, words) = (self.name.clone(), words.to_owned());
        let written = self.store.write(move |unit| {
            let known = memory::known(unit.db, &name)?.unwrap_or_default();
            let problem = Some(words);
            memory::remember(unit, &name, &Known { problem, ..known })
        });
        if let Err(error) = written.await {
            tracing::error!("what is wrong with an account could not be noted: {error}");
        }
    }

    /// Writes a notice on every lane of the account.
    async fn tell(&mut self, words: &str) {
        let Some(text) = Note::cleaned(&format!("the POS's cloud {} {words}", self.account.url)) else {
            return;
        };
        self.notice(NoticeKind::Source, &text).await;
    }

    async fn notice(&mut self, kind: NoticeKind, text: &Note) {
        for lane in self.lanes.values_mut() {
            let heard = Heard {
                fact: Fact::Notice(Notice {
                    kind,
                    text: text.clone(),
                }),
                raw: Vec::new(),
                redacted: 0,
            };
            if let Err(error) = lane.append(&[heard]).await {
                tracing::error!("a notice was not written: {error:#}");
            }
        }
    }

    /// Asks for everything that is new. Returns how many records that made.
    ///
    /// # Errors
    /// [`Problem`]; what was read before it is kept.
    pub async fn round(&mut self) -> Result<usize, Problem> {
        let now_ms = self.store.clock().now_ms();
        let mut fresh = self.fetch_named().await?;
        for feed in self.feeds() {
            fresh += self.follow(&feed, now_ms).await?;
        }
        self.check(now_ms).await?;
        let (name, tenant) = (self.name.clone(), self.account.tenant.clone());
        let stores: Vec<StoreId> = self.lanes.keys().cloned().collect();
        self.store
            .write(move |unit| {
                devices::heard_local(unit, &tenant, &stores, now_ms)?;
                let known = Known {
                    polled_ms: Some(now_ms),
                    problem: None,
                    ..memory::known(unit.db, &name)?.unwrap_or_default()
                };
                memory::remember(unit, &name, &known)
            })
            .await?;
        Ok(fresh)
    }

    /// The lists that the account is asked for.
    fn feeds(&self) -> Vec<Feed> {
        let stores = self.account.stores.iter();
        let stations = stores.flat_map(|store| store.registers.keys());
        Feed::all(&self.account.reads, stations).collect()
    }

    /// Asks for what is new in one list, and once a day for the last days of it again. Returns how many records that made.
    async fn follow(&mut self, feed: &Feed, now_ms: i64) -> Result<usize, Problem> {
        // under which it is remembered how far the list is known
        let name = match feed {
            Feed::Tickets => self.name.clone(),
            Feed::Orders(station) => format!("{}#{station}", self.name),
        };
        let at = name.clone();
        let known = self.store.read(move |db| memory::known(db, &at)).await?;
        let mut known = known.filter(|known| known.since_ms > 0).unwrap_or_else(|| Known {
            since_ms: days_ago(now_ms, FIRST_DAYS),
            reread_ms: now_ms,
            ..Known::default()
        });
        let mut fresh = 0;
        if now_ms - known.reread_ms > REREAD_MS && self.account.reread_days > 0 {
            let since = days_ago(now_ms, i64::from(self.account.reread_days)).min(known.since_ms);
            fresh += self.list(feed, since, 0).await?.0;
            known.reread_ms = now_ms;
        }
        let (more, through) = self.list(feed, known.since_ms, self.account.overlap_s).await?;
        known.since_ms = through;
        self.store
            .write(move |unit| memory::remember(unit, &name, &known))
            .await?;
        Ok(fresh + more)
    }

    /// Asks on until nothing more follows. Records made, and through when everything is known.
    async fn list(&mut self, feed: &Feed, since_ms: i64, overlap_s: u32) -> Result<(usize, i64), Problem> {
        let mut list = feed.since(time(since_ms)?, overlap_s);
        let mut fresh = 0;
        loop {
            let told = self.client.ask(&list.ask()).await;
            if told.manner != Manner::Read {
                return Err(self.problem(&told));
            }
            let (offers, onward) = list
                .read(&told.body)
                .map_err(|error| self.unlike(&error.to_string()))?;
            if *feed == Feed::Tickets {
                self.note_payments(&told.body).await?;
            }
            for offer in offers {
                fresh += usize::from(self.take(offer).await?);
            }
            match onward {
                Onward::Ask(next) => list = next,
                Onward::Done(through) => return Ok((fresh, through.as_millisecond())),
                Onward::Stuck(words) => {
                    return Err(Problem::Account(words, LONG));
                }
            }
        }
    }

    /// Tickets that webhooks named.
    async fn fetch_named(&mut self) -> Result<usize, Problem> {
        let name = self.name.clone();
        let named = self.store.read(move |db| memory::wakes(db, &name)).await?;
        let mut fresh = 0;
        for ticket in named {
            let Some(path) = ticket_path(&ticket) else {
                continue;
            };
            let told = self.client.ask(&Ask::Get(path)).await;
            match told.manner {
                Manner::Read => {
                    let listed = read_listed(&told.body, Listing::Tickets)
                        .map_err(|error| self.unlike(&error.to_string()))?;
                    let one = std::iter::once((listed.id.as_str(), listed.body));
                    self.note_payments_of(one).await?;
                    if listed.settled {
                        fresh += usize::from(self.take(Offer::ticket(&listed)).await?);
                    }
                }
                // a webhook may name what is no ticket
                Manner::Absent | Manner::Refused => {}
                _ => return Err(self.problem(&told)),
            }
            let name = self.name.clone();
            self.store
                .write(move |unit| memory::woken(unit, &name, &ticket))
                .await?;
        }
        Ok(fresh)
    }

    pub(super) fn unlike(&self, words: &str) -> Problem {
        Problem::Account(format!("{}: {words}", self.account.url), Duration::ZERO)
    }

    pub(super) fn problem(&self, told: &Told) -> Problem {
        let (words, wait) = trouble(told.manner, &told.words, self.account.token_file.display());
        Problem::Account(words, wait)
    }

    /// Makes a record of what is not held yet, of a store that is somebody's. Returns whether it did.
    async fn take(&mut self, mut offer: Offer) -> Result<bool, Problem> {
        let Some(retail) = self.account.store_of(&offer).cloned() else {
            return Ok(false);
        };
        let (name, id) = (self.name.clone(), offer.id.clone());
        let held = self.store.read(move |db| memory::ticket(db, &name, &id)).await?;
        let redactions = tripwire::sweep(&mut offer.raw);
        let read = offer.read(&retail);
        if read.as_ref().is_err_and(|refused| refused.error.is_early()) {
            return Ok(false);
        }
        let content = content(read.as_ref().ok(), &offer.raw);
        if held.as_ref().is_some_and(|held| held.content == content) {
            return Ok(false);
        }
        let revision = held.map_or(0, |held| held.revision.saturating_add(1));
        let fact = match read {
            Ok(mut transaction) => {
                transaction.key.revision = revision;
                Fact::Transaction(Box::new(transaction))
            }
            Err(refused) => unreadable(refused.error.reason(), &refused.to_string(), refused.register),
        };
        if redactions.is_alarming() {
            self.alarm(&redactions.words()).await;
        }
        let heard = Heard {
            fact,
            raw: offer.raw,
            redacted: redactions.total(),
        };
        let lane = self
            .lanes
            .get_mut(&retail.store)
            .context("a store of the account has its lane")?;
        lane.append(&[heard]).await?;
        let ticket = Ticket {
            ticket: offer.id,
            updated_ms: offer.updated_at.as_millisecond(),
            content,
            revision,
        };
        let name = self.name.clone();
        self.store
            .write(move |unit| memory::hold(unit, &name, &[ticket]))
            .await?;
        Ok(true)
    }

    /// Card data came: once an hour that is said.
    async fn alarm(&mut self, words: &str) {
        let now_ms = self.store.clock().now_ms();
        if now_ms.saturating_sub(self.alarmed_ms) < 3_600_000 {
            return;
        }
        self.alarmed_ms = now_ms;
        if let Some(text) = Note::cleaned(&format!(
            "the POS's cloud sent card data, which was replaced: {words}"
        )) {
            self.notice(NoticeKind::CardData, &text).await;
        }
    }
}

/// What a ticket says, apart from its revision: equal contents are the same ticket told again. Of bytes that are not
/// understood, the bytes.
fn content(transaction: Option<&Transaction>, raw: &[u8]) -> Digest {
    let told = transaction.and_then(|transaction| serde_json::to_vec(transaction).ok());
    Digest::of(told.as_deref().unwrap_or(raw))
}

fn days_ago(now_ms: i64, days: i64) -> i64 {
    now_ms.saturating_sub(days.saturating_mul(24 * 3_600_000))
}

pub(super) fn time(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).context("a time of the account")
}
