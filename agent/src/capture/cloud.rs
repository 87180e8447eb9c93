//! The retailer's account in the POS's cloud, asked from the store: where nobody but the store has a token of it. What is asked
//! and how far a list is known is decided as the relay decides it; a ticket that is told again is the journal's to know.
//!
//! How far each list is known stands in `heartland.json` beside the journal, and moves only after what was read is journaled.
//! Without it, or when the account cannot be asked for longer, the last days are read again, as they are at each start and
//! once a day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::{Timestamp, ToSpan as _};
use tillwire_agent_core::capture::heartland_retail::cloud::{Manner, WHOAMI};
use tillwire_agent_core::capture::heartland_retail::feed::{
    Ask, Feed, LONG, Offer, Onward, is_worth_a_notice, trouble,
};
use tillwire_agent_core::capture::settings::HeartlandRetailSettings;
use tillwire_agent_core::capture::{tripwire, unreadable};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::CloudSource;
use tillwire_agent_core::uplink::Backoff;
use tillwire_proto::{ATTACHMENT_LEN_MAX, Digest, Fact, Witness};
use tokio_util::sync::CancellationToken;

mod account;

use self::account::{Account, Told};
use super::notices::Notices;
use crate::clock::Clock;
use crate::identity::write_private;
use crate::journal::{AppendError, Sink};

/// Between two times that the last days are read again.
const REREAD_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Refused sales whose bytes are remembered, so that they are journaled once and not each round.
const REFUSED_MAX: usize = 1_000;

/// Why a round ended early.
#[derive(Debug)]
enum Trouble {
    /// The account says no, or nothing: in words, and how long to leave it alone at least.
    Account(String, Duration),
    /// The journal takes nothing now.
    Journal(AppendError),
    /// Something else of this box.
    Here(anyhow::Error),
}

impl From<AppendError> for Trouble {
    fn from(error: AppendError) -> Self {
        Self::Journal(error)
    }
}

/// Reads one account.
#[derive(Debug)]
pub struct CloudReader {
    settings: CloudSource,
    retail: HeartlandRetailSettings,
    sink: Arc<dyn Sink>,
    notices: Notices,
    account: Account,
    known: Known,
    backoff: Backoff,
    failures: u32,
    silent: bool,
    reread: Option<Instant>,
    refused: BTreeMap<String, Digest>,
}

impl CloudReader {
    /// A reader that journals into `sink`, and keeps how far it got in `state_dir`.
    ///
    /// # Errors
    /// When the address cannot be, or the token not be read.
    pub fn new(
        settings: CloudSource,
        retail: HeartlandRetailSettings,
        sink: Arc<dyn Sink>,
        state_dir: &std::path::Path,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let seed = u64::from_le_bytes(clock.fresh());
        Ok(Self {
            notices: Notices::new(settings.lane.clone()),
            account: Account::new(&settings, clock)?,
            known: Known::read(state_dir.join("heartland.json")),
            backoff: Backoff::new(1_000, 300_000, seed),
            failures: 0,
            silent: false,
            reread: None,
            refused: BTreeMap::new(),
            settings,
            retail,
            sink,
        })
    }

