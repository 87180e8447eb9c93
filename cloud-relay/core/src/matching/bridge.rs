//! What joins a tender and an answer by a third witness: the receipt, which shows both on one paper, and the screen,
//! which showed the ticket when the terminal was asked.

use std::collections::BTreeMap;

use tillwire_proto::{CardFacts, PrintedTender, ScreenState, TenderKind};

use super::NEAR_MS;
use super::pairs::{Candidate, Charge};
use crate::facts::{Print, Shown};

/// How good the pair is (smaller is better), the tender's place, the answer's place.
pub(super) type Pair = (u64, usize, usize);

/// Tenders whose receipt names the answer: by approval or reference, else by the last four at about that time.
pub(super) fn by_receipt(
    candidates: &[Candidate<'_>],
    charges: &[Charge<'_>],
    printed: &[Print],
) -> Vec<Pair> {
    let mut papers: BTreeMap<&str, Vec<&Print>> = BTreeMap::new();
    for print in printed {
        if let Some(ticket) = &print.printed.ticket {
            papers.entry(ticket.as_str()).or_default().push(print);
        }
    }
    let mut alike: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
    for (charge, other) in charges.iter().enumerate() {
        for amount in &other.amounts {
            let register = other.payment.payment.register.as_str();
            alike.entry((register, *amount)).or_default().push(charge);
        }
    }
    let mut pairs = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let Some(alike) = alike.get(&(candidate.register.as_str(), candidate.minor)) else {
            continue;
        };
        let papers = candidate.numbers.iter().filter_map(|number| papers.get(number));
        let papers = papers
            .flatten()
            .filter(|print| print.printed.register == *candidate.register);
        for print in papers {
            let shown = print
                .printed
                .tenders
                .iter()
                .filter(|tender| shows(tender, candidate));
            for card in shown.filter_map(|tender| tender.card.as_ref()) {
                let fits = alike
                    .iter()
                    .filter_map(|charge| Some((fit(card, print, &charges[*charge])?, index, *charge)));
                pairs.extend(fits);
            }
        }
    }
    pairs
}

/// Signs differ between papers; the amount alone counts.
fn shows(tender: &PrintedTender, candidate: &Candidate<'_>) -> bool {
    tender.kind == TenderKind::Card && tender.amount.minor().unsigned_abs() == candidate.minor.unsigned_abs()
}

fn fit(card: &CardFacts, print: &Print, charge: &Charge<'_>) -> Option<u64> {
    let told = &charge.payment.payment;
    let other = told.card.as_ref()?;
    let equal = |one: bool, both: bool| one && both;
    let reference = equal(card.reference.is_some(), card.reference == other.reference);
    let approval = equal(card.auth_code.is_some(), card.auth_code == other.auth_code);
    if reference || approval {
        return Some(0);
    }
    let near = print.wall_ms.abs_diff(charge.payment.wall_ms) <= NEAR_MS.unsigned_abs();
    let last4 = equal(card.last4.is_some(), card.last4 == other.last4);
    // another approval on the paper is another payment
    let contradicts = card.auth_code.is_some() && other.auth_code.is_some();
    (last4 && near && !contradicts).then_some(1)
}

/// Answers with the ticket that the register's screen showed last before them.
pub(super) fn by_screen(
    candidates: &[Candidate<'_>],
    charges: &[Charge<'_>],
    screens: &[Shown],
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (charge, other) in charges.iter().enumerate() {
        let told = &other.payment.payment;
        let before = screens
            .iter()
            .filter(|shown| shown.screen.register == told.register && shown.wall_ms <= other.payment.wall_ms);
        let Some(shown) = before.max_by_key(|shown| (shown.wall_ms, shown.record)) else {
            continue;
        };
        let apart = shown.wall_ms.abs_diff(other.payment.wall_ms);
        if shown.screen.state != ScreenState::Open || apart > NEAR_MS.unsigned_abs() {
            continue;
        }
        let names: Vec<&str> = [
            shown.screen.ticket.as_ref().map(|ticket| ticket.as_str()),
            shown.screen.pos_id.as_ref().map(|id| id.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (index, candidate) in candidates.iter().enumerate() {
            let named = candidate.numbers.iter().any(|number| names.contains(number));
            if named && *candidate.register == told.register && other.amounts.contains(&candidate.minor) {
                pairs.push((apart, index, charge));
            }
        }
    }
    pairs
}
