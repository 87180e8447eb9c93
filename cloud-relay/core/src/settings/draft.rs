//! The form that a store's settings are written in, with every field's default, unit and example, and the check
//! that turns it into [`StoreSettings`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Currency, Jurisdiction, Rate, RegisterId, StoreId, TenantId};

use super::{
    AccountCode, ClosePolicy, Mapping, OdooStore, SettingsError, StoreSettings, TaxAccount, TicketSequence,
    TicketWithoutTerminal,
};

/// A store as written in the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreDraft {
    /// The retailer. Required. Example: `acme`.
    pub tenant: TenantId,
    /// The store. Required. Example: `s01`.
    pub store: StoreId,
    /// What people call it. Default: the store's id.
    #[serde(default)]
    pub name: Option<String>,
    /// IANA time zone. Required. Example: `America/Chicago`.
    pub time_zone: String,
    /// ISO 4217 code. Default: `USD`.
    #[serde(default = "usd")]
    pub currency: String,
    /// Its registers. Required, at least one. Example: `["till-1", "till-2"]`.
    pub registers: Vec<RegisterId>,
    /// Local time at which the previous business day ends. Default: `04:00`.
    #[serde(default = "four")]
    pub cut_off: String,
    /// What happens without a close, in minutes after the cut-off. Default: `{ after-grace = 60 }`.
    #[serde(default)]
    pub close: ClosePolicy,
    /// How the POS numbers tickets: `per-register` (default), `per-store` or `none`.
    #[serde(default)]
    pub ticket_sequence: TicketSequence,
    /// What happens to a card tender that no terminal answered: `accept` (default) or `hold`.
    #[serde(default)]
    pub ticket_without_terminal: TicketWithoutTerminal,
    /// Cash that a drawer starts with when no day open says so. Default: not known. Example: `"200.00"`.
    #[serde(default)]
    pub opening_float: Option<String>,
    /// Cash differences up to here need nobody's eyes. Default: `"0"`, which shows every one. Example: `"5.00"`.
    #[serde(default)]
    pub over_short_limit: Option<String>,
    /// Where it goes in Odoo. Required.
    pub odoo: OdooDraft,
}

fn usd() -> String {
    "USD".to_owned()
}

fn four() -> String {
    "04:00".to_owned()
}

/// The store's place in Odoo as written in the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OdooDraft {
    /// The company's name. Required.
    pub company: String,
    /// The journal's code. Required. Example: `TILL`.
    pub journal: String,
    /// The warehouse's code. Required. Example: `S01`.
    pub warehouse: String,
    /// Accounts by what they are for.
    pub accounts: AccountsDraft,
}

/// Account codes as written in the configuration file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsDraft {
    /// Tender to account: `cash` (required), `card`, `card.visa` and the other brands, `gift-card`, `store-credit`,
    /// `check`, `on-account`, or the retailer's own tender codes.
    pub tender: BTreeMap<String, String>,
    /// Jurisdiction (`CA State`), or jurisdiction at a rate (`CA State@0.0825`), to account.
    #[serde(default)]
    pub tax: BTreeMap<String, TaxDraft>,
    /// Revenue. Required.
    pub revenue: String,
    /// Shipping charged. Default: revenue.
    #[serde(default)]
    pub shipping: Option<String>,
    /// Fees charged. Default: revenue.
    #[serde(default)]
    pub fee: Option<String>,
    /// The liability that a sold gift card makes. Needed where gift cards are sold.
    #[serde(default)]
    pub gift_card: Option<String>,
    /// Tips owed to the staff. Needed where tips are taken.
    #[serde(default)]
    pub tip: Option<String>,
    /// Discounts given. Default: revenue is booked net of them.
    #[serde(default)]
    pub discount: Option<String>,
    /// Too much in a drawer. Needed where tills are counted.
    #[serde(default)]
    pub cash_over: Option<String>,
    /// Too little in a drawer. Needed where tills are counted.
    #[serde(default)]
    pub cash_short: Option<String>,
    /// Reason of a paid-in to account; `default` for any other reason.
    #[serde(default)]
    pub paid_in: BTreeMap<String, String>,
    /// Reason of a paid-out to account; `default` for any other reason.
    #[serde(default)]
    pub paid_out: BTreeMap<String, String>,
    /// The safe. Needed for pickups and loans.
    #[serde(default)]
    pub safe: Option<String>,
    /// Where tenders and taxes without an account go. Default: none, such tickets are held.
    #[serde(default)]
    pub suspense: Option<String>,
}

/// A tax's account: only its code, or with the tax's name in Odoo.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TaxDraft {
    /// Only the account.
    Account(String),
    /// With the tax in Odoo that its tax report counts it under.
    WithTax {
        /// The account's code.
        account: String,
        /// The tax's name in Odoo.
        odoo_tax: String,
    },
}

