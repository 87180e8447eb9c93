//! What a mapping names beside accounts and taxes: tenders' journals, analytic accounts, other currencies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::Currency;
use tillwire_relay_core::odoo::Answer;
use tillwire_relay_core::settings::StoreSettings;

use super::ask::{Ask, in_words, text_of};
use super::finding::Finding;

/// Ids of everything that this file looks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Mapped {
    pub(super) journals: BTreeMap<String, i64>,
    pub(super) analytics: BTreeMap<String, i64>,
    pub(super) currencies: BTreeMap<Currency, i64>,
}

pub(super) async fn check(ask: &Ask<'_>, stores: &[&StoreSettings], findings: &mut Vec<Finding>) -> Mapped {
    Mapped {
        journals: journals(ask, stores, findings).await,
        analytics: analytics(ask, stores, findings).await,
        currencies: currencies(ask, stores, findings).await,
    }
}

async fn journals(
    ask: &Ask<'_>,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, i64> {
    let wanted: BTreeSet<&str> = stores
        .iter()
        .flat_map(|store| store.odoo.mappings.journals())
        .collect();
    let mend = "create a journal of type Bank or Cash with that code, or correct the tender's row";
    by_text(
        ask,
        "account.journal",
        "code",
        &wanted,
        findings,
        ("journal-missing", "journal", mend),
    )
    .await
}

/// Only the group Analytic Accounting may read analytic accounts; posting with them needs no right beyond that.
async fn analytics(
    ask: &Ask<'_>,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, i64> {
    let wanted: BTreeSet<&str> = stores
        .iter()
        .flat_map(|store| store.odoo.mappings.analytics())
        .collect();
    let mend = "create it in Odoo (Accounting, Analytic Accounts) and give the integration user Analytic Accounting, or \
                correct the mapping";
    let words = ("analytic-missing", "analytic account", mend);
    by_text(ask, "account.analytic.account", "name", &wanted, findings, words).await
}

async fn by_text(
    ask: &Ask<'_>,
    model: &'static str,
    field: &'static str,
    wanted: &BTreeSet<&str>,
    findings: &mut Vec<Finding>,
    (code, what, mend): (&'static str, &str, &str),
) -> BTreeMap<String, i64> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let rows = match ask.search(model, json!([[field, "in", wanted]]), &[field]).await {
        Ok(rows) => rows,
        Err(answer) => {
            findings.push(unreadable(code, what, &answer, mend));
            return BTreeMap::new();
        }
    };
    let mut resolved = BTreeMap::new();
    for name in wanted {
        let found: Vec<&Value> = rows
            .iter()
            .filter(|row| text_of(&row[field]) == Some(name))
            .collect();
        if let [row] = found.as_slice()
            && let Some(id) = row["id"].as_i64()
        {
            resolved.insert((*name).to_owned(), id);
        } else {
            let found = format!("found {} of {what} {name:?}, wanted one", found.len());
            findings.push(Finding::stop(code, found, mend));
        }
    }
    resolved
}

/// The currencies in use. Any tender may turn out to be foreign, so all of them are known beforehand.
async fn currencies(
    ask: &Ask<'_>,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> BTreeMap<Currency, i64> {
    let wanted: BTreeSet<Currency> = stores
        .iter()
        .flat_map(|store| store.odoo.mappings.currencies())
        .collect();
    let mend = "activate it in Odoo (Accounting, Currencies), or correct the tender's row";
    let rows = match ask
        .search("res.currency", json!([["active", "=", true]]), &["name"])
        .await
    {
        Ok(rows) => rows,
        Err(answer) => {
            if !wanted.is_empty() {
                findings.push(unreadable("currency-missing", "currency", &answer, mend));
            }
            return BTreeMap::new();
        }
    };
    let known: BTreeMap<Currency, i64> = rows
        .iter()
        .filter_map(|row| {
            let currency = Currency::from_code(text_of(&row["name"])?).ok()?;
            Some((currency, row["id"].as_i64()?))
        })
        .collect();
    for currency in wanted
        .into_iter()
        .filter(|currency| !known.contains_key(currency))
    {
        let what = format!("currency {} is not active in Odoo", currency.code());
        findings.push(Finding::stop("currency-missing", what, mend));
    }
    known
}

fn unreadable(code: &'static str, what: &str, answer: &Answer, mend: &str) -> Finding {
    let words = format!("no {what} can be read: {}", in_words(answer));
    Finding::stop(code, words, mend)
}
