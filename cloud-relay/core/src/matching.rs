//! Which terminal's answer belongs to which card tender. A payment that both the ticket and the terminal tell counts
//! once: the ticket is what is booked, the terminal adds the card's brand. What is left over on either side has a
//! name: money taken without a ticket, or a tender that no terminal knows.
//!
//! The rules go in order of trust, and the one that joined is kept: the invoice number that the POS sent to the terminal
//! (a ticket's number or the POS's id of it); a printed receipt, which shows ticket and approval on one paper; the till's
//! screen at the moment of the request; last register, exact amount and nearness on the box's own clock, which saw both.

mod bridge;
mod pairs;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillwire_proto::{BusinessKey, CardBrand, Outcome, PaymentCommand};

use crate::facts::{DayFacts, Payment, RecordId};
use crate::tickets::Ticket;

use pairs::{Candidate, Charge};

/// Tender and answer further apart than this on the box's clock are not joined without a number.
const NEAR_MS: i64 = 30 * 60_000;

/// Within this, and with nobody else to choose from, nearness is as good as proof.
const SURE_MS: u64 = 120_000;

/// How a tender and an answer were joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchRule {
    /// Invoice number and amount.
    Invoice,
    /// Invoice number; the amounts differ.
    InvoiceOnly,
    /// A printed receipt names the ticket, and the payment by its approval, reference or last four, with the amount.
    Receipt,
    /// The till's screen showed the ticket when the terminal was asked, with the amount.
    Screen,
    /// Register and amount within two minutes, only one candidate each way.
    Nearest,
    /// Register, amount and nearness among several: which is which is a guess.
    Probable,
}

impl MatchRule {
    /// In words, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoice => "invoice number and amount",
            Self::InvoiceOnly => "invoice number, amounts differ",
            Self::Receipt => "printed receipt",
            Self::Screen => "ticket on the screen",
            Self::Nearest => "register, amount and time",
            Self::Probable => "probable: one of several",
        }
    }

    /// False for a join that could be another.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        !matches!(self, Self::Probable)
    }
}

/// A tender of a ticket: which ticket counts it, and its place among the ticket's tenders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenderRef {
    /// The key under which the ticket counts.
    pub ticket: BusinessKey,
    /// Place among its tenders, from 0.
    pub index: usize,
}

/// A tender and its terminal's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The answer's record.
    pub payment: RecordId,
    /// How they were joined.
    pub rule: MatchRule,
    /// The brand that the terminal read.
    pub brand: Option<CardBrand>,
    /// What the terminal says, in minor units, signed like the tender.
    pub charged: i64,
}

/// What was joined and what was left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matching {
    /// Tenders with their answers.
    pub joined: BTreeMap<TenderRef, Joined>,
    /// This day's answers that moved money and that no ticket shows.
    pub orphans: Vec<RecordId>,
    /// This day's card tenders that no terminal answered.
    pub unanswered: Vec<TenderRef>,
}

/// Joins what belongs together, among this day's tickets and its neighbours'; leftovers are this day's only.
pub(crate) fn match_payments(
    counted: &[Ticket<'_>],
    neighbours: &[Ticket<'_>],
    facts: &DayFacts,
) -> Matching {
    let candidates: Vec<Candidate<'_>> = counted
        .iter()
        .chain(neighbours)
        .flat_map(pairs::candidates)
        .collect();
    let charges = pairs::charges(&facts.payments);
    let mut open = Open::new(&candidates, &charges);
    open.join_by_invoice(true);
    open.join_by_invoice(false);
    open.join_named(
        bridge::by_receipt(&candidates, &charges, &facts.printed),
        MatchRule::Receipt,
    );
    open.join_named(
        bridge::by_screen(&candidates, &charges, &facts.screens),
        MatchRule::Screen,
    );
    open.join_nearest();
    open.finish(facts)
}

struct Open<'a> {
    candidates: &'a [Candidate<'a>],
    charges: &'a [Charge<'a>],
    /// For each candidate the charge that it was joined to.
    partner: Vec<Option<(usize, MatchRule)>>,
    used: Vec<bool>,
}

