//! What a store's invoices need, where it makes some: a sales journal, a receivable account, and the contacts that the
//! settings name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tillwire_relay_core::odoo::{Invoicing, TaxRounding, contacts_by_reference};
use tillwire_relay_core::settings::{Invoices, PostingMode, StoreSettings};

use super::ask::{Ask, id_of, in_words, text_of};
use super::books::usable_journal;
use super::finding::Finding;

/// `None` when the store cannot post: something that its invoices need is not there.
pub(super) async fn check(
    ask: &Ask<'_>,
    store: &StoreSettings,
    rounding: TaxRounding,
    findings: &mut Vec<Finding>,
) -> Option<Invoicing> {
    let plain = Invoicing {
        rounding,
        ..Invoicing::default()
    };
    let Some(invoices) = &store.odoo.invoices else {
        return Some(plain);
    };
    let journal = journal(ask, store, invoices, findings).await;
    let account = receivable(ask, store, invoices, findings).await;
    let contacts = contacts(ask, store, invoices, findings).await;
    if store.odoo.mode == PostingMode::CustomerInvoice {
        may_create(ask, store, findings).await;
    }
    if store.odoo.mode == PostingMode::SummaryEntry {
        // invoices of an earlier mode may still have to be corrected; what is missing for them stops nothing else
        return Some(Invoicing {
            journal,
            contacts: contacts.unwrap_or_default(),
            ..plain
        });
    }
    account?;
    Some(Invoicing {
        journal: Some(journal?),
        contacts: contacts?,
        ..plain
    })
}

async fn journal(
    ask: &Ask<'_>,
    store: &StoreSettings,
    invoices: &Invoices,
    findings: &mut Vec<Finding>,
) -> Option<i64> {
    let code = &invoices.journal_code;
    let row = usable_journal(ask, store, (code, "odoo.invoices.journal", "Sales"), findings).await?;
    let kind = text_of(&row["type"]).unwrap_or("?");
    if kind != "sale" {
        let what = format!("journal {code:?} is of type {kind}, wanted sale (Sales)");
        let mend = "name a journal of type Sales in odoo.invoices.journal: Odoo takes invoices in no other";
        findings.push(Finding::stop("invoice-journal-type", what, mend).of(&store.store));
        return None;
    }
    row["id"].as_i64()
}

/// Lines pay each other on an account of type receivable only.
async fn receivable(
    ask: &Ask<'_>,
    store: &StoreSettings,
    invoices: &Invoices,
    findings: &mut Vec<Finding>,
) -> Option<()> {
    let code = invoices.receivable.as_str();
    let domain = json!([["code", "=", code]]);
    let rows = ask
        .search("account.account", domain, &["account_type", "reconcile"])
        .await;
    // one that is not there was found missing with the mapping's accounts
    let row = rows.ok()?.into_iter().next()?;
    if row["account_type"] == json!("asset_receivable") {
        return Some(());
    }
    let kind = text_of(&row["account_type"]).unwrap_or("?").to_owned();
    let what = format!("account {code} is of type {kind}, wanted receivable");
    let mend = "name a receivable account in odoo.invoices.receivable";
    findings.push(Finding::stop("receivable-type", what, mend).of(&store.store));
    None
}

async fn contacts(
    ask: &Ask<'_>,
    store: &StoreSettings,
    invoices: &Invoices,
    findings: &mut Vec<Finding>,
) -> Option<BTreeMap<String, i64>> {
    let references: Vec<&str> = invoices.references().into_iter().collect();
    if references.is_empty() {
        return Some(BTreeMap::new());
    }
    let rows = match ask.call(contacts_by_reference(&references)).await {
        Ok(Value::Array(rows)) => rows,
        Ok(_) => Vec::new(),
        Err(answer) => {
            let what = format!("contacts cannot be read: {}", in_words(&answer));
            let mend = "give the integration user Invoicing: Billing";
            findings.push(Finding::stop("contacts-unreadable", what, mend).of(&store.store));
            return None;
        }
    };
    let mut contacts = BTreeMap::new();
    for reference in references {
        let found: Vec<i64> = rows
            .iter()
            .filter(|row| row["ref"] == json!(reference))
            .filter_map(|row| id_of(&row["id"]))
            .collect();
        if let [id] = found.as_slice() {
            contacts.insert(reference.to_owned(), *id);
            continue;
        }
        let what = format!(
            "found {} contacts with internal reference {reference:?}, wanted one",
            found.len()
        );
        let mend = format!(
            "create the contact in Odoo with internal reference {reference}, or correct odoo.invoices"
        );
        findings.push(Finding::stop("contact-missing", what, mend).of(&store.store));
    }
    let all = contacts.len() == invoices.references().len();
    all.then_some(contacts)
}

/// Billing alone may not create contacts.
async fn may_create(ask: &Ask<'_>, store: &StoreSettings, findings: &mut Vec<Finding>) {
    if matches!(ask.may("res.partner", "create").await, Ok(Some(false))) {
        let what =
            "the integration user may not create contacts, which invoices of named customers need".to_owned();
        let mend = "give the user Contact Creation (Settings, Users, Extra Rights), or name every customer's contact \
                    in odoo.invoices.partners";
        findings.push(Finding::stop("rights-contacts", what, mend).of(&store.store));
    }
}
