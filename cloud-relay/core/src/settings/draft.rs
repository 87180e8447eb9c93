//! The form that a store's settings are written in, with every field's default, unit and example, and the check
//! that turns it into [`StoreSettings`].

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tillwire_proto::{Amount, Currency, RegisterId, StoreId, TenantId};

use crate::settlement::ProcessorId;

use super::{
    AccountsDraft, BelowZero, ClosePolicy, Corrections, InvoicesDraft, LatePolicy, MappingDraft, Mappings,
    OdooStore, PostingMode, SettingsError, StoreSettings, TicketSequence, TicketWithoutTerminal,
    TradingDraft, Written,
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
    /// When it trades. Default: not known; then no day is called missing, and no store closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trading: Option<TradingDraft>,
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
    /// The processor's numbers of this store, as its settlement reports name them: merchant numbers, or Portico site
    /// numbers. Default: none, settlement is not imported. Example: `["101023947262"]`.
    #[serde(default)]
    pub merchants: Vec<String>,
    /// What happens when more is sold than Odoo has: `note` (default) moves it and says so, `hold` keeps it back.
    #[serde(default)]
    pub below_zero: BelowZero,
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
    /// Which documents a day becomes: `summary-entry` (default), `summary-invoice` or `customer-invoice`.
    #[serde(default)]
    pub mode: PostingMode,
    /// How a posted day is corrected: by the `difference` (default) or `reverse-and-replace`.
    #[serde(default)]
    pub corrections: Corrections,
    /// What happens to postings of a locked day: dated on the `next-open-day` (default), or `hold` until signed.
    #[serde(default)]
    pub late: LatePolicy,
    /// What invoices need. Required in the modes that make them.
    #[serde(default)]
    pub invoices: Option<InvoicesDraft>,
    /// Accounts by what they are for: version 1 of the store's mapping. May be left out where a mapping file has all.
    #[serde(default)]
    pub accounts: AccountsDraft,
}

impl StoreDraft {
    /// Checks everything that can be known without asking Odoo.
    ///
    /// # Errors
    /// The first [`SettingsError`], with the key's path inside this table.
    pub fn check(&self) -> Result<StoreSettings, SettingsError> {
        self.check_with(None)
    }

    /// As [`StoreDraft::check`], with a mapping file over the store's own table.
    ///
    /// # Errors
    /// The first [`SettingsError`], with the key's path inside this table, or (`version…`) in the file.
    pub fn check_with(&self, file: Option<&MappingDraft>) -> Result<StoreSettings, SettingsError> {
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
            trading: self
                .trading
                .as_ref()
                .map(|trading| trading.check(cut_off))
                .transpose()?,
            close: self.close,
            ticket_sequence: self.ticket_sequence,
            ticket_without_terminal: self.ticket_without_terminal,
            opening_float: money("opening_float", &self.opening_float)?,
            over_short_limit: money("over_short_limit", &self.over_short_limit)?
                .unwrap_or(Amount::zero(currency)),
            merchants: merchants(&self.merchants)?,
            below_zero: self.below_zero,
            odoo: self.odoo.check((&self.tenant, &self.store), file)?,
            written: Written {
                store: Arc::new(as_written(self)?),
                mapping: file.map(as_written).transpose()?.map(Arc::new),
            },
        })
    }
}

/// A form as its text.
pub(super) fn as_written(form: &impl Serialize) -> Result<Value, SettingsError> {
    serde_json::to_value(form)
        .map_err(|e| SettingsError::new("settings", &e.to_string(), "a form that can be written"))
}

fn not_negative(key: &str, text: &str, currency: Currency) -> Result<Amount, SettingsError> {
    Amount::parse(text, currency)
        .ok()
        .filter(|amount| !amount.is_negative())
        .ok_or_else(|| SettingsError::new(key, text, "an amount such as 5.00, zero or more"))
}

fn merchants(found: &[String]) -> Result<Vec<ProcessorId>, SettingsError> {
    let read = |text: &String| {
        ProcessorId::new(text)
            .map_err(|_| SettingsError::new("merchants", text, "a merchant number such as 101023947262"))
    };
    found.iter().map(read).collect()
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
    fn check(
        &self,
        of: (&TenantId, &StoreId),
        file: Option<&MappingDraft>,
    ) -> Result<OdooStore, SettingsError> {
        let filled = |key: &str, text: &str| {
            if text.trim().is_empty() {
                Err(SettingsError::new(key, text, "a name"))
            } else {
                Ok(text.trim().to_owned())
            }
        };
        let invoices = self.invoices.as_ref().map(|invoices| invoices.check(self.mode));
        let invoices = invoices.transpose()?;
        if self.mode != PostingMode::SummaryEntry && invoices.is_none() {
            return Err(SettingsError::new(
                "odoo.invoices",
                "",
                "journal and receivable account of invoices",
            ));
        }
        Ok(OdooStore {
            company: filled("odoo.company", &self.company)?,
            journal_code: filled("odoo.journal", &self.journal)?,
            warehouse_code: filled("odoo.warehouse", &self.warehouse)?,
            mode: self.mode,
            corrections: self.corrections,
            late: self.late,
            invoices,
            mappings: Mappings::of(of, &self.accounts, file)?,
            own_accounts: self.accounts.clone(),
        })
    }
}
