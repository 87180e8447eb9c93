//! The demo: simulated tills and terminals, real agents, a real relay, Odoo or its simulator, one day in a minute.
//!
//! It ends with a verdict that does not ask the relay: what was sold, by plain sums, against what Odoo holds. Any
//! child may be killed at any moment; it is started again and the verdict must be the same.

mod mishaps;
mod progress;
mod scratch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use crate::odoo_sim::OdooVersion;
use crate::shop::{Event, Plan};
use crate::world::{OdooAt, Pace, Setup, Verdict, World, trading_day};

/// How long the day takes.
const DAY: Duration = Duration::from_secs(40);

/// After the day everything that is under way must have arrived within this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A box whose battery is empty wakes up a year ago.
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// Five stores sell for a day: simulated tills and terminals that speak the real protocols, real agents, a real relay
/// over mutual TLS and MQTT, and Odoo or its simulator. The dashboard is open meanwhile.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Args {
    /// End when the day is posted and checked; without it the dashboard stays up until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// How many stores, with two registers each.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    stores: u8,
    /// How many tickets each register sells.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(5..=900))]
    tickets: u16,
    /// Address of a real Odoo 17, 18 or 19, such as http://127.0.0.1:8069. What the stores need there is made under
    /// external ids of its own (tillwire_demo.…); nothing else is touched.
    #[arg(long, requires_all = ["odoo_db", "odoo_key"])]
    odoo: Option<String>,
    /// Its database.
    #[arg(long, requires = "odoo")]
    odoo_db: Option<String>,
    /// An API key of a user who may set up accounts, journals, warehouses and products.
    #[arg(
        long,
        requires = "odoo",
        env = "TILLWIRE_DEMO_ODOO_KEY",
        hide_env_values = true
    )]
    odoo_key: Option<String>,
    /// The login that the key belongs to.
    #[arg(long, default_value = "admin")]
    odoo_login: String,
    /// The same seed gives the same stores, prices and tickets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo.
#[must_use]
pub fn main(args: &[OsString]) -> ExitCode {
    let args = Args::parse_from(args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        tokio::select! {
            done = run(&args) => done,
            _ = tokio::signal::ctrl_c() => Ok(args.once.then(|| Verdict(vec!["ended by Ctrl-C".to_owned()]))),
        }
    });
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(verdict)) if verdict.is_good() => {
            say("books equal: yes");
            ExitCode::SUCCESS
        }
        Ok(Some(verdict)) => {
            verdict.0.iter().for_each(|wrong| say(&format!("  {wrong}")));
            say("books equal: NO");
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("the demo failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The demo's whole course. The verdict, or `None` when it was not asked for.
async fn run(args: &Args) -> anyhow::Result<Option<Verdict>> {
    let scratch = scratch::Scratch::new()?;
    let setup = setup(args, scratch.path())?;
    say(&format!(
        "{} stores are set up: Odoo, keys, certificates, a relay, a box in each store ...",
        setup.stores
    ));
    let world = Arc::new(World::start(&setup).await?);
    let verdict = trade(args, &setup, &world).await;
    if verdict.as_ref().map_or(true, |verdict| !verdict.is_good()) {
        say(&world.last_words());
    }
    let verdict = verdict?;
    if args.once {
        close(&world).await?;
        return Ok(Some(verdict));
    }
    let word = if verdict.is_good() { "yes" } else { "NO" };
    say(&format!(
        "books equal: {word}. The dashboard stays up at http://{} until Ctrl-C.",
        world.relay.http
    ));
    verdict.0.iter().for_each(|wrong| say(&format!("  {wrong}")));
    std::future::pending().await
}

fn setup(args: &Args, dir: &std::path::Path) -> anyhow::Result<Setup> {
    let stores = usize::from(args.stores);
    let binary = std::env::current_exe().context("find the demo's own program")?;
    let mut setup = Setup::new(args.seed, stores, binary, dir.to_owned());
    setup.dashboard = Some(dashboard()?);
    setup.clocks_off = BTreeMap::from([(stores - 1, -YEAR_MS)]);
    setup.tenant = "demo".to_owned();
    if let (Some(url), Some(db), Some(key)) = (&args.odoo, &args.odoo_db, &args.odoo_key) {
        // entries of an earlier run are somebody's books by now: each run is a retailer of its own
        setup.tenant = format!("demo-{}", jiff::Timestamp::now().as_second());
        setup.odoo = OdooAt::Real {
            url: url.clone(),
            db: db.clone(),
            login: args.odoo_login.clone(),
            key: key.clone(),
        };
    } else {
        setup.odoo = OdooAt::Sim(OdooVersion::V18);
    }
    Ok(setup)
}

/// 8080, or the next port that is free.
fn dashboard() -> anyhow::Result<SocketAddr> {
    let addresses = (8080..8180).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut free = addresses.filter(|address| TcpListener::bind(address).is_ok());
    free.next()
        .context("found no free port for the dashboard between 8080 and 8179")
}

async fn trade(args: &Args, setup: &Setup, world: &Arc<World>) -> anyhow::Result<Verdict> {
    say(&format!("dashboard: http://{}", world.relay.http));
    let plan = Plan {
        tickets: args.tickets.into(),
        unknown_sku: true,
        close: true,
    };
    let events = world.shop.day(plan, 0);
    let tickets = events.iter().filter(|e| is_ticket(e)).count();
    say(&format!(
        "{}: {tickets} tickets at {} registers in {} s",
        trading_day(),
        setup.stores * 2,
        DAY.as_secs()
    ));
    let keeper = tokio::spawn(keep_alive(world.clone()));
    let shown = tokio::spawn(progress::show(world.clone(), tickets));
    let mishaps = tokio::spawn(mishaps::happen(world.clone(), DAY));
    let played = world.play(world.date, &events, Pace::Over(DAY)).await;
    mishaps.await.context("wait for the mishaps")?;
    let verdict = match played {
        Ok(()) => world.verdict(PATIENCE).await,
        Err(error) => Err(error),
    };
    shown.abort();
    if verdict.is_ok() {
        progress::line(world, tickets).await;
    }
    keeper.abort();
    verdict
}

fn is_ticket(event: &Event) -> bool {
    matches!(event.what, crate::shop::What::Ticket(_))
}

/// Starts again what was killed, whoever killed it.
async fn keep_alive(world: Arc<World>) {
    loop {
        let programs = world
            .sites
            .iter()
            .map(|site| &site.agent)
            .chain([&world.relay.program]);
        for program in programs {
            match program.revive() {
                Ok(true) => say(&format!("  {} was gone and is started again", program.name())),
                Ok(false) => {}
                Err(error) => say(&format!("  {error:#}")),
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn close(world: &Arc<World>) -> anyhow::Result<()> {
    let world = world.clone();
    let stopping = tokio::task::spawn_blocking(move || {
        for site in &world.sites {
            site.agent.stop()?;
        }
        world.relay.program.stop()
    });
    stopping.await.context("wait for the programs' end")?
}

#[allow(clippy::print_stdout, reason = "the demo talks to people")]
fn say(line: &str) {
    println!("{line}");
}
