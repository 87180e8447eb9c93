//! From tickets to ledger lines. A ticket goes in whole or is held whole, with a named reason; one bad ticket never
//! keeps the others out.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, Body, DrawerMovement, MoneyError, TenderKind, Trade, TransactionKind};

use super::document::{self, Document};
use super::drawer::book_over_short;
use super::held::{HeldBack, Missing};
use super::ledger::{Contribution, Ledger, LineKey};
use super::trade::trade_parts;
use crate::facts::RecordId;
use crate::settings::{Mapped, RowId, Scope};
use crate::tickets::{Ticket, Tickets};

/// The ledger of a store-day. Depends on what counts and on the mapping only.
#[must_use]
pub fn target(tickets: &Tickets<'_>) -> Ledger {
    let mut ledger = Ledger::new(tickets.settings.currency);
    let mut held = HeldBack::default();
    for ticket in &tickets.counted {
        if let Some(fault) = &ticket.fault {
            ledger.held.push(fault.clone());
            ledger.hold(ticket.key, &fault.cause);
            continue;
        }
        let mut parts = Parts::new(tickets, ticket);
        let done = parts.fill().map_err(super::BooksError::from);
        if parts.missing.iter().any(|missing| missing.holds) {
            held.add(ticket, &parts.missing, &mut ledger);
            continue;
        }
        held.note(ticket, &parts.missing);
        let invoiced = parts.document.is_invoice();
        if let Err(error) = done.and_then(|()| ledger.take(parts.parts)) {
            held.does_not_add_up(tickets, ticket, &error.to_string(), &mut ledger);
        } else if let Some(customer) = document::customer(ticket).filter(|_| invoiced) {
            ledger.know(customer);
        }
    }
    book_over_short(tickets, &mut ledger, &mut held);
    ledger.held.extend(held.into_exceptions(tickets));
    ledger.held.sort_by(|one, other| one.cause.cmp(&other.cause));
    ledger
}

/// The parts of one ticket as they are put together.
pub(super) struct Parts<'a> {
    pub(super) tickets: &'a Tickets<'a>,
    pub(super) ticket: &'a Ticket<'a>,
    pub(super) parts: Vec<Contribution>,
    pub(super) missing: Vec<Missing>,
    /// Where what the ticket sells belongs.
    document: Document,
    /// What was added to that document so far.
    sold: Amount,
}

impl<'a> Parts<'a> {
    pub(super) fn new(tickets: &'a Tickets<'a>, ticket: &'a Ticket<'a>) -> Self {
        Self {
            document: document::of(tickets.settings, ticket),
            sold: Amount::zero(tickets.settings.currency),
            tickets,
            ticket,
            parts: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn fill(&mut self) -> Result<(), MoneyError> {
        match &self.ticket.transaction.body {
            Body::Trade(trade) => self.trade(trade),
            Body::Drawer(movement) => self.drawer(movement),
            Body::Void(_) | Body::Count(_) | Body::Open { .. } | Body::Close { .. } => Ok(()),
        }
    }

    fn trade(&mut self, trade: &Trade) -> Result<(), MoneyError> {
        trade_parts(self, trade)?;
        self.settle()
    }

    /// What the customer owes on the invoice, the entry pays.
    fn settle(&mut self) -> Result<(), MoneyError> {
        let Some(invoices) = &self.tickets.settings.odoo.invoices else {
            return Ok(());
        };
        if !self.document.is_invoice() {
            return Ok(());
        }
        let owed = LineKey {
            document: self.document.clone(),
            settles: Some(self.document.clone()),
            ..LineKey::plain(invoices.receivable.clone(), &self.document.label())
        };
        let paid = LineKey {
            document: Document::Entry,
            ..owed.clone()
        };
        // the account is no mapping's choice but the store's own setting
        let row = RowId {
            key: "invoices.receivable".to_owned(),
            version: 1,
            scope: Scope::Store,
        };
        let sold = self.sold;
        self.put(&row, owed, Sums::of(sold.checked_neg()?), &[])?;
        self.put(&row, paid, Sums::of(sold), &[])
    }

    fn drawer(&mut self, movement: &DrawerMovement) -> Result<(), MoneyError> {
        let mapping = self.tickets.mapping();
        let reason = movement.reason.as_ref().map(|reason| reason.as_str());
        let spoken = reason.map_or_else(String::new, |reason| format!(" {reason}"));
        let named = reason.unwrap_or("default");
        let (other, key, label, into_drawer) = match self.ticket.transaction.key.kind {
            TransactionKind::PaidIn => {
                let key = format!("paid_in.{named}");
                (mapping.paid_in(reason), key, format!("Paid in{spoken}"), true)
            }
            TransactionKind::PaidOut => {
                let key = format!("paid_out.{named}");
                (mapping.paid_out(reason), key, format!("Paid out{spoken}"), false)
            }
            TransactionKind::Loan => (
                mapping.safe(),
                "safe".to_owned(),
                "Loan from safe".to_owned(),
                true,
            ),
            TransactionKind::Pickup => (
                mapping.safe(),
                "safe".to_owned(),
                "Pickup to safe".to_owned(),
                false,
            ),
            _ => return Ok(()),
        };
        let amount = if into_drawer {
            movement.amount
        } else {
            movement.amount.checked_neg()?
        };
        let other = self.account(other, || Missing::movement(&key, movement.amount));
        let cash = self.account_or_suspense(mapping.tender(&TenderKind::Cash, None), || {
            Missing::tender(&TenderKind::Cash, None, amount)
        });
        if let (Some(other), Some(cash)) = (other, cash) {
            self.add(cash, "Cash", amount)?;
            self.add(other, &label, amount.checked_neg()?)?;
        }
        Ok(())
    }

    /// The account, or a note that there is none.
    pub(super) fn account(
        &mut self,
        found: Option<Mapped<'a>>,
        missing: impl FnOnce() -> Missing,
    ) -> Option<Mapped<'a>> {
        if found.is_none() {
            self.missing.push(missing());
        }
        found
    }

    /// The account, else the suspense account if the retailer has one; either way the lack is noted.
    pub(super) fn account_or_suspense(
        &mut self,
        found: Option<Mapped<'a>>,
        missing: impl FnOnce() -> Missing,
    ) -> Option<Mapped<'a>> {
        let suspense = self.tickets.mapping().suspense();
        if found.is_none() {
            let mut lack = missing();
            lack.holds = suspense.is_none();
            self.missing.push(lack);
        }
        found.or(suspense)
    }

