//! A tally: counts and sums of transactions. Agent and relay compute it from the same records with this one
//! function, so that a day can be called complete only when both arrive at the same figures.

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Currency, MoneyError};
use crate::transaction::{Body, TenderKind, TenderState, Trade, Transaction, TransactionKind};

/// One tender's total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenderTotal {
    /// How it was paid.
    pub kind: TenderKind,
    /// Tenders less change, signed.
    pub amount: Amount,
}

/// Counts and signed sums over transactions of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The currency of all sums.
    pub currency: Currency,
    /// Sales, returns and exchanges.
    pub trades: u64,
    /// Voids.
    pub voids: u64,
    /// Everything else: no-sales, drawer movements, counts.
    pub others: u64,
    /// Sum of the lines after discounts, before tax; returns reduce it.
    pub net: Amount,
    /// Sum of taxes.
    pub tax: Amount,
    /// Sum of tips.
    pub tip: Amount,
    /// Sum of what rounding to the smallest coin added.
    pub rounding: Amount,
    /// Per tender, in order of first use.
    pub tenders: Vec<TenderTotal>,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub const fn new(currency: Currency) -> Self {
        Self {
            currency,
            trades: 0,
            voids: 0,
            others: 0,
            net: Amount::zero(currency),
            tax: Amount::zero(currency),
            tip: Amount::zero(currency),
            rounding: Amount::zero(currency),
            tenders: Vec::new(),
        }
    }

    /// Adds one transaction as it was told. A void counts as a void and moves no sum: what it takes back is
    /// decided where all transactions are known, at the relay.
    ///
    /// # Errors
    /// [`MoneyError`]; the tally is then unchanged.
    pub fn add(&mut self, transaction: &Transaction) -> Result<(), MoneyError> {
        let mut next = self.clone();
        match &transaction.body {
            Body::Trade(trade) => next.add_trade(trade)?,
            Body::Void(_) => next.voids += 1,
            Body::Drawer(_) | Body::Count(_) => next.others += 1,
            Body::Open { .. } | Body::Close { .. } => {}
        }
        debug_assert!(next.trades >= self.trades, "a tally only grows");
        *self = next;
        Ok(())
    }

    fn add_trade(&mut self, trade: &Trade) -> Result<(), MoneyError> {
        self.trades += 1;
        self.net = self.net.checked_add(trade.totals.net)?;
        self.tax = self.tax.checked_add(trade.totals.tax)?;
        self.tip = self.tip.checked_add(trade.totals.tip)?;
        self.rounding = self.rounding.checked_add(trade.totals.rounding)?;
        for tender in trade.tenders.iter().filter(|t| t.state == TenderState::Complete) {
            self.add_tender(&tender.kind, tender.amount)?;
        }
        if let Some(change) = &trade.change {
            self.add_tender(&change.kind, change.amount.checked_neg()?)?;
        }
        Ok(())
    }

    fn add_tender(&mut self, kind: &TenderKind, amount: Amount) -> Result<(), MoneyError> {
        if let Some(total) = self.tenders.iter_mut().find(|t| t.kind == *kind) {
            total.amount = total.amount.checked_add(amount)?;
        } else {
            let amount = Amount::zero(self.currency).checked_add(amount)?;
            self.tenders.push(TenderTotal {
                kind: kind.clone(),
                amount,
            });
        }
        Ok(())
    }

    /// True when both say the same; the order of the tenders does not matter.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let sorted = |tally: &Self| {
            let mut tally = tally.clone();
            tally.tenders.retain(|t| !t.amount.is_zero());
            tally.tenders.sort_by(|a, b| a.kind.cmp(&b.kind));
            tally
        };
        sorted(self) == sorted(other)
    }
}

/// True for kinds that a tally counts under `trades`.
#[must_use]
pub const fn is_trade(kind: TransactionKind) -> bool {
    matches!(
        kind,
        TransactionKind::Sale | TransactionKind::Return | TransactionKind::Exchange
    )
}
