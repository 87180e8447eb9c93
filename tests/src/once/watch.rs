//! Stands at every moment between two steps: before and after each commit of the relay's store, and at each call as it
//! arrives at Odoo and when Odoo has executed it. Between two neighbours of these nothing durable happens, so a relay
//! killed anywhere is a relay killed at one of them. What a plan has for a moment is done there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tillwire_relay::store::{AtCommit, CommitMoment};
use tokio::sync::Notify;

use super::asked::Rules;
use super::hands::Act;
use super::meant::Meant;
use super::plan::{Call, Mishap, Plan, What};
use crate::odoo_sim::{Asked, Director, Fault, Hands};

/// A moment between two steps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The store is about to commit.
    Committing,
    /// It has, and nobody knows.
    Committed,
    /// Odoo has a call and has not begun.
    Arrived(String),
    /// Odoo has executed it, and nobody knows.
    Executed(String),
}

/// How a relay's life was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was killed.
    Killed,
    /// It stands still.
    Frozen,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Every moment, in order.
    pub moments: Vec<Moment>,
    /// Moments and mishaps, for people.
    pub trace: Vec<String>,
    /// What persons did to the nth document and Odoo let them.
    pub acts: BTreeMap<usize, Vec<Act>>,
    /// Rules that were broken.
    pub broken: Vec<String>,
    /// Relays that were killed or stood still.
    pub ends: usize,
    /// Mishaps for which no moment came.
    pub unmet: usize,
}

#[derive(Debug)]
struct State {
    meant: Vec<Meant>,
    pending: Vec<Mishap>,
    armed: bool,
    /// Which relay lives.
    relay: u32,
    frozen: BTreeSet<u32>,
    end: Option<End>,
    away: Option<u32>,
    rules: Rules,
    seen: Seen,
}

/// The watch of one run. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Watch {
    state: Arc<Mutex<State>>,
    ended: Arc<Notify>,
}

impl Watch {
    /// A watch that does nothing before it is armed.
    #[must_use]
    pub fn new(plan: &Plan, database: PathBuf) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                meant: plan.meant.clone(),
                pending: plan.mishaps.clone(),
                armed: false,
                relay: 0,
                frozen: BTreeSet::new(),
                end: None,
                away: None,
                rules: Rules::over(database),
                seen: Seen::default(),
            })),
            ended: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on moments count and mishaps happen, or not any more.
    pub fn arm(&self, on: bool) {
        self.state().armed = on;
    }

    /// The next relay begins its life. Returns its number.
    pub fn begins(&self) -> u32 {
        let mut state = self.state();
        state.relay += 1;
        state.end = None;
        let number = state.relay;
        state.seen.trace.push(format!("relay {number} starts"));
        number
    }

    /// What stands at the commits of this relay's store.
    #[must_use]
    pub fn at_commit(&self, relay: u32) -> AtCommit {
        let watch = self.clone();
        Arc::new(move |moment| watch.commit(relay, moment))
    }

    fn commit(&self, relay: u32, moment: CommitMoment) -> ControlFlow<()> {
        let mut state = self.state();
        if state.frozen.contains(&relay) {
            return ControlFlow::Continue(());
        }
        if state.relay != relay || state.end.is_some() {
            return ControlFlow::Break(());
        }
        let now = match moment {
            CommitMoment::Before => Moment::Committing,
            CommitMoment::After => Moment::Committed,
        };
        let Some(number) = state.counts(now) else {
            return ControlFlow::Continue(());
        };
        match state.take(number, |what| matches!(what, What::Crash(_))) {
            None => ControlFlow::Continue(()),
            Some(what) => {
                state.seen.trace.push(format!("      {what:?}"));
                self.end(&mut state, End::Killed);
                ControlFlow::Break(())
            }
        }
    }

    fn end(&self, state: &mut State, end: End) {
        if end == End::Frozen {
            let relay = state.relay;
            state.frozen.insert(relay);
            state.rules.suspend();
        }
        state.end = Some(end);
        state.seen.ends += 1;
        self.ended.notify_one();
    }

    /// Returns when the living relay is killed or stands still.
    pub async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.state().end {
                return end;
            }
            self.ended.notified().await;
        }
    }

    /// For how many turns Odoo is to be away now.
    #[must_use]
    pub fn take_away(&self) -> Option<u32> {
        self.state().away.take()
    }

    /// What persons would still do, now that all is quiet.
    #[must_use]
    pub fn left_to_do(&self) -> Vec<(Act, usize)> {
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        state.seen.unmet = pending.len();
        let persons = pending.into_iter().filter_map(|mishap| match mishap.what {
            What::Person(act, which) => Some((act, which)),
            _ => None,
        });
        persons.collect()
    }

    /// A person does something now.
    pub fn person(&self, act: Act, which: usize, hands: &mut Hands<'_, '_>) {
        self.state().person(act, which, hands);
    }

    /// The effects of these keys count as done: what is wrong with that is noted.
    pub fn are_done<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        let mut state = self.state();
        for key in keys {
            let broken = state.rules.is_done(key);
            state.seen.broken.extend(broken);
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// What stands at Odoo's door.
    #[must_use]
    pub fn director(&self) -> Box<dyn Director> {
        Box::new(self.clone())
    }
}

