//! The retailer's mapping, read where it stands: tables of rows as written, laid over each other, the newest on top.

use serde_json::Value;
use tillwire_proto::{BusinessDay, Rate, TaxLine};

/// Everything that may stand in a table of rows. Of a day whose mapping says more, nobody could vouch for the books.
const KNOWN: [&str; 25] = [
    "analytic",
    "cash_over",
    "cash_short",
    "category",
    "discount",
    "discount_reason",
    "fee",
    "gift_card",
    "paid_in",
    "paid_out",
    "product",
    "register",
    "remove",
    "returns",
    "revenue",
    "rounding",
    "safe",
    "settlement", // where deposits go, which are no part of a day's books
    "shipping",
    "store_credit",
    "suspense",
    "tax",
    "tax_exempt",
    "tender",
    "tip",
];

/// The tables that hold on one business day, the oldest first.
#[derive(Debug)]
pub(crate) struct Mapping<'s>(Vec<&'s Value>);

impl<'s> Mapping<'s> {
    /// The store's own table holds from the beginning; then come a mapping file's versions in order of the day from
    /// which they hold and their numbers, each with what it says for all stores and what it says for this one. A day
    /// before the first version uses the first.
    pub(crate) fn on(
        day: BusinessDay,
        store: &str,
        own: &'s Value,
        file: Option<&'s Value>,
    ) -> Result<Self, String> {
        let mut versions: Vec<(&str, u64, &'s Value)> = file
            .and_then(|file| file["version"].as_array())
            .into_iter()
            .flatten()
            .map(|one| {
                (
                    one["effective"].as_str().unwrap_or(""),
                    one["number"].as_u64().unwrap_or(0),
                    one,
                )
            })
            .collect();
        versions.sort_by_key(|(effective, number, _)| (*effective, *number));
        let has_own = own
            .as_object()
            .is_some_and(|own| own.values().any(says_something));
        let mut tables: Vec<&'s Value> = if has_own { vec![own] } else { Vec::new() };
        let day = day.to_string();
        for (number, (effective, _, version)) in versions.iter().enumerate() {
            if *effective <= day.as_str() || (number == 0 && !has_own) {
                tables.extend([&version["all"], &version["store"][store]]);
            }
        }
        tables.retain(|table| !table.is_null());
        let said = tables.iter().filter_map(|table| table.as_object()).flatten();
        for (key, _) in said.filter(|(_, value)| says_something(value)) {
            if !KNOWN.contains(&key.as_str()) {
                return Err(format!(
                    "the mapping says {key:?}, which this calculation does not know"
                ));
            }
        }
        Ok(Self(tables))
    }

    /// The row at a path of tables, such as `tender`, `cash`.
    fn row(&self, path: &[&str]) -> Option<&'s Value> {
        let key = path.join(".");
        self.find(
            |table| path.iter().try_fold(table, |table, name| table.get(name)),
            |removed| removed == key,
        )
    }

    /// The newest row, unless a newer version removed it.
    fn find(
        &self,
        look: impl Fn(&'s Value) -> Option<&'s Value>,
        removed: impl Fn(&str) -> bool,
    ) -> Option<&'s Value> {
        for table in self.0.iter().rev() {
            if let Some(found) = look(table).filter(|row| !row.is_null()) {
                return Some(found);
            }
            let gone = table["remove"].as_array().into_iter().flatten();
            if gone.filter_map(Value::as_str).any(&removed) {
                return None;
            }
        }
        None
    }

    /// The account that a row gives: written alone, or in a table.
    pub(crate) fn account(&self, path: &[&str]) -> Option<&'s str> {
        let row = self.row(path)?;
        row.as_str().or_else(|| row["account"].as_str())
    }

    /// The account of jurisdiction and rate, written `NAME@0.0825`, before that of the jurisdiction alone.
    pub(crate) fn tax(&self, tax: &TaxLine) -> Option<&'s str> {
        let is = |written: &str| {
            let parts = written.rsplit_once('@');
            parts.is_some_and(|(name, rate)| {
                name == tax.jurisdiction.as_str() && tax.rate.is_some() && Rate::parse(rate).ok() == tax.rate
            })
        };
        let at_its_rate = self.find(
            |table| {
                table["tax"]
                    .as_object()?
                    .iter()
                    .find(|(name, _)| is(name))
                    .map(|(_, row)| row)
            },
            |removed| removed.strip_prefix("tax.").is_some_and(is),
        );
        match at_its_rate {
            Some(row) => row.as_str().or_else(|| row["account"].as_str()),
            None => self.account(&["tax", tax.jurisdiction.as_str()]),
        }
    }

    /// The category that a product's row puts it in.
    pub(crate) fn category(&self, sku: &str) -> Option<&'s str> {
        self.row(&["product", sku])?["category"].as_str()
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(table) => table.values().any(says_something),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}
