//! A batch that was closed, an offline store that was sent on.

use tillwire_proto::{Amount, Code, Currency, Outcome, ReportKind, TerminalReport};

use super::exchange::Exchange;
use super::message::{Family, Message};
use super::payment::{local_time, message};

/// Builds the report. `None` for an answer that reports nothing.
pub(super) fn read(answer: &Message, family: Family, tap: &Exchange) -> Option<TerminalReport> {
    let kind = match family {
        Family::BatchClose => ReportKind::EndOfDay,
        Family::SafUpload => ReportKind::Forwarded,
        Family::SafDelete => ReportKind::Stored,
        Family::Payment => return None,
    };
    let succeeded = answer.device.as_ref().is_some_and(|(code, _)| code == "000000");
    let currency = tap.settings.currency;
    let host_first = family == Family::BatchClose;
    let (count, total, at) = match family {
        // behind the host's group: counts and amounts per tender, joined by `=` (as devices were seen to write it)
        Family::BatchClose => (1, 2, 3),
        _ => (0, 1, 2),
    };
    let counts = answer.member(count, 0).map(sum);
    let total = answer.member(total, 0).map(sum);
    Some(TerminalReport {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        kind,
        succeeded,
        batch: host_first
            .then(|| answer.member(0, 5))
            .flatten()
            .and_then(Code::cleaned),
        at: answer.member(at, 0).and_then(local_time),
        count: counts.flatten().and_then(|count| count.try_into().ok()),
        total: total.flatten().map(|minor| amount(minor, currency)),
        entries: Vec::new(),
        message: (!succeeded).then(|| message(answer, Outcome::Error)).flatten(),
    })
}

/// `3=0=1`: four in all.
fn sum(text: &str) -> Option<i64> {
    text.split('=').try_fold(0_i64, |sum, part| {
        let part: i64 = if part.is_empty() { 0 } else { part.parse().ok()? };
        sum.checked_add(part)
    })
}

const fn amount(minor: i64, currency: Currency) -> Amount {
    Amount::new(minor, currency)
}
