//! Taxes that postings name, looked at beyond their name: where their amounts go, and what of them would surprise an
//! accountant. `books` resolves them; this file only tells.
//!
//! An entry carries the till's own net and tax, so that neither a price-included nor a cash-basis tax changes an amount of
//! it (seen on 17 and 18; price-included on 19 too); an invoice would be computed anew by Odoo.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_relay_core::odoo::Answer;
use tillwire_relay_core::settings::AccountCode;

use super::ask::{Ask, id_of, in_words, text_of};
use super::finding::Finding;

/// `accounts`: the accounts that the mapping names, resolved.
pub(super) async fn check(
    ask: &Ask<'_>,
    names: &BTreeSet<&str>,
    accounts: &BTreeMap<AccountCode, i64>,
    findings: &mut Vec<Finding>,
) {
    if names.is_empty() {
        return;
    }
    let Rows {
        taxes,
        shares,
        titles,
    } = match rows(ask, names).await {
        Ok(rows) => rows,
        Err(answer) => {
            let what = format!("how taxes are split cannot be read: {}", in_words(&answer));
            let mend = "give the integration user Invoicing: Billing (Settings, Users)";
            return findings.push(Finding::warn("taxes-unreadable", what, mend));
        }
    };
    for name in names {
        let found: Vec<&Value> = taxes.iter().filter(|row| row["name"] == json!(name)).collect();
        let used: Vec<&Value> = found
            .iter()
            .copied()
            .filter(|row| row["active"] == json!(true))
            .collect();
        match (found.as_slice(), used.as_slice()) {
            // one that is not there, or there twice, is told where it is resolved
            ([], _) | (_, [_, _, ..]) => {}
            (_, []) => findings.push(archived(name)),
            (_, [tax]) => {
                let of_tax = |row: &&Value| id_of(&row["tax_id"]) == tax["id"].as_i64();
                let shares: Vec<&Value> = shares.iter().filter(of_tax).collect();
                findings.extend(kind(name, tax));
                findings.extend(split(name, &shares, accounts, &titles));
            }
        }
    }
}

struct Rows {
    taxes: Vec<Value>,
    shares: Vec<Value>,
    /// Codes and names of the accounts that shares go to. What Odoo calls an account in passing has no code in 19.
    titles: BTreeMap<i64, String>,
}

async fn rows(ask: &Ask<'_>, names: &BTreeSet<&str>) -> Result<Rows, Answer> {
    let domain = json!([["name", "in", names], ["type_tax_use", "=", "sale"]]);
    let fields = [
        "name",
        "active",
        "amount_type",
        "price_include",
        "tax_exigibility",
    ];
    let taxes = ask
        .clone()
        .archived_too()
        .search("account.tax", domain, &fields)
        .await?;
    let ids: Vec<i64> = taxes.iter().filter_map(|row| row["id"].as_i64()).collect();
    let domain = json!([["tax_id", "in", ids], ["repartition_type", "=", "tax"]]);
    let fields = ["tax_id", "document_type", "factor_percent", "account_id"];
    let shares = ask
        .search("account.tax.repartition.line", domain, &fields)
        .await?;
    let ids: BTreeSet<i64> = shares
        .iter()
        .filter_map(|row| id_of(&row["account_id"]))
        .collect();
    let accounts = ask
        .search("account.account", json!([["id", "in", ids]]), &["code", "name"])
        .await?;
    let title = |row: &Value| {
        let (code, name) = (text_of(&row["code"])?, text_of(&row["name"])?);
        Some((row["id"].as_i64()?, format!("account {code} {name}")))
    };
    Ok(Rows {
        titles: accounts.iter().filter_map(title).collect(),
        taxes,
        shares,
    })
}

fn archived(name: &str) -> Finding {
    let what = format!("tax {name:?} is archived");
    let mend = "unarchive it (Accounting, Configuration, Taxes, filter Inactive), or name the tax that replaces it in \
                odoo_tax; until then amounts are booked to the account only";
    Finding::warn("tax-archived", what, mend)
}

