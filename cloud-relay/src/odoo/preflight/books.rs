//! Journal, accounts and taxes: are the codes that the mapping names there, in use, and usable together?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::Rate;
use tillwire_relay_core::odoo::{Answer, Percentage, ResolvedTax};
use tillwire_relay_core::settings::{AccountCode, StoreSettings};

use super::ask::{Ask, id_of, in_words, text_of};
use super::finding::Finding;

/// The journal of a store's entries, by code.
pub(super) async fn journal(
    ask: &Ask<'_>,
    store: &StoreSettings,
    findings: &mut Vec<Finding>,
) -> Option<i64> {
    let code = &store.odoo.journal_code;
    let row = usable_journal(ask, store, (code, "odoo.journal", "Miscellaneous"), findings).await?;
    let kind = text_of(&row["type"]).unwrap_or("?");
    if kind != "general" {
        let what = format!("journal {code:?} is of type {kind}, wanted general (Miscellaneous)");
        let mend = "name a journal of type Miscellaneous: entries in others mix with Odoo's own and obey further locks";
        findings.push(Finding::warn("journal-type", what, mend).of(&store.store));
    }
    row["id"].as_i64()
}

/// A journal that is there, in use and in the store's currency.
pub(super) async fn usable_journal(
    ask: &Ask<'_>,
    store: &StoreSettings,
    (code, setting, kind): (&str, &str, &str),
    findings: &mut Vec<Finding>,
) -> Option<Value> {
    let fields = [
        "code",
        "name",
        "type",
        "currency_id",
        "active",
        "restrict_mode_hash_table",
    ];
    let found = ask
        .clone()
        .archived_too()
        .search("account.journal", json!([["code", "=", code]]), &fields)
        .await;
    let rows = match found {
        Ok(rows) => rows,
        Err(answer) => {
            findings.push(unreadable("journals", &answer));
            return None;
        }
    };
    let Some(row) = rows
        .iter()
        .find(|row| row["active"] == json!(true))
        .or(rows.first())
    else {
        let what = format!("there is no journal with code {code:?}");
        let mend = format!("create one of type {kind} with code {code} in Odoo, or correct {setting}");
        findings.push(Finding::stop("journal-missing", what, mend).of(&store.store));
        return None;
    };
    if row["active"] != json!(true) {
        let what = format!("journal {code:?} is archived");
        findings
            .push(Finding::stop("journal-archived", what, "unarchive it, or name another").of(&store.store));
        return None;
    }
    if let Some(found) = row["currency_id"][1]
        .as_str()
        .filter(|found| *found != store.currency.code())
    {
        let what = format!(
            "journal {code:?} is in {found}, the store in {}",
            store.currency.code()
        );
        findings
            .push(Finding::stop("journal-currency", what, "empty the journal's currency").of(&store.store));
        return None;
    }
    if row["restrict_mode_hash_table"] == json!(true) {
        let what = format!("journal {code:?} secures posted entries with a hash");
        let mend = "nothing to do: a posted entry is never edited, a correction is a further one";
        findings.push(Finding::note("journal-secured", what, mend).of(&store.store));
    }
    Some(row.clone())
}

/// Every account that a mapping names.
pub(super) async fn accounts(
    ask: &Ask<'_>,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> BTreeMap<AccountCode, i64> {
    let wanted: BTreeSet<&AccountCode> = stores
        .iter()
        .flat_map(|store| {
            let receivable = store.odoo.invoices.as_ref().map(|invoices| &invoices.receivable);
            store.odoo.mappings.accounts().into_iter().chain(receivable)
        })
        .collect();
    let rows = match account_rows(ask, wanted.iter().copied()).await {
        Ok(rows) => rows,
        Err(answer) => {
            findings.push(unreadable("accounts", &answer));
            return BTreeMap::new();
        }
    };
    let mut resolved = BTreeMap::new();
    for code in wanted {
        match one_account(&rows, code) {
            Ok((id, warning)) => {
                resolved.insert(code.clone(), id);
                findings.extend(warning);
            }
            Err(finding) => findings.push(finding),
        }
    }
    resolved
}

/// Accounts by code, for an entry that names one which preflight did not look for (the mapping has changed since).
/// A code that is missing, archived or there twice is left out.
///
/// # Errors
/// The answer that asking got.
pub async fn accounts_by_code(
    ask: &Ask<'_>,
    codes: &BTreeSet<AccountCode>,
) -> Result<BTreeMap<AccountCode, i64>, Answer> {
    let rows = account_rows(ask, codes.iter()).await?;
    let resolved = codes
        .iter()
        .filter_map(|code| Some((code.clone(), one_account(&rows, code).ok()?.0)));
    Ok(resolved.collect())
}

async fn account_rows(
    ask: &Ask<'_>,
    codes: impl Iterator<Item = &AccountCode>,
) -> Result<Vec<Value>, Answer> {
    let codes: Vec<&str> = codes.map(AccountCode::as_str).collect();
    // 19 archives what 17 and 18 call deprecated
    let in_use = if ask.version.0 >= 19 {
        "active"
    } else {
        "deprecated"
    };
    let fields = ["code", "name", "account_type", in_use];
    let domain = json!([["code", "in", codes]]);
    ask.clone()
        .archived_too()
        .search("account.account", domain, &fields)
        .await
}

