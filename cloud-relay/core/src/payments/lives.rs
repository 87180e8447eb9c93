//! Facts put together into payments, and each payment told in the order of a life.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{PaymentAct, PaymentEvent};
use super::fact::{PaymentFact, PaymentName, Told};
use super::illegal::IllegalEvent;
use super::life::PaymentLife;

/// One payment with everything that was told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its names.
    pub names: BTreeSet<PaymentName>,
    /// Where it stands; `None` when nothing legal was told.
    pub life: Option<PaymentLife>,
    /// Who told it.
    pub told: BTreeSet<Told>,
    /// What cannot have happened as it was told, and by whom.
    pub illegal: Vec<(Told, IllegalEvent)>,
}

/// Every payment that these facts tell, in order of names. The order of the facts changes nothing.
#[must_use]
pub fn lives(facts: Vec<PaymentFact>) -> Vec<Life> {
    let mut all: Vec<Life> = grouped(facts).into_iter().map(live).collect();
    all.sort_by(|one, other| one.names.cmp(&other.names));
    all
}

/// Facts that share a name, directly or through others.
fn grouped(facts: Vec<PaymentFact>) -> Vec<Vec<PaymentFact>> {
    let mut groups: Vec<Option<(BTreeSet<PaymentName>, Vec<PaymentFact>)>> = Vec::new();
    let mut of_name: BTreeMap<PaymentName, usize> = BTreeMap::new();
    for fact in facts {
        let touched: BTreeSet<usize> = fact
            .names
            .iter()
            .filter_map(|name| of_name.get(name).copied())
            .collect();
        let (mut names, mut members) = (fact.names.clone(), vec![fact]);
        for (more_names, more) in touched.into_iter().filter_map(|place| groups[place].take()) {
            names.extend(more_names);
            members.extend(more);
        }
        of_name.extend(names.iter().map(|name| (name.clone(), groups.len())));
        groups.push(Some((names, members)));
    }
    groups.into_iter().flatten().map(|(_, members)| members).collect()
}

fn live(facts: Vec<PaymentFact>) -> Life {
    let mut life = Life {
        names: facts.iter().flat_map(|fact| fact.names.iter().cloned()).collect(),
        life: None,
        told: facts.iter().map(|fact| fact.told.clone()).collect(),
        illegal: Vec::new(),
    };
    for fact in in_order(facts) {
        let next = match &life.life {
            Some(now) => now.after(fact.event),
            None => PaymentLife::begin(fact.event),
        };
        match next {
            Ok(next) => life.life = Some(next),
            Err(illegal) => life.illegal.push((fact.told, illegal)),
        }
    }
    life
}

/// In the order of a life, each event once.
fn in_order(facts: Vec<PaymentFact>) -> Vec<PaymentFact> {
    let told: BTreeSet<PaymentAct> = facts.iter().filter(|f| !f.implied).map(|f| f.event.act).collect();
    let charge = [PaymentAct::Stored, PaymentAct::Authorised, PaymentAct::Captured];
    let is_charge = facts.iter().any(|fact| charge.contains(&fact.event.act));
    let mut kept: Vec<PaymentFact> = facts
        .into_iter()
        .filter(|fact| !fact.implied || !told.contains(&fact.event.act))
        .collect();
    kept.sort_by(|one, other| order(one, is_charge).cmp(&order(other, is_charge)));
    once(kept)
}

/// A total order, so that the order in which facts came has no say. A refund that stands alone is given back first and
/// voided then.
fn order(fact: &PaymentFact, is_charge: bool) -> impl Ord + '_ {
    let act = if !is_charge && fact.event.act == PaymentAct::Voided {
        PaymentAct::RefundFailed
    } else {
        fact.event.act
    };
    let at = fact.at.map(|at| at.0);
    (
        act,
        at,
        EventKey::of(&fact.event),
        fact.implied,
        &fact.told,
        &fact.names,
    )
}

/// An event that two kinds of witnesses tell is one event. What one kind tells several times, under names of its own,
/// happened that often; several lines of one name are one line.
fn once(facts: Vec<PaymentFact>) -> Vec<PaymentFact> {
    let mut kept: Vec<PaymentFact> = Vec::new();
    let mut seconded: BTreeMap<EventKey, Vec<usize>> = BTreeMap::new();
    for fact in facts {
        let key = EventKey::of(&fact.event);
        let same = kept
            .iter()
            .any(|known| known.told == fact.told && known.event == fact.event);
        if same {
            continue;
        }
        let used = seconded.entry(key).or_default();
        let other = kept.iter().enumerate().position(|(place, known)| {
            known.event == fact.event && !known.told.same_kind(&fact.told) && !used.contains(&place)
        });
        match other {
            Some(place) => used.push(place),
            None => kept.push(fact),
        }
    }
    kept
}

/// Equal events have equal keys; amounts have no order of their own.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct EventKey(PaymentAct, i64, i64);

impl EventKey {
    const fn of(event: &PaymentEvent) -> Self {
        Self(event.act, event.amount.minor(), event.tip.minor())
    }
}
