//! Exceptions that hold nothing: what agents said, bytes nobody could read, payments without their other half.

use tillwire_proto::{Amount, NoticeKind};

use super::papers::Patience;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::{DayFacts, Payment, Told, Unread};
use crate::matching::MatchRule;
use crate::payments::{self, IllegalEvent, PaymentName, Told as PaymentTold};
use crate::settings::TicketWithoutTerminal;
use crate::settlement::{CardTender, Open, OpenCause, facts_of_line, open_of};
use crate::tickets::{Tickets, draft, spoken, unanswered};

/// What agents had to say, and what they could not read.
pub(super) fn told(facts: &DayFacts, into: &mut Vec<ExceptionDraft>) {
    into.extend(facts.unread.iter().map(|unread| unreadable(facts, unread)));
    into.extend(facts.notices.iter().filter_map(|told| notice(facts, told)));
}

fn unreadable(facts: &DayFacts, unread: &Unread) -> ExceptionDraft {
    let what = &unread.unreadable;
    let kind = match what.reason.as_str() {
        "does-not-add-up" => ExceptionKind::DoesNotAddUp,
        "wrong-currency" => ExceptionKind::WrongCurrency,
        _ => ExceptionKind::Unreadable,
    };
    let cause = CauseKey::new(kind, &[&"record", &unread.record]);
    let detail = format!("{}: {}", what.reason, what.detail);
    let exception = draft(facts, kind, cause, detail).seen_in([unread.record]);
    match &what.register {
        Some(register) => exception.at(register),
        None => exception,
    }
}

fn notice(facts: &DayFacts, told: &Told) -> Option<ExceptionDraft> {
    let kind = match told.notice.kind {
        NoticeKind::CardData => ExceptionKind::CardData,
        NoticeKind::DiskFull => ExceptionKind::DiskFull,
        NoticeKind::Clock => ExceptionKind::ClockOff,
        NoticeKind::Source => ExceptionKind::SourceSilent,
        NoticeKind::RolledBack => ExceptionKind::RolledBack,
        NoticeKind::Rotten => ExceptionKind::Rotten,
        NoticeKind::DiskFreed => return None,
    };
    let cause = CauseKey::new(kind, &[&told.lane, &told.record]);
    let detail = format!("lane {}: {}", told.lane, told.notice.text);
    Some(draft(facts, kind, cause, detail).seen_in([told.record]))
}

/// Payments that contradict themselves, by what terminals and the processor say, told on the day of whichever does not
/// fit.
pub(super) fn contradictions(tickets: &Tickets<'_>, into: &mut Vec<ExceptionDraft>) {
    let facts = tickets.facts;
    let mut told = payments::facts_of(&facts.payments);
    for fact in &mut told {
        // a tender's terminal answer and what the processor says of that tender are about one payment
        let tender = tickets
            .matching
            .joined
            .iter()
            .find(|(_, joined)| PaymentTold::Terminal(joined.payment) == fact.told);
        fact.names
            .extend(tender.map(|(tender, _)| PaymentName::Tender(tender.clone())));
    }
    for (line, matched) in &facts.settlement {
        told.extend(facts_of_line(line, Some(&matched.tender)));
    }
    for life in payments::lives(told) {
        for (told, illegal) in &life.illegal {
            into.extend(contradiction(facts, told, illegal));
        }
    }
}

fn contradiction(facts: &DayFacts, told: &PaymentTold, illegal: &IllegalEvent) -> Option<ExceptionDraft> {
    let kind = ExceptionKind::PaymentConflict;
    match told {
        PaymentTold::Terminal(record) => {
            let payment = facts.payments.iter().find(|payment| payment.record == *record)?;
            let told = &payment.payment;
            let cause = CauseKey::new(kind, &[&told.register, record]);
            let detail = format!("payment at terminal {}: {illegal}", told.terminal);
            let found = draft(facts, kind, cause, detail)
                .at(&told.register)
                .seen_in([*record]);
            (payment.home == facts.day).then(|| found.risking(illegal.at_risk()))
        }
        PaymentTold::Processor(name) => {
            let cause = CauseKey::new(kind, &[&"processor", name, &illegal.event.act.name()]);
            let detail = format!("processor's {name}: {illegal}");
            Some(draft(facts, kind, cause, detail).risking(illegal.at_risk()))
        }
    }
}

