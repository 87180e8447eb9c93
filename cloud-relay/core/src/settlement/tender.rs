//! The card tenders of a day as its books hold them: what settlement is matched to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tillwire_proto::{
    Amount, AuthCode, Body, CardBrand, CardFacts, Last4, ProcessorReference, Tender, TenderKind, TenderState,
    TicketNumber,
};

use crate::books::{Ledger, card_brand};
use crate::facts::RecordId;
use crate::matching::TenderRef;
use crate::settings::AccountCode;
use crate::tickets::{Ticket, Tickets};

/// A card tender in a clearing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTender {
    /// Which.
    pub tender: TenderRef,
    /// Debit of clearing, negative when it went to the customer.
    pub amount: Amount,
    /// The clearing account.
    pub account: AccountCode,
    /// The brand that it was booked under.
    pub brand: CardBrand,
    /// The numbers that its ticket may be called by.
    pub numbers: Vec<TicketNumber>,
    /// The gateway's numbers, as terminal and ticket tell them.
    pub references: BTreeSet<ProcessorReference>,
    /// The issuer's approval codes.
    pub auth_codes: BTreeSet<AuthCode>,
    /// Last four digits of the card.
    pub last4: Option<Last4>,
    /// The records that tell it.
    pub records: BTreeSet<RecordId>,
}

/// The card tenders of the tickets that the ledger holds, in order.
#[must_use]
pub fn card_tenders(tickets: &Tickets<'_>, ledger: &Ledger) -> Vec<CardTender> {
    let booked = tickets
        .counted
        .iter()
        .filter(|ticket| !ledger.held_tickets().contains_key(ticket.key));
    let mut all: Vec<CardTender> = booked.flat_map(|ticket| of_ticket(tickets, ticket)).collect();
    all.sort_by(|one, other| one.tender.cmp(&other.tender));
    all
}

fn of_ticket(tickets: &Tickets<'_>, ticket: &Ticket<'_>) -> Vec<CardTender> {
    let Body::Trade(trade) = &ticket.transaction.body else {
        return Vec::new();
    };
    let cards = trade.tenders.iter().enumerate().filter(|(_, tender)| {
        tender.kind == TenderKind::Card && tender.state == TenderState::Complete && !tender.amount.is_zero()
    });
    cards
        .filter_map(|(index, tender)| one(tickets, ticket, index, tender))
        .collect()
}

fn one(tickets: &Tickets<'_>, ticket: &Ticket<'_>, index: usize, tender: &Tender) -> Option<CardTender> {
    let (brand, answer) = card_brand(tickets, ticket, index, tender);
    let mapping = tickets.mapping();
    let to = mapping
        .tender(&tender.kind, Some(brand))
        .or_else(|| mapping.suspense())?;
    let payment = answer.and_then(|record| tickets.facts.payments.iter().find(|p| p.record == record));
    let told = payment.and_then(|payment| payment.payment.card.as_ref());
    let cards: Vec<&CardFacts> = told.into_iter().chain(&tender.card).collect();
    let mut numbers = vec![ticket.key.ticket.clone(), ticket.transaction.key.ticket.clone()];
    numbers.extend(payment.and_then(|payment| payment.payment.invoice.clone()));
    numbers.sort_unstable();
    numbers.dedup();
    Some(CardTender {
        tender: TenderRef {
            ticket: ticket.key.clone(),
            index,
        },
        amount: Amount::new(
            tender.amount.minor().checked_mul(ticket.sign())?,
            tender.amount.currency(),
        ),
        account: to.account.clone(),
        brand,
        numbers,
        references: cards.iter().filter_map(|card| card.reference.clone()).collect(),
        auth_codes: cards.iter().filter_map(|card| card.auth_code.clone()).collect(),
        last4: cards.iter().find_map(|card| card.last4),
        records: ticket.records.iter().copied().chain(answer).collect(),
    })
}
