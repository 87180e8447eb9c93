//! Plays one plan: relays live and die on one database file until all is quiet, then late calls arrive, frozen relays go
//! on, people retry what was refused and change what is done, everything is read again, and the judge looks.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::drift::Drift;
use tillwire_relay::jobs::post::{CoreMachine, Machine};
use tillwire_relay::store::effects::Effects;

use super::judge;
use super::meant::{ITEMS, RECEIVABLE, WALK_IN};
use super::plan::Plan;
use super::process::{Process, Rest, World};
use super::watch::{End, Seen, Watch};
use crate::odoo_sim::{Hands, OdooSim};

/// When every run begins: 2026-11-24T18:00:00Z.
const START_MS: i64 = 1_795_543_200_000;
/// Pieces of each item that the store begins with.
pub(super) const STOCK: i64 = 100;
/// Lives after which a run is given up.
const LIVES_MAX: usize = 60;
/// How often people retry what was refused.
const RETRIES: usize = 3;

/// How a plan is played.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Who decides about effects.
    pub machine: Arc<dyn Machine>,
    /// Longest wait for an answer of Odoo.
    pub patience: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            machine: Arc::new(CoreMachine),
            patience: Duration::from_secs(30),
        }
    }
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Played {
    /// What the watch saw.
    pub seen: Seen,
    /// What is wrong; nothing when all is well.
    pub problems: Vec<String>,
    /// Effects by the word of their state at the end.
    pub states: BTreeMap<String, usize>,
    /// Kinds and causes of the exceptions that are open at the end.
    pub told: Vec<String>,
}

type Life = Pin<Box<dyn Future<Output = Rest>>>;

/// One run on its way.
struct Run<'a> {
    plan: &'a Plan,
    world: World,
    watch: Watch,
    database: PathBuf,
    frozen: Vec<Life>,
    problems: Vec<String>,
}

/// Plays a plan.
///
/// # Errors
/// When the run itself could not be set up; what the relay did wrong is in [`Played::problems`].
pub async fn play(plan: &Plan, conditions: &Conditions) -> anyhow::Result<Played> {
    // one provider for the process; a second installation is a no-op
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let folder = scratch()?;
    let database = folder.path().join("relay.db");
    let start = jiff::Timestamp::from_millisecond(START_MS)?;
    let sim = OdooSim::builder(plan.version).now(start).seed(plan.seed);
    let sim = Arc::new(sim.start().await.context("start the Odoo simulator")?);
    for sku in ITEMS {
        sim.add_product(sku, true, STOCK);
    }
    sim.hands(furnish)
        .map_err(|error| anyhow::anyhow!("furnish the simulated Odoo: {error}"))?;
    let watch = Watch::new(plan, database.clone());
    sim.set_director(Some(watch.director()));
    let world = World {
        sim,
        clock: Clock::standing(START_MS),
        machine: Arc::clone(&conditions.machine),
        patience: conditions.patience,
        seed: plan.seed,
    };
    let mut run = Run {
        plan,
        world,
        watch,
        database,
        frozen: Vec::new(),
        problems: Vec::new(),
    };
    run.lives().await?;
    run.afterwards().await?;
    run.judged()
}

/// The contact of invoices to nobody in particular.
fn furnish(hands: &mut Hands<'_, '_>) -> Result<(), String> {
    let account = json!([[["code", "=", RECEIVABLE]]]);
    let account = hands.call("account.account", "search", &account)?;
    let contact = json!([[{
        "name": "Walk-in customers", "ref": WALK_IN, "property_account_receivable_id": account[0]
    }]]);
    hands.call("res.partner", "create", &contact).map(drop)
}

/// A folder in memory where the system has one: nothing here is about the disk.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    };
    made.context("make a folder for the database")
}