    /// Rounds until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let Some(pause) = stop.run_until_cancelled(self.turn()).await else {
                return;
            };
            if stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// One round, and how long to pause after it.
    async fn turn(&mut self) -> Duration {
        let (words, least) = match self.round().await {
            Ok(()) => {
                if std::mem::take(&mut self.silent) {
                    self.tell("answers again").await;
                }
                self.failures = 0;
                self.backoff.reset();
                return self.settings.every;
            }
            Err(Trouble::Account(words, least)) => (words, least),
            Err(Trouble::Journal(error)) => (error.to_string(), Duration::ZERO),
            Err(Trouble::Here(error)) => (format!("{error:#}"), Duration::ZERO),
        };
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(failures = self.failures, "the POS's cloud was not read: {words}");
        if is_worth_a_notice(self.failures, least) && !std::mem::replace(&mut self.silent, true) {
            self.tell(&format!("is not heard: {words}")).await;
        }
        let wait = Duration::from_millis(self.backoff.next_pause());
        least.max(wait).max(self.settings.every)
    }

    async fn tell(&self, words: &str) {
        let text = format!("the POS's cloud {} {words}", self.settings.url);
        // a full disk has said so already
        let _ = self.sink.append(self.notices.source(&text)).await;
    }

    /// Asks for everything that is new.
    async fn round(&mut self) -> Result<(), Trouble> {
        if self.reread.is_none_or(|at| at.elapsed() >= REREAD_EVERY) {
            let now = self.now().await?;
            let back = i64::from(self.settings.reread_days) * 24;
            let since = now.checked_sub(back.hours()).unwrap_or(Timestamp::UNIX_EPOCH);
            for feed in self.feeds() {
                let known = self.known.of(&feed);
                let through = self
                    .list(&feed, known.map_or(since, |known| known.min(since)), 0)
                    .await?;
                self.move_on(&feed, known.map_or(through, |known| known.max(through)))?;
            }
            self.reread = Some(Instant::now());
        }
        for feed in self.feeds() {
            let Some(known) = self.known.of(&feed) else {
                continue;
            };
            let through = self.list(&feed, known, self.settings.overlap_s).await?;
            self.move_on(&feed, through)?;
        }
        Ok(())
    }

    fn move_on(&mut self, feed: &Feed, through: Timestamp) -> Result<(), Trouble> {
        self.known.put(feed, through).map_err(Trouble::Here)
    }

    /// The lists that the account is asked for.
    fn feeds(&self) -> BTreeSet<Feed> {
        Feed::all(&self.settings.reads, self.retail.registers.keys()).collect()
    }

    /// The account's clock: the box's own may be a year off.
    async fn now(&mut self) -> Result<Timestamp, Trouble> {
        let told = self.account.ask(&Ask::Get(WHOAMI.to_owned())).await;
        match told.manner {
            // an older account may not know that path; its clock is told all the same
            Manner::Read | Manner::Absent => told.date.ok_or_else(|| {
                let words = format!("{}: an answer without the time", self.settings.url);
                Trouble::Account(words, Duration::ZERO)
            }),
            _ => Err(self.trouble(&told)),
        }
    }

    /// Asks on until nothing more follows; through when everything is known.
    async fn list(&mut self, feed: &Feed, since: Timestamp, overlap_s: u32) -> Result<Timestamp, Trouble> {
        let mut list = feed.since(since, overlap_s);
        loop {
            let told = self.account.ask(&list.ask()).await;
            if told.manner != Manner::Read {
                return Err(self.trouble(&told));
            }
            let (offers, onward) = list.read(&told.body).map_err(|error| {
                Trouble::Account(format!("{}: {error}", self.settings.url), Duration::ZERO)
            })?;
            drop(told);
            for offer in offers {
                if offer.is_of(&self.retail) {
                    self.take(offer).await?;
                }
            }
            match onward {
                Onward::Ask(next) => list = next,
                Onward::Done(through) => return Ok(through),
                Onward::Stuck(words) => {
                    return Err(Trouble::Account(words, LONG));
                }
            }
        }
    }

    fn trouble(&self, told: &Told) -> Trouble {
        let (words, wait) = trouble(told.manner, &told.words, self.settings.token_file.display());
        Trouble::Account(words, wait)
    }

    async fn take(&mut self, mut offer: Offer) -> Result<(), Trouble> {
        let redactions = tripwire::sweep(&mut offer.raw);
        if let Some(notice) = self.notices.card_data(&redactions) {
            self.sink.append(notice).await?;
        }
        let (fact, register) = match offer.read(&self.retail) {
            Ok(transaction) => {
                let register = transaction.key.register.clone();
                (Fact::Transaction(Box::new(transaction)), Some(register))
            }
            Err(refused) if refused.error.is_early() => return Ok(()),
            Err(refused) => {
                let words = refused.to_string();
                let register = refused.register.clone();
                (
                    unreadable(refused.error.reason(), &words, refused.register),
                    register,
                )
            }
        };
        let digest = Digest::of(&offer.raw);
        let is_refused = matches!(fact, Fact::Unreadable(_));
        if is_refused && self.refused.get(&offer.id) == Some(&digest) {
            return Ok(());
        }
        let captured = |fact, mut raw: Vec<u8>| {
            raw.truncate(ATTACHMENT_LEN_MAX);
            Captured {
                lane: self.settings.lane.clone(),
                witness: Witness::CloudPoll,
                redacted: redactions.total(),
                raw,
                fact,
            }
        };
        match self.sink.append(captured(fact, offer.raw)).await {
            Ok(_) if !is_refused => return Ok(()),
            Ok(_) => {}
            Err(AppendError::TooLarge { what, found, wanted }) => {
                if self.refused.get(&offer.id) == Some(&digest) {
                    return Ok(());
                }
                let words = format!("the ticket's {what} has {found} bytes, at most {wanted} are allowed");
                let fact = unreadable("oversized", &words, register);
                self.sink.append(captured(fact, Vec::new())).await?;
            }
            Err(error) => return Err(error.into()),
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.pop_first();
        }
        self.refused.insert(offer.id, digest);
        Ok(())
    }
}