impl StoreDraft {
    /// Checks everything that can be known without asking Odoo.
    ///
    /// # Errors
    /// The first [`SettingsError`], with the key's path inside this table.
    pub fn check(&self) -> Result<StoreSettings, SettingsError> {
        let currency = Currency::from_code(&self.currency)
            .map_err(|_| SettingsError::new("currency", &self.currency, "an ISO 4217 code such as USD"))?;
        let time_zone = TimeZone::get(&self.time_zone).map_err(|_| {
            SettingsError::new(
                "time_zone",
                &self.time_zone,
                "an IANA time zone such as America/Chicago",
            )
        })?;
        let cut_off = self
            .cut_off
            .parse::<civil::Time>()
            .map_err(|_| SettingsError::new("cut_off", &self.cut_off, "a local time such as 04:00"))?;
        let money = |key: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| not_negative(key, text, currency))
                .transpose()
        };
        Ok(StoreSettings {
            tenant: self.tenant.clone(),
            store: self.store.clone(),
            name: self.name.clone().unwrap_or_else(|| self.store.to_string()),
            time_zone,
            currency,
            registers: registers(&self.registers)?,
            cut_off,
            close: self.close,
            ticket_sequence: self.ticket_sequence,
            ticket_without_terminal: self.ticket_without_terminal,
            opening_float: money("opening_float", &self.opening_float)?,
            over_short_limit: money("over_short_limit", &self.over_short_limit)?
                .unwrap_or(Amount::zero(currency)),
            odoo: self.odoo.check()?,
        })
    }
}

fn not_negative(key: &str, text: &str, currency: Currency) -> Result<Amount, SettingsError> {
    Amount::parse(text, currency)
        .ok()
        .filter(|amount| !amount.is_negative())
        .ok_or_else(|| SettingsError::new(key, text, "an amount such as 5.00, zero or more"))
}

fn registers(found: &[RegisterId]) -> Result<Vec<RegisterId>, SettingsError> {
    let once: BTreeSet<&RegisterId> = found.iter().collect();
    if once.is_empty() {
        Err(SettingsError::new("registers", "[]", "at least one register"))
    } else if once.len() < found.len() {
        Err(SettingsError::new(
            "registers",
            &format!("{found:?}"),
            "each register once",
        ))
    } else {
        Ok(once.into_iter().cloned().collect())
    }
}

impl OdooDraft {
    fn check(&self) -> Result<OdooStore, SettingsError> {
        let filled = |key: &str, text: &str| {
            if text.trim().is_empty() {
                Err(SettingsError::new(key, text, "a name"))
            } else {
                Ok(text.trim().to_owned())
            }
        };
        Ok(OdooStore {
            company: filled("odoo.company", &self.company)?,
            journal_code: filled("odoo.journal", &self.journal)?,
            warehouse_code: filled("odoo.warehouse", &self.warehouse)?,
            accounts: self.accounts.check()?,
        })
    }
}

impl AccountsDraft {
    fn check(&self) -> Result<Mapping, SettingsError> {
        let one = |key: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| account(&format!("odoo.accounts.{key}"), text))
                .transpose()
        };
        if !self.tender.contains_key("cash") {
            return Err(SettingsError::new(
                "odoo.accounts.tender.cash",
                "",
                "the account of cash",
            ));
        }
        Ok(Mapping {
            tenders: table("tender", &self.tender)?,
            taxes: self.taxes()?,
            revenue: account("odoo.accounts.revenue", &self.revenue)?,
            shipping: one("shipping", &self.shipping)?,
            fee: one("fee", &self.fee)?,
            gift_card: one("gift_card", &self.gift_card)?,
            tip: one("tip", &self.tip)?,
            discount: one("discount", &self.discount)?,
            cash_over: one("cash_over", &self.cash_over)?,
            cash_short: one("cash_short", &self.cash_short)?,
            paid_in: table("paid_in", &self.paid_in)?,
            paid_out: table("paid_out", &self.paid_out)?,
            safe: one("safe", &self.safe)?,
            suspense: one("suspense", &self.suspense)?,
        })
    }

    fn taxes(&self) -> Result<BTreeMap<(String, Option<i64>), TaxAccount>, SettingsError> {
        self.tax.iter().map(|(key, draft)| tax(key, draft)).collect()
    }
}

fn account(key: &str, text: &str) -> Result<AccountCode, SettingsError> {
    AccountCode::new(text).map_err(|error| error.under(key))
}

fn table(
    name: &str,
    found: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, AccountCode>, SettingsError> {
    found
        .iter()
        .map(|(key, text)| {
            Ok((
                key.clone(),
                account(&format!("odoo.accounts.{name}.{key}"), text)?,
            ))
        })
        .collect()
}

/// `Jurisdiction` or `Jurisdiction@rate`. The last `@` divides, and only where a rate follows it.
fn tax(key: &str, draft: &TaxDraft) -> Result<((String, Option<i64>), TaxAccount), SettingsError> {
    let path = format!("odoo.accounts.tax.{key}");
    let (name, rate) = match key.rsplit_once('@').map(|(name, rate)| (name, Rate::parse(rate))) {
        Some((name, Ok(rate))) => (name, Some(rate.millionths())),
        Some((_, Err(_))) => {
            return Err(SettingsError::new(
                &path,
                key,
                "a jurisdiction, or jurisdiction@0.0825",
            ));
        }
        None => (key, None),
    };
    Jurisdiction::new(name)
        .map_err(|_| SettingsError::new(&path, name, "a jurisdiction of at most 64 characters"))?;
    let (code, odoo_tax) = match draft {
        TaxDraft::Account(code) => (code, None),
        TaxDraft::WithTax { account, odoo_tax } => (account, Some(odoo_tax.clone())),
    };
    let account = account(&path, code)?;
    Ok(((name.to_owned(), rate), TaxAccount { account, odoo_tax }))
}
