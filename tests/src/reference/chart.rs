//! Which account each kind of money belongs to: the retailer's choice, given to the relay as its mapping and to the
//! reference as this table.

use std::collections::BTreeMap;

use crate::shop::{How, Shop};

/// The accounts by what they are for.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Drawers.
    pub cash: String,
    /// Card clearing per brand, as the terminal writes it (`VISA`).
    pub cards: BTreeMap<&'static str, String>,
    /// Gift cards sold and not yet redeemed.
    pub gift_card: String,
    /// Goods sold.
    pub revenue: String,
    /// Discounts given; `None` books revenue net of them.
    pub discount: Option<String>,
    /// Tax owed, per jurisdiction.
    pub taxes: BTreeMap<String, String>,
    /// The safe.
    pub safe: String,
    /// Paid-in and paid-out, per reason.
    pub reasons: BTreeMap<&'static str, String>,
    /// What invoices are owed on, where a store makes some; it nets to nothing.
    pub receivable: String,
    /// Counted more than expected.
    pub cash_over: String,
    /// Counted less than expected.
    pub cash_short: String,
}

impl Chart {
    /// The chart that scenarios and the demo use. Codes are high on purpose: they must not meet a retailer's own.
    #[must_use]
    pub fn standard(shop: &Shop) -> Self {
        let code = |number: usize| format!("{}", 987_000 + number);
        let mut names: Vec<_> = shop
            .stores
            .iter()
            .flat_map(|s| &s.taxes)
            .map(|t| t.name.clone())
            .collect();
        names.sort();
        names.dedup();
        let brands = ["VISA", "MASTERCARD", "AMEX", "DISCOVER"];
        Self {
            cash: code(10),
            cards: brands
                .iter()
                .enumerate()
                .map(|(n, brand)| (*brand, code(20 + n)))
                .collect(),
            gift_card: code(30),
            revenue: code(40),
            discount: Some(code(41)),
            taxes: names
                .into_iter()
                .enumerate()
                .map(|(n, name)| (name, code(50 + n)))
                .collect(),
            safe: code(11),
            reasons: BTreeMap::from([("change-fund", code(12)), ("postage", code(60))]),
            receivable: code(80),
            cash_over: code(70),
            cash_short: code(71),
        }
    }

    /// Where a tender is booked.
    ///
    /// # Panics
    /// For a tender without an account: such a ticket must be held.
    #[must_use]
    pub fn tender(&self, how: &How) -> &str {
        match how {
            How::Cash => &self.cash,
            How::Card { brand, .. } => &self.cards[brand],
            How::GiftCard => &self.gift_card,
            How::Other(name) => panic!("the tender {name:?} has no account; hold its ticket"),
        }
    }

    /// Where a jurisdiction's tax is booked.
    #[must_use]
    pub fn tax(&self, name: &str) -> &str {
        &self.taxes[name]
    }

    /// Where a paid-in or paid-out is booked.
    #[must_use]
    pub fn reason(&self, reason: &str) -> &str {
        &self.reasons[reason]
    }

    /// Every account: code, name, and Odoo's account type.
    #[must_use]
    pub fn accounts(&self) -> Vec<(String, String, &'static str)> {
        let mut all = vec![
            (self.cash.clone(), "Tillwire drawers".to_owned(), "asset_current"),
            (self.safe.clone(), "Tillwire safe".to_owned(), "asset_current"),
            (
                self.gift_card.clone(),
                "Tillwire gift cards".to_owned(),
                "liability_current",
            ),
            (self.revenue.clone(), "Tillwire sales".to_owned(), "income"),
            (
                self.cash_over.clone(),
                "Tillwire cash over".to_owned(),
                "income_other",
            ),
            (
                self.cash_short.clone(),
                "Tillwire cash short".to_owned(),
                "expense",
            ),
        ];
        all.extend(
            self.discount
                .iter()
                .map(|c| (c.clone(), "Tillwire discounts".to_owned(), "income")),
        );
        all.extend(
            self.cards
                .iter()
                .map(|(b, c)| (c.clone(), format!("Tillwire clearing {b}"), "asset_current")),
        );
        all.extend(
            self.taxes
                .iter()
                .map(|(t, c)| (c.clone(), format!("Tillwire tax {t}"), "liability_current")),
        );
        all.extend(
            self.reasons
                .iter()
                .map(|(r, c)| (c.clone(), format!("Tillwire {r}"), "expense")),
        );
        all
    }
}
