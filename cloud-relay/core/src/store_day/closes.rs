//! Does the relay hold what the store says it sold? The agent's close names stretches of segments with a hash and a
//! tally; both are recomputed here from the stored records. A register's own totals are compared too.

use std::collections::BTreeMap;

use tillwire_proto::{Body, LaneId, RecordNumber, RegisterId, Span, Tally, Transaction};

use super::Found;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::{Close, RecordId};
use crate::tickets::Tickets;

pub(super) fn check(tickets: &Tickets<'_>, now_ms: i64, found: &mut Found) {
    for close in newest(&tickets.facts.closes) {
        let missing = spans(tickets, close);
        let all_there = missing.is_empty();
        found.exceptions.extend(missing);
        if all_there {
            found.exceptions.extend(agent_tally(tickets, close));
        }
        late(tickets, close, now_ms, found);
    }
    stated(tickets, found);
}

/// The close that says most, per register and lane. An agent's closes of a day only grow, so that neither the order of
/// arrival nor a clock is needed to find the last one.
fn newest(closes: &[Close]) -> Vec<&Close> {
    let mut best: BTreeMap<(&RegisterId, &LaneId), &Close> = BTreeMap::new();
    let size = |close: &Close| {
        let tally = &close.close.tally;
        let records: u64 = close
            .close
            .spans
            .iter()
            .map(|span| span.last.0.saturating_sub(span.first.0))
            .sum();
        (tally.trades + tally.voids + tally.others, records, close.record)
    };
    for close in closes {
        let best = best.entry((&close.close.register, &close.lane)).or_insert(close);
        if size(close) > size(best) {
            *best = close;
        }
    }
    best.into_values().collect()
}

/// Every stretch must be stored to its end and end with the same hash.
fn spans(tickets: &Tickets<'_>, close: &Close) -> Vec<ExceptionDraft> {
    let ends = close.close.spans.iter().filter_map(|span| {
        let last = RecordId {
            segment: span.segment,
            number: span.last,
        };
        match tickets.facts.hashes.get(&last) {
            Some(hash) if *hash == span.head => None,
            Some(_) => Some(mismatch(
                tickets,
                close,
                &[&span.segment, &span.last],
                format!("record {last} has another hash here than in the close"),
            )),
            None if stored_through(tickets, span) >= span.last => Some(mismatch(
                tickets,
                close,
                &[&span.segment, &span.last],
                format!("record {last} is here, but is no transaction of this day that could be decoded"),
            )),
            None => Some(gap(tickets, close, span)),
        }
    });
    ends.collect()
}

fn stored_through(tickets: &Tickets<'_>, span: &Span) -> RecordNumber {
    let progress = tickets.facts.segments.get(&span.segment);
    progress.map_or(RecordNumber(0), |progress| progress.through)
}

fn gap(tickets: &Tickets<'_>, close: &Close, span: &Span) -> ExceptionDraft {
    let kind = ExceptionKind::SegmentGap;
    let register = &close.close.register;
    let cause = CauseKey::new(kind, &[register, &span.segment, &span.last]);
    let detail = format!(
        "the close of {register} counts records up to {} of segment {}, stored are {}",
        span.last,
        span.segment,
        stored_through(tickets, span)
    );
    tickets
        .exception(kind, cause, detail)
        .at(register)
        .seen_in([close.record])
}

fn mismatch(
    tickets: &Tickets<'_>,
    close: &Close,
    what: &[&dyn std::fmt::Display],
    detail: String,
) -> ExceptionDraft {
    let kind = ExceptionKind::CloseMismatch;
    let register = &close.close.register;
    let mut parts: Vec<&dyn std::fmt::Display> = vec![register, &close.lane];
    parts.extend(what);
    let cause = CauseKey::new(kind, &parts);
    tickets
        .exception(kind, cause, detail)
        .at(register)
        .seen_in([close.record])
}

/// This lane's transactions of this register, each with its record.
fn of_lane<'a>(tickets: &Tickets<'a>, close: &'a Close) -> impl Iterator<Item = (RecordId, &'a Transaction)> {
    let of_register = tickets
        .facts
        .transactions
        .iter()
        .filter(|(key, _)| key.register == close.close.register);
    of_register
        .flat_map(|(_, known)| &known.versions)
        .flat_map(|version| {
            version
                .sightings
                .iter()
                .map(move |sighting| (sighting, &version.transaction))
        })
        .filter(|(sighting, _)| sighting.lane == close.lane)
        .map(|(sighting, transaction)| (sighting.record, transaction))
}

