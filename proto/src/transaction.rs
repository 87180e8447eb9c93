//! A transaction: what happened at a register, as one witness tells it. The words follow ARTS POSLog.
//!
//! Amounts are signed from the retailer's side: a sale's lines, taxes and tenders are positive, a return's are
//! negative, an exchange has both. Change is its own movement and is written positive: money given back.

use serde::{Deserialize, Serialize};

use crate::card::CardFacts;
use crate::day::{BusinessDay, LocalTime};
use crate::ids::{RegisterId, StoreId};
use crate::money::{Amount, Currency};
use crate::quantity::{Quantity, Rate};
use crate::tally::Tally;
use crate::text::{Code, Description, Jurisdiction, Operator, PosId, Sku, TextError, TicketNumber};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransactionKind {
    /// Goods out, money in.
    Sale,
    /// Goods in, money out.
    Return,
    /// Both on one ticket.
    Exchange,
    /// An earlier transaction is taken back as if it had not been.
    Void,
    /// The drawer was opened without a sale.
    NoSale,
    /// Cash put into the drawer for a reason other than a sale.
    PaidIn,
    /// Cash taken out of the drawer for a reason other than a return.
    PaidOut,
    /// Cash from the drawer to the safe.
    Pickup,
    /// Cash from the safe to the drawer.
    Loan,
    /// The drawer was counted.
    TillCount,
    /// The register opened its business day.
    DayOpen,
    /// The register closed its business day.
    DayClose,
}

/// What the POS itself calls the transaction. Two records with equal keys are two witnesses of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BusinessKey {
    /// Where.
    pub store: StoreId,
    /// At which register.
    pub register: RegisterId,
    /// The day it is booked under.
    pub day: BusinessDay,
    /// The number on the ticket.
    pub ticket: TicketNumber,
    /// What happened.
    pub kind: TransactionKind,
    /// 0 as first told; counts up each time the POS changes a completed ticket.
    pub revision: u32,
}

/// A transaction of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The POS's own name for it.
    pub key: BusinessKey,
    /// The till's clock when it was completed.
    pub at: LocalTime,
    /// The POS's internal id, where it has one besides the ticket number.
    pub pos_id: Option<PosId>,
    /// Who rang it up.
    pub operator: Option<Operator>,
    /// The currency that all its amounts are in.
    pub currency: Currency,
    /// What happened, in full.
    pub body: Body,
}

/// The part of a transaction that depends on its kind.
#[expect(clippy::large_enum_variant, reason = "nearly every transaction is a trade")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// [`TransactionKind::Sale`], `Return` and `Exchange`.
    Trade(Trade),
    /// [`TransactionKind::Void`].
    Void(Void),
    /// [`TransactionKind::NoSale`], `PaidIn`, `PaidOut`, `Pickup` and `Loan`.
    Drawer(DrawerMovement),
    /// [`TransactionKind::TillCount`].
    Count(TillCount),
    /// [`TransactionKind::DayOpen`]: the cash that the drawer starts with.
    Open {
        /// Opening float.
        float: Amount,
    },
    /// [`TransactionKind::DayClose`]: the register's own totals, where the POS prints them.
    Close {
        /// The POS's totals of the day at this register (its Z report).
        stated: Option<Tally>,
    },
}

/// Goods and money changing hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Goods, gift cards sold, shipping.
    pub lines: Vec<Line>,
    /// Taxes, one line per jurisdiction and rate.
    pub taxes: Vec<TaxLine>,
    /// Tips.
    pub tips: Vec<Tip>,
    /// How it was paid.
    pub tenders: Vec<Tender>,
    /// Money given back from what was tendered; never negative.
    pub change: Option<Change>,
    /// The totals that the POS printed.
    pub totals: Totals,
    /// Whether the lines' amounts have the taxes inside them.
    pub prices: Prices,
    /// Who bought, where the POS knows a customer by name.
    pub customer: Option<Customer>,
    /// The earlier transaction that goods come back from.
    pub original: Option<OriginalTicket>,
}

/// How the prices on a ticket are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Prices {
    /// Taxes come on top of the lines.
    BeforeTax,
    /// The lines' amounts include the taxes.
    TaxIncluded,
}

/// A customer as the POS knows one. A walk-in has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The POS's own id of the customer.
    pub id: PosId,
    /// What the ticket calls the customer.
    pub name: Option<Description>,
}

/// What a line sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LineKind {
    /// Goods or a service.
    Item,
    /// A gift card sold or loaded: a liability, not revenue.
    GiftCard,
    /// Shipping.
    Shipping,
    /// A fee, deposit or other charge.
    Fee,
}

/// One line of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it sells.
    pub kind: LineKind,
    /// The item; `None` for lines that are not goods.
    pub sku: Option<Sku>,
    /// What the receipt calls it.
    pub description: Option<Description>,
    /// The department or category that the POS files it under.
    pub department: Option<Code>,
    /// The lot or serial number that was sold, where the POS asks for it.
    pub serial: Option<Code>,
    /// How many; negative when they come back.
    pub quantity: Quantity,
    /// Price of one before discounts.
    pub unit_price: Amount,
    /// Price reductions of the whole line, each positive on a sale.
    pub discounts: Vec<Discount>,
    /// What the line comes to after discounts: before tax, or with it inside where [`Prices::TaxIncluded`] says so.
    pub extended: Amount,
}