impl<'a> Open<'a> {
    fn new(candidates: &'a [Candidate<'a>], charges: &'a [Charge<'a>]) -> Self {
        Self {
            candidates,
            charges,
            partner: vec![None; candidates.len()],
            used: vec![false; charges.len()],
        }
    }

    fn join(&mut self, candidate: usize, charge: usize, rule: MatchRule) {
        if self.partner[candidate].is_none() && !self.used[charge] {
            self.partner[candidate] = Some((charge, rule));
            self.used[charge] = true;
        }
    }

    /// Equal invoice numbers: at the same register first, then anywhere in the store.
    fn join_by_invoice(&mut self, exact: bool) {
        let rule = if exact {
            MatchRule::Invoice
        } else {
            MatchRule::InvoiceOnly
        };
        let mut by_invoice: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, charge) in self.charges.iter().enumerate() {
            if let Some(invoice) = &charge.payment.payment.invoice {
                by_invoice.entry(invoice.as_str()).or_default().push(index);
            }
        }
        let mut pairs = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let numbers = candidate
                .numbers
                .iter()
                .filter_map(|number| by_invoice.get(number));
            for &charge in numbers.flatten() {
                let other = &self.charges[charge];
                let same_way = candidate.minor.signum() == other.minor().signum();
                if same_way && (!exact || other.amounts.contains(&candidate.minor)) {
                    let away = candidate.register != &other.payment.payment.register;
                    // a number comes back after a while: the nearer by business day is meant
                    let days = candidate.day.days_since_epoch() - other.payment.home.days_since_epoch();
                    pairs.push((away, days.unsigned_abs(), index, charge));
                }
            }
        }
        pairs.sort_unstable();
        for (_, _, candidate, charge) in pairs {
            self.join(candidate, charge, rule);
        }
    }

    /// Pairs that something else names, the best first.
    fn join_named(&mut self, mut pairs: Vec<bridge::Pair>, rule: MatchRule) {
        pairs.sort_unstable();
        for (_, candidate, charge) in pairs {
            self.join(candidate, charge, rule);
        }
    }

    /// Register and exact amount, the nearest pair first.
    fn join_nearest(&mut self) {
        let mut by_amount: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
        for (index, charge) in self
            .charges
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.used[*index])
        {
            for amount in &charge.amounts {
                let register = charge.payment.payment.register.as_str();
                by_amount.entry((register, *amount)).or_default().push(index);
            }
        }
        let mut pairs = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            if self.partner[index].is_some() {
                continue;
            }
            let same = by_amount.get(&(candidate.register.as_str(), candidate.minor));
            for &charge in same.into_iter().flatten() {
                let apart = candidate.wall_ms.abs_diff(self.charges[charge].payment.wall_ms);
                if apart <= NEAR_MS.unsigned_abs() {
                    pairs.push((apart, index, charge));
                }
            }
        }
        pairs.sort_unstable();
        let (mut of_candidate, mut of_charge) = (BTreeMap::new(), BTreeMap::new());
        for (_, candidate, charge) in pairs.iter().filter(|(apart, ..)| *apart <= SURE_MS) {
            *of_candidate.entry(*candidate).or_insert(0_u32) += 1;
            *of_charge.entry(*charge).or_insert(0_u32) += 1;
        }
        for (apart, candidate, charge) in pairs {
            let only = of_candidate.get(&candidate) == Some(&1) && of_charge.get(&charge) == Some(&1);
            let rule = if apart <= SURE_MS && only {
                MatchRule::Nearest
            } else {
                MatchRule::Probable
            };
            self.join(candidate, charge, rule);
        }
    }

    fn finish(self, facts: &DayFacts) -> Matching {
        let mut matching = Matching::default();
        for (candidate, partner) in self.candidates.iter().zip(&self.partner) {
            let tender = || TenderRef {
                ticket: candidate.key.clone(),
                index: candidate.index,
            };
            match partner {
                Some((charge, rule)) => {
                    let charge = &self.charges[*charge];
                    let joined = Joined {
                        payment: charge.payment.record,
                        rule: *rule,
                        brand: charge.payment.payment.card.as_ref().map(|card| card.brand),
                        charged: charge.closest(candidate.minor),
                    };
                    matching.joined.insert(tender(), joined);
                }
                None if candidate.key.day == facts.day => matching.unanswered.push(tender()),
                None => {}
            }
        }
        let left = self.charges.iter().zip(&self.used).filter(|(_, used)| !**used);
        matching.orphans = left
            .filter(|(charge, _)| charge.payment.home == facts.day)
            .map(|(charge, _)| charge.payment.record)
            .collect();
        matching
    }
}

/// True when the terminal says that money moved.
#[must_use]
pub fn moved_money(payment: &Payment) -> bool {
    let moved = matches!(
        payment.payment.outcome,
        Outcome::Approved | Outcome::Partial | Outcome::Stored
    );
    let money = !matches!(
        payment.payment.command,
        PaymentCommand::PreAuth | PaymentCommand::DeletePreAuth
    );
    moved && money && !payment.payment.approved.is_zero()
}
