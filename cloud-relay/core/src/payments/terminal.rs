//! What a terminal's answers say about payments.

use std::collections::BTreeSet;

use tillwire_proto::{Amount, Outcome, PaymentCommand, ProcessorReference, TerminalPayment};

use super::event::{PaymentAct, PaymentEvent};
use super::fact::{PaymentFact, PaymentName, Told};
use crate::facts::{Payment, RecordId};

/// The facts that these answers tell, which are a store's of some days. An answer that follows on another (a tip, a
/// void, a completion) is about the payment with its reference, else with its number at that terminal, else with
/// its invoice; of several the latest before it, for terminals count anew with each batch.
#[must_use]
pub fn facts_of(payments: &[Payment]) -> Vec<PaymentFact> {
    let mut all: Vec<&Payment> = payments.iter().collect();
    all.sort_by_key(|payment| (payment.wall_ms, payment.record));
    let mut facts = Vec::new();
    for (place, payment) in all.iter().enumerate() {
        let begun = begun_by(payment, &all[..place]);
        let names = names(payment, begun);
        let made = |event| PaymentFact {
            event,
            told: Told::Terminal(payment.record),
            names: names.clone(),
            at: payment.payment.at,
            implied: false,
        };
        facts.extend(events(&payment.payment).into_iter().map(made));
    }
    facts
}

fn names(payment: &Payment, begun: Option<RecordId>) -> BTreeSet<PaymentName> {
    let own = PaymentName::Record(payment.record);
    let first = begun.map(PaymentName::Record);
    let reference = reference(&payment.payment).cloned().map(PaymentName::Reference);
    [Some(own), first, reference].into_iter().flatten().collect()
}

fn reference(payment: &TerminalPayment) -> Option<&ProcessorReference> {
    payment.card.as_ref()?.reference.as_ref()
}

const fn begins(payment: &TerminalPayment) -> bool {
    matches!(
        payment.command,
        PaymentCommand::Sale | PaymentCommand::Refund | PaymentCommand::PreAuth
    )
}

/// The answer that began what this one goes on with.
fn begun_by(payment: &Payment, before: &[&Payment]) -> Option<RecordId> {
    let told = &payment.payment;
    if begins(told) {
        return None;
    }
    let same_number = |other: &TerminalPayment| {
        told.terminal_number.is_some() && other.terminal_number == told.terminal_number
    };
    let same_invoice = |other: &TerminalPayment| told.invoice.is_some() && other.invoice == told.invoice;
    let same_reference =
        |other: &TerminalPayment| reference(told).is_some() && reference(other) == reference(told);
    let latest = |fits: &dyn Fn(&TerminalPayment) -> bool| {
        let candidates = before
            .iter()
            .rev()
            .filter(|other| begins(&other.payment) && !events(&other.payment).is_empty());
        let mut here = candidates.filter(|other| other.payment.terminal == told.terminal);
        here.find(|other| fits(&other.payment)).map(|other| other.record)
    };
    latest(&same_reference)
        .or_else(|| latest(&same_number))
        .or_else(|| latest(&same_invoice))
}

/// The events of one answer. What was given up or failed for a technical reason moved nothing.
fn events(payment: &TerminalPayment) -> Vec<PaymentEvent> {
    use PaymentAct as A;
    let approved = payment.approved;
    let asked = payment.requested.unwrap_or(approved);
    let tip = payment.tip.unwrap_or(Amount::zero(approved.currency()));
    let one = |act, amount| vec![PaymentEvent::new(act, amount)];
    let captured = PaymentEvent::captured_with_tip(approved, tip);
    match (payment.command, payment.outcome) {
        (_, Outcome::Cancelled | Outcome::Error) => Vec::new(),
        (PaymentCommand::Refund, Outcome::Declined) => one(A::RefundFailed, asked),
        (PaymentCommand::Sale | PaymentCommand::PreAuth, Outcome::Declined) => one(A::Declined, asked),
        // what was refused of an earlier payment leaves it as it was
        (_, Outcome::Declined) => Vec::new(),
        // a void need not say how much: then it is all
        (
            PaymentCommand::Void | PaymentCommand::Reversal,
            Outcome::Approved | Outcome::Partial | Outcome::Stored,
        ) => one(A::Voided, approved),
        (_, Outcome::Approved | Outcome::Partial | Outcome::Stored) if approved.is_zero() => Vec::new(),
        (PaymentCommand::Sale | PaymentCommand::Refund | PaymentCommand::PreAuth, Outcome::Stored) => {
            one(A::Stored, approved)
        }
        (PaymentCommand::Sale, _) => vec![PaymentEvent::new(A::Authorised, approved), captured],
        (PaymentCommand::Refund, _) => one(A::Refunded, approved),
        (PaymentCommand::DeletePreAuth, _) => one(A::Voided, approved),
        (PaymentCommand::TipAdjust, _) => payment
            .tip
            .or(payment.requested)
            .map_or_else(Vec::new, |tip| one(A::TipAdjusted, tip)),
        (PaymentCommand::PreAuth, _) => one(A::Authorised, approved),
        (PaymentCommand::AuthCompletion, _) => vec![captured],
    }
}
