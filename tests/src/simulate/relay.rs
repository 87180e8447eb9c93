//! The relay's side of a run: one database, and lives of the relay on it one after the other.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tillwire_proto::SegmentId;
use tillwire_relay::clock::Clock;
use tillwire_relay::days::{Days, NoStock, Pace};
use tillwire_relay::endpoint::{Delivery, DeviceIdentity, DeviceRef, Ingest as _, SendError};
use tillwire_relay::ingest::registry::Registry;
use tillwire_relay::ingest::signer::ReceiptSigner;
use tillwire_relay::ingest::{Down, RelayIngest};
use tillwire_relay::jobs::link::{Company, Link};
use tillwire_relay::jobs::post::{CoreMachine, Machine, Poster, Turn};
use tillwire_relay::odoo::{Client, Endpoint, Limits, Secret};
use tillwire_relay::store::effects::Effects;
use tillwire_relay::store::{CommitMoment, Store, StoreError, StoreOptions};
use tillwire_relay::understand::Understanding;
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};

use super::plan::Bug;
use crate::odoo_sim::OdooSim;
use crate::once::wrong::Wrong;
use crate::take_in::take_in;

/// Turns of the poster in one go: more than a day of a few stores takes.
const TURNS_MAX: usize = 60;

/// Messages on their way down.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Vec<(DeviceRef, Bytes)>>>);

impl Down for Outbox {
    fn send(&self, device: &DeviceRef, payload: Bytes, _: Delivery) -> Result<(), SendError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((device.clone(), payload));
        Ok(())
    }
}

/// When a life ends: at this commit from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) commit: u32,
    pub(super) after_commit: bool,
}

#[derive(Debug, Default)]
struct Fate {
    end: Option<End>,
    dead: bool,
}

/// What outlives the relay's lives.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) database: PathBuf,
    pub(super) clock: Clock,
    pub(super) settings: Arc<RelaySettings>,
    key: Arc<Ed25519KeyPair>,
    odoo: Option<Arc<OdooSim>>,
    fate: Arc<Mutex<Fate>>,
    pub(super) life: Option<Life>,
    seed: u64,
    lives: u64,
    bug: Option<Bug>,
}

/// One life.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) store: Store,
    ingest: RelayIngest,
    outbox: Outbox,
    understanding: Understanding,
    days: Days<NoStock>,
    poster: Option<Poster>,
    /// The live line of each device.
    pub(super) lines: BTreeMap<DeviceRef, u64>,
}

/// Opens what is found as a relay's database as its next start would.
pub(super) fn found(database: &Path) -> anyhow::Result<Store> {
    let options = StoreOptions {
        clock: Clock::standing(0),
        in_place: true,
        on_disk_failure: Arc::new(|_| ()),
        ..StoreOptions::at(database)
    };
    Store::open(&options)
}

/// The stores of a run.
fn settings(stores: usize) -> anyhow::Result<RelaySettings> {
    let drafts = (1..=stores).map(|number| -> anyhow::Result<_> {
        let text = format!(
            r#"
            tenant = "acme"
            store = "s{number}"
            time_zone = "America/Chicago"
            registers = ["till-1", "till-2"]
            [odoo]
            company = "My Company"
            journal = "MISC"
            warehouse = "WH"
            [odoo.accounts]
            revenue = "400000"
            tender = {{ cash = "101501", card = "101702" }}
            "#
        );
        let draft: StoreDraft = toml::from_str(&text)?;
        draft.check().map_err(|problems| anyhow::anyhow!("{problems:?}"))
    });
    RelaySettings::new(drafts.collect::<Result<Vec<_>, _>>()?).map_err(|error| anyhow::anyhow!("{error:?}"))
}

