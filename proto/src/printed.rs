//! A receipt as the printer's line carried it: the witness on paper.

use serde::{Deserialize, Serialize};

use crate::card::CardFacts;
use crate::day::LocalTime;
use crate::ids::{RegisterId, StoreId};
use crate::money::{Amount, Currency};
use crate::quantity::{Quantity, Rate};
use crate::text::{Code, Description, Note, Operator, Sku, TicketNumber};
use crate::transaction::{TenderKind, TransactionKind};

/// What one print says, as far as the store's receipt template reads it. What the paper does not say is absent,
/// never guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Where.
    pub store: StoreId,
    /// The register that the printer belongs to.
    pub register: RegisterId,
    /// The currency that the store's receipts are in.
    pub currency: Currency,
    /// The template that read it.
    pub template: Code,
    /// What kind of transaction the paper says it is of.
    pub kind: Option<TransactionKind>,
    /// The ticket's number.
    pub ticket: Option<TicketNumber>,
    /// When, as printed: the store's clock.
    pub at: Option<LocalTime>,
    /// The cashier as printed.
    pub operator: Option<Operator>,
    /// True for a copy or reprint: the paper says so, or the same paper was printed before.
    pub copy: bool,
    /// Goods.
    pub lines: Vec<PrintedLine>,
    /// Sum of the goods before tax.
    pub subtotal: Option<Amount>,
    /// Discounts on the whole ticket and on lines, as positive amounts.
    pub discounts: Vec<PrintedAmount>,
    /// Taxes.
    pub taxes: Vec<PrintedTax>,
    /// What is to be paid.
    pub total: Option<Amount>,
    /// How it was paid.
    pub tenders: Vec<PrintedTender>,
    /// Cash given back, as a positive amount.
    pub change: Option<Amount>,
    /// Contents of bar codes and QR codes.
    pub codes: Vec<Note>,
    /// How often the drawer was opened.
    pub drawer_kicks: u8,
}

/// A line of goods on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedLine {
    /// The item.
    pub sku: Option<Sku>,
    /// Its name.
    pub description: Option<Description>,
    /// How much of it; negative comes back.
    pub quantity: Option<Quantity>,
    /// Price of one.
    pub unit_price: Option<Amount>,
    /// What the line comes to; negative goes to the customer.
    pub extended: Amount,
}

/// An amount with the paper's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedAmount {
    /// The words.
    pub label: Option<Description>,
    /// The amount.
    pub amount: Amount,
}

/// A tax on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedTax {
    /// The words.
    pub label: Option<Description>,
    /// The rate, where it is printed.
    pub rate: Option<Rate>,
    /// The amount; negative is given back.
    pub amount: Amount,
}

/// A tender on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedTender {
    /// What kind, as the template reads the words.
    pub kind: TenderKind,
    /// The words.
    pub label: Option<Description>,
    /// The amount; negative goes to the customer.
    pub amount: Amount,
    /// The card with its approval code, where one is printed.
    pub card: Option<CardFacts>,
}