fn covers(close: &Close, record: RecordId) -> bool {
    let mut spans = close
        .close
        .spans
        .iter()
        .filter(|span| span.segment == record.segment);
    spans.any(|span| (span.first..=span.last).contains(&record.number))
}

fn agent_tally(tickets: &Tickets<'_>, close: &Close) -> Option<ExceptionDraft> {
    let mut ours = Tally::new(close.close.tally.currency);
    let mut records: Vec<(RecordId, &Transaction)> = of_lane(tickets, close).collect();
    records.retain(|(record, _)| covers(close, *record));
    records.sort_by_key(|(record, _)| *record);
    for (_, transaction) in records {
        // what does not fit the tally changes neither side's; it is an exception of its own
        if ours.add(transaction).is_err() {
            continue;
        }
    }
    let theirs = &close.close.tally;
    if ours.agrees_with(theirs) {
        return None;
    }
    let detail = format!(
        "{} on lane {}: the store counts {}, here are {}",
        close.close.register,
        close.lane,
        in_words(theirs),
        in_words(&ours)
    );
    let figures = format!("{}-{}", theirs.trades, theirs.net.minor());
    let difference = theirs.net.checked_sub(ours.net);
    let exception = mismatch(tickets, close, &[&figures], detail);
    Some(match difference {
        Ok(difference) => exception.risking(difference),
        Err(_) => exception,
    })
}

fn in_words(tally: &Tally) -> String {
    format!(
        "{} trades, {} voids, {} others, net {}, tax {}",
        tally.trades, tally.voids, tally.others, tally.net, tally.tax
    )
}

/// A sale after the close is followed by a close that counts it; until that is here, the day waits.
fn late(tickets: &Tickets<'_>, close: &Close, now_ms: i64, found: &mut Found) {
    let outside = of_lane(tickets, close)
        .filter(|(record, transaction)| !covers(close, *record) && counts(transaction));
    let records: Vec<RecordId> = outside.map(|(record, _)| record).collect();
    let Some(last) = records.iter().max() else {
        return;
    };
    let words = format!(
        "{} records of {} came after its close",
        records.len(),
        close.close.register
    );
    if now_ms < tickets.settings.grace_ends_ms(tickets.facts.day) {
        found.waiting.push(words);
    } else {
        let exception = mismatch(tickets, close, &[&"after", last], words);
        found.exceptions.push(exception.seen_in(records));
    }
}

/// Opening and closing move no tally, so that a close need not count itself.
const fn counts(transaction: &Transaction) -> bool {
    !matches!(transaction.body, Body::Open { .. } | Body::Close { .. })
}

/// The register's own totals may be as rung up, or less what was voided; either is agreement.
fn stated(tickets: &Tickets<'_>, found: &mut Found) {
    for ticket in &tickets.counted {
        let Body::Close { stated: Some(stated) } = &ticket.transaction.body else {
            continue;
        };
        let register = ticket.register();
        let counted = super::tally(tickets, |other| other.register() == register);
        let told = as_told(tickets, register);
        if same_money(stated, &counted) || told.as_ref().is_some_and(|told| same_money(stated, told)) {
            continue;
        }
        let kind = ExceptionKind::CloseMismatch;
        let cause = CauseKey::new(
            kind,
            &[register, &"stated", &stated.net.minor(), &counted.net.minor()],
        );
        let detail = format!(
            "{register} states {}, here are {}",
            in_words(stated),
            in_words(&counted)
        );
        let exception = tickets.exception(kind, cause, detail).about(ticket.key);
        found.exceptions.push(match stated.net.checked_sub(counted.net) {
            Ok(difference) => exception.risking(difference),
            Err(_) => exception,
        });
    }
}

fn as_told(tickets: &Tickets<'_>, register: &RegisterId) -> Option<Tally> {
    let mut tally = Tally::new(tickets.settings.currency);
    let newest = tickets.facts.newest();
    let today = newest
        .iter()
        .filter(|(ticket, _)| ticket.day == tickets.facts.day && ticket.register == *register);
    for (_, (_, known)) in today {
        tally.add(&known.versions.first()?.transaction).ok()?;
    }
    Some(tally)
}

/// Sums only: POS systems count tickets in many ways.
fn same_money(one: &Tally, other: &Tally) -> bool {
    let sums = |tally: &Tally| Tally {
        trades: 0,
        voids: 0,
        others: 0,
        ..tally.clone()
    };
    sums(one).agrees_with(&sums(other))
}
