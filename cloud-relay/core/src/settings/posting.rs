//! How a store's day becomes documents in Odoo: as one entry, with a summary invoice, or with invoices of customers
//! that the POS names; how a correction is written; and where a late one is dated.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tillwire_proto::PosId;

use super::{AccountCode, SettingsError};

/// Which documents a day becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostingMode {
    /// One journal entry with everything.
    #[default]
    SummaryEntry,
    /// Sales and taxes as one invoice to one contact; the entry pays it with the day's tenders.
    SummaryInvoice,
    /// An invoice for each ticket of a customer that the POS names; all other tickets as in a summary entry.
    CustomerInvoice,
}

/// How a posted day that changed is corrected. Nothing that is posted is edited either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corrections {
    /// A further document with what changed and no more.
    #[default]
    Difference,
    /// What stands is reversed whole, by a document that Odoo links to it, and written anew whole.
    ReverseAndReplace,
}

/// What happens to a posting whose business day Odoo has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatePolicy {
    /// It is dated on the first day after the lock, with the business day in its reference and on its lines.
    #[default]
    NextOpenDay,
    /// It waits for a signature; a signed one is dated as above.
    Hold,
}

/// What invoices need, as written in the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoicesDraft {
    /// The code of a journal of type Sales. Required. Example: `INV`.
    pub journal: String,
    /// The receivable account that invoices are owed on and the day's entry pays. Required. Example: `121000`.
    pub receivable: String,
    /// The contact that summary invoices are made out to, by its internal reference in Odoo. Needed for
    /// `summary-invoice`. Example: `WALK-IN`.
    #[serde(default)]
    pub summary_partner: Option<String>,
    /// The POS's ids of customers that stand for nobody, such as its "cash sale". Default: none.
    #[serde(default)]
    pub walk_in: Vec<PosId>,
    /// Customers that are contacts in Odoo already: the POS's id to the contact's internal reference. Any other is
    /// created there. Default: none.
    #[serde(default)]
    pub partners: BTreeMap<PosId, String>,
}

/// What invoices need, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoices {
    /// The sales journal's code.
    pub journal_code: String,
    /// The receivable account.
    pub receivable: AccountCode,
    /// Internal reference of the contact of summary invoices.
    pub summary_partner: Option<String>,
    /// Customers that stand for nobody.
    pub walk_in: BTreeSet<PosId>,
    /// Internal references of customers that are contacts already.
    pub partners: BTreeMap<PosId, String>,
}

impl InvoicesDraft {
    pub(super) fn check(&self, mode: PostingMode) -> Result<Invoices, SettingsError> {
        let filled = |key: &str, text: &str| {
            let key = format!("odoo.invoices.{key}");
            let text = text.trim().to_owned();
            if text.is_empty() {
                Err(SettingsError::new(&key, &text, "a name"))
            } else {
                Ok(text)
            }
        };
        if mode == PostingMode::SummaryInvoice && self.summary_partner.is_none() {
            return Err(SettingsError::new(
                "odoo.invoices.summary_partner",
                "",
                "the internal reference of the contact that summary invoices are made out to",
            ));
        }
        let partners = self
            .partners
            .iter()
            .map(|(id, reference)| Ok((id.clone(), filled(&format!("partners.{id}"), reference)?)));
        Ok(Invoices {
            journal_code: filled("journal", &self.journal)?,
            receivable: AccountCode::new(&self.receivable)
                .map_err(|error| error.under("odoo.invoices.receivable"))?,
            summary_partner: self
                .summary_partner
                .as_deref()
                .map(|reference| filled("summary_partner", reference))
                .transpose()?,
            walk_in: self.walk_in.iter().cloned().collect(),
            partners: partners.collect::<Result<_, SettingsError>>()?,
        })
    }
}

impl Invoices {
    /// The internal references of contacts that have to be in Odoo, for preflight.
    #[must_use]
    pub fn references(&self) -> BTreeSet<&str> {
        let all = self.partners.values().chain(&self.summary_partner);
        all.map(String::as_str).collect()
    }
}
