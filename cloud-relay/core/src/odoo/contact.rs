//! A customer of the POS as a `res.partner`: created if absent under an external id of its own, and never changed
//! after that, because from then on the contact belongs to those who look after it in Odoo.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{PosId, TenantId};

use super::answer::Answer;
use super::call::{Call, create_if_absent};
use super::effect::{EffectKey, Seen};
use super::readback::{Difference, Link, Text, Verdict, not_read};
use super::resolved::{PayloadError, ResolvedBooks};
use crate::books::Partner;
use crate::settings::AccountCode;

/// Who owes a document, as Odoo will find them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The contact that this effect makes.
    Customer(EffectKey),
    /// The contact with this internal reference.
    Contact(String),
}

impl Owner {
    /// The owner of a document.
    #[must_use]
    pub fn of(tenant: &TenantId, partner: &Partner) -> Self {
        match partner {
            Partner::Customer(id) => Self::Customer(EffectKey::partner(tenant, id)),
            Partner::Contact(reference) => Self::Contact(reference.clone()),
        }
    }

    /// The effect that makes the contact, where one does.
    #[must_use]
    pub const fn effect(&self) -> Option<&EffectKey> {
        match self {
            Self::Customer(key) => Some(key),
            Self::Contact(_) => None,
        }
    }

    /// Its id in Odoo.
    ///
    /// # Errors
    /// [`PayloadError`] while it is not known.
    pub(super) fn id(&self, resolved: &ResolvedBooks) -> Result<i64, PayloadError> {
        match self {
            Self::Customer(key) => resolved.invoicing.document(key),
            Self::Contact(reference) => {
                let id = resolved.invoicing.contacts.get(reference).copied();
                id.ok_or_else(|| PayloadError::Contact(reference.clone()))
            }
        }
    }
}

/// A contact to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its key and external id.
    pub key: EffectKey,
    /// The POS's id of the customer, which Odoo shows as the internal reference.
    pub reference: String,
    /// What the POS calls the customer.
    pub name: String,
    /// The account that the contact's invoices are owed on.
    pub receivable: AccountCode,
}

const COLUMNS: [&str; 4] = ["id", "name", "ref", "property_account_receivable_id/.id"];

impl Contact {
    /// A customer of the POS.
    #[must_use]
    pub fn of(tenant: &TenantId, customer: &PosId, name: &str, receivable: &AccountCode) -> Self {
        Self {
            key: EffectKey::partner(tenant, customer),
            reference: customer.to_string(),
            name: name.to_owned(),
            receivable: receivable.clone(),
        }
    }

    /// The call that creates it if it is absent. Answers as [`super::loaded`] reads.
    ///
    /// # Errors
    /// [`PayloadError`] when Odoo lacks the account.
    pub fn load(&self, resolved: &ResolvedBooks) -> Result<Call, PayloadError> {
        let account = resolved.account(&self.receivable)?.to_string();
        let row = [self.key.as_str(), &self.name, &self.reference, &account];
        Ok(Call::on("res.partner", "load")
            .arg("fields", json!(COLUMNS))
            .arg("data", json!([row]))
            .context(create_if_absent()))
    }

    /// The call that reads it back, for [`read_contact`].
    #[must_use]
    pub fn look(id: i64) -> Call {
        Call::on("res.partner", "search_read")
            .arg("domain", json!([["id", "=", id]]))
            .arg("fields", json!(["ref", "property_account_receivable_id"]))
            .context(json!({"active_test": false}))
    }
}

/// Asks for contacts by internal reference.
#[must_use]
pub fn contacts_by_reference(references: &[&str]) -> Call {
    Call::on("res.partner", "search_read")
        .arg("domain", json!([["ref", "in", references]]))
        .arg("fields", json!(["ref", "property_account_receivable_id"]))
        .option("order", Value::from("id"))
}

#[derive(Deserialize)]
struct RawContact {
    #[serde(rename = "ref")]
    reference: Text,
    property_account_receivable_id: Link,
}

/// Reads the answer of [`Contact::look`]. The name is not compared: people mend names.
///
/// # Errors
/// An [`Answer`] when the answer cannot be read.
pub fn read_contact(rows: &RawValue, meant: &Contact, resolved: &ResolvedBooks) -> Result<Seen, Answer> {
    let rows: Vec<RawContact> =
        serde_json::from_str(rows.get()).map_err(|error| not_read("contact", error))?;
    let Some(found) = rows.into_iter().next() else {
        return Ok(Seen::Gone);
    };
    let mut verdict = Verdict::default();
    verdict.compare("internal reference", &found.reference.take(), &meant.reference);
    let (held, wanted) = (
        found.property_account_receivable_id.id(),
        resolved.accounts.get(&meant.receivable).copied().unwrap_or(0),
    );
    if held != wanted {
        let found = format!("account id {held}");
        verdict
            .differences
            .push(Difference::field("receivable account", found, &meant.receivable));
    }
    Ok(Seen::Confirmed(verdict))
}
