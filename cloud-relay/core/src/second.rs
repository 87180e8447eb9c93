//! What a second, independent calculation says that a day comes to, held against what is about to be posted and moved.
//! Who calculates is the shell's choice; here the two are only compared. Where they differ nothing is intended, and both
//! figures are named.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, StoreId, TenantId, Unit};

use crate::books::Posting;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::stock::{StockItem, StockTarget};

/// Differences spelled out in an exception; the others are counted.
const SPOKEN: usize = 8;

/// What a day comes to by another calculation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecondFigures {
    /// Debits less credits per account, in minor units.
    pub books: BTreeMap<String, i128>,
    /// What left the store less what came back, per item of the till, in millionths.
    pub stock: BTreeMap<String, i128>,
}

/// An account or item on which the two calculations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The account's code, or the item.
    pub what: String,
    /// What would be posted or moved in all.
    pub ours: i128,
    /// What the second calculation says.
    pub second: i128,
}

/// Accounts on which a day's postings, those that are there and those that are due, differ from the second calculation.
#[must_use]
pub fn books_differ<'a>(
    second: &SecondFigures,
    postings: impl IntoIterator<Item = &'a Posting>,
) -> Vec<Difference> {
    let mut ours: BTreeMap<&str, i128> = BTreeMap::new();
    for (key, line) in postings.into_iter().flat_map(Posting::lines) {
        *ours.entry(key.account.as_str()).or_default() += i128::from(line.amount.minor());
    }
    differences(&ours, &second.books)
}

/// Items on which what should have left the stock differs from the second calculation.
#[must_use]
pub fn stock_differs(second: &SecondFigures, target: &StockTarget) -> Vec<Difference> {
    // an item's lots are what is moved
    let left = |item: &StockItem| {
        item.lots
            .values()
            .map(|lot| i128::from(lot.quantity.millionths()))
            .sum()
    };
    let items = target.items.iter();
    let ours = items.map(|(sku, item)| (sku.as_str(), left(item))).collect();
    differences(&ours, &second.stock)
}

fn differences(ours: &BTreeMap<&str, i128>, second: &BTreeMap<String, i128>) -> Vec<Difference> {
    let names: BTreeSet<&str> = ours
        .keys()
        .copied()
        .chain(second.keys().map(String::as_str))
        .collect();
    let both = names.into_iter().map(|name| Difference {
        what: name.to_owned(),
        ours: ours.get(name).copied().unwrap_or(0),
        second: second.get(name).copied().unwrap_or(0),
    });
    both.filter(|both| both.ours != both.second).collect()
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused<'a> {
    /// Postings, with the accounts that differ.
    Books(&'a [Difference], Currency),
    /// Movements of stock, with the items that differ.
    Stock(&'a [Difference]),
    /// Everything: the second calculation could not be made.
    All(&'a str),
}

impl Refused<'_> {
    /// The exception that says so.
    #[must_use]
    pub fn exception(self, tenant: &TenantId, store: &StoreId, day: BusinessDay) -> ExceptionDraft {
        let kind = ExceptionKind::FiguresDiffer;
        let exception = |what: &str, detail: String| {
            ExceptionDraft::new(kind, tenant, store, CauseKey::new(kind, &[&what]), detail).on(day)
        };
        match self {
            Self::Books(differences, currency) => {
                let detail = spoken("account", differences, |minor| money(minor, currency));
                let largest = differences.iter().map(|one| one.ours.abs_diff(one.second)).max();
                let largest = largest.and_then(|largest| i64::try_from(largest).ok());
                exception("books", format!("nothing is posted of this day: {detail}"))
                    .risking(Amount::new(largest.unwrap_or(i64::MAX), currency))
            }
            Self::Stock(differences) => {
                let detail = spoken("item", differences, pieces);
                exception("stock", format!("no stock is moved of this day: {detail}"))
            }
            Self::All(why) => {
                let detail = format!("nothing is posted or moved of this day: no second calculation: {why}");
                exception("none", detail)
            }
        }
    }
}

fn spoken(what: &str, differences: &[Difference], figure: impl Fn(i128) -> String) -> String {
    let one = |one: &Difference| {
        let (ours, second) = (figure(one.ours), figure(one.second));
        format!(
            "{what} {}: {ours}, the second calculation says {second}",
            one.what
        )
    };
    let mut parts: Vec<String> = differences.iter().take(SPOKEN).map(one).collect();
    if differences.len() > SPOKEN {
        parts.push(format!("and {} more", differences.len() - SPOKEN));
    }
    format!("{}; report this", parts.join("; "))
}

fn money(minor: i128, currency: Currency) -> String {
    i64::try_from(minor).map_or_else(
        |_| format!("{minor} minor units"),
        |minor| Amount::new(minor, currency).to_string(),
    )
}

fn pieces(millionths: i128) -> String {
    i64::try_from(millionths).map_or_else(
        |_| format!("{millionths} millionths"),
        |millionths| Quantity::from_millionths(millionths, Unit::Each).decimal(),
    )
}
