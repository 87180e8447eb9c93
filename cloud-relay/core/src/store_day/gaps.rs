//! Missing ticket numbers. A register's memory is the weak link: a number that was given and never seen is a sale that
//! somebody may have lost. Any kind of transaction uses a number up; only sequences that number sales are looked at.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Body, BusinessKey, TicketNumber, TransactionKind, is_trade};

use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::DayFacts;
use crate::settings::{StoreSettings, TicketSequence};

/// A jump beyond this is a new sequence (a replaced register, a counter that was set), not that many lost tickets.
const JUMP: u64 = 10_000;

/// Whose sequence: the register's name, or empty for the store's; and what stands before the digits.
type Scope<'a> = (&'a str, &'a str);

#[derive(Default)]
struct Numbers {
    today: BTreeSet<u64>,
    yesterday: BTreeSet<u64>,
    /// Named by something, so not lost: on neighbouring days, or by a void.
    known: BTreeSet<u64>,
    numbers_sales: bool,
}

pub(super) fn find(facts: &DayFacts, settings: &StoreSettings, into: &mut Vec<ExceptionDraft>) {
    if settings.ticket_sequence == TicketSequence::None {
        return;
    }
    let per_store = settings.ticket_sequence == TicketSequence::PerStore;
    let mut scopes: BTreeMap<Scope<'_>, Numbers> = BTreeMap::new();
    for (key, known) in &facts.transactions {
        let Some((scope, number)) = place(key, &key.ticket, per_store) else {
            continue;
        };
        let numbers = scopes.entry(scope).or_default();
        numbers.today.insert(number);
        numbers.numbers_sales |= is_trade(key.kind) || key.kind == TransactionKind::Void;
        for version in &known.versions {
            if let Body::Void(void) = &version.transaction.body
                && let Some((scope, number)) = void
                    .of
                    .ticket
                    .as_ref()
                    .and_then(|ticket| place(key, ticket, per_store))
            {
                scopes.entry(scope).or_default().known.insert(number);
            }
        }
    }
    let day = facts.day.days_since_epoch();
    for key in facts.others.keys() {
        if let Some((scope, number)) = place(key, &key.ticket, per_store)
            && let Some(numbers) = scopes.get_mut(&scope)
        {
            numbers.known.insert(number);
            if key.day.days_since_epoch() == day - 1 {
                numbers.yesterday.insert(number);
            }
        }
    }
    for (scope, numbers) in scopes.iter().filter(|(_, numbers)| numbers.numbers_sales) {
        into.extend(
            numbers
                .gaps()
                .into_iter()
                .map(|gap| exception(facts, *scope, gap)),
        );
    }
}

fn place<'a>(key: &'a BusinessKey, ticket: &'a TicketNumber, per_store: bool) -> Option<(Scope<'a>, u64)> {
    let text = ticket.as_str();
    let prefix = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = text.get(prefix.len()..)?.parse::<u64>().ok()?;
    let whose = if per_store { "" } else { key.register.as_str() };
    Some(((whose, prefix), number))
}

impl Numbers {
    /// The ranges that are missing, first and last number of each.
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let first = self.today.first().copied().unwrap_or(0);
        let before = self.yesterday.last().copied().filter(|last| *last < first);
        let mut seen = before.into_iter().chain(self.today.iter().copied());
        let Some(mut last) = seen.next() else {
            return gaps;
        };
        for number in seen {
            if number - last > 1 && number - last <= JUMP {
                self.missing_between(last, number, &mut gaps);
            }
            last = number;
        }
        gaps
    }

    fn missing_between(&self, last: u64, next: u64, gaps: &mut Vec<(u64, u64)>) {
        let mut from = last + 1;
        for known in self.known.range(last + 1..next) {
            if *known > from {
                gaps.push((from, known - 1));
            }
            from = known + 1;
        }
        if from < next {
            gaps.push((from, next - 1));
        }
    }
}

fn exception(facts: &DayFacts, (whose, prefix): Scope<'_>, (first, last): (u64, u64)) -> ExceptionDraft {
    let kind = ExceptionKind::TicketGap;
    let cause = CauseKey::new(kind, &[&whose, &prefix, &first, &last]);
    let place = if whose.is_empty() { "the store" } else { whose };
    let words = if first == last {
        format!("ticket {prefix}{first} of {place} was never seen")
    } else {
        format!("tickets {prefix}{first} to {prefix}{last} of {place} were never seen")
    };
    let detail = format!("{words}; look for it at the register, or sign the day on without it");
    let draft = crate::tickets::draft(facts, kind, cause, detail);
    let register = facts
        .transactions
        .keys()
        .map(|key| &key.register)
        .find(|r| r.as_str() == whose);
    match register {
        Some(register) => draft.at(register),
        None => draft,
    }
}
