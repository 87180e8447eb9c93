//! Which terminal's answer belongs to which card tender. The books need it for the card's brand, and where a retailer
//! wants card tickets to wait for their answer.
//!
//! Every pair that may belong together is written on one list with how well it fits; the list is sorted, and the best
//! pair whose tender and answer are both still free is taken, until the list ends.

mod third;

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{
    Body, BusinessDay, BusinessKey, CardBrand, Outcome, PaymentCommand, TenderKind, TenderState,
    TerminalPayment,
};

use third::Third;

use crate::settings::Store;
use crate::tickets::{Counted, Tickets};
use crate::{Evidence, Fact, Place, Record};

/// Without an invoice number, a tender and its answer lie at most half an hour apart.
const NEAR_MS: u64 = 30 * 60_000;

/// What a terminal's clock may be off from the moment of arrival: 90 days late, one day early.
const BELIEVED_MS: std::ops::RangeInclusive<i64> = -86_400_000..=90 * 86_400_000;

/// A card tender: the ticket's key, and its place among the ticket's tenders.
pub(crate) type TenderAt<'a> = (&'a BusinessKey, usize);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Cards<'a> {
    /// The brand that the terminal read, per tender that has its answer.
    pub(crate) read: BTreeMap<TenderAt<'a>, Option<CardBrand>>,
    /// Today's tenders that no terminal answered.
    pub(crate) unanswered: Vec<TenderAt<'a>>,
}

/// A terminal's answer that moved money.
struct Answer<'a> {
    place: Place,
    wall_ms: i64,
    home: BusinessDay,
    said: &'a TerminalPayment,
    /// What it may stand as on a ticket, in cents: as approved first, then with a tip added later.
    cents: Vec<i64>,
}

/// A card tender with what it may be recognised by.
struct Wanted<'a> {
    tender: TenderAt<'a>,
    ticket: Counted<'a>,
    cents: i64,
}

/// How well a pair fits, the smallest best: by invoice number and amount, by invoice number, by a receipt that shows
/// both, by the screen, by register, amount and nearness; then how far apart; then the order of tenders and answers.
type Fit = (u8, bool, u64, usize, usize);

pub(crate) fn join<'a>(evidence: &Evidence<'a>, store: &Store<'_>, tickets: &Tickets<'a>) -> Cards<'a> {
    let answers = answers(&evidence.records, store);
    let wanted: Vec<Wanted<'a>> = tickets
        .today
        .iter()
        .chain(&tickets.others)
        .flat_map(card_tenders)
        .collect();
    let third = Third::of(&evidence.records);
    let mut fits: Vec<Fit> = Vec::new();
    for (number, one) in wanted.iter().enumerate() {
        for (answer, other) in answers.iter().enumerate() {
            fits.extend(fit(one, number, other, answer));
            fits.extend(
                third
                    .by_paper(one, other)
                    .map(|fit| (2, false, fit, number, answer)),
            );
            fits.extend(
                third
                    .by_screen(one, other)
                    .map(|fit| (3, false, fit, number, answer)),
            );
        }
    }
    fits.sort_unstable();
    let (mut partner, mut used) = (BTreeMap::new(), BTreeSet::new());
    for (_, _, _, number, answer) in fits {
        if !partner.contains_key(&number) && used.insert(answer) {
            partner.insert(number, answer);
        }
    }
    let mut cards = Cards::default();
    for (number, one) in wanted.iter().enumerate() {
        match partner.get(&number) {
            Some(answer) => {
                let card = answers[*answer].said.card.as_ref();
                cards.read.insert(one.tender, card.map(|card| card.brand));
            }
            None if one.tender.0.day == evidence.day => cards.unanswered.push(one.tender),
            None => {}
        }
    }
    cards
}

fn card_tenders<'a>(ticket: &Counted<'a>) -> Vec<Wanted<'a>> {
    let Body::Trade(trade) = &ticket.told.body else {
        return Vec::new();
    };
    let sign = if ticket.back { -1 } else { 1 };
    let cards = trade.tenders.iter().enumerate().filter(|(_, tender)| {
        tender.kind == TenderKind::Card && tender.state == TenderState::Complete && !tender.amount.is_zero()
    });
    cards
        .map(|(place, tender)| Wanted {
            tender: (ticket.key, place),
            ticket: *ticket,
            cents: tender.amount.minor().saturating_mul(sign),
        })
        .collect()
}

fn fit(one: &Wanted<'_>, number: usize, other: &Answer<'_>, answer: usize) -> Option<Fit> {
    let same_amount = other.cents.contains(&one.cents);
    let same_register = one.ticket.key.register == other.said.register;
    let invoice = other
        .said
        .invoice
        .as_ref()
        .map(tillwire_proto::TicketNumber::as_str);
    let named = invoice.is_some_and(|invoice| is_called(one, invoice));
    if named && one.cents.signum() == other.cents[0].signum() {
        let days = one.ticket.key.day.days_since_epoch() - other.home.days_since_epoch();
        let rule = u8::from(!same_amount);
        return Some((rule, !same_register, days.unsigned_abs().into(), number, answer));
    }
    let apart = one.ticket.wall_ms.abs_diff(other.wall_ms);
    (same_register && same_amount && apart <= NEAR_MS).then_some((4, false, apart, number, answer))
}

