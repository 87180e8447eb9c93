//! Exactly once: the relay's real posting side against a simulated Odoo, killed between every two steps and disturbed in
//! every way that is known, run after run from one seed each.
//!
//! A run makes a few effects true ([`meant`]) while its [`plan`] goes wrong: relays are killed or stand still ([`watch`]),
//! calls fail, Odoo stops, people edit ([`hands`]). When all is quiet a judge ([`judge`]) that shares no code with the
//! relay compares what was meant with what Odoo holds: each effect once, its content equal, each refusal told. Rules about
//! the order of calls ([`asked`]) are checked all along. [`wrong`] has machines that it must find out.

pub(crate) mod asked;
pub mod hands;
pub mod judge;
pub mod meant;
pub mod plan;
pub mod process;
pub mod run;
pub mod watch;
pub mod wrong;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use crate::spread::{cores, spread};

pub use plan::Plan;
pub use run::{Conditions, Played, play};

/// What a campaign has gone through.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Runs.
    pub runs: usize,
    /// Moments at which something could have gone wrong.
    pub moments: usize,
    /// Relays that were killed or stood still.
    pub ends: usize,
    /// Acts of people that Odoo let them do.
    pub acts: usize,
    /// Effects by the word of their state at the end.
    pub states: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts one run.
    pub fn count(&mut self, played: &Played) {
        self.runs += 1;
        self.moments += played.seen.moments.len();
        self.ends += played.seen.ends;
        self.acts += played.seen.acts.values().map(Vec::len).sum::<usize>();
        for (state, count) in &played.states {
            *self.states.entry(state.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            moments,
            ends,
            acts,
            states,
        } = self;
        write!(
            f,
            "{runs} runs, {moments} moments, {ends} relays killed or frozen, {acts} acts of people;"
        )?;
        for (state, count) in states {
            write!(f, " {count} {state}")?;
        }
        Ok(())
    }
}

/// Plays `runs` plans with seeds from `first` on.
///
/// # Errors
/// At the first run with a problem: its seed, the smallest plan that still fails, and that plan's trace.
pub fn campaign(first: u64, runs: u64, conditions: &Conditions) -> anyhow::Result<Tally> {
    let tally = Mutex::new(Tally::default());
    spread(cores(), first..first.saturating_add(runs), |seed| {
        let plan = Plan::draw(seed);
        let played = alone(&plan, conditions)?;
        if !played.problems.is_empty() {
            let (plan, played) = shrunk(plan, played, conditions)?;
            anyhow::bail!("{}", report(&plan, &played));
        }
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count(&played);
        Ok(())
    })?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// For each wrong machine the first seed from `first` on, of so many, that finds it by the words that name its point.
///
/// # Errors
/// As [`alone`].
pub fn controls(first: u64, seeds: u64) -> anyhow::Result<Vec<(wrong::Wrong, Option<u64>)>> {
    let mut found = Vec::new();
    for wrong in wrong::WRONGS {
        let conditions = Conditions {
            machine: Arc::new(wrong),
            ..Conditions::default()
        };
        let named = |problem: &String| wrong.shows_as().iter().any(|words| problem.contains(words));
        let mut by = None;
        for seed in first..first.saturating_add(seeds) {
            if alone(&Plan::draw(seed), &conditions)?.problems.iter().any(named) {
                by = Some(seed);
                break;
            }
        }
        found.push((wrong, by));
    }
    Ok(found)
}

/// Plays a plan on a runtime of its own: what it started ends with it.
///
/// # Errors
/// As [`play`].
pub fn alone(plan: &Plan, conditions: &Conditions) -> anyhow::Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    runtime
        .block_on(play(plan, conditions))
        .with_context(|| format!("seed {}", plan.seed))
}

/// The smallest plan that still fails, leaving out one thing after the other.
fn shrunk(mut plan: Plan, mut played: Played, conditions: &Conditions) -> anyhow::Result<(Plan, Played)> {
    'smaller: loop {
        for candidate in plan.smaller() {
            let again = alone(&candidate, conditions)?;
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
    format!("{plan}{}\n{}", played.seen.trace.join("\n"), problems.join("\n"))
}
