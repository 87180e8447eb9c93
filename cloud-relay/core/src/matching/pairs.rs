//! Both sides of the matching, made ready: card tenders with the numbers they may be called by, and terminals'
//! answers with what was taken back already taken off.

use tillwire_proto::{
    Body, BusinessDay, BusinessKey, Outcome, PaymentCommand, RegisterId, TenderKind, TenderState,
};

use super::moved_money;
use crate::facts::Payment;
use crate::tickets::Ticket;

/// A card tender that may have an answer.
pub(super) struct Candidate<'a> {
    pub(super) key: &'a BusinessKey,
    pub(super) index: usize,
    /// Ticket numbers and the POS's id: what an invoice number may be.
    pub(super) numbers: Vec<&'a str>,
    pub(super) register: &'a RegisterId,
    pub(super) day: BusinessDay,
    /// Signed: negative goes to the customer.
    pub(super) minor: i64,
    pub(super) wall_ms: i64,
}

/// An answer that moved money.
pub(super) struct Charge<'a> {
    pub(super) payment: &'a Payment,
    /// What it may stand as on the ticket, signed: as first approved, and with a tip added later.
    pub(super) amounts: Vec<i64>,
}

impl Charge<'_> {
    pub(super) fn minor(&self) -> i64 {
        self.amounts[0]
    }

    /// Of its amounts the one that is nearest to the ticket's.
    pub(super) fn closest(&self, minor: i64) -> i64 {
        let nearest = self.amounts.iter().min_by_key(|amount| amount.abs_diff(minor));
        nearest.copied().unwrap_or(0)
    }
}

pub(super) fn candidates<'a>(ticket: &Ticket<'a>) -> Vec<Candidate<'a>> {
    let Body::Trade(trade) = &ticket.transaction.body else {
        return Vec::new();
    };
    let own = &ticket.transaction.key.ticket;
    let mut numbers = vec![ticket.key.ticket.as_str()];
    numbers.extend((*own != ticket.key.ticket).then_some(own.as_str()));
    numbers.extend(ticket.transaction.pos_id.as_ref().map(|id| id.as_str()));
    let cards = trade.tenders.iter().enumerate().filter(|(_, tender)| {
        tender.kind == TenderKind::Card && tender.state == TenderState::Complete && !tender.amount.is_zero()
    });
    cards
        .map(|(index, tender)| Candidate {
            key: ticket.key,
            index,
            numbers: numbers.clone(),
            register: &ticket.key.register,
            day: ticket.key.day,
            minor: tender.amount.minor().saturating_mul(ticket.sign()),
            wall_ms: ticket.wall_ms,
        })
        .collect()
}

/// The answers that moved money and were not taken back at the terminal itself.
pub(super) fn charges(payments: &[Payment]) -> Vec<Charge<'_>> {
    let counts = |payment: &&Payment| moved_money(payment) || is_undo_of_all(payment);
    let mut all: Vec<&Payment> = payments.iter().filter(counts).collect();
    all.sort_by_key(|payment| payment.record);
    let (undo, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| is_undo(p));
    let (tips, mut money): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|p| p.payment.command == PaymentCommand::TipAdjust);
    let mut unpaired = Vec::new();
    for undo in undo {
        match money.iter().position(|payment| takes_back(undo, payment)) {
            Some(place) => drop(money.remove(place)),
            None => unpaired.push(undo),
        }
    }
    // a void whose payment was not seen gives money back: it may be a ticket's negative tender
    money.extend(unpaired.into_iter().filter(|payment| moved_money(payment)));
    money.sort_by_key(|payment| payment.record);
    money
        .into_iter()
        .map(|payment| Charge {
            payment,
            amounts: amounts(payment, &tips),
        })
        .collect()
}

fn is_undo(payment: &Payment) -> bool {
    matches!(
        payment.payment.command,
        PaymentCommand::Void | PaymentCommand::Reversal
    )
}

/// A void that names no amount takes back the whole payment.
fn is_undo_of_all(payment: &Payment) -> bool {
    let told = &payment.payment;
    is_undo(payment) && told.outcome == Outcome::Approved && told.approved.is_zero()
}

fn signed(payment: &Payment) -> i64 {
    let minor = payment.payment.approved.minor();
    match payment.payment.command {
        PaymentCommand::Refund | PaymentCommand::Void | PaymentCommand::Reversal => minor.saturating_neg(),
        _ => minor,
    }
}

fn amounts(payment: &Payment, tips: &[&Payment]) -> Vec<i64> {
    let base = signed(payment);
    let mut all = vec![base];
    for tip in tips.iter().filter(|tip| same_payment(tip, payment)) {
        let adjusted = tip.payment.approved.minor();
        all.extend([adjusted, base.saturating_add(adjusted)]);
    }
    all
}

/// True when two answers are about one payment: the gateway's number, else the terminal's own, else the invoice.
fn same_payment(one: &Payment, other: &Payment) -> bool {
    let (one, other) = (&one.payment, &other.payment);
    if one.terminal != other.terminal {
        return false;
    }
    let reference = |payment: &tillwire_proto::TerminalPayment| {
        payment.card.as_ref().and_then(|card| card.reference.clone())
    };
    match (reference(one), reference(other)) {
        (Some(one), Some(other)) => one == other,
        _ => match (&one.terminal_number, &other.terminal_number) {
            (Some(number), Some(of)) if number == of => true,
            _ => one.invoice.is_some() && one.invoice == other.invoice,
        },
    }
}

/// Only within one day: what is taken back on another day is that day's negative payment, and the first stays.
fn takes_back(undo: &Payment, payment: &Payment) -> bool {
    let same_amount = undo.payment.approved.minor() == payment.payment.approved.minor();
    undo.home == payment.home && (same_amount || is_undo_of_all(undo)) && same_payment(undo, payment)
}
