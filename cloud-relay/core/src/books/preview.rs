//! What another mapping would do to a day, told before it is done: the same day assessed with both mappings, compared.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use serde::Serialize;
use tillwire_proto::{Amount, BusinessKey, MoneyError};

use super::ledger::{Ledger, LineKey};
use crate::exception::{ExceptionDraft, ExceptionKind};
use crate::settings::AccountCode;
use crate::store_day::DayAssessment;

/// Tickets and movements by what would become of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Held now, booked then.
    pub posts: usize,
    /// Booked now and then, on other lines.
    pub amends: usize,
    /// Booked now, held then.
    pub holds: usize,
    /// Held now and then.
    pub waits: usize,
    /// Already right.
    pub skips: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.posts += other.posts;
        self.amends += other.amends;
        self.holds += other.holds;
        self.waits += other.waits;
        self.skips += other.skips;
    }
}

/// A day with another mapping against the same day as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPreview {
    /// Its tickets and movements.
    pub counts: Counts,
    /// Per account whose sum changes what it is and what it would be.
    pub accounts: BTreeMap<AccountCode, (Amount, Amount)>,
    /// What would need nobody any more.
    pub cleared: Vec<ExceptionDraft>,
    /// What would need somebody.
    pub raised: Vec<ExceptionDraft>,
}

/// Compares a day as it is with the same day under another mapping.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits.
pub fn preview(now: &DayAssessment, then: &DayAssessment) -> Result<DayPreview, MoneyError> {
    Ok(DayPreview {
        counts: counts(&now.ledger, &then.ledger),
        accounts: accounts(&now.ledger, &then.ledger)?,
        cleared: only_in(now, then),
        raised: only_in(then, now),
    })
}

type Parts<'a> = Vec<(&'a LineKey, Amount)>;

/// Per ticket where its parts went.
fn booked(ledger: &Ledger) -> BTreeMap<&BusinessKey, Parts<'_>> {
    let mut tickets: BTreeMap<&BusinessKey, Parts<'_>> = BTreeMap::new();
    for part in ledger.contributions() {
        tickets
            .entry(&part.ticket)
            .or_default()
            .push((&part.line, part.amount));
    }
    for parts in tickets.values_mut() {
        parts.sort_unstable();
    }
    tickets
}

fn counts(now: &Ledger, then: &Ledger) -> Counts {
    let (booked_now, booked_then) = (booked(now), booked(then));
    let held = |ledger: &Ledger, ticket: &BusinessKey| ledger.held_tickets().contains_key(ticket);
    let all: BTreeSet<&BusinessKey> = booked_now
        .keys()
        .chain(booked_then.keys())
        .copied()
        .chain(now.held_tickets().keys())
        .chain(then.held_tickets().keys())
        .collect();
    let mut counts = Counts::default();
    for ticket in all {
        let count = match (held(now, ticket), held(then, ticket)) {
            (true, true) => &mut counts.waits,
            (true, false) => &mut counts.posts,
            (false, true) => &mut counts.holds,
            (false, false) if booked_now.get(ticket) == booked_then.get(ticket) => &mut counts.skips,
            (false, false) => &mut counts.amends,
        };
        *count += 1;
    }
    counts
}

fn accounts(now: &Ledger, then: &Ledger) -> Result<BTreeMap<AccountCode, (Amount, Amount)>, MoneyError> {
    let nothing = Amount::zero(now.currency());
    let mut sums: BTreeMap<AccountCode, (Amount, Amount)> = BTreeMap::new();
    for (key, line) in now.lines() {
        let sum = sums.entry(key.account.clone()).or_insert((nothing, nothing));
        sum.0 = sum.0.checked_add(line.amount)?;
    }
    for (key, line) in then.lines() {
        let sum = sums.entry(key.account.clone()).or_insert((nothing, nothing));
        sum.1 = sum.1.checked_add(line.amount)?;
    }
    sums.retain(|_, (now, then)| now != then);
    Ok(sums)
}

/// Exceptions that a mapping raises or clears, and that only the first has.
fn only_in(one: &DayAssessment, other: &DayAssessment) -> Vec<ExceptionDraft> {
    let there: BTreeSet<_> = other
        .exceptions
        .iter()
        .map(|exception| &exception.cause)
        .collect();
    let mine = one
        .exceptions
        .iter()
        .filter(|exception| exception.kind.is_about_mapping());
    mine.filter(|exception| !there.contains(&exception.cause))
        .cloned()
        .collect()
}

impl ExceptionKind {
    /// True of what a row of the mapping mends.
    #[must_use]
    pub const fn is_about_mapping(self) -> bool {
        matches!(
            self,
            Self::UnknownTender | Self::UnknownTax | Self::UnknownSku | Self::MissingAccount
        )
    }
}