impl Relay {
    pub(super) fn new(
        folder: &Path,
        stores: usize,
        odoo: Option<Arc<OdooSim>>,
        now_ms: i64,
        seed: u64,
        bug: Option<Bug>,
    ) -> anyhow::Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .ok()
            .context("make a key")?;
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref())
            .ok()
            .context("read a key")?;
        Ok(Self {
            database: folder.join("relay.db"),
            clock: Clock::standing(now_ms),
            settings: Arc::new(settings(stores)?),
            key: Arc::new(key),
            odoo,
            fate: Arc::default(),
            life: None,
            seed,
            lives: 0,
            bug,
        })
    }

    /// The key by which agents know its word.
    pub(super) fn receipt_key(&self) -> Vec<u8> {
        use ring::signature::KeyPair as _;
        self.key.public_key().as_ref().to_vec()
    }

    pub(super) fn signer(&self) -> ReceiptSigner {
        ReceiptSigner::new(Arc::clone(&self.key))
    }

    fn fate(&self) -> std::sync::MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It will end at this commit.
    pub(super) fn ends_at(&self, end: End) {
        self.fate().end = Some(end);
    }

    /// No end is planned any more.
    pub(super) fn spare(&self) {
        self.fate().end = None;
    }

    /// Starts a life.
    pub(super) async fn start(&mut self, restored: bool) -> anyhow::Result<()> {
        *self.fate() = Fate::default();
        self.lives += 1;
        let fate = Arc::clone(&self.fate);
        let options = StoreOptions {
            clock: self.clock.clone(),
            restored,
            in_place: true,
            on_disk_failure: Arc::new(|_| ()),
            at_commit: Some(Arc::new(move |moment| at_commit(&fate, moment))),
            ..StoreOptions::at(&self.database)
        };
        let store = Store::open(&options)?;
        Effects::of(store.clone()).release_all().await?;
        let registry = Registry::load(&store).await?;
        let outbox = Outbox::default();
        let poster = match &self.odoo {
            Some(sim) => Some(self.poster(sim, &store)?),
            None => None,
        };
        let pace = Pace {
            settle: Duration::ZERO,
            ..Pace::default()
        };
        self.life = Some(Life {
            ingest: RelayIngest::new(
                store.clone(),
                registry,
                Arc::clone(&self.settings),
                self.signer(),
                outbox.clone(),
            ),
            outbox,
            understanding: Understanding::new(store.clone(), Arc::clone(&self.settings)),
            days: Days::new(store.clone(), Arc::clone(&self.settings), NoStock, pace),
            poster,
            store,
            lines: BTreeMap::new(),
        });
        Ok(())
    }

    fn poster(&self, sim: &OdooSim, store: &Store) -> anyhow::Result<Poster> {
        let endpoint = Endpoint::new(&sim.url(), sim.db(), &sim.login(), Secret::new(&sim.key()))?;
        let limits = Limits {
            request: Duration::from_secs(30),
            ..Limits::default()
        };
        let plain = rustls::ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = Client::new(endpoint.with_limits(limits), Some(plain))?;
        let stores: Vec<_> = self.settings.iter().cloned().collect();
        let company = Company::of(stores).pop().context("one company")?;
        let link = Link::new(company, Arc::new(client), store.clone()).seeded(self.seed ^ self.lives);
        let machine: Arc<dyn Machine> = if self.bug == Some(Bug::PostsBlindly) {
            Arc::new(Wrong::TakesAFreshKey)
        } else {
            Arc::new(CoreMachine)
        };
        let holder = format!("relay {}", self.lives);
        Ok(Poster::new(Arc::new(link), store.clone(), holder).with_machine(machine))
    }

    /// True once, after a life came to its planned end.
    pub(super) fn has_died(&mut self) -> bool {
        let dead = std::mem::take(&mut self.fate().dead);
        if dead {
            self.life = None;
        }
        dead
    }

    /// Takes a device in the whole way: invitation, request, a person's yes.
    pub(super) async fn enrol(&self, identity: &DeviceIdentity, store: &str) -> anyhow::Result<()> {
        let life = self.life.as_ref().context("a relay that runs")?;
        take_in(&life.store, identity, store, self.clock.now_ms()).await
    }

    /// Takes a message. What it answers is heard only if it lives on.
    pub(super) async fn take(
        &mut self,
        identity: &DeviceIdentity,
        payload: Vec<u8>,
    ) -> Vec<(DeviceRef, Bytes)> {
        let Some(life) = &self.life else {
            return Vec::new();
        };
        // the verdict is about PUBACK, which means nothing to anybody here
        let _verdict = life.ingest.publish(identity, Bytes::from(payload)).await;
        let answers = std::mem::take(&mut *life.outbox.0.lock().unwrap_or_else(PoisonError::into_inner));
        if self.fate().dead { Vec::new() } else { answers }
    }

    /// Its stages, as far as they go now. `None` when nothing is left to do, else when to come again at the latest.
    pub(super) async fn work(&mut self) -> anyhow::Result<Option<i64>> {
        let now_ms = self.clock.now_ms();
        let Some(life) = &mut self.life else {
            return Ok(None);
        };
        match life.stages().await {
            Ok(next) => Ok(next.map(|at| at.max(now_ms + 1))),
            Err(StoreError::Closed) => Ok(Some(now_ms + 1)),
            Err(error) => Err(error.into()),
        }
    }

    /// How much of a segment it holds.
    pub(super) fn holds(&self, segment: SegmentId) -> anyhow::Result<Option<u64>> {
        let Some(life) = &self.life else { return Ok(None) };
        let sql = "SELECT through FROM segments WHERE segment = ?1";
        let held = life.store.read_blocking(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([segment.as_bytes()])?;
            Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
        });
        Ok(Some(held?.unwrap_or(0)))
    }
}

impl Life {
    async fn stages(&mut self) -> Result<Option<i64>, StoreError> {
        let mut turns = 0;
        loop {
            while self.understanding.step().await? > 0 {}
            while self.days.step().await? > 0 {}
            let Some(poster) = &mut self.poster else {
                return Ok(None);
            };
            let now_ms = self.store.clock().now_ms();
            match poster.turn().await? {
                // what was posted moves its day on
                Turn::Worked if turns < TURNS_MAX => turns += 1,
                Turn::Worked => return Ok(Some(now_ms + 1)),
                Turn::Idle { until_ms } => return Ok(until_ms),
                Turn::Down { until_ms } => return Ok(Some(until_ms)),
                Turn::NotOurs => return Ok(Some(now_ms + 60_000)),
            }
        }
    }
}

fn at_commit(fate: &Mutex<Fate>, moment: CommitMoment) -> ControlFlow<()> {
    let mut fate = fate.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(end) = &mut fate.end else {
        return ControlFlow::Continue(());
    };
    let here = match moment {
        CommitMoment::Before => !end.after_commit,
        CommitMoment::After => end.after_commit,
    };
    if here && end.commit == 0 {
        (fate.end, fate.dead) = (None, true);
        return ControlFlow::Break(());
    }
    if moment == CommitMoment::After {
        end.commit = end.commit.saturating_sub(1);
    }
    ControlFlow::Continue(())
}
