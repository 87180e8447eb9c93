//! What a retailer decided about a store, checked. [`StoreDraft`] is the form that configuration files and forms
//! are read into; [`StoreSettings`] can only be made from a draft that holds together, so that nothing later has
//! to ask again whether an account code is empty or a time zone exists.
//!
//! It does not know whether Odoo has these accounts: that is preflight's question, and its answer is
//! [`crate::odoo::ResolvedBooks`].

mod accounts;
mod code;
mod draft;
mod mapping;
mod posting;
mod suggest;
mod trading;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tillwire_proto::{Amount, BusinessDay, Currency, RegisterId, StoreId, TenantId};

use crate::settlement::ProcessorId;

pub use accounts::{AccountsDraft, ProductDraft, RegisterDraft, RowDraft, SettlementDraft};
pub use code::AccountCode;
pub use draft::{OdooDraft, StoreDraft};
pub use mapping::{
    AccountRow, Factor, Mapped, MappedProduct, Mapping, ProductRow, Row, RowId, Scope, SettlementPart, Target,
};
pub use posting::{Corrections, Invoices, InvoicesDraft, LatePolicy, PostingMode};
pub use suggest::{Elsewhere, InOdoo, Suggestion, suggest};
pub use trading::{Hours, Standing, Trading, TradingDraft};
pub use versions::{MappingDraft, Mappings, OWN_TABLE, Version, VersionDraft, VersionInfo};

/// A setting that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: found {found:?}, wanted {wanted}")]
pub struct SettingsError {
    /// The key's path inside the store's table, such as `odoo.accounts.tender.cash`.
    pub key: String,
    /// As found.
    pub found: String,
    /// What is allowed.
    pub wanted: String,
}

impl SettingsError {
    pub(crate) fn new(key: &str, found: &str, wanted: &str) -> Self {
        Self {
            key: key.to_owned(),
            found: found.chars().take(80).collect(),
            wanted: wanted.to_owned(),
        }
    }

    pub(crate) fn under(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }
}

/// How the POS numbers its tickets, which decides what a missing number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketSequence {
    /// Each register counts for itself.
    #[default]
    PerRegister,
    /// The store counts.
    PerStore,
    /// Numbers say nothing.
    None,
}

/// What happens to a card tender that no terminal answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketWithoutTerminal {
    /// It is booked; where the register's terminal is watched, there is a note.
    #[default]
    Accept,
    /// The ticket is held until the terminal's answer arrives or somebody signs.
    Hold,
}

/// What happens when more of a product is sold than Odoo has in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BelowZero {
    /// It is moved, and there is a note: the goods have left the shelf, whatever Odoo thinks.
    #[default]
    Note,
    /// That product waits until it is received or counted; the others move.
    Hold,
}

/// When a register that never sent its close counts as closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosePolicy {
    /// This many minutes after the cut-off, with what is there. For POS systems that send no close.
    AfterGrace(u32),
    /// Never: this many minutes after the cut-off it becomes an exception.
    Required(u32),
}

impl Default for ClosePolicy {
    fn default() -> Self {
        Self::AfterGrace(60)
    }
}

impl ClosePolicy {
    /// Minutes after the cut-off.
    #[must_use]
    pub const fn grace_minutes(self) -> u32 {
        match self {
            Self::AfterGrace(minutes) | Self::Required(minutes) => minutes,
        }
    }
}

/// One store's settings. Made from a [`StoreDraft`] only.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreSettings {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// What people call it.
    pub name: String,
    /// Its time zone.
    pub time_zone: TimeZone,
    /// Its currency.
    pub currency: Currency,
    /// Its registers. A register that is not listed still counts when it trades.
    pub registers: Vec<RegisterId>,
    /// Local time at which the previous business day ends.
    pub cut_off: civil::Time,
    /// When it trades; `None` when nobody has said so.
    pub trading: Option<Trading>,
    /// What happens without a close.
    pub close: ClosePolicy,
    /// How tickets are numbered.
    pub ticket_sequence: TicketSequence,
    /// What happens to card tenders without a terminal.
    pub ticket_without_terminal: TicketWithoutTerminal,
    /// The cash that a drawer starts with when no day open says so; `None` when that is not known.
    pub opening_float: Option<Amount>,
    /// Differences up to here are booked without an exception.
    pub over_short_limit: Amount,
    /// The processor's numbers of this store: merchant numbers, or Portico site numbers.
    pub merchants: Vec<ProcessorId>,
    /// What happens to stock that would go below zero.
    pub below_zero: BelowZero,
    /// Where it goes in Odoo.
    pub odoo: OdooStore,
    /// The text that all this was read from, for a second reading.
    pub written: Written,
}

/// What settings were read from, as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// The store's own table.
    pub store: Arc<Value>,
    /// The mapping file, where there is one.
    pub mapping: Option<Arc<Value>>,
}

/// The store's place in Odoo.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OdooStore {
    /// The company's name.
    pub company: String,
    /// The journal's code.
    pub journal_code: String,
    /// The warehouse's code.
    pub warehouse_code: String,
    /// Which documents a day becomes.
    pub mode: PostingMode,
    /// How a posted day is corrected.
    pub corrections: Corrections,
    /// What happens to postings of a locked day.
    pub late: LatePolicy,
    /// What invoices need; there in the modes that make them.
    pub invoices: Option<Invoices>,
    /// Which account each movement goes to, from which day on.
    pub mappings: Mappings,
    /// The accounts table of the store's own settings, which is version 1; nothing where it has none.
    pub own_accounts: AccountsDraft,
}