/// What of the day's card tenders is open in clearing; what deposits took otherwise, and what is disputed, is named.
pub(super) fn clearing(
    facts: &DayFacts,
    tenders: &[CardTender],
    into: &mut Vec<ExceptionDraft>,
) -> Vec<Open> {
    let open = match open_of(tenders, &facts.settlement) {
        Ok(open) => open,
        Err(error) => {
            let kind = ExceptionKind::SettlementDiffers;
            let cause = CauseKey::new(kind, &[&"sums"]);
            into.push(draft(
                facts,
                kind,
                cause,
                format!("what is open cannot be summed: {error}"),
            ));
            return Vec::new();
        }
    };
    for one in &open {
        let kind = match one.cause {
            OpenCause::NotSettled => continue,
            OpenCause::Differs => ExceptionKind::SettlementDiffers,
            OpenCause::Disputed => ExceptionKind::Disputed,
        };
        let key = &one.tender.ticket;
        let cause = CauseKey::new(
            kind,
            &[
                &key.register,
                &key.kind.name(),
                &key.ticket,
                &one.tender.index,
                &one.amount,
            ],
        );
        let words = one.cause.name();
        let detail = format!(
            "{}: {} of its {} payment is {words}",
            spoken(key),
            one.amount,
            one.brand.name()
        );
        into.push(draft(facts, kind, cause, detail).about(key).risking(one.amount));
    }
    open
}

/// Approvals that no ticket shows, after a while.
pub(super) fn orphans(tickets: &Tickets<'_>, patience: &mut Patience, into: &mut Vec<ExceptionDraft>) {
    let facts = tickets.facts;
    for record in &tickets.matching.orphans {
        let payment = facts.payments.iter().find(|payment| payment.record == *record);
        let payment = payment.filter(|payment| patience.is_over(payment.received_ms));
        into.extend(payment.map(|payment| orphan(facts, payment)));
    }
}

/// Tenders without their other half, and halves that differ.
pub(super) fn leftovers(tickets: &Tickets<'_>, into: &mut Vec<ExceptionDraft>) {
    let facts = tickets.facts;
    if tickets.settings.ticket_without_terminal == TicketWithoutTerminal::Accept {
        into.extend(unwatched(tickets));
    }
    for (tender, joined) in &tickets.matching.joined {
        if joined.rule == MatchRule::InvoiceOnly && tender.ticket.day == facts.day {
            into.extend(differs(tickets, tender, joined.charged));
        }
    }
}

fn orphan(facts: &DayFacts, payment: &Payment) -> ExceptionDraft {
    let kind = ExceptionKind::OrphanApproval;
    let told = &payment.payment;
    let cause = CauseKey::new(kind, &[&told.register, &payment.record]);
    let invoice = told.invoice.as_ref().map_or_else(
        || "no invoice number".to_owned(),
        |invoice| format!("invoice {invoice}"),
    );
    let detail = format!(
        "terminal {} at {} approved {:?} of {} ({invoice}), which no ticket of this day shows",
        told.terminal, told.register, told.command, told.approved
    );
    draft(facts, kind, cause, detail)
        .at(&told.register)
        .risking(told.approved)
        .seen_in([payment.record])
}

/// Only where the register's terminal is watched at all is its silence worth a note.
fn unwatched(tickets: &Tickets<'_>) -> Vec<ExceptionDraft> {
    let facts = tickets.facts;
    let watched = |tender: &&crate::matching::TenderRef| {
        let mut payments = facts.payments.iter().filter(|payment| payment.home == facts.day);
        payments.any(|payment| payment.payment.register == tender.ticket.register)
    };
    let unanswered_tenders = tickets.matching.unanswered.iter().filter(watched);
    unanswered_tenders
        .filter_map(|tender| {
            let ticket = tickets
                .counted
                .iter()
                .find(|ticket| *ticket.key == tender.ticket)?;
            unanswered(ticket, tender, facts)
        })
        .collect()
}

fn differs(
    tickets: &Tickets<'_>,
    tender: &crate::matching::TenderRef,
    charged: i64,
) -> Option<ExceptionDraft> {
    let ticket = tickets
        .counted
        .iter()
        .find(|ticket| *ticket.key == tender.ticket)?;
    let written = ticket.transaction.trade()?.tenders.get(tender.index)?.amount;
    let charged = Amount::new(charged.saturating_mul(ticket.sign()), written.currency());
    let kind = ExceptionKind::TenderDiffers;
    let key = ticket.key;
    let cause = CauseKey::new(
        kind,
        &[&key.register, &key.kind.name(), &key.ticket, &tender.index],
    );
    let detail = format!(
        "{} shows a card payment of {written}, the terminal took {charged}",
        spoken(key)
    );
    let exception = tickets.exception(kind, cause, detail).about(key);
    Some(match written.checked_sub(charged) {
        Ok(difference) => exception.risking(difference),
        Err(_) => exception,
    })
}
