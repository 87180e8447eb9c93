//! A retailer's whole line on one machine: Odoo, relay, a box in each store, the links between them, tills and
//! terminals. Programs are the real ones, as child processes; everything around them is simulated.
//!
//! A story starts a world, lets things happen in it, breaks parts of it, and asks for the verdict.

mod config;
mod enrol;
mod judge;
mod odoo;
mod play;
mod relay;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::civil::Date;

pub use judge::Verdict;
pub use odoo::{Odoo, OdooAt};
pub use play::Pace;
pub use relay::Relay;
pub use site::{SECRET, Site};

use crate::checkers::odoo_agrees::Holdings;
use crate::odoo_company;
use crate::program::AgentProgram;
use crate::reference::Chart;
use crate::relay_store;
use crate::shop::{Event, Shop};

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Every draw comes from it.
    pub seed: u64,
    /// The tenant's name.
    pub tenant: String,
    /// How many stores.
    pub stores: usize,
    /// The business day that is played first.
    pub date: Date,
    /// The binary that becomes agent and relay (see [`crate::program::act`]).
    pub binary: PathBuf,
    /// The agent as it ships, where boxes run that one.
    pub agent: Option<PathBuf>,
    /// Where everything is kept.
    pub dir: PathBuf,
    /// Which Odoo.
    pub odoo: OdooAt,
    /// Where the dashboard listens.
    pub dashboard: Option<SocketAddr>,
    /// A broker of others through which boxes and relay speak, where they do not speak directly.
    pub broker: Option<SocketAddr>,
    /// Whether people sign in there.
    pub login: bool,
    /// State directories of single stores' agents, where they are not below `dir`.
    pub agent_dirs: BTreeMap<usize, PathBuf>,
    /// The relay's state directory, where it is not below `dir`.
    pub relay_state: Option<PathBuf>,
    /// Stores whose box has a wrong clock, by milliseconds.
    pub clocks_off: BTreeMap<usize, i64>,
    /// Whether each register has a receipt printer with a tap.
    pub printers: bool,
    /// Whether each box watches a folder for files of tickets, as JSON lines.
    pub folders: bool,
    /// The retailer's account in the POS's cloud.
    pub cloud: Option<Cloud>,
    /// When stores trade, as the `trading` table of each says it; nothing is said when absent.
    pub trading: Option<serde_json::Value>,
    /// Tellings in a hundred that tills repeat.
    pub repeats: u32,
    /// What the retailer decided about posting: keys of each store's `odoo` table. With `mode`, Odoo is given what
    /// invoices need.
    pub posting: serde_json::Map<String, serde_json::Value>,
}

/// The retailer's account in the POS's cloud.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Its address.
    pub url: String,
    /// A file with its token.
    pub token_file: PathBuf,
    /// Who asks it.
    pub asked_by: AskedBy,
}

/// Who asks the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// The relay, which has the retailer's token and webhooks.
    Relay,
    /// The box, because only the store has a token.
    Store,
}

impl Setup {
    /// A world of `stores` stores with the Odoo simulator (18).
    #[must_use]
    pub fn new(seed: u64, stores: usize, binary: PathBuf, dir: PathBuf) -> Self {
        Self {
            seed,
            tenant: "acme".into(),
            stores,
            date: trading_day(),
            binary,
            agent: None,
            dir,
            odoo: OdooAt::Sim(crate::odoo_sim::OdooVersion::V18),
            dashboard: None,
            broker: None,
            login: false,
            agent_dirs: BTreeMap::new(),
            relay_state: None,
            clocks_off: BTreeMap::new(),
            printers: false,
            folders: false,
            cloud: None,
            trading: None,
            repeats: 10,
            posting: serde_json::Map::new(),
        }
    }

    /// The program that each box runs.
    pub(crate) fn agent_program(&self) -> AgentProgram {
        match &self.agent {
            Some(shipped) => AgentProgram::shipped(shipped.clone()),
            None => AgentProgram::inside(self.binary.clone()),
        }
    }
}

/// A business day that is not over anywhere in the country now: the date on the west coast. It ends by its closes.
#[must_use]
pub fn trading_day() -> Date {
    let west = jiff::tz::TimeZone::fixed(jiff::tz::offset(-8));
    jiff::Timestamp::now().to_zoned(west).date()
}