impl StoreSettings {
    /// The mapping that holds on a business day.
    #[must_use]
    pub fn mapping_on(&self, day: BusinessDay) -> &Mapping {
        &self.odoo.mappings.on(day).mapping
    }

    /// The moment at which a business day is over, in milliseconds since 1970-01-01T00:00:00Z: the cut-off of the
    /// next calendar day. A time that the clock change skips or repeats is taken as the zone's rules say.
    #[must_use]
    pub fn day_ends_ms(&self, day: BusinessDay) -> i64 {
        let next = day.date().tomorrow().unwrap_or(day.date());
        self.time_zone
            .to_ambiguous_zoned(next.to_datetime(self.cut_off))
            .compatible()
            .map_or(i64::MAX, |at| at.timestamp().as_millisecond())
    }

    /// The moment after which a missing close is not waited for, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn grace_ends_ms(&self, day: BusinessDay) -> i64 {
        self.day_ends_ms(day)
            .saturating_add(i64::from(self.close.grace_minutes()) * 60_000)
    }

    /// The business day that a moment falls into by the store's zone and cut-off. Only for things that no POS has
    /// given a day, such as a terminal's answer.
    #[must_use]
    pub fn day_at_ms(&self, at_ms: i64) -> BusinessDay {
        let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::MIN);
        self.day_of_local(at.to_zoned(self.time_zone.clone()).datetime())
    }

    /// The business day of a local date and time.
    #[must_use]
    pub fn day_of_local(&self, at: civil::DateTime) -> BusinessDay {
        let date = at.date();
        if at.time() < self.cut_off {
            BusinessDay::from(date.yesterday().unwrap_or(date))
        } else {
            BusinessDay::from(date)
        }
    }
}

/// All stores. A copy shares them: a chain has thousands, of tens of kilobytes each.
#[derive(Debug, Clone, Default)]
pub struct RelaySettings {
    stores: BTreeMap<(TenantId, StoreId), Arc<StoreSettings>>,
}

impl RelaySettings {
    /// From checked stores.
    ///
    /// # Errors
    /// [`SettingsError`] when a store, or a merchant number of one retailer, is there twice.
    pub fn new(stores: impl IntoIterator<Item = StoreSettings>) -> Result<Self, SettingsError> {
        let mut all = BTreeMap::new();
        let mut merchants = BTreeSet::new();
        for store in stores {
            for merchant in &store.merchants {
                if !merchants.insert((store.tenant.clone(), merchant.clone())) {
                    return Err(SettingsError::new(
                        "merchants",
                        merchant.as_str(),
                        "each number at one store",
                    ));
                }
            }
            let key = (store.tenant.clone(), store.store.clone());
            let name = format!("{}/{}", key.0, key.1);
            if all.insert(key, Arc::new(store)).is_some() {
                return Err(SettingsError::new("store", &name, "each store once"));
            }
        }
        Ok(Self { stores: all })
    }

    /// The same stores with another mapping file over their own tables; `None` takes a file away.
    ///
    /// # Errors
    /// [`SettingsError`] with the key's path in the file (`version.3.all.tender.cash`), or in a store's own table.
    pub fn with_mapping(&self, file: Option<&MappingDraft>) -> Result<Self, SettingsError> {
        if let Some(file) = file {
            let own = |store: &StoreSettings| store.odoo.own_accounts != AccountsDraft::default();
            let names = self.stores.keys().map(|(tenant, store)| (tenant, store));
            file.check(names, self.iter().any(own))?;
        }
        let written = file.map(draft::as_written).transpose()?.map(Arc::new);
        let mut stores = self.stores.clone();
        for ((tenant, store), settings) in &mut stores {
            let settings = Arc::make_mut(settings);
            settings.odoo.mappings = Mappings::of((tenant, store), &settings.odoo.own_accounts, file)?;
            settings.written.mapping.clone_from(&written);
        }
        Ok(Self { stores })
    }

    /// The retailer's store that the processor knows under this number.
    #[must_use]
    pub fn of_merchant(&self, tenant: &TenantId, merchant: &ProcessorId) -> Option<&StoreSettings> {
        self.iter()
            .find(|store| store.tenant == *tenant && store.merchants.contains(merchant))
    }

    /// One store.
    #[must_use]
    pub fn store(&self, tenant: &TenantId, store: &StoreId) -> Option<&StoreSettings> {
        self.stores
            .get(&(tenant.clone(), store.clone()))
            .map(|store| &**store)
    }

    /// One store, to be kept.
    #[must_use]
    pub fn share(&self, tenant: &TenantId, store: &StoreId) -> Option<Arc<StoreSettings>> {
        self.stores.get(&(tenant.clone(), store.clone())).cloned()
    }

    /// All stores in the same order, to be kept.
    pub fn shared(&self) -> impl Iterator<Item = Arc<StoreSettings>> {
        self.stores.values().cloned()
    }

    /// All stores, in order of tenant and store.
    pub fn iter(&self) -> impl Iterator<Item = &StoreSettings> {
        self.stores.values().map(|store| &**store)
    }
}
