//! Exceptions of papers, reports and payments that wait for their other half.

use tillwire_proto::{ReportEntry, ReportState};

use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::{DayFacts, Print, Reported};
use crate::tickets::{Tickets, draft};
use crate::witness::{self, What, WitnessTable};

/// So long a receipt or an approval may wait for its ticket before somebody is told, in milliseconds.
pub(super) const PATIENCE_MS: i64 = 15 * 60_000;

/// What is known late: after [`PATIENCE_MS`], or as soon as the day is over. Returns when something that is still
/// waited for will have waited long enough.
pub(super) struct Patience {
    now_ms: i64,
    open: bool,
    /// The earliest moment at which another look is due.
    pub(super) again_ms: Option<i64>,
}

impl Patience {
    pub(super) const fn new(now_ms: i64, open: bool) -> Self {
        Self {
            now_ms,
            open,
            again_ms: None,
        }
    }

    /// True when what came in at `received_ms` has waited long enough.
    pub(super) fn is_over(&mut self, received_ms: i64) -> bool {
        let due = received_ms.saturating_add(PATIENCE_MS);
        if !self.open || due <= self.now_ms {
            return true;
        }
        self.again_ms = Some(self.again_ms.map_or(due, |again| again.min(due)));
        false
    }
}

/// Receipts whose sale nobody told.
pub(super) fn untold(facts: &DayFacts, patience: &mut Patience, into: &mut Vec<ExceptionDraft>) {
    let papers = witness::papers(facts);
    let late = witness::untold(facts, &papers);
    let late = late
        .into_iter()
        .filter(|print| patience.is_over(print.received_ms));
    into.extend(late.map(|print| printed_not_told(facts, print)));
}

fn printed_not_told(facts: &DayFacts, print: &Print) -> ExceptionDraft {
    let kind = ExceptionKind::PrintedNotTold;
    let printed = &print.printed;
    let number = printed
        .ticket
        .as_ref()
        .map_or("without a number", |ticket| ticket.as_str());
    let cause = CauseKey::new(kind, &[&printed.register, &number]);
    let detail = format!(
        "{} printed a receipt for ticket {number}, and no ticket with that number was told; ask the till or the POS's \
         account for it",
        printed.register
    );
    let found = draft(facts, kind, cause, detail)
        .at(&printed.register)
        .seen_in([print.record]);
    match printed.total {
        Some(total) => found.risking(total),
        None => found,
    }
}

/// What witnesses tell differently, once the day is over: until then one of them may only be late.
pub(super) fn differing(tickets: &Tickets<'_>, table: &WitnessTable, into: &mut Vec<ExceptionDraft>) {
    let kind = ExceptionKind::WitnessesDiffer;
    for one in &table.disagreements {
        let Some(number) = &one.ticket else { continue };
        let at_risk = match &one.what {
            What::Differs { told, .. } => one.amount.checked_sub(*told).ok(),
            What::MissingAt { .. } => Some(one.amount),
            // these have exceptions of their own
            What::OnlyPrinted | What::OnlyCharged | What::NotCharged => continue,
        };
        let words = one.what.words();
        let cause = CauseKey::new(kind, &[&one.register, number, &words]);
        let detail = format!("ticket {number} at {} of {}: {words}", one.register, one.amount);
        let found = draft(tickets.facts, kind, cause, detail).at(&one.register);
        let found = match at_risk {
            Some(amount) => found.risking(amount),
            None => found,
        };
        into.push(found.seen_in(one.record));
    }
}

/// Payments that were approved offline and came to nothing, on the day of the report that says so.
pub(super) fn refused(facts: &DayFacts, into: &mut Vec<ExceptionDraft>) {
    for reported in facts.reports.iter().filter(|reported| reported.home == facts.day) {
        into.extend(
            reported
                .report
                .entries
                .iter()
                .filter_map(|entry| offline(facts, reported, entry)),
        );
    }
}

fn offline(facts: &DayFacts, reported: &Reported, entry: &ReportEntry) -> Option<ExceptionDraft> {
    let words = match entry.state {
        ReportState::Declined => "was refused when it was sent on",
        ReportState::Failed => "could not be sent on",
        ReportState::Voided if entry.offline_number.is_some() => "was deleted before it was sent on",
        ReportState::Voided | ReportState::Pending | ReportState::Approved | ReportState::InBatch => {
            return None;
        }
    };
    let kind = ExceptionKind::OfflineRefused;
    let report = &reported.report;
    let number = entry.offline_number.as_ref().or(entry.terminal_number.as_ref());
    let number = number.map_or("without a number", |number| number.as_str());
    let cause = CauseKey::new(kind, &[&report.terminal, &number]);
    let invoice = entry.invoice.as_ref().map_or_else(
        || "no invoice number".to_owned(),
        |invoice| format!("invoice {invoice}"),
    );
    let detail = format!(
        "offline payment {number} of terminal {} ({invoice}) {words}: the goods left, the money will not come by itself",
        report.terminal
    );
    let stored = facts.payments.iter().find(|payment| {
        payment.payment.terminal == report.terminal
            && entry.offline_number.is_some()
            && payment.payment.offline_number == entry.offline_number
    });
    let amount = entry
        .amount
        .or_else(|| stored.map(|payment| payment.payment.approved));
    let records = stored
        .map(|payment| payment.record)
        .into_iter()
        .chain([reported.record]);
    let found = draft(facts, kind, cause, detail)
        .at(&report.register)
        .seen_in(records);
    Some(match amount {
        Some(amount) => found.risking(amount),
        None => found,
    })
}