/// Whether a tender's ticket goes by that number: its own, the one it is taken back under, or the POS's id.
fn is_called(one: &Wanted<'_>, number: &str) -> bool {
    let told = one.ticket.told;
    let id = told.pos_id.as_ref().map(tillwire_proto::PosId::as_str);
    one.ticket.key.ticket.as_str() == number || told.key.ticket.as_str() == number || id == Some(number)
}

/// The answers that moved money and were not taken back at the terminal on the same day, in order of records.
fn answers<'a>(records: &[Record<'a>], store: &Store<'_>) -> Vec<Answer<'a>> {
    let mut all: Vec<Answer<'a>> = records
        .iter()
        .filter_map(|record| match &record.observation.fact {
            Fact::Terminal(said) if moved_money(said) || takes_all_back(said) => Some(Answer {
                place: record.place,
                wall_ms: record.observation.stamp.wall_ms,
                home: home(said, record.received_ms, store),
                said,
                cents: vec![signed(said)],
            }),
            _ => None,
        })
        .collect();
    all.sort_by_key(|answer| answer.place);
    let is = |answer: &Answer<'_>, commands: &[PaymentCommand]| commands.contains(&answer.said.command);
    let (tips, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|a| is(a, &[PaymentCommand::TipAdjust]));
    let (undone, mut money): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|a| is(a, &[PaymentCommand::Void, PaymentCommand::Reversal]));
    let mut alone = Vec::new();
    for undo in undone {
        let takes_back = |answer: &Answer<'_>| {
            answer.home == undo.home
                && (takes_all_back(undo.said) || answer.said.approved.minor() == undo.said.approved.minor())
                && same_payment(answer.said, undo.said)
        };
        match money.iter().position(takes_back) {
            Some(place) => drop(money.remove(place)),
            None => alone.push(undo),
        }
    }
    // one that takes back what was not seen gives money back
    money.extend(alone.into_iter().filter(|answer| moved_money(answer.said)));
    money.sort_by_key(|answer| answer.place);
    for answer in &mut money {
        for tip in tips.iter().filter(|tip| same_payment(tip.said, answer.said)) {
            let tipped = tip.said.approved.minor();
            answer
                .cents
                .extend([tipped, answer.cents[0].saturating_add(tipped)]);
        }
    }
    money
}

/// A void without an amount is one of the whole payment.
fn takes_all_back(said: &TerminalPayment) -> bool {
    let void = matches!(said.command, PaymentCommand::Void | PaymentCommand::Reversal);
    void && said.outcome == Outcome::Approved && said.approved.is_zero()
}

fn moved_money(said: &TerminalPayment) -> bool {
    let reserved = matches!(
        said.command,
        PaymentCommand::PreAuth | PaymentCommand::DeletePreAuth
    );
    let taken = matches!(
        said.outcome,
        Outcome::Approved | Outcome::Partial | Outcome::Stored
    );
    taken && !reserved && !said.approved.is_zero()
}

fn signed(said: &TerminalPayment) -> i64 {
    use PaymentCommand::{Refund, Reversal, Void};
    match said.command {
        Refund | Void | Reversal => said.approved.minor().saturating_neg(),
        _ => said.approved.minor(),
    }
}

/// The terminal's own day, unless its clock cannot be right; then the day of arrival.
fn home(said: &TerminalPayment, received_ms: i64, store: &Store<'_>) -> BusinessDay {
    let believed = said.at.map(tillwire_proto::LocalTime::civil).filter(|at| {
        let moment = store.moment(*at);
        moment.is_some_and(|moment| BELIEVED_MS.contains(&received_ms.saturating_sub(moment)))
    });
    believed.map_or_else(|| store.day_at(received_ms), |at| store.day_of(at))
}

/// Two answers of one terminal about one payment: by the gateway's number, else the terminal's, else the invoice.
fn same_payment(one: &TerminalPayment, other: &TerminalPayment) -> bool {
    let gateway = |said: &TerminalPayment| said.card.as_ref().and_then(|card| card.reference.clone());
    let both = |one: Option<_>, other: Option<_>| one.is_some() && one == other;
    one.terminal == other.terminal
        && match (gateway(one), gateway(other)) {
            (Some(one), Some(other)) => one == other,
            _ => {
                both(one.terminal_number.as_ref(), other.terminal_number.as_ref())
                    || (one.invoice.is_some() && one.invoice == other.invoice)
            }
        }
}
