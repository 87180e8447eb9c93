//! Misbehaviour on command: rules that say at which call which thing goes wrong, and acts of people in between.
//! Everything that fired is counted, and chances come from one seed.

use super::hands::Hands;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset; nothing was executed.
    Reset,
    /// The connection is closed without an answer; nothing was executed.
    HangUpBefore,
    /// The call is executed and committed, then the connection is closed without an answer.
    CommitThenHangUp,
    /// The connection is closed without an answer; the call is executed and committed only when this many further calls
    /// have arrived, as when it waits for a lock that they hold.
    CommitAfterCalls(u64),
    /// The call is executed and committed only after this long; the answer comes after that too.
    CommitLate(Duration),
    /// The call is executed and committed at once, but the answer comes this much later.
    AnswerLate(Duration),
    /// A proxy in front lost the first answer and asked again: executed and committed twice, answered once.
    ExecuteTwice,
    /// An app asks a question first: nothing is executed, and the answer is the action that opens its wizard.
    Wizard,
    /// Executed and committed; the answer breaks off in the middle of its body.
    HalfAnswer,
    /// A proxy in front answers instead; nothing was executed.
    Proxy { status: u16, retry_after: Option<u32> },
    /// The call is executed and committed, but a proxy in front gave up and answers instead.
    ProxyAfterCommit { status: u16 },
    /// The database lost a race: a `load()` message, or an error on any other method. Nothing was kept.
    SerializationFailure,
    /// The server goes down before executing, refuses connections for this long, and comes back with its data.
    Restart { down: Duration },
    /// The server commits this call, goes down before answering, refuses for this long, and comes back.
    RestartAfterCommit { down: Duration },
}

impl Fault {
    /// A short name for counts and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::HangUpBefore => "hang up before",
            Self::CommitThenHangUp => "commit then hang up",
            Self::CommitAfterCalls(_) => "commit after calls",
            Self::CommitLate(_) => "commit late",
            Self::AnswerLate(_) => "answer late",
            Self::ExecuteTwice => "execute twice",
            Self::Wizard => "wizard",
            Self::HalfAnswer => "half answer",
            Self::Proxy { .. } => "proxy",
            Self::ProxyAfterCommit { .. } => "proxy after commit",
            Self::SerializationFailure => "serialization failure",
            Self::Restart { .. } => "restart",
            Self::RestartAfterCommit { .. } => "restart after commit",
        }
    }
}

/// Which calls of a method are meant, counted from 1 after the rule was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Only the nth call.
    Nth(u64),
    /// The first n calls.
    First(u64),
    /// Every nth call.
    Every(u64),
    /// Each call with this chance in a thousand.
    Chance(u32),
}

/// Which calls a rule speaks of; `*` stands for any model or method. `common` is the model of logins and versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    model: String,
    method: String,
}

impl Target {
    #[must_use]
    pub fn new(model: &str, method: &str) -> Self {
        Self {
            model: model.into(),
            method: method.into(),
        }
    }

    /// Every call to any model.
    #[must_use]
    pub fn any() -> Self {
        Self::new("*", "*")
    }

    fn hits(&self, model: &str, method: &str) -> bool {
        (self.model == "*" && model != "common" || self.model == model)
            && (self.method == "*" || self.method == method)
    }
}

type Act = Box<dyn FnMut(&mut Hands<'_, '_>) + Send>;

enum Does {
    Fault(Fault),
    Before(Act),
    After(Act),
}

struct Rule {
    target: Target,
    when: When,
    seen: u64,
    does: Does,
}

/// Something that happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    pub model: String,
    pub method: String,
    /// Name of the fault, or `hands` for an act of a person.
    pub what: &'static str,
}

struct Plan {
    rules: Vec<Rule>,
    fired: Vec<Fired>,
    rng: ChaCha8Rng,
    on: bool,
}

/// The handle by which a test makes the simulator misbehave. Clones share one plan.
#[derive(Clone)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let plan = Plan {
            rules: vec![],
            fired: vec![],
            rng: ChaCha8Rng::seed_from_u64(seed),
            on: true,
        };
        Self {
            plan: Arc::new(Mutex::new(plan)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule: these calls go wrong in this way. The first rule that applies to a call wins.
    pub fn on(&self, target: Target, when: When, fault: Fault) {
        self.lock().rules.push(Rule {
            target,
            when,
            seen: 0,
            does: Does::Fault(fault),
        });
    }

    /// Lets a person work in Odoo right before these calls are executed.
    pub fn before(&self, target: Target, when: When, act: impl FnMut(&mut Hands<'_, '_>) + Send + 'static) {
        self.lock().rules.push(Rule {
            target,
            when,
            seen: 0,
            does: Does::Before(Box::new(act)),
        });
    }

    /// Lets a person work in Odoo right after these calls were committed.
    pub fn after(&self, target: Target, when: When, act: impl FnMut(&mut Hands<'_, '_>) + Send + 'static) {
        self.lock().rules.push(Rule {
            target,
            when,
            seen: 0,
            does: Does::After(Box::new(act)),
        });
    }

    /// Forgets every rule; counts stay.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Turns all rules off or on again, without forgetting them or their counts.
    pub fn set_enabled(&self, on: bool) {
        self.lock().on = on;
    }

    /// Everything that fired, in order.
    #[must_use]
    pub fn fired(&self) -> Vec<Fired> {
        self.lock().fired.clone()
    }

    /// How often each kind of thing fired.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for fired in &self.lock().fired {
            *counts.entry(fired.what).or_default() += 1;
        }
        counts
    }

    /// The fault for this call, if any; counts the call on every rule it meets.
    pub(crate) fn decide(&self, model: &str, method: &str) -> Option<Fault> {
        let mut plan = self.lock();
        let Plan {
            rules,
            fired,
            rng,
            on,
        } = &mut *plan;
        if !*on {
            return None;
        }
        let mut chosen = None;
        for rule in rules.iter_mut().filter(|r| r.target.hits(model, method)) {
            if let Does::Fault(fault) = &rule.does {
                rule.seen += 1;
                if applies(rule.when, rule.seen, rng) && chosen.is_none() {
                    chosen = Some(fault.clone());
                }
            }
        }
        if let Some(fault) = &chosen {
            fired.push(Fired {
                model: model.into(),
                method: method.into(),
                what: fault.name(),
            });
        }
        chosen
    }

    /// Lets people act around a call that is being executed.
    pub(crate) fn people(&self, model: &str, method: &str, after: bool, hands: &mut Hands<'_, '_>) {
        let mut plan = self.lock();
        let Plan {
            rules,
            fired,
            rng,
            on,
        } = &mut *plan;
        if !*on {
            return;
        }
        for rule in rules.iter_mut().filter(|r| r.target.hits(model, method)) {
            let act = match &mut rule.does {
                Does::Before(act) if !after => act,
                Does::After(act) if after => act,
                _ => continue,
            };
            rule.seen += 1;
            if applies(rule.when, rule.seen, rng) {
                act(hands);
                fired.push(Fired {
                    model: model.into(),
                    method: method.into(),
                    what: "hands",
                });
            }
        }
    }
}

fn applies(when: When, seen: u64, rng: &mut ChaCha8Rng) -> bool {
    match when {
        When::Nth(n) => seen == n,
        When::First(n) => seen <= n,
        When::Every(n) => n > 0 && seen.is_multiple_of(n),
        When::Chance(mille) => rng.random_range(0..1000) < mille,
    }
}
