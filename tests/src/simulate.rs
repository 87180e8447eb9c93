//! The whole line in one thread: tills, agents, links, the relay and Odoo, with a clock, a network and a chance of the
//! simulation's own. The same seed plays the same run, event by event.
//!
//! What decides is real: the agent's uplink machine, its journal and the desk that packs and signs; the relay's ingest,
//! store, understanding and days, and its poster. What is simulated is what a store cannot choose: when a process ends,
//! what a line does to messages, what time it is, whether Odoo answers.
//!
//! A [`Plan`] is drawn from a seed and [played](world::play): first everything goes wrong that it says (safety), then
//! nothing does any more and the line must come to rest with every sale in its place (liveness). A [`judge`] looks all
//! along and at the end. A failing plan is [made smaller](Plan::smaller) before it is shown; [`Bug`]s are machines that
//! the simulation must find out.
//!
//! Files are real ones in a folder of memory: what a power cut does to unsynced writes is another campaign's matter
//! (`power`), and so are real processes (`kill`) and every step of a posting (`once`).

mod judge;
mod mishaps;
mod net;
mod plan;
mod relay;
mod site;
pub mod states;
mod till;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::spread::{cores, spread};

pub use plan::{Bug, Mishap, Plan};
pub use world::{Played, play};

/// What a campaign has gone through.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Events.
    pub events: u64,
    /// Tickets sold.
    pub tickets: u64,
    /// Entries in Odoo.
    pub entries: u64,
    /// Mishaps by their word.
    pub mishaps: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn count(&mut self, plan: &Plan, played: &Played) {
        self.runs += 1;
        self.events += played.events;
        self.tickets += plan.tickets();
        self.entries += played.entries;
        for (_, mishap) in &plan.mishaps {
            *self.mishaps.entry(mishap.word()).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            events,
            tickets,
            entries,
            mishaps,
        } = self;
        write!(
            f,
            "{runs} runs, {events} events, {tickets} tickets, {entries} entries in Odoo;"
        )?;
        for (word, count) in mishaps {
            write!(f, " {count} {word},")?;
        }
        write!(f, " and nothing lost, nothing twice")
    }
}

/// Plays `runs` plans with seeds from `first` on, each in a thread of its own, one for each core.
///
/// # Errors
/// At the first run with a problem: its seed, the smallest plan that still fails, and that plan's trace.
pub fn campaign(first: u64, runs: u64) -> anyhow::Result<Tally> {
    let tally = Mutex::new(Tally::default());
    spread(cores(), first..first.saturating_add(runs), |seed| {
        let plan = Plan::draw(seed);
        let played = alone(&plan, None)?;
        if !played.problems.is_empty() {
            let (plan, played) = shrunk(plan, played, None)?;
            anyhow::bail!("{}", report(&plan, &played));
        }
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count(&plan, &played);
        Ok(())
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// For each machine with a mistake the first seed from `first` on that finds it, of so many.
///
/// # Errors
/// As [`alone`].
pub fn controls(first: u64, seeds: u64) -> anyhow::Result<Vec<(Bug, Option<u64>)>> {
    let mut found = Vec::new();
    for bug in Bug::ALL {
        let mut by = None;
        for seed in first..first.saturating_add(seeds) {
            // a mistake may stop the run itself: that is found too
            let played = alone(&Plan::draw(seed), Some(bug));
            if played.map_or(true, |played| !played.problems.is_empty()) {
                by = Some(seed);
                break;
            }
        }
        found.push((bug, by));
    }
    Ok(found)
}

/// Plays a plan on a runtime of its own: what it started ends with it.
///
/// # Errors
/// When the run could not be set up; what went wrong in it is in [`Played::problems`].
pub fn alone(plan: &Plan, bug: Option<Bug>) -> anyhow::Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    runtime
        .block_on(play(plan, bug))
        .with_context(|| format!("seed {}", plan.seed))
}

/// The smallest plan that still fails, leaving out one thing after the other.
///
/// # Errors
/// As [`alone`].
pub fn shrunk(mut plan: Plan, mut played: Played, bug: Option<Bug>) -> anyhow::Result<(Plan, Played)> {
    'smaller: loop {
        for candidate in plan.smaller() {
            let again = alone(&candidate, bug)?;
            if !again.problems.is_empty() {
                (plan, played) = (candidate, again);
                continue 'smaller;
            }
        }
        return Ok((plan, played));
    }
}

/// What a person needs to see of a failing run.
#[must_use]
pub fn report(plan: &Plan, played: &Played) -> String {
    let problems: Vec<String> = played.problems.iter().map(|p| format!("  ! {p}")).collect();
    format!("{plan}{}\n{}", played.trace.join("\n"), problems.join("\n"))
}