/// The whole line.
#[derive(Debug)]
pub struct World {
    /// The retailer.
    pub shop: Shop,
    /// Its accounts.
    pub chart: Chart,
    /// The business day that is played first.
    pub date: Date,
    /// Odoo.
    pub odoo: Odoo,
    /// What Odoo held before anything happened.
    pub before: Holdings,
    /// The relay.
    pub relay: Relay,
    /// The stores.
    pub sites: Vec<Site>,
    /// Events that tills were told are taken.
    pub captured: AtomicU64,
    ledger: Mutex<Happened>,
}

/// What happened, for the reference.
#[derive(Debug, Default)]
struct Happened {
    told: BTreeMap<Date, Vec<Event>>,
    held: BTreeSet<u64>,
}

impl World {
    /// Starts Odoo and the relay, enrols a box per store for real, and opens the stores.
    ///
    /// # Errors
    /// When any part does not come up; with its own words.
    pub async fn start(setup: &Setup) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&setup.dir).with_context(|| format!("make {}", setup.dir.display()))?;
        let shop = Shop::new(setup.seed, &setup.tenant, setup.stores);
        let chart = Chart::standard(&shop);
        let odoo = Odoo::open(&setup.odoo).await.context("reach Odoo")?;
        let company = odoo_company::prepare(&odoo.api, &shop, &chart)
            .await
            .context("prepare Odoo")?;
        if setup.posting.contains_key("mode") {
            odoo_company::prepare_invoices(&odoo.api, &shop, &chart)
                .await
                .context("prepare Odoo for invoices")?;
        }
        let before = Holdings::read(&odoo.api, setup.stores)
            .await
            .context("read Odoo before the day")?;
        let relay = Relay::start(setup, &shop, &chart, &odoo, &company)
            .await
            .context("start the relay")?;
        let sites = site::open_all(setup, &shop, &relay)
            .await
            .context("open the stores")?;
        Ok(Self {
            shop,
            chart,
            date: setup.date,
            odoo,
            before,
            relay,
            sites,
            captured: AtomicU64::new(0),
            ledger: Mutex::default(),
        })
    }

    /// Leaves a ticket out of the expected books: nobody can place it.
    pub fn hold(&self, ticket_id: u64) {
        self.happened().held.insert(ticket_id);
    }

    /// Puts it back in: somebody could.
    pub fn release(&self, ticket_id: u64) {
        self.happened().held.remove(&ticket_id);
    }

    /// Everything that tills were told is taken, on one day.
    #[must_use]
    pub fn told(&self, date: Date) -> Vec<Event> {
        self.happened().told.get(&date).cloned().unwrap_or_default()
    }

    /// Every program's last words and what the relay thinks of its days, for a failing story.
    #[must_use]
    pub fn last_words(&self) -> String {
        let agents = self.sites.iter().map(|site| &site.agent);
        let programs = agents.chain([&self.relay.program]);
        let mut words: Vec<_> = programs
            .map(|p| format!("--- {}\n{}", p.name(), p.log_tail()))
            .collect();
        let database = &self.relay.database;
        words.push(format!("--- days\n{:#?}", relay_store::days(database)));
        words.push(format!(
            "--- exceptions\n{:#?}",
            relay_store::open_exceptions(database)
        ));
        words.push(format!("--- effects\n{:?}", relay_store::effects(database)));
        words.join("\n")
    }

    fn happened(&self) -> MutexGuard<'_, Happened> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks again until the answer is yes.
///
/// # Errors
/// When it is not within `patience`; with the last error there was.
pub async fn until<F, T>(what: &str, patience: Duration, mut ask: F) -> anyhow::Result<T>
where
    F: AsyncFnMut() -> anyhow::Result<Option<T>>,
{
    let deadline = Instant::now() + patience;
    let mut last = None;
    while Instant::now() < deadline {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    match last {
        Some(error) => Err(error).with_context(|| format!("waited {patience:?} until {what}")),
        None => bail!("waited {patience:?} in vain until {what}"),
    }
}

/// A loopback port that nobody listens on now, and that no connection is given either: below the range that the system
/// takes the near ends of connections from, or another process could have it before the one that is started for it.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    const LOWEST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // processes begin at different places
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + std::process::id().wrapping_mul(97).wrapping_add(nth) % COUNT;
        let port = u16::try_from(port).context("a port")?;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().context("read the port");
        }
    }
    bail!(
        "found no free port from {LOWEST} to {}, wanted one",
        LOWEST + COUNT
    )
}