impl Run<'_> {
    async fn start(&self) -> anyhow::Result<Process> {
        // whatever Odoo was away for is over when the next relay starts
        self.world.sim.start_again().await?;
        let _over = self.watch.take_away();
        Process::start(&self.world, &self.database, &self.watch)
    }

    /// One life after the other, until one finds nothing left to do.
    async fn lives(&mut self) -> anyhow::Result<()> {
        let mut process = self.start().await?;
        if !self.plan.from_start && process.link.prepared().await.is_err() {
            anyhow::bail!("the relay could not prepare on a well Odoo");
        }
        self.watch.arm(true);
        let mut alone = true;
        for _ in 0..LIVES_MAX {
            let meant = self.plan.meant.clone();
            let mut life: Life = Box::pin(async move { process.live(&meant, alone).await });
            let rest = tokio::select! {
                biased;
                end = self.watch.ended() => Err(end),
                rest = &mut life => Ok(rest),
            };
            match rest {
                Ok(Rest::Quiet) => {
                    self.watch.arm(false);
                    return Ok(());
                }
                // what was killed in its last statement sees that before the watch is asked
                Ok(Rest::Closed) | Err(End::Killed) => {
                    alone = self.frozen.is_empty();
                    drop(life);
                }
                Err(End::Frozen) => {
                    alone = false;
                    self.frozen.push(life);
                }
                Ok(rest) => {
                    self.problems
                        .push(format!("the relay did not come to rest: {rest:?}"));
                    self.watch.arm(false);
                    return Ok(());
                }
            }
            process = self.start().await?;
        }
        self.problems
            .push("the relay did not come to rest in all its lives".to_owned());
        self.watch.arm(false);
        Ok(())
    }

    /// Everything is well from here on.
    async fn afterwards(&mut self) -> anyhow::Result<()> {
        self.world.sim.let_go().await;
        for life in std::mem::take(&mut self.frozen) {
            let rest = life.await;
            if let Rest::Restless | Rest::Failed(_) = rest {
                self.problems
                    .push(format!("a relay that had stood still: {rest:?}"));
            }
        }
        self.world.sim.let_go().await;
        let process = self.start().await?;
        self.comes_to_rest(&process).await;
        let rows = judge::Rows::read(&self.database)?;
        self.watch.are_done(rows.done());
        self.problems
            .extend(judge::refusals(self.plan, &self.watch.seen(), &rows));
        for (act, which) in self.watch.left_to_do() {
            self.world.sim.hands(|hands| self.watch.person(act, which, hands));
        }
        self.retries(&process).await?;
        // what is told of Odoo itself is told by who has looked at it last
        let _prepared = process.link.prepared().await;
        let drift = Drift::new(Arc::clone(&process.link), process.store.clone());
        drift
            .round(Duration::ZERO)
            .await
            .context("read everything again")?;
        Ok(())
    }

    async fn comes_to_rest(&mut self, process: &Process) {
        let rest = process.work(&self.plan.meant).await;
        if !matches!(rest, Rest::Quiet) {
            self.problems
                .push(format!("with everything well again: {rest:?}"));
        }
    }

    /// People have everything tried again that was refused, more than once: the first retry may only find out that
    /// something was deleted.
    async fn retries(&mut self, process: &Process) -> anyhow::Result<()> {
        let effects = Effects::of(process.store.clone());
        for _ in 0..RETRIES {
            let rows = judge::Rows::read(&self.database)?;
            let mut some = false;
            for key in rows.rejected() {
                effects.retry(key, None).await.context("retry what was refused")?;
                some = true;
            }
            if !some {
                break;
            }
            self.comes_to_rest(process).await;
        }
        Ok(())
    }

    fn judged(self) -> anyhow::Result<Played> {
        let seen = self.watch.seen();
        let mut problems = self.problems;
        problems.extend(seen.broken.iter().cloned());
        let rows = judge::Rows::read(&self.database)?;
        let customers = self.world.sim.ids().customer_location;
        let odoo = self.world.sim.snapshot();
        problems.extend(judge::judge(self.plan, &seen, &rows, &odoo, customers));
        Ok(Played {
            seen,
            problems,
            states: rows.states(),
            told: rows.told(),
        })
    }
}