fn one_account(rows: &[Value], code: &AccountCode) -> Result<(i64, Option<Finding>), Finding> {
    let found: Vec<&Value> = rows
        .iter()
        .filter(|row| row["code"] == json!(code.as_str()))
        .collect();
    let [row] = found.as_slice() else {
        let what = format!("found {} accounts with code {code}, wanted one", found.len());
        let mend = format!("create account {code} in Odoo's chart of accounts, or correct the mapping");
        return Err(Finding::stop("account-missing", what, mend));
    };
    if row["deprecated"] == json!(true) || row["active"] == json!(false) {
        let what = format!("account {code} is deprecated or archived");
        return Err(Finding::stop(
            "account-archived",
            what,
            "put it back into use, or correct the mapping",
        ));
    }
    let kind = text_of(&row["account_type"]).unwrap_or("?");
    if kind == "off_balance" {
        let what = format!("account {code} is off-balance; Odoo refuses an entry that mixes it with others");
        return Err(Finding::stop(
            "account-off-balance",
            what,
            "name an account of the balance sheet",
        ));
    }
    let warning = (kind == "equity_unaffected").then(|| {
        let what = format!("account {code} is Odoo's own for the current year's earnings");
        Finding::warn("account-earnings", what, "name an income or expense account")
    });
    let id = row["id"].as_i64().ok_or_else(|| {
        Finding::stop(
            "account-missing",
            format!("account {code} came without an id"),
            "try again",
        )
    })?;
    Ok((id, warning))
}

/// Taxes by name, each with its one repartition line. Where Odoo cannot be told about a tax, the amount is still
/// booked to its account; so a tax that is missing warns and does not stop.
pub(super) async fn taxes(
    ask: &Ask<'_>,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, ResolvedTax> {
    let wanted = tax_names(stores);
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    match tax_rows(ask, &wanted).await {
        Ok((taxes, shares)) => wanted
            .into_iter()
            .filter_map(|name| match one_tax(name, &taxes, &shares) {
                Ok(tax) => Some((name.to_owned(), tax)),
                Err(finding) => {
                    findings.push(finding);
                    None
                }
            })
            .collect(),
        Err(answer) => {
            findings.push(unreadable("taxes", &answer));
            BTreeMap::new()
        }
    }
}

/// Every tax that a mapping names.
pub(super) fn tax_names<'a>(stores: &[&'a StoreSettings]) -> BTreeSet<&'a str> {
    stores
        .iter()
        .flat_map(|store| store.odoo.mappings.odoo_taxes())
        .collect()
}

async fn tax_rows(ask: &Ask<'_>, names: &BTreeSet<&str>) -> Result<(Vec<Value>, Vec<Value>), Answer> {
    let domain = json!([["name", "in", names], ["type_tax_use", "=", "sale"]]);
    let fields = [
        "name",
        "amount",
        "amount_type",
        "price_include",
        "include_base_amount",
    ];
    let taxes = ask.search("account.tax", domain, &fields).await?;
    let ids: Vec<i64> = taxes.iter().filter_map(|row| row["id"].as_i64()).collect();
    let domain = json!([["tax_id", "in", ids], ["repartition_type", "=", "tax"]]);
    let fields = ["tax_id", "account_id", "document_type", "factor_percent"];
    let shares = ask
        .search("account.tax.repartition.line", domain, &fields)
        .await?;
    Ok((taxes, shares))
}

fn one_tax(name: &str, taxes: &[Value], shares: &[Value]) -> Result<ResolvedTax, Finding> {
    let found: Vec<&Value> = taxes.iter().filter(|row| row["name"] == json!(name)).collect();
    let [row] = found.as_slice() else {
        let what = format!("found {} sale taxes named {name:?}, wanted one", found.len());
        let mend = "correct odoo_tax in the mapping; until then amounts are booked to the account and Odoo's \
                    tax report shows no base for them";
        return Err(Finding::warn("tax-missing", what, mend));
    };
    let tax = row["id"].as_i64().unwrap_or_default();
    let of = |document: &str| -> Vec<&Value> {
        let of = shares.iter().filter(|row| id_of(&row["tax_id"]) == Some(tax));
        of.filter(|row| row["document_type"] == json!(document)).collect()
    };
    let shares = of("invoice");
    let [share] = shares.as_slice() else {
        let what = format!("tax {name:?} is split over {} lines, wanted one", shares.len());
        let mend = "name one Odoo tax per authority; until then amounts are booked to the account only";
        return Err(Finding::warn("tax-split", what, mend));
    };
    let repartition = share["id"].as_i64().unwrap_or_default();
    let account = id_of(&share["account_id"]);
    let whole = |row: &Value| decimal(&row["factor_percent"]) == Some(100_000_000);
    let refunds = of("refund");
    Ok(ResolvedTax {
        tax,
        repartition,
        account,
        nothing: is_nothing(row),
        refunds_alike: refunds.len() == 1 && whole(refunds[0]) && id_of(&refunds[0]["account_id"]) == account,
        percentage: percentage(row).filter(|_| whole(share)),
    })
}

/// True of a tax of nothing, such as one for exempt goods. A group's own amount says nothing about its parts.
fn is_nothing(tax: &Value) -> bool {
    decimal(&tax["amount"]) == Some(0) && matches!(text_of(&tax["amount_type"]), Some("percent" | "fixed"))
}

/// The percentage of a tax that is one, and that no other tax is computed on.
fn percentage(row: &Value) -> Option<Percentage> {
    if row["amount_type"] != json!("percent") || row["include_base_amount"] == json!(true) {
        return None;
    }
    Some(Percentage {
        millionths: decimal(&row["amount"])?,
        included: row["price_include"] == json!(true),
    })
}

/// Millionths of a decimal, from what Odoo wrote: a percentage is no float.
fn decimal(value: &Value) -> Option<i64> {
    Rate::parse(&value.to_string()).ok().map(Rate::millionths)
}

fn unreadable(what: &str, answer: &Answer) -> Finding {
    let words = format!("the {what} cannot be read: {}", in_words(answer));
    Finding::stop(
        "books-unreadable",
        words,
        "give the integration user Invoicing: Billing",
    )
}
