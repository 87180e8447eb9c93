//! Do a transaction's parts agree? Every disagreement is named with both figures; nothing is guessed or mended.

use crate::money::{Amount, Currency, MoneyError};
use crate::transaction::{Body, Prices, TenderState, Trade, Transaction, TransactionKind};

/// The first thing that does not agree in a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discrepancy {
    /// The body does not belong to the kind.
    #[error("found a {found} body in a {} transaction", kind.name())]
    WrongBody {
        /// Kind in the key.
        kind: TransactionKind,
        /// Body found.
        found: &'static str,
    },
    /// An amount in another currency than the transaction's.
    #[error("found {found} in {part}, wanted an amount in {wanted}")]
    Currency {
        /// Which part.
        part: &'static str,
        /// The amount.
        found: Amount,
        /// The transaction's currency.
        wanted: Currency,
    },
    /// A printed total differs from the sum of its parts.
    #[error("{part} is stated as {stated}, but its parts add up to {computed}")]
    Total {
        /// Which total.
        part: &'static str,
        /// As printed.
        stated: Amount,
        /// As computed.
        computed: Amount,
    },
    /// A line's quantity, price and discounts do not give its amount.
    #[error("line {line} says {stated}, but quantity, price and discounts give {computed}")]
    Line {
        /// Position on the ticket, from 1.
        line: usize,
        /// As printed.
        stated: Amount,
        /// As computed.
        computed: Amount,
    },
    /// The payments do not cover what is owed.
    #[error("paid {paid}, but {owed} is owed")]
    Unpaid {
        /// Kept of the payments.
        paid: Amount,
        /// What is owed.
        owed: Amount,
    },
    /// A payment that has not been resolved yet.
    #[error("a payment of {0} is still pending; the POS will tell when it is resolved")]
    Pending(Amount),
    /// An amount that must not be negative is, or the other way round.
    #[error("{part} is {found}, wanted {wanted}")]
    Sign {
        /// Which part.
        part: &'static str,
        /// The amount as text.
        found: String,
        /// What is allowed.
        wanted: &'static str,
    },
    /// A sum beyond 64 bits.
    #[error("the amounts of this transaction add up to more than 64 bits of minor units")]
    Overflow,
}

impl From<MoneyError> for Discrepancy {
    fn from(_: MoneyError) -> Self {
        Self::Overflow
    }
}

impl Transaction {
    /// Checks that kind and body belong together, that there is one currency, and that every total is the sum of
    /// its parts.
    ///
    /// # Errors
    /// The first [`Discrepancy`], which names both figures.
    pub fn verify(&self) -> Result<(), Discrepancy> {
        use TransactionKind as K;
        let fits = match &self.body {
            Body::Trade(_) => matches!(self.key.kind, K::Sale | K::Return | K::Exchange),
            Body::Void(_) => self.key.kind == K::Void,
            Body::Drawer(_) => matches!(
                self.key.kind,
                K::NoSale | K::PaidIn | K::PaidOut | K::Pickup | K::Loan
            ),
            Body::Count(_) => self.key.kind == K::TillCount,
            Body::Open { .. } => self.key.kind == K::DayOpen,
            Body::Close { .. } => self.key.kind == K::DayClose,
        };
        if !fits {
            return Err(Discrepancy::WrongBody {
                kind: self.key.kind,
                found: self.body.name(),
            });
        }
        self.one_currency()?;
        match &self.body {
            Body::Trade(trade) => trade.verify(self.key.kind),
            Body::Drawer(movement) => not_negative("drawer movement", movement.amount),
            Body::Open { float } => not_negative("opening float", *float),
            Body::Count(count) => count
                .counted
                .iter()
                .try_for_each(|c| not_negative("till count", c.amount)),
            Body::Void(_) | Body::Close { .. } => Ok(()),
        }
    }

    fn one_currency(&self) -> Result<(), Discrepancy> {
        let wanted = self.currency;
        self.body.amounts().into_iter().try_for_each(|(part, found)| {
            if found.currency() == wanted {
                Ok(())
            } else {
                Err(Discrepancy::Currency { part, found, wanted })
            }
        })
    }
}

impl Body {
    fn name(&self) -> &'static str {
        match self {
            Self::Trade(_) => "trade",
            Self::Void(_) => "void",
            Self::Drawer(_) => "drawer",
            Self::Count(_) => "till count",
            Self::Open { .. } => "day open",
            Self::Close { .. } => "day close",
        }
    }

    fn amounts(&self) -> Vec<(&'static str, Amount)> {
        match self {
            Self::Trade(trade) => trade.amounts(),
            Self::Drawer(movement) => vec![("drawer movement", movement.amount)],
            Self::Open { float } => vec![("opening float", *float)],
            Self::Count(count) => count.counted.iter().map(|c| ("till count", c.amount)).collect(),
            Self::Void(_) | Self::Close { .. } => Vec::new(),
        }
    }
}

