//! `[[heartland]]`: a retailer's account in Heartland Retail's cloud, as written and as used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
pub use tillwire_capture::heartland_retail::feed::Reads;
use tillwire_capture::heartland_retail::feed::{Offer, is_of_orders};
use tillwire_capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_proto::{RegisterId, StoreId, TenantId, TenderKind};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};

use super::checks::Check;
use super::client::is_local;
use super::oauth::Application;

/// An account as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountDraft {
    /// The retailer. Required. Example: `acme`.
    pub tenant: TenantId,
    /// The account's address. Required. Example: `https://acme.retail.heartland.us`.
    pub url: String,
    /// File with an API token of the account (My Account, API, or what OAuth gave). Required.
    pub token_file: PathBuf,
    /// The application that gets a token by the retailer's consent. Default: none, a person puts one into `token_file`.
    #[serde(default)]
    pub oauth: Option<Application>,
    /// File with the secret part of the webhook's address, at least 16 letters and digits. Default: no webhooks.
    #[serde(default)]
    pub hook_secret_file: Option<PathBuf>,
    /// What the account shows its sales as: `tickets` (REST), `orders` (the newer interface, "POS v2"), or both while an account is
    /// moved from one to the other. Default: `["tickets"]`.
    #[serde(default = "tickets")]
    pub reads: BTreeSet<Reads>,
    /// Seconds between two rounds of questions. Default: 15.
    #[serde(default = "fifteen")]
    pub every_s: u32,
    /// Seconds that a round goes back behind the last one. Default: 300.
    #[serde(default = "five_minutes")]
    pub overlap_s: u32,
    /// Questions in a second, at most. Default: 2.
    #[serde(default = "two")]
    pub asks_per_s: u8,
    /// Days that are read again once a day, because not every change shows in a ticket's time. Default: 3.
    #[serde(default = "three")]
    pub reread_days: u16,
    /// What is checked beside the tickets: `payments` (whether each stands on a ticket that was told, and says the same),
    /// `inventory` (what the POS's own stock has, beside Odoo's). Default: none.
    #[serde(default)]
    pub checks: BTreeSet<Check>,
    /// Its stores. Required, at least one.
    pub store: Vec<StoreDraft>,
}

/// A store of an account as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreDraft {
    /// The store's name here. Required.
    pub store: StoreId,
    /// `location_id` of its tickets. Required where tickets are read. Example: `["100004"]`.
    #[serde(default)]
    pub location_ids: Vec<String>,
    /// Each register's stations: for tickets the `station_id`, a number; for orders the station's id in the newer interface.
    /// Required. Example: `{ till-1 = ["100011", "4c6b2c5e-0d3f-4c57-9d0b-0b1f6a7c2d11"] }`.
    pub registers: BTreeMap<RegisterId, Vec<String>>,
    /// `payment_type_id` (of orders: the payment type's name) to tender. Default: by the payment's class or usual name.
    /// Example: `{ "7" = "gift-card", "Loyalty card" = "gift-card" }`.
    #[serde(default)]
    pub tenders: BTreeMap<String, String>,
}

fn tickets() -> BTreeSet<Reads> {
    BTreeSet::from([Reads::Tickets])
}

const fn two() -> u8 {
    2
}

const fn fifteen() -> u32 {
    15
}

const fn five_minutes() -> u32 {
    300
}

const fn three() -> u16 {
    3
}

/// An account that can be asked.
#[derive(Debug, Clone)]
pub struct Account {
    /// The retailer.
    pub tenant: TenantId,
    /// Its address, without a slash at the end.
    pub url: String,
    /// File with the token.
    pub token_file: PathBuf,
    /// The application that gets a token by consent.
    pub oauth: Option<Application>,
    /// File with the webhook's secret.
    pub hook_secret_file: Option<PathBuf>,
    /// What it shows its sales as.
    pub reads: BTreeSet<Reads>,
    /// Between two questions, at least.
    pub pace: Duration,
    /// Between two rounds.
    pub every: Duration,
    /// How far a round goes back, in seconds.
    pub overlap_s: u32,
    /// How many days are read again each day.
    pub reread_days: u16,
    /// What is checked beside them.
    pub checks: BTreeSet<Check>,
    /// What its tickets mean, store by store.
    pub stores: Vec<HeartlandRetailSettings>,
}

/// What is wrong with an account as written: the key, what was found, what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub String, pub String, pub String);

fn wrong(key: &str, found: impl ToString, wanted: impl ToString) -> Wrong {
    Wrong(key.to_owned(), found.to_string(), wanted.to_string())
}

impl Account {
    /// Under which it is remembered.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}@{}", self.tenant, self.url)
    }

    /// The store of a sale that is offered; `None` for one that nobody asked about.
    #[must_use]
    pub fn store_of(&self, offer: &Offer) -> Option<&HeartlandRetailSettings> {
        self.stores.iter().find(|store| offer.is_of(store))
    }
}