/// Whether the account takes the token and shows what is to be read. Returns how many lists there are, in words.
///
/// # Errors
/// What it answers instead, and what to do.
pub async fn check(
    settings: &CloudSource,
    retail: &HeartlandRetailSettings,
    clock: Clock,
) -> anyhow::Result<String> {
    let mut account = Account::new(settings, clock)?;
    let told = account.ask(&Ask::Get(WHOAMI.to_owned())).await;
    ensure!(
        told.manner != Manner::Unauthorised,
        "{}: the token is not taken; make a new one and put it into {}",
        told.words,
        settings.token_file.display()
    );
    let mut lists = 0;
    for feed in Feed::all(&settings.reads, retail.registers.keys()) {
        let list = feed.since(told.date.unwrap_or(Timestamp::UNIX_EPOCH), 0);
        let told = account.ask(&list.ask()).await;
        ensure!(
            told.manner == Manner::Read,
            "{}; see whether {} is right and reachable from here",
            told.words,
            settings.url
        );
        list.read(&told.body)
            .context("heartland.reads says what the account does not show")?;
        lists += 1;
    }
    Ok(format!("{lists} list{}", if lists == 1 { "" } else { "s" }))
}

/// How far each list is known.
#[derive(Debug)]
struct Known {
    path: PathBuf,
    through: BTreeMap<String, Timestamp>,
}

impl Known {
    /// As it was written. What cannot be read is nothing: the last days are then read again, which doubles nothing.
    fn read(path: PathBuf) -> Self {
        let through = std::fs::read(&path).ok();
        let through =
            through.and_then(|bytes| serde_json::from_slice::<BTreeMap<String, String>>(&bytes).ok());
        let through = through.unwrap_or_default().into_iter();
        let through = through
            .filter_map(|(feed, at)| Some((feed, at.parse().ok()?)))
            .collect();
        Self { path, through }
    }

    fn name(feed: &Feed) -> &str {
        match feed {
            Feed::Tickets => "tickets",
            Feed::Orders(station) => station,
        }
    }

    fn of(&self, feed: &Feed) -> Option<Timestamp> {
        self.through.get(Self::name(feed)).copied()
    }

    /// On disk when it returns; nothing is written where nothing moved.
    fn put(&mut self, feed: &Feed, through: Timestamp) -> anyhow::Result<()> {
        if self.of(feed) == Some(through) {
            return Ok(());
        }
        self.through.insert(Self::name(feed).to_owned(), through);
        let told: BTreeMap<&str, String> = self
            .through
            .iter()
            .map(|(feed, at)| (feed.as_str(), at.to_string()))
            .collect();
        write_private(&self.path, &serde_json::to_vec(&told)?)
    }
}
