//! The witness table of a store-day: what each source counts, side by side, and every disagreement by its name. The till,
//! a file and the retailer's account in the cloud tell tickets; the printer tells papers; the terminal tells card money.
//!
//! A witness that told nothing of a register on that day is no witness there, and is missed nowhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tillwire_proto::{
    Amount, BusinessKey, Currency, Outcome, PaymentCommand, Printed, RegisterId, TenderKind, TicketNumber,
    Trade, TransactionKind, Witness,
};

use crate::facts::{DayFacts, Print, RecordId};
use crate::matching::moved_money;
use crate::tickets::{Ticket, Tickets};

/// Those that tell whole tickets.
const ACCOUNTS: [Witness; 3] = [Witness::PosPush, Witness::File, Witness::CloudPoll];

/// A day as its witnesses tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct WitnessTable {
    /// One per witness that told something, in order of their kind.
    pub columns: Vec<Column>,
    /// What they do not agree on, ticket by ticket.
    pub disagreements: Vec<Disagreement>,
}

/// What one witness counts. A figure that it cannot know is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Who.
    pub witness: Witness,
    /// Sales, returns and exchanges; of a terminal its payments.
    pub count: u64,
    /// What customers owed, returns taken off.
    pub total: Option<Amount>,
    /// Tax in it.
    pub tax: Option<Amount>,
    /// Paid by card.
    pub card: Option<Amount>,
    /// Paid in cash, change taken off.
    pub cash: Option<Amount>,
}

/// One thing that witnesses do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Disagreement {
    /// At which register.
    pub register: RegisterId,
    /// The ticket, or the terminal's invoice number where it names one.
    pub ticket: Option<TicketNumber>,
    /// What is wrong.
    pub what: What,
    /// What it comes to.
    pub amount: Amount,
    /// The record to look at.
    pub record: Option<RecordId>,
}

/// Ways to disagree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum What {
    /// Others tell the ticket, this one does not.
    MissingAt {
        /// Who.
        witness: Witness,
    },
    /// This one tells another total.
    Differs {
        /// Who.
        witness: Witness,
        /// What it tells.
        told: Amount,
    },
    /// Printed, and told by nobody.
    OnlyPrinted,
    /// Charged at the terminal, on no ticket.
    OnlyCharged,
    /// Paid by card on the ticket, not seen at a watched terminal.
    NotCharged,
}

impl What {
    /// In words, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::MissingAt { witness } => format!("not told by the {}", name(*witness)),
            Self::Differs { witness, told } => format!("the {} tells {told}", name(*witness)),
            Self::OnlyPrinted => "printed, but told by nobody".to_owned(),
            Self::OnlyCharged => "charged at the terminal, on no ticket".to_owned(),
            Self::NotCharged => "paid by card, not seen at the terminal".to_owned(),
        }
    }
}

/// A witness in a word, for people.
#[must_use]
pub const fn name(witness: Witness) -> &'static str {
    match witness {
        Witness::PosPush => "till",
        Witness::Terminal => "terminal",
        Witness::Printer => "printer",
        Witness::File => "file",
        Witness::CloudPoll => "cloud",
        Witness::Agent => "agent",
    }
}

/// The table of a day.
#[must_use]
pub fn table(tickets: &Tickets<'_>) -> WitnessTable {
    let facts = tickets.facts;
    let told = Told::of(tickets);
    let papers = papers(facts);
    let mut table = WitnessTable::default();
    for witness in ACCOUNTS {
        let mine = told.iter().filter(|one| one.by.contains_key(&witness));
        let mut column = Sums::new(tickets.settings.currency);
        mine.for_each(|one| column.ticket(one.trade, one.ticket.sign()));
        table.columns.extend(column.of_tickets(witness));
    }
    let mut column = Sums::new(tickets.settings.currency);
    papers.iter().for_each(|print| column.paper(&print.printed));
    table.columns.extend(column.of_tickets(Witness::Printer));
    table.columns.extend(terminal(facts, tickets.settings.currency));
    disagree(tickets, &told, &papers, &mut table.disagreements);
    table.disagreements.sort();
    table.disagreements.dedup();
    table
}

/// A ticket that counts, and who told which total of it.
struct Told<'a> {
    ticket: &'a Ticket<'a>,
    trade: &'a Trade,
    by: BTreeMap<Witness, Amount>,
}

impl<'a> Told<'a> {
    fn of(tickets: &'a Tickets<'a>) -> Vec<Self> {
        let trades = tickets.counted.iter().filter(|ticket| !ticket.taken_back);
        trades
            .filter_map(|ticket| {
                let trade = ticket.transaction.trade()?;
                let known = tickets.facts.transactions.get(&ticket.transaction.key)?;
                let mut by = BTreeMap::new();
                for version in &known.versions {
                    let total = version.transaction.trade()?.totals.total;
                    for sighting in &version.sightings {
                        by.entry(sighting.witness).or_insert(total);
                    }
                }
                Some(Self { ticket, trade, by })
            })
            .collect()
    }
}

