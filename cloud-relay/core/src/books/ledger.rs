//! A ledger: contributions of tickets, summed per line.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, BusinessKey, Currency, Customer, MoneyError, PosId};

use super::document::Document;
use crate::exception::{CauseKey, ExceptionDraft};
use crate::facts::RecordId;
use crate::settings::{AccountCode, Mapped, RowId};

/// Whose tax a line is, as the POS names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaxKey {
    /// Jurisdiction.
    pub jurisdiction: String,
    /// Rate in millionths of one, where the POS tells.
    pub rate_millionths: Option<i64>,
    /// The tax in Odoo, where the mapping names one.
    pub odoo_tax: Option<String>,
}

/// What makes a line one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineKey {
    /// The document that it stands in.
    pub document: Document,
    /// The account.
    pub account: AccountCode,
    /// What the line says.
    pub label: String,
    /// Whose tax it is, on a tax line.
    pub tax: Option<TaxKey>,
    /// Names of the Odoo taxes that this is the base of, on a revenue line; in order, once each.
    pub taxed_by: Vec<String>,
    /// Name of the analytic account, on income and expense.
    pub analytic: Option<String>,
    /// The currency that was handed over, on a tender in another than the store's.
    pub currency: Option<Currency>,
    /// The document that is owed or paid, on a line of the receivable account.
    pub settles: Option<Document>,
}

impl LineKey {
    /// A line of the day's entry without a tax.
    pub(crate) fn plain(account: AccountCode, label: &str) -> Self {
        Self {
            document: Document::Entry,
            account,
            label: label.to_owned(),
            tax: None,
            taxed_by: Vec::new(),
            settles: None,
            analytic: None,
            currency: None,
        }
    }

    /// A line without a tax as the mapping gives it.
    pub(crate) fn mapped(to: Mapped<'_>, label: &str) -> Self {
        Self {
            analytic: to.analytic.map(str::to_owned),
            ..Self::plain(to.account.clone(), label)
        }
    }
}

/// A line's sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// On a tax line what the tax was computed on, signed like a sale: positive; `None` when some ticket did not
    /// tell.
    pub base: Option<Amount>,
    /// On a line with a currency of its own the sum in that currency, signed as `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Amount>,
    /// The records that it came from.
    pub records: BTreeSet<RecordId>,
}

impl LedgerLine {
    /// Nothing yet, on the line of this key.
    pub(crate) fn nothing(key: &LineKey, currency: Currency) -> Self {
        Self {
            amount: Amount::zero(currency),
            base: Some(Amount::zero(currency)),
            foreign: key.currency.map(Amount::zero),
            records: BTreeSet::new(),
        }
    }

    /// Adds sums. What one side does not tell, the sum does not tell.
    ///
    /// # Errors
    /// [`MoneyError`] on sums beyond 64 bits or another currency.
    pub(crate) fn add(
        &mut self,
        amount: Amount,
        base: Option<Amount>,
        foreign: Option<Amount>,
    ) -> Result<(), MoneyError> {
        let both = |one: Option<Amount>, other: Option<Amount>| match (one, other) {
            (Some(one), Some(other)) => one.checked_add(other).map(Some),
            _ => Ok(None),
        };
        self.amount = self.amount.checked_add(amount)?;
        self.base = both(self.base, base)?;
        self.foreign = both(self.foreign, foreign)?;
        Ok(())
    }

    /// Takes sums off again.
    ///
    /// # Errors
    /// [`MoneyError`] on sums beyond 64 bits or another currency.
    pub(crate) fn take_off(&mut self, other: &Self) -> Result<(), MoneyError> {
        let negated = |amount: Option<Amount>| amount.map(Amount::checked_neg).transpose();
        self.add(
            other.amount.checked_neg()?,
            negated(other.base)?,
            negated(other.foreign)?,
        )
    }
}

/// One part of one ticket on one line: the cent's way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The ticket; for over and short the till count.
    pub ticket: BusinessKey,
    /// The line.
    pub line: LineKey,
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// On a tax line what the tax was computed on.
    pub base: Option<Amount>,
    /// On a line with a currency of its own the amount in that currency, signed as `amount`.
    pub foreign: Option<Amount>,
    /// The row of the mapping that chose the account.
    pub row: RowId,
    /// The records that tell it.
    pub records: Vec<RecordId>,
}

/// Why a ledger could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BooksError {
    /// A sum beyond 64 bits, or two currencies.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The parts of one ticket do not balance, which a verified ticket's do.
    #[error("the parts of ticket {ticket} leave {rest} over")]
    Unbalanced {
        /// The ticket.
        ticket: String,
        /// What is left.
        rest: Amount,
    },
}