impl Trade {
    fn amounts(&self) -> Vec<(&'static str, Amount)> {
        let lines = self.lines.iter().flat_map(|line| {
            [("unit price", line.unit_price), ("line", line.extended)]
                .into_iter()
                .chain(line.discounts.iter().map(|d| ("discount", d.amount)))
        });
        let taxes = self.taxes.iter().map(|t| ("tax line", t.amount));
        let bases = self
            .taxes
            .iter()
            .filter_map(|t| t.base.map(|base| ("tax base", base)));
        let tips = self.tips.iter().map(|t| ("tip", t.amount));
        let tenders = self.tenders.iter().map(|t| ("tender", t.amount));
        let change = self.change.iter().map(|c| ("change", c.amount));
        let t = &self.totals;
        let totals =
            [t.net, t.discount, t.tax, t.tip, t.rounding, t.total, t.paid].map(|amount| ("totals", amount));
        lines
            .chain(taxes)
            .chain(bases)
            .chain(tips)
            .chain(tenders)
            .chain(change)
            .chain(totals)
            .collect()
    }

    /// Checks the sums; `kind` decides which signs are allowed.
    ///
    /// # Errors
    /// The first [`Discrepancy`].
    pub fn verify(&self, kind: TransactionKind) -> Result<(), Discrepancy> {
        if let Some(pending) = self.tenders.iter().find(|t| t.state == TenderState::Pending) {
            return Err(Discrepancy::Pending(pending.amount));
        }
        self.check_signs(kind)?;
        let currency = self.totals.total.currency();
        let sum = |amounts: Vec<Amount>| Amount::sum(amounts, currency);
        let lines = sum(self.lines.iter().map(|l| l.extended).collect())?;
        let discount = sum(self
            .lines
            .iter()
            .flat_map(|l| l.discounts.iter().map(|d| d.amount))
            .collect())?;
        let tax = sum(self.taxes.iter().map(|t| t.amount).collect())?;
        let tip = sum(self.tips.iter().map(|t| t.amount).collect())?;
        let net = match self.prices {
            Prices::BeforeTax => lines,
            Prices::TaxIncluded => lines.checked_sub(tax)?,
        };
        let total = sum(vec![net, tax, tip, self.totals.rounding])?;
        let paid = self.kept(currency)?;
        let t = &self.totals;
        for (part, stated, computed) in [
            ("net", t.net, net),
            ("discount", t.discount, discount),
            ("tax", t.tax, tax),
            ("tip", t.tip, tip),
            ("total", t.total, total),
            ("paid", t.paid, paid),
        ] {
            if stated != computed {
                return Err(Discrepancy::Total {
                    part,
                    stated,
                    computed,
                });
            }
        }
        if t.paid == t.total {
            Ok(())
        } else {
            Err(Discrepancy::Unpaid {
                paid: t.paid,
                owed: t.total,
            })
        }
    }

    /// What the retailer kept: completed tenders less change.
    fn kept(&self, currency: Currency) -> Result<Amount, Discrepancy> {
        let complete = self
            .tenders
            .iter()
            .filter(|t| t.state == TenderState::Complete)
            .map(|t| t.amount);
        let tendered = Amount::sum(complete, currency)?;
        let change = Amount::sum(self.change.iter().map(|c| c.amount), currency)?;
        Ok(tendered.checked_sub(change)?)
    }

    fn check_signs(&self, kind: TransactionKind) -> Result<(), Discrepancy> {
        if let Some(change) = &self.change {
            not_negative("change", change.amount)?;
        }
        for line in &self.lines {
            let wrong = match kind {
                TransactionKind::Sale => line.quantity.is_negative(),
                TransactionKind::Return => !line.quantity.is_negative(),
                _ => false,
            };
            if wrong {
                let wanted = "more than zero on a sale, less on a return, either on an exchange";
                return Err(Discrepancy::Sign {
                    part: "quantity",
                    found: line.quantity.decimal(),
                    wanted,
                });
            }
        }
        Ok(())
    }
}

fn not_negative(part: &'static str, amount: Amount) -> Result<(), Discrepancy> {
    if amount.is_negative() {
        Err(Discrepancy::Sign {
            part,
            found: amount.to_string(),
            wanted: "zero or more",
        })
    } else {
        Ok(())
    }
}
