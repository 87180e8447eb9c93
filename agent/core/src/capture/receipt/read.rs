//! Paper to facts.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, Currency, Printed, RegisterId, StoreId, TransactionKind};

use super::found::Found;
use super::template::{Template, What};
use crate::capture::escpos::Paper;

/// Why a paper is no receipt: what the template wanted and did not find.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {template} found no {} in {lines} lines{}", .missing.join(" and no "), .wrong.iter().map(|why| format!("; {why}")).collect::<String>())]
pub struct NotRead {
    template: String,
    missing: Vec<&'static str>,
    lines: usize,
    wrong: Vec<String>,
}

/// Where the printer stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The store.
    pub store: &'a StoreId,
    /// The register that the printer belongs to.
    pub register: &'a RegisterId,
    /// Registers by what receipts call them, where several share the printer.
    pub registers: &'a BTreeMap<String, RegisterId>,
    /// The currency of the store's receipts.
    pub currency: Currency,
}

impl Template {
    /// What the paper says.
    ///
    /// # Errors
    /// [`NotRead`] when the ticket's number or the total is missing. Papers of a drawer opened without a sale need
    /// no total.
    pub fn read(&self, paper: &Paper, place: &Place<'_>) -> Result<Printed, NotRead> {
        let lines: Vec<&str> = paper.lines.iter().map(String::as_str).collect();
        let found = Found::on(&lines, self.compiled(), place.currency);
        let no_sale = found.kind == Some(TransactionKind::NoSale);
        let mut missing = Vec::new();
        if found.ticket.is_none() && !no_sale {
            missing.push("ticket number");
        }
        if found.total.is_none() && !no_sale {
            missing.push("total");
        }
        if !missing.is_empty() || !found.wrong.is_empty() {
            if missing.is_empty() {
                missing.push("sense");
            }
            return Err(NotRead {
                template: self.name().to_string(),
                missing,
                lines: found.looked_at,
                wrong: found.wrong,
            });
        }
        let mut printed = only_drawer(place, self, paper.kicks);
        printed.codes.clone_from(&paper.codes);
        self.fill(&mut printed, found, place);
        Ok(printed)
    }

    /// Every line of the paper with what it is taken for, such as `item`; a hyphen where no pattern wants it.
    #[must_use]
    pub fn explain(&self, paper: &Paper, currency: Currency) -> Vec<(String, String)> {
        let lines: Vec<&str> = paper.lines.iter().map(String::as_str).collect();
        let mut told = Vec::new();
        Found::told(&lines, self.compiled(), currency, &mut |what, lines| {
            let word = what.map_or("-".to_owned(), What::word);
            told.extend(lines.iter().map(|line| (word.clone(), (*line).to_owned())));
        });
        told
    }

    /// Whether these lines hold all that a receipt must have.
    pub(crate) fn is_whole(&self, lines: &[&str], currency: Currency) -> bool {
        let found = Found::on(lines, self.compiled(), currency);
        found.ticket.is_some() && found.total.is_some()
    }

    fn fill(&self, printed: &mut Printed, found: Found, place: &Place<'_>) {
        printed.at = found.at(self.compiled());
        printed.kind = found.kind.or_else(|| kind(&found));
        if let Some(register) = found.register.as_ref().and_then(|name| place.registers.get(name)) {
            printed.register = register.clone();
        }
        printed.ticket = found.ticket;
        printed.operator = found.operator;
        printed.copy = found.is_copy;
        printed.lines = found.lines;
        printed.subtotal = found.subtotal;
        printed.discounts = found.discounts;
        printed.taxes = found.taxes;
        printed.total = found.total;
        printed.tenders = found.tenders;
        printed.change = found.change;
        let is_return = printed.kind == Some(TransactionKind::Return);
        if is_return && printed.total.is_some_and(|total| total.minor() > 0) {
            turn(printed);
        }
    }
}

/// Nothing but the drawer was opened.
#[must_use]
pub fn only_drawer(place: &Place<'_>, template: &Template, kicks: u8) -> Printed {
    Printed {
        store: place.store.clone(),
        register: place.register.clone(),
        currency: place.currency,
        template: template.name().clone(),
        kind: None,
        ticket: None,
        at: None,
        operator: None,
        copy: false,
        lines: Vec::new(),
        subtotal: None,
        discounts: Vec::new(),
        taxes: Vec::new(),
        total: None,
        tenders: Vec::new(),
        change: None,
        codes: Vec::new(),
        drawer_kicks: kicks,
    }
}

/// What the signs of the goods say where no word does; `None` for a paper without goods.
fn kind(found: &Found) -> Option<TransactionKind> {
    let comes_back = |line: &&tillwire_proto::PrintedLine| {
        line.extended.is_negative() || line.quantity.is_some_and(tillwire_proto::Quantity::is_negative)
    };
    let back = found.lines.iter().filter(comes_back).count();
    match (found.lines.len(), back) {
        (0, _) => None,
        (_, 0) => Some(TransactionKind::Sale),
        (all, back) if all == back => Some(TransactionKind::Return),
        _ => Some(TransactionKind::Exchange),
    }
}

/// A return printed without signs: what it says goes to the customer.
fn turn(printed: &mut Printed) {
    let turn = |amount: &mut Amount| *amount = amount.checked_neg().unwrap_or(*amount);
    for line in &mut printed.lines {
        turn(&mut line.extended);
        line.quantity = line
            .quantity
            .map(|quantity| quantity.checked_neg().unwrap_or(quantity));
    }
    printed.taxes.iter_mut().for_each(|tax| turn(&mut tax.amount));
    printed
        .tenders
        .iter_mut()
        .for_each(|tender| turn(&mut tender.amount));
    printed
        .subtotal
        .iter_mut()
        .chain(&mut printed.total)
        .for_each(turn);
}