    /// Adds a part without a tax; on a ticket that is taken back with the other sign.
    pub(super) fn add(&mut self, to: Mapped<'_>, label: &str, amount: Amount) -> Result<(), MoneyError> {
        self.put(to.row, LineKey::mapped(to, label), Sums::of(amount), &[])
    }

    /// Adds a part of what the ticket sells, or its tax: it stands in the ticket's document.
    pub(super) fn sell(&mut self, row: &RowId, line: LineKey, sums: Sums) -> Result<(), MoneyError> {
        let document = self.document.clone();
        self.sold = self.sold.checked_add(sums.amount)?;
        self.put(row, LineKey { document, ..line }, sums, &[])
    }

    /// As [`Parts::add`], with everything that a part may have.
    pub(super) fn put(
        &mut self,
        row: &RowId,
        line: LineKey,
        sums: Sums,
        more: &[RecordId],
    ) -> Result<(), MoneyError> {
        let turn = |amount: Amount| {
            if self.ticket.taken_back {
                amount.checked_neg()
            } else {
                Ok(amount)
            }
        };
        let mut records = self.ticket.records.clone();
        records.extend(more);
        let contribution = Contribution {
            ticket: self.ticket.key.clone(),
            line,
            amount: turn(sums.amount)?,
            base: sums.base.map(turn).transpose()?,
            foreign: sums.foreign.map(turn).transpose()?,
            row: row.clone(),
            records,
        };
        self.parts.push(contribution);
        Ok(())
    }
}

/// What a part adds to its line.
pub(super) struct Sums {
    pub(super) amount: Amount,
    pub(super) base: Option<Amount>,
    pub(super) foreign: Option<Amount>,
}

impl Sums {
    /// Only an amount.
    pub(super) const fn of(amount: Amount) -> Self {
        Self {
            amount,
            base: None,
            foreign: None,
        }
    }
}

/// Sums per key, for a ticket's parts that share a line.
pub(super) fn summed<K: Ord>(
    parts: impl IntoIterator<Item = (K, Amount)>,
) -> Result<BTreeMap<K, Amount>, MoneyError> {
    let mut sums: BTreeMap<K, Amount> = BTreeMap::new();
    for (key, amount) in parts {
        let sum = match sums.get(&key) {
            Some(sum) => sum.checked_add(amount)?,
            None => amount,
        };
        sums.insert(key, sum);
    }
    Ok(sums)
}