/// What a store-day comes to. Balanced, and each of its documents with it: contributions are only taken as whole
/// tickets whose parts sum to nothing in every document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    currency: Currency,
    lines: BTreeMap<LineKey, LedgerLine>,
    contributions: Vec<Contribution>,
    held_tickets: BTreeMap<BusinessKey, Vec<CauseKey>>,
    customers: BTreeMap<PosId, String>,
    /// Why tickets and movements are not in it, and notes about some that are.
    pub held: Vec<ExceptionDraft>,
}

impl Ledger {
    /// Nothing yet.
    #[must_use]
    pub const fn new(currency: Currency) -> Self {
        Self {
            currency,
            lines: BTreeMap::new(),
            contributions: Vec::new(),
            held_tickets: BTreeMap::new(),
            customers: BTreeMap::new(),
            held: Vec::new(),
        }
    }

    /// The currency of all lines.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The lines that are not nothing, in order of their keys.
    pub fn lines(&self) -> impl Iterator<Item = (&LineKey, &LedgerLine)> {
        self.lines.iter().filter(|(_, line)| !line.amount.is_zero())
    }

    /// Every part of every ticket.
    #[must_use]
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// The lines that a ticket went to.
    pub fn of_ticket<'a>(&'a self, ticket: &'a BusinessKey) -> impl Iterator<Item = &'a Contribution> {
        self.contributions
            .iter()
            .filter(move |part| part.ticket == *ticket)
    }

    /// The tickets that a line came from.
    pub fn of_line<'a>(&'a self, line: &'a LineKey) -> impl Iterator<Item = &'a Contribution> {
        self.contributions.iter().filter(move |part| part.line == *line)
    }

    /// The tickets that are held whole, each with its causes.
    #[must_use]
    pub const fn held_tickets(&self) -> &BTreeMap<BusinessKey, Vec<CauseKey>> {
        &self.held_tickets
    }

    /// What the POS calls the customers who owe an invoice.
    #[must_use]
    pub const fn customers(&self) -> &BTreeMap<PosId, String> {
        &self.customers
    }

    pub(super) fn know(&mut self, customer: &Customer) {
        let name = customer.name.as_ref().map(ToString::to_string);
        self.customers.insert(
            customer.id.clone(),
            name.unwrap_or_else(|| format!("Customer {}", customer.id)),
        );
    }

    pub(super) fn hold(&mut self, ticket: &BusinessKey, cause: &CauseKey) {
        self.held_tickets
            .entry(ticket.clone())
            .or_default()
            .push(cause.clone());
    }

    /// Takes a whole ticket, or nothing of it.
    ///
    /// # Errors
    /// [`BooksError`] when its parts do not sum to nothing in each document or go beyond 64 bits; the ledger is then
    /// unchanged.
    pub fn take(&mut self, parts: Vec<Contribution>) -> Result<(), BooksError> {
        let documents: BTreeSet<&Document> = parts.iter().map(|part| &part.line.document).collect();
        for document in documents {
            let of = parts.iter().filter(|part| part.line.document == *document);
            let rest = Amount::sum(of.map(|part| part.amount), self.currency)?;
            if !rest.is_zero() {
                let ticket = parts
                    .first()
                    .map_or_else(String::new, |part| part.ticket.ticket.to_string());
                return Err(BooksError::Unbalanced { ticket, rest });
            }
        }
        self.try_sums(&parts)?;
        for part in &parts {
            add(&mut self.lines, part)?;
        }
        self.contributions.extend(parts);
        Ok(())
    }
}

impl Ledger {
    /// Adds the parts to copies of the sums that they touch, so that one that fails leaves nothing behind.
    fn try_sums(&self, parts: &[Contribution]) -> Result<(), MoneyError> {
        let nothing = Amount::zero(self.currency);
        let mut sums: BTreeMap<&LineKey, LedgerLine> = BTreeMap::new();
        for part in parts {
            let sum = sums
                .entry(&part.line)
                .or_insert_with(|| match self.lines.get(&part.line) {
                    Some(line) => LedgerLine {
                        records: BTreeSet::new(),
                        base: Some(line.base.unwrap_or(nothing)),
                        ..*line
                    },
                    None => LedgerLine::nothing(&part.line, self.currency),
                });
            sum.add(part.amount, part.base.or(Some(nothing)), part.foreign)?;
        }
        Ok(())
    }
}

fn add(lines: &mut BTreeMap<LineKey, LedgerLine>, part: &Contribution) -> Result<(), MoneyError> {
    let line = lines
        .entry(part.line.clone())
        .or_insert_with(|| LedgerLine::nothing(&part.line, part.amount.currency()));
    line.add(part.amount, part.base, part.foreign)?;
    line.records.extend(&part.records);
    Ok(())
}
