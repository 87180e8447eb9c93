//! The retailer's decisions about a store, read from the text as written. Only what bears on books and stock is read;
//! an entry among the accounts that these rules do not know is an error, because nobody could vouch for such a day.

use std::collections::BTreeMap;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tillwire_proto::{Amount, BusinessDay, Currency, Rate, StoreId, TaxLine};

/// A store's table.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    pub(crate) store: StoreId,
    time_zone: String,
    #[serde(default = "usd")]
    currency: String,
    #[serde(default = "four")]
    cut_off: String,
    ticket_without_terminal: Option<String>,
    opening_float: Option<String>,
    odoo: Odoo,
}

#[derive(Debug, Deserialize)]
struct Odoo {
    accounts: Accounts,
}

/// Account codes by what they are for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    pub(crate) tender: BTreeMap<String, String>,
    #[serde(default)]
    tax: BTreeMap<String, Tax>,
    pub(crate) revenue: String,
    pub(crate) shipping: Option<String>,
    pub(crate) fee: Option<String>,
    pub(crate) gift_card: Option<String>,
    pub(crate) tip: Option<String>,
    pub(crate) discount: Option<String>,
    pub(crate) cash_over: Option<String>,
    pub(crate) cash_short: Option<String>,
    #[serde(default)]
    pub(crate) paid_in: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) paid_out: BTreeMap<String, String>,
    pub(crate) safe: Option<String>,
    pub(crate) suspense: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tax {
    Account(String),
    Named { account: String },
}

fn usd() -> String {
    "USD".to_owned()
}

fn four() -> String {
    "04:00".to_owned()
}

/// A store's table with its words understood.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    pub(crate) currency: Currency,
    pub(crate) accounts: Accounts,
    /// What a drawer starts with when no day open says so, in cents.
    pub(crate) float: Option<i128>,
    /// True when a card tender waits for its terminal's answer.
    pub(crate) waits_for_terminal: bool,
    time_zone: TimeZone,
    cut_off: civil::Time,
}

impl Store {
    /// Reads a store's table as written in the configuration, in any self-describing form.
    pub(crate) fn read(written: &serde_json::Value) -> Result<Self, String> {
        let written = Written::deserialize(written).map_err(|e| format!("the store's settings: {e}"))?;
        let currency = Currency::from_code(&written.currency).map_err(|e| format!("currency: {e}"))?;
        let float = written
            .opening_float
            .map(|text| Amount::parse(&text, currency).map_err(|e| format!("opening_float: {e}")))
            .transpose()?;
        Ok(Self {
            id: written.store,
            currency,
            accounts: written.odoo.accounts,
            float: float.map(|amount| amount.minor().into()),
            waits_for_terminal: written.ticket_without_terminal.as_deref() == Some("hold"),
            time_zone: TimeZone::get(&written.time_zone).map_err(|e| format!("time_zone: {e}"))?,
            cut_off: written.cut_off.parse().map_err(|e| format!("cut_off: {e}"))?,
        })
    }

    /// The business day of a local date and time: before the cut-off it is still the day before.
    pub(crate) fn day_of(&self, at: civil::DateTime) -> BusinessDay {
        let date = at.date();
        BusinessDay::from(if at.time() < self.cut_off {
            date.yesterday().unwrap_or(date)
        } else {
            date
        })
    }

    /// The business day of a moment in milliseconds since 1970.
    pub(crate) fn day_at(&self, ms: i64) -> BusinessDay {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MIN);
        self.day_of(at.to_zoned(self.time_zone.clone()).datetime())
    }

    /// The moment of a local date and time, in milliseconds since 1970.
    pub(crate) fn moment(&self, at: civil::DateTime) -> Option<i64> {
        let at = self.time_zone.to_ambiguous_zoned(at).compatible().ok()?;
        Some(at.timestamp().as_millisecond())
    }
}

impl Accounts {
    /// Of jurisdiction and rate, written `name@0.0825`, before that of the jurisdiction alone.
    pub(crate) fn tax(&self, tax: &TaxLine) -> Option<&str> {
        let name = tax.jurisdiction.as_str();
        let at_its_rate = self.tax.iter().find(|(key, _)| {
            key.rsplit_once('@').is_some_and(|(of, rate)| {
                of == name && tax.rate.is_some() && Rate::parse(rate).ok() == tax.rate
            })
        });
        let found = at_its_rate
            .map(|(_, found)| found)
            .or_else(|| self.tax.get(name))?;
        Some(match found {
            Tax::Account(account) | Tax::Named { account } => account,
        })
    }
}
