//! One life of the relay's posting side on the run's database: real store, link, breaker, HTTP client and poster, as
//! `tillwire-relay run` puts them together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::link::{Company, Link};
use tillwire_relay::jobs::post::{Machine, Poster, Turn};
use tillwire_relay::odoo::{Client, Endpoint, Limits, Secret};
use tillwire_relay::store::effects::{self, Effects, NewEffect};
use tillwire_relay::store::{Store, StoreError, StoreOptions};
use tillwire_relay_core::odoo::Effect;
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};

use super::judge::Rows;
use super::meant::{Meant, place};
use super::watch::Watch;
use crate::odoo_sim::OdooSim;

/// Turns after which a relay that has not come to rest never will.
const TURNS_MAX: usize = 600;

/// How a life came to its own end.
#[derive(Debug)]
pub enum Rest {
    /// Nothing is left to do.
    Quiet,
    /// The store is gone: it was killed.
    Closed,
    /// Another relay drives the company.
    NotOurs,
    /// It goes on and on.
    Restless,
    /// It met an error that it must not meet.
    Failed(StoreError),
}

/// What a life begins with.
#[derive(Debug, Clone)]
pub struct World {
    /// Odoo.
    pub sim: Arc<OdooSim>,
    /// The time.
    pub clock: Clock,
    /// Who decides about effects.
    pub machine: Arc<dyn Machine>,
    /// Longest wait for an answer.
    pub patience: Duration,
    /// Spreads waits.
    pub seed: u64,
}

/// One life.
#[derive(Debug)]
pub struct Process {
    world: World,
    watch: Watch,
    /// Its store.
    pub store: Store,
    /// Its way to Odoo.
    pub link: Arc<Link>,
    database: PathBuf,
    number: u32,
}

/// The settings of the run's one store.
///
/// # Errors
/// Never: they are good ones.
pub fn settings() -> anyhow::Result<StoreSettings> {
    let draft: StoreDraft = toml::from_str(
        r#"
        tenant = "acme"
        store = "s01"
        time_zone = "America/Chicago"
        registers = ["till-1"]
        [odoo]
        company = "My Company"
        journal = "MISC"
        warehouse = "WH"
        mode = "customer-invoice"
        [odoo.accounts]
        revenue = "400000"
        tender = { cash = "101501", card = "101702" }
        [odoo.invoices]
        journal = "INV"
        receivable = "121000"
        summary_partner = "WALK-IN"
        "#,
    )?;
    draft.check().map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// Odoo is on this machine and speaks plain HTTP: reading the system's certificates at each start would only cost time.
fn plain() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl Process {
    /// Starts on the database file.
    ///
    /// # Errors
    /// When the store does not open.
    pub fn start(world: &World, database: &Path, watch: &Watch) -> anyhow::Result<Self> {
        let number = watch.begins();
        let options = StoreOptions {
            clock: world.clock.clone(),
            at_commit: Some(watch.at_commit(number)),
            ..StoreOptions::at(database)
        };
        let store = Store::open(&options)?;
        let sim = &world.sim;
        let endpoint = Endpoint::new(&sim.url(), sim.db(), &sim.login(), Secret::new(&sim.key()))?;
        let limits = Limits {
            request: world.patience,
            ..Limits::default()
        };
        let client = Client::new(endpoint.with_limits(limits), Some(plain()))?;
        let company = Company::of([settings()?]).pop().context("one company")?;
        let link = Link::new(company, Arc::new(client), store.clone());
        let seed = world.seed.wrapping_add(u64::from(number) << 32);
        Ok(Self {
            world: world.clone(),
            watch: watch.clone(),
            store,
            link: Arc::new(link.seeded(seed)),
            database: database.to_owned(),
            number,
        })
    }

    /// Intends everything, as the assessment of days does whenever it runs, and works until nothing is left to do.
    /// `alone`: no other relay works on the database, which a real one knows by the folder's lock.
    pub async fn live(self, meant: &[Meant], alone: bool) -> Rest {
        match self.begin(meant, alone).await {
            Err(StoreError::Closed) => Rest::Closed,
            Err(error) => Rest::Failed(error),
            Ok(()) => self.work(meant).await,
        }
    }

    async fn begin(&self, meant: &[Meant], alone: bool) -> Result<(), StoreError> {
        if alone {
            Effects::of(self.store.clone()).release_all().await?;
        }
        for meant in meant {
            self.intend(meant).await?;
        }
        Ok(())
    }

    async fn intend(&self, meant: &Meant) -> Result<(), StoreError> {
        let (tenant, store) = place();
        let (day, batch) = meant.filed();
        let new = NewEffect {
            effect: Effect::intend(meant.payload()),
            company: self.link.company.lease(),
            tenant,
            store,
            day,
            batch,
            source: "{}".to_owned(),
        };
        let now_ms = self.world.clock.now_ms();
        self.store
            .write(move |unit| effects::intend(unit, &new, now_ms).map(drop))
            .await
    }

    /// Turns of the poster; the clock stands at whatever it waits for.
    pub async fn work(&self, meant: &[Meant]) -> Rest {
        let mut poster = Poster::new(
            Arc::clone(&self.link),
            self.store.clone(),
            format!("relay {}", self.number),
        )
        .with_machine(Arc::clone(&self.world.machine));
        let (mut away, mut strangers) = (0, 0);
        for _ in 0..TURNS_MAX {
            let until_ms = match poster.turn().await {
                Ok(Turn::Worked) => self.world.clock.now_ms(),
                Ok(Turn::Idle { until_ms: None }) if away == 0 => return Rest::Quiet,
                Ok(Turn::Idle { until_ms: None }) => self.world.clock.now_ms(),
                // what needs something that was refused is tried again and again; nothing comes of it
                Ok(Turn::Idle { .. }) if away == 0 && self.waits_for_people(meant) => return Rest::Quiet,
                Ok(Turn::Idle {
                    until_ms: Some(until_ms),
                })
                | Ok(Turn::Down { until_ms }) => until_ms + 1,
                Ok(Turn::NotOurs) if strangers == 9 => return Rest::NotOurs,
                Ok(Turn::NotOurs) => {
                    strangers += 1;
                    self.world.clock.now_ms() + 60_000
                }
                Err(StoreError::Closed) => return Rest::Closed,
                Err(error) => return Rest::Failed(error),
            };
            self.world.clock.set(until_ms.max(self.world.clock.now_ms()));
            if let Err(error) = self.weather(&mut away).await {
                return Rest::Failed(StoreError::Refused(error.to_string()));
            }
        }
        Rest::Restless
    }

    fn waits_for_people(&self, meant: &[Meant]) -> bool {
        let needy = meant.iter().any(|meant| !meant.needs().is_empty());
        needy && Rows::read(&self.database).is_ok_and(|rows| rows.at_rest(meant))
    }

    /// Stops Odoo when the plan says so, and starts it again after its turns.
    async fn weather(&self, away: &mut u32) -> anyhow::Result<()> {
        if let Some(turns) = self.watch.take_away() {
            self.world.sim.stop().await;
            *away = turns + 1;
        }
        if *away > 0 {
            *away -= 1;
            if *away == 0 {
                self.world.sim.start_again().await?;
            }
        }
        Ok(())
    }
}