/// The day's papers: one per ticket, copies left out.
pub(crate) fn papers(facts: &DayFacts) -> Vec<&Print> {
    let of_day = facts
        .printed
        .iter()
        .filter(|print| print.home == facts.day && !print.printed.copy);
    let mut once = BTreeSet::new();
    of_day
        .filter(|print| {
            let printed = &print.printed;
            let is_ticket = printed.ticket.is_some() && printed.total.is_some();
            is_ticket && once.insert((&printed.register, &printed.ticket, printed.kind))
        })
        .collect()
}

/// Whether the paper is of this ticket. A paper that does not say what it is of is taken for any.
fn is_of(print: &Print, key: &BusinessKey) -> bool {
    let printed = &print.printed;
    printed.register == key.register
        && printed.ticket.as_ref() == Some(&key.ticket)
        && printed.kind.is_none_or(|kind| kind == key.kind)
}

fn disagree(tickets: &Tickets<'_>, told: &[Told<'_>], papers: &[&Print], into: &mut Vec<Disagreement>) {
    let facts = tickets.facts;
    let mut active: BTreeMap<&RegisterId, BTreeSet<Witness>> = BTreeMap::new();
    for one in told {
        let here = active.entry(&one.ticket.key.register).or_default();
        here.extend(one.by.keys().filter(|witness| ACCOUNTS.contains(witness)));
    }
    let mut by_number: BTreeMap<(&RegisterId, &TicketNumber), Vec<&Print>> = BTreeMap::new();
    for print in papers {
        if let Some(ticket) = &print.printed.ticket {
            by_number
                .entry((&print.printed.register, ticket))
                .or_default()
                .push(print);
        }
    }
    let printing: BTreeSet<&RegisterId> = papers.iter().map(|print| &print.printed.register).collect();
    for one in told {
        let key = one.ticket.key;
        let total = one.trade.totals.total;
        let found = |what, record| Disagreement {
            register: key.register.clone(),
            ticket: Some(key.ticket.clone()),
            what,
            amount: total,
            record,
        };
        let missing = active[&key.register]
            .iter()
            .filter(|witness| !one.by.contains_key(witness));
        into.extend(missing.map(|witness| found(What::MissingAt { witness: *witness }, None)));
        let other = one.by.iter().filter(|(_, told)| **told != total);
        into.extend(other.map(|(witness, told)| {
            let (witness, told) = (*witness, *told);
            found(What::Differs { witness, told }, None)
        }));
        let mine = by_number.get(&(&key.register, &key.ticket));
        let paper = mine.into_iter().flatten().find(|print| is_of(print, key));
        match paper {
            None if printing.contains(&key.register) => {
                let witness = Witness::Printer;
                into.push(found(What::MissingAt { witness }, None));
            }
            Some(print) => {
                let paper = signed(&print.printed, one.trade);
                if paper.is_some_and(|told| told != total) {
                    let (witness, told) = (Witness::Printer, paper.unwrap_or(total));
                    into.push(found(What::Differs { witness, told }, Some(print.record)));
                }
            }
            None => {}
        }
    }
    into.extend(untold(facts, papers).into_iter().map(|print| {
        Disagreement {
            register: print.printed.register.clone(),
            ticket: print.printed.ticket.clone(),
            what: What::OnlyPrinted,
            amount: print
                .printed
                .total
                .unwrap_or(Amount::zero(print.printed.currency)),
            record: Some(print.record),
        }
    }));
    let orphans = tickets.matching.orphans.iter().filter_map(|record| {
        let payment = facts.payments.iter().find(|payment| payment.record == *record)?;
        Some(Disagreement {
            register: payment.payment.register.clone(),
            ticket: payment.payment.invoice.clone(),
            what: What::OnlyCharged,
            amount: payment.payment.approved,
            record: Some(*record),
        })
    });
    into.extend(orphans);
    let watched: BTreeSet<&RegisterId> = facts
        .payments
        .iter()
        .filter(|payment| payment.home == facts.day)
        .map(|payment| &payment.payment.register)
        .collect();
    let unanswered = tickets.matching.unanswered.iter();
    for tender in unanswered.filter(|tender| watched.contains(&tender.ticket.register)) {
        let ticket = tickets.counted.iter().find(|ticket| *ticket.key == tender.ticket);
        let amount = ticket
            .and_then(|ticket| ticket.transaction.trade()?.tenders.get(tender.index))
            .map(|tender| tender.amount);
        if let Some(amount) = amount {
            into.push(Disagreement {
                register: tender.ticket.register.clone(),
                ticket: Some(tender.ticket.ticket.clone()),
                what: What::NotCharged,
                amount,
                record: None,
            });
        }
    }
}