impl State {
    /// Notes a moment. Its number, when it counts.
    fn counts(&mut self, moment: Moment) -> Option<usize> {
        if !self.armed || self.end.is_some() {
            return None;
        }
        let number = self.seen.moments.len();
        self.seen.trace.push(format!("{number:4}  {moment:?}"));
        self.seen.moments.push(moment);
        Some(number)
    }

    fn take(&mut self, number: usize, suits: impl Fn(&What) -> bool) -> Option<What> {
        let due = |mishap: &Mishap| mishap.at <= number && suits(&mishap.what);
        let at = self.pending.iter().position(due)?;
        Some(self.pending.remove(at).what)
    }

    fn person(&mut self, act: Act, which: usize, hands: &mut Hands<'_, '_>) {
        let Some(meant) = self.meant.get(which) else {
            return;
        };
        let done = act.on(meant, hands);
        self.seen
            .trace
            .push(format!("      a person {act:?} document {which}: {done}"));
        if done {
            self.seen.acts.entry(which).or_default().push(act);
        }
    }

    fn persons(&mut self, number: usize, hands: &mut Hands<'_, '_>) {
        while let Some(What::Person(act, which)) = self.take(number, |what| matches!(what, What::Person(..)))
        {
            self.person(act, which, hands);
        }
    }
}

impl Director for Watch {
    fn arrives(&mut self, asked: &Asked, hands: &mut Hands<'_, '_>) -> Option<Fault> {
        let mut state = self.state();
        let broken = state.rules.arrives(asked, hands);
        state.seen.broken.extend(broken);
        let number = state.counts(Moment::Arrived(named(asked)))?;
        state.persons(number, hands);
        let what = state.take(number, |what| !matches!(what, What::Person(..)))?;
        state.seen.trace.push(format!("      {what:?}"));
        if what == What::Fault(Fault::SerializationFailure) {
            state.rules.refused(asked, hands);
        }
        match what {
            What::Crash(call) => {
                self.end(&mut state, End::Killed);
                becomes(call)
            }
            What::Freeze(call) => {
                self.end(&mut state, End::Frozen);
                becomes(call)
            }
            What::Fault(fault) => Some(fault),
            What::Away { executes, turns } => {
                state.away = Some(turns);
                Some(if executes {
                    Fault::CommitThenHangUp
                } else {
                    Fault::HangUpBefore
                })
            }
            What::Person(..) => None,
        }
    }

    fn executed(&mut self, asked: &Asked, hands: &mut Hands<'_, '_>) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.rules.executed(asked, &state.meant, hands);
        let Some(number) = state.counts(Moment::Executed(named(asked))) else {
            return;
        };
        state.persons(number, hands);
        if let Some(what) = state.take(number, |what| matches!(what, What::Crash(_))) {
            state.seen.trace.push(format!("      {what:?}"));
            self.end(state, End::Killed);
        }
    }
}

fn becomes(call: Call) -> Option<Fault> {
    match call {
        Call::Lost => Some(Fault::HangUpBefore),
        Call::Executed => None,
        Call::Late(calls) => Some(Fault::CommitAfterCalls(calls)),
    }
}

fn named(asked: &Asked) -> String {
    format!("{}.{}", asked.model, asked.method)
}