impl AccountDraft {
    /// Checks it against the relay's stores.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, relay: &RelaySettings) -> Result<Account, Wrong> {
        let url = self.url.trim_end_matches('/');
        let parsed = reqwest::Url::parse(url).ok();
        let local = parsed.as_ref().is_some_and(is_local);
        let secure = parsed.as_ref().is_some_and(|url| url.scheme() == "https");
        if !secure && !local {
            return Err(wrong(
                "url",
                &self.url,
                "an https address such as https://acme.retail.heartland.us",
            ));
        }
        if !(1..=3_600).contains(&self.every_s) {
            return Err(wrong("every_s", self.every_s, "a whole number from 1 to 3600"));
        }
        if !(1..=50).contains(&self.asks_per_s) {
            return Err(wrong(
                "asks_per_s",
                self.asks_per_s,
                "a whole number from 1 to 50",
            ));
        }
        if self.reads.is_empty() {
            return Err(wrong("reads", "[]", "\"tickets\", \"orders\" or both"));
        }
        if !self.checks.is_empty() && !self.reads.contains(&Reads::Tickets) {
            return Err(wrong(
                "checks",
                "checks of an account whose tickets are not read",
                "reads = [\"tickets\"] as well, or no checks: orders show their payments themselves",
            ));
        }
        if self.reread_days > 31 {
            return Err(wrong("reread_days", self.reread_days, "at most 31"));
        }
        if let Some(application) = &self.oauth {
            application.check()?;
        }
        let mut locations = BTreeSet::new();
        for location in self.store.iter().flat_map(|store| &store.location_ids) {
            if !locations.insert(location) {
                return Err(wrong(
                    "store.location_ids",
                    location,
                    "each location at one store",
                ));
            }
        }
        let stores = self
            .store
            .iter()
            .map(|store| store.check(&self.tenant, &self.reads, relay));
        let stores: Vec<_> = stores.collect::<Result<_, _>>()?;
        if stores.is_empty() {
            return Err(wrong("store", "none", "at least one [[heartland.store]]"));
        }
        Ok(Account {
            tenant: self.tenant.clone(),
            url: url.to_owned(),
            token_file: self.token_file.clone(),
            oauth: self.oauth.clone(),
            hook_secret_file: self.hook_secret_file.clone(),
            reads: self.reads.clone(),
            checks: self.checks.clone(),
            pace: Duration::from_secs(1) / u32::from(self.asks_per_s),
            every: Duration::from_secs(u64::from(self.every_s)),
            overlap_s: self.overlap_s,
            reread_days: self.reread_days,
            stores,
        })
    }
}

impl StoreDraft {
    fn check(
        &self,
        tenant: &TenantId,
        reads: &BTreeSet<Reads>,
        relay: &RelaySettings,
    ) -> Result<HeartlandRetailSettings, Wrong> {
        let known = relay.store(tenant, &self.store);
        let known =
            known.ok_or_else(|| wrong("store.store", &self.store, format!("a [[store]] of {tenant}")))?;
        if self.location_ids.is_empty() && reads.contains(&Reads::Tickets) {
            return Err(wrong("store.location_ids", "[]", "at least one location_id"));
        }
        let mut registers = BTreeMap::new();
        for (register, stations) in &self.registers {
            if !known.registers.contains(register) {
                return Err(wrong(
                    "store.registers",
                    register,
                    "a register of the [[store]] table",
                ));
            }
            for station in stations {
                if registers.insert(station.clone(), register.clone()).is_some() {
                    return Err(wrong("store.registers", station, "each station at one register"));
                }
            }
        }
        if reads.contains(&Reads::Orders) && !registers.keys().any(|station| is_of_orders(station)) {
            return Err(wrong(
                "store.registers",
                "no station of the newer interface",
                "the stations' ids there, because orders are asked for by station",
            ));
        }
        Ok(HeartlandRetailSettings {
            store: self.store.clone(),
            currency: known.currency,
            registers,
            locations: self.location_ids.iter().cloned().collect(),
            tenders: self.tenders.iter().map(tender).collect::<Result<_, _>>()?,
            time: time(known)?,
        })
    }
}

fn time(known: &StoreSettings) -> Result<TimeRules, Wrong> {
    TimeRules::new(known.cut_off, Some(known.time_zone.clone())).map_err(|error| {
        wrong(
            "store.cut_off",
            error.found,
            "a time from 00:00 to 12:00, as tickets are dated by it",
        )
    })
}

fn tender((id, name): (&String, &String)) -> Result<(String, TenderKind), Wrong> {
    let kind = name
        .parse()
        .map_err(|error| wrong("store.tenders", name, error))?;
    Ok((id.clone(), kind))
}