/// A paper's total with the sign of the ticket: papers of returns print what goes back without one.
fn signed(printed: &Printed, trade: &Trade) -> Option<Amount> {
    let total = printed.total?;
    if trade.totals.total.is_negative() && !total.is_negative() {
        return total.checked_neg().ok();
    }
    Some(total)
}

/// Papers whose ticket nobody tells, on this day or the days beside it.
pub(crate) fn untold<'a>(facts: &DayFacts, papers: &[&'a Print]) -> Vec<&'a Print> {
    let keys = facts.transactions.keys().chain(facts.others.keys());
    let told: BTreeSet<(&RegisterId, &TicketNumber)> = keys.map(|key| (&key.register, &key.ticket)).collect();
    let untold = papers.iter().filter(|print| {
        let printed = &print.printed;
        printed
            .ticket
            .as_ref()
            .is_some_and(|ticket| !told.contains(&(&printed.register, ticket)))
    });
    untold.copied().collect()
}

/// The terminals' column: payments that moved money on this day.
fn terminal(facts: &DayFacts, currency: Currency) -> Option<Column> {
    let mine: Vec<_> = facts
        .payments
        .iter()
        .filter(|payment| payment.home == facts.day && moved_money(payment))
        .collect();
    let back = |command| {
        matches!(
            command,
            PaymentCommand::Refund | PaymentCommand::Void | PaymentCommand::Reversal
        )
    };
    let sum = mine
        .iter()
        .filter(|payment| payment.payment.command != PaymentCommand::TipAdjust)
        .filter(|payment| payment.payment.outcome != Outcome::Declined)
        .try_fold(Amount::zero(currency), |sum, payment| {
            let approved = payment.payment.approved;
            if back(payment.payment.command) {
                sum.checked_sub(approved)
            } else {
                sum.checked_add(approved)
            }
        });
    (!mine.is_empty()).then(|| Column {
        witness: Witness::Terminal,
        count: mine.len() as u64,
        total: None,
        tax: None,
        card: sum.ok(),
        cash: None,
    })
}

/// Sums of one column. One that does not fit is not told: a ticket of that size is its own exception.
struct Sums {
    count: u64,
    total: Option<Amount>,
    tax: Option<Amount>,
    card: Option<Amount>,
    cash: Option<Amount>,
}

impl Sums {
    const fn new(currency: Currency) -> Self {
        let zero = Some(Amount::zero(currency));
        Self {
            count: 0,
            total: zero,
            tax: zero,
            card: zero,
            cash: zero,
        }
    }

    fn of_tickets(self, witness: Witness) -> Option<Column> {
        (self.count > 0).then_some(Column {
            witness,
            count: self.count,
            total: self.total,
            tax: self.tax,
            card: self.card,
            cash: self.cash,
        })
    }

    fn ticket(&mut self, trade: &Trade, sign: i64) {
        let signed = |amount: Amount| Amount::new(amount.minor().saturating_mul(sign), amount.currency());
        self.count += 1;
        add(&mut self.total, signed(trade.totals.total));
        add(&mut self.tax, signed(trade.totals.tax));
        for tender in &trade.tenders {
            match tender.kind {
                TenderKind::Card => add(&mut self.card, signed(tender.amount)),
                TenderKind::Cash => add(&mut self.cash, signed(tender.amount)),
                _ => {}
            }
        }
        if let Some(change) = trade
            .change
            .as_ref()
            .filter(|change| change.kind == TenderKind::Cash)
        {
            take(&mut self.cash, signed(change.amount));
        }
    }

    fn paper(&mut self, printed: &Printed) {
        let back = printed.kind == Some(TransactionKind::Return);
        let signed = |amount: Amount| {
            if back && !amount.is_negative() {
                Amount::new(amount.minor().saturating_neg(), amount.currency())
            } else {
                amount
            }
        };
        self.count += 1;
        printed
            .total
            .into_iter()
            .for_each(|total| add(&mut self.total, signed(total)));
        printed
            .taxes
            .iter()
            .for_each(|tax| add(&mut self.tax, signed(tax.amount)));
        for tender in &printed.tenders {
            match tender.kind {
                TenderKind::Card => add(&mut self.card, signed(tender.amount)),
                TenderKind::Cash => add(&mut self.cash, signed(tender.amount)),
                _ => {}
            }
        }
        printed
            .change
            .into_iter()
            .for_each(|change| take(&mut self.cash, change));
    }
}

fn add(sum: &mut Option<Amount>, amount: Amount) {
    *sum = sum.and_then(|sum| sum.checked_add(amount).ok());
}

fn take(sum: &mut Option<Amount>, amount: Amount) {
    *sum = sum.and_then(|sum| sum.checked_sub(amount).ok());
}