/// A price reduction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// How much less, for the whole line.
    pub amount: Amount,
    /// Why.
    pub reason: Option<Description>,
}

/// Tax of one jurisdiction at one rate, as the POS computed it. Carried, never recomputed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Whose tax.
    pub jurisdiction: Jurisdiction,
    /// The rate, where the POS tells.
    pub rate: Option<Rate>,
    /// What it was computed on, where the POS tells.
    pub base: Option<Amount>,
    /// The tax.
    pub amount: Amount,
}

/// Money for the staff, on top of the goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// How much.
    pub amount: Amount,
}

/// How something was paid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TenderKind {
    /// Notes and coins.
    Cash,
    /// Credit or debit card.
    Card,
    /// Gift card redeemed: reduces the liability.
    GiftCard,
    /// Store credit redeemed or issued.
    StoreCredit,
    /// Paper check.
    Check,
    /// On the customer's account.
    OnAccount,
    /// A tender type that the retailer made up; its code is looked up in the mapping.
    Other(Code),
}

/// Whether the money has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TenderState {
    /// Yes.
    Complete,
    /// Not yet ("Unresolved Credit Card Payment").
    Pending,
    /// Taken back; counts for nothing.
    Voided,
}

/// One payment on a ticket. Negative when money goes to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    /// How.
    pub kind: TenderKind,
    /// How much, in the transaction's currency.
    pub amount: Amount,
    /// Whether it has moved.
    pub state: TenderState,
    /// Card facts, for a card.
    pub card: Option<CardFacts>,
    /// The POS's words for it.
    pub label: Option<Description>,
    /// What was really handed over, where that is another currency.
    pub foreign: Option<Amount>,
}

/// Money given back from what was tendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it was given in; nearly always cash.
    pub kind: TenderKind,
    /// How much, never negative.
    pub amount: Amount,
}

/// The totals that the POS printed. [`Trade::verify`] compares them with the parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Sum of the lines after discounts, before tax (also where their prices include it).
    pub net: Amount,
    /// Sum of the discounts that are inside `net`.
    pub discount: Amount,
    /// Sum of the tax lines.
    pub tax: Amount,
    /// Sum of the tips.
    pub tip: Amount,
    /// What rounding to the smallest coin added to what is owed; negative when it took away.
    pub rounding: Amount,
    /// What the customer owes: net + tax + tip + rounding.
    pub total: Amount,
    /// What the retailer kept of the payments: tenders less change.
    pub paid: Amount,
}

/// Points at an earlier transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalTicket {
    /// Its number, where the source tells.
    pub ticket: Option<TicketNumber>,
    /// The POS's internal id of it, where the source tells.
    pub pos_id: Option<PosId>,
    /// Its business day, where the source tells.
    pub day: Option<BusinessDay>,
}

/// A transaction taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// What is taken back.
    pub of: OriginalTicket,
    /// False when the ticket was given up before it was ever completed: then nothing had been counted.
    pub was_completed: bool,
}

/// Cash into or out of the drawer outside of trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawerMovement {
    /// How much, never negative; the kind tells the direction. Zero for a no-sale.
    pub amount: Amount,
    /// Why.
    pub reason: Option<Code>,
}

/// What was found in the drawer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TillCount {
    /// What was counted, per tender.
    pub counted: Vec<Counted>,
}

/// One tender's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// What was counted.
    pub kind: TenderKind,
    /// How much was there.
    pub amount: Amount,
}

impl TransactionKind {
    /// The kind's name as people and CSV files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Exchange => "exchange",
            Self::Void => "void",
            Self::NoSale => "no-sale",
            Self::PaidIn => "paid-in",
            Self::PaidOut => "paid-out",
            Self::Pickup => "pickup",
            Self::Loan => "loan",
            Self::TillCount => "till-count",
            Self::DayOpen => "day-open",
            Self::DayClose => "day-close",
        }
    }
}

impl std::str::FromStr for TenderKind {
    type Err = TextError;

    /// Reads what [`TenderKind::name`] gives.
    fn from_str(name: &str) -> Result<Self, TextError> {
        Ok(match name {
            "cash" => Self::Cash,
            "card" => Self::Card,
            "gift-card" => Self::GiftCard,
            "store-credit" => Self::StoreCredit,
            "check" => Self::Check,
            "on-account" => Self::OnAccount,
            other => Self::Other(Code::new(other)?),
        })
    }
}

impl TenderKind {
    /// Lower-case name, as configuration and mapping files write it; a made-up tender is its own code.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
            Self::GiftCard => "gift-card",
            Self::StoreCredit => "store-credit",
            Self::Check => "check",
            Self::OnAccount => "on-account",
            Self::Other(code) => code.as_str(),
        }
    }
}

impl Transaction {
    /// The trade, for kinds that have one.
    #[must_use]
    pub const fn trade(&self) -> Option<&Trade> {
        match &self.body {
            Body::Trade(trade) => Some(trade),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tender_is_read_by_the_name_that_it_has() {
        for name in [
            "cash",
            "card",
            "gift-card",
            "store-credit",
            "check",
            "on-account",
            "ebay",
        ] {
            assert_eq!(name.parse::<TenderKind>().unwrap().name(), name);
        }
        assert!("".parse::<TenderKind>().is_err());
    }
}