fn kind(name: &str, tax: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    if text_of(&tax["amount_type"]) == Some("group") {
        let what = format!("tax {name:?} is a group of taxes");
        let mend = "map each authority to one tax of the group; a group has no amount of its own to be told";
        found.push(Finding::warn("tax-group", what, mend));
    }
    if tax["price_include"] == json!(true) {
        let what = format!("tax {name:?} is included in prices in Odoo");
        let mend = "nothing to do for daily entries, which carry the till's net and tax; an invoice would be computed \
                    anew from gross prices";
        found.push(Finding::note("tax-included", what, mend));
    }
    if text_of(&tax["tax_exigibility"]) == Some("on_payment") {
        let what = format!("tax {name:?} is due on payment");
        let mend = "set Tax Exigibility to Based on Invoice (Accounting, Configuration, Taxes, Advanced Options): a till's \
                    sales are paid at once, and an entry is never paid in Odoo";
        found.push(Finding::warn("tax-on-payment", what, mend));
    }
    found
}

/// Where the amount of an invoice goes, and whether a refund's goes the same way.
fn split(
    name: &str,
    shares: &[&Value],
    accounts: &BTreeMap<AccountCode, i64>,
    titles: &BTreeMap<i64, String>,
) -> Vec<Finding> {
    let places = |document: &str| -> Vec<(String, Option<i64>)> {
        let of = shares
            .iter()
            .filter(|row| text_of(&row["document_type"]) == Some(document));
        of.map(|row| (row["factor_percent"].to_string(), id_of(&row["account_id"])))
            .collect()
    };
    let (invoice, refund) = (places("invoice"), places("refund"));
    let mut found = Vec::new();
    if let [(_, account)] = invoice.as_slice() {
        match account {
            None => {
                let what = format!("tax {name:?} names no account for its amount");
                let mend = "open the tax in Accounting, Configuration, Taxes and set the account on its line \"of tax\" \
                            (invoices and refunds); until then Odoo is told nothing of it";
                found.push(Finding::warn("tax-account", what, mend));
            }
            Some(id) if !accounts.values().any(|known| known == id) => {
                let what = format!(
                    "tax {name:?} puts its amount on {}, which the mapping does not name",
                    shown(titles, *account)
                );
                let mend = "make the tax and its row in the mapping name the same account (Accounting, Configuration, \
                            Taxes, the line \"of tax\"); until then Odoo is told nothing of it";
                found.push(Finding::warn("tax-account", what, mend));
            }
            Some(_) => {}
        }
    }
    if invoice.len() > 1 {
        let parts: Vec<String> = invoice
            .iter()
            .map(|(percent, account)| format!("{percent} % on {}", shown(titles, *account)))
            .collect();
        let what = format!("tax {name:?} is split: {}", parts.join(", "));
        let mend = "name a tax with one line \"of tax\" per authority; until then the amount is booked to the mapping's \
                    account and Odoo is told nothing of it";
        found.push(Finding::note("tax-lines", what, mend));
    }
    if !refund.is_empty() && refund != invoice {
        let what = format!("tax {name:?} is split otherwise for refunds than for invoices");
        let mend = "make both alike (Accounting, Configuration, Taxes): a day's entry nets returns with sales on the \
                    account for invoices";
        found.push(Finding::note("tax-refund", what, mend));
    }
    found
}

fn shown(titles: &BTreeMap<i64, String>, account: Option<i64>) -> String {
    match account {
        None => "no account".to_owned(),
        Some(id) => titles
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "an account that we may not see".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn share(document: &str, percent: f64, account: Option<i64>) -> Value {
        let account = account.map_or(json!(false), |id| json!([id, format!("{id} Tax")]));
        json!({ "tax_id": [1, "T"], "document_type": document, "factor_percent": percent, "account_id": account })
    }

    fn codes(shares: &[Value]) -> Vec<&'static str> {
        let accounts = BTreeMap::from([(AccountCode::new("2510").unwrap(), 2510)]);
        let shares: Vec<&Value> = shares.iter().collect();
        let found = split("T", &shares, &accounts, &BTreeMap::new());
        found.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn where_a_tax_goes_is_told_only_where_it_surprises() {
        let both = |account| [share("invoice", 100.0, account), share("refund", 100.0, account)];
        assert_eq!(codes(&both(Some(2510))), [] as [&str; 0]);
        assert_eq!(codes(&both(Some(9999))), ["tax-account"]);
        assert_eq!(codes(&both(None)), ["tax-account"]);
        let halves = [
            share("invoice", 50.0, Some(2510)),
            share("invoice", 50.0, Some(9999)),
            share("refund", 50.0, Some(2510)),
            share("refund", 50.0, Some(9999)),
        ];
        assert_eq!(codes(&halves), ["tax-lines"]);
        let uneven = [share("invoice", 100.0, Some(2510)), share("refund", 100.0, None)];
        assert_eq!(codes(&uneven), ["tax-refund"]);
    }
}
