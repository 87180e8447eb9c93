//! Currencies: does Odoo round as we count, and does an account or a tender speak another one?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::Currency;
use tillwire_relay_core::odoo::Answer;
use tillwire_relay_core::settings::AccountCode;

use super::ask::{Ask, in_words, text_of};
use super::finding::Finding;

pub(super) async fn check(
    ask: &Ask<'_>,
    currency: Currency,
    accounts: &BTreeMap<AccountCode, i64>,
    findings: &mut Vec<Finding>,
) {
    match currency_row(ask, currency).await {
        Ok(Some(row)) => findings.extend(rounds(&row, currency)),
        Ok(None) => {
            let what = format!("the currency {} is not there in Odoo", currency.code());
            let mend = "activate it in Accounting, Configuration, Currencies";
            findings.push(Finding::stop("currency-missing", what, mend));
        }
        Err(answer) => findings.push(unreadable(&answer)),
    }
    match account_rows(ask, accounts).await {
        Ok(rows) => findings.extend(rows.iter().filter_map(|row| foreign(row, currency))),
        Err(answer) => findings.push(unreadable(&answer)),
    }
}

async fn currency_row(ask: &Ask<'_>, currency: Currency) -> Result<Option<Value>, Answer> {
    let domain = json!([["name", "=", currency.code()]]);
    let rows = ask
        .clone()
        .archived_too()
        .search("res.currency", domain, &["name", "active", "rounding"])
        .await?;
    Ok(rows.into_iter().next())
}

async fn account_rows(ask: &Ask<'_>, accounts: &BTreeMap<AccountCode, i64>) -> Result<Vec<Value>, Answer> {
    let ids: Vec<i64> = accounts.values().copied().collect();
    let domain = json!([["id", "in", ids], ["currency_id", "!=", false]]);
    ask.search("account.account", domain, &["code", "currency_id"])
        .await
}

/// Odoo rounds every line to the currency's rounding: one that is coarser than our cents would unbalance entries, or
/// change them.
fn rounds(row: &Value, currency: Currency) -> Option<Finding> {
    let code = currency.code();
    if row["active"] == json!(false) {
        let what = format!("the currency {code} is not active");
        let mend = "activate it in Accounting, Configuration, Currencies";
        return Some(Finding::stop("currency-inactive", what, mend));
    }
    let digits = usize::try_from(currency.exponent()).unwrap_or(0);
    let wanted = match digits {
        0 => "1".to_owned(),
        digits => format!("0.{}1", "0".repeat(digits - 1)),
    };
    let found = row["rounding"].to_string();
    // Odoo writes 1.0 for one; a number too small for that notation is finer than any coin
    let same = found.strip_suffix(".0").unwrap_or(&found) == wanted || found.contains("e-");
    (!same && row["rounding"].is_number()).then(|| {
        let what = format!("Odoo rounds {code} to {found}, wanted {wanted}");
        let mend = format!(
            "set Rounding Factor to {wanted} in Accounting, Configuration, Currencies, {code}; cash is rounded by a cash \
             rounding, not by the currency"
        );
        Finding::stop("currency-rounding", what, mend)
    })
}

fn foreign(row: &Value, currency: Currency) -> Option<Finding> {
    let found = row["currency_id"][1].as_str()?;
    (found != currency.code()).then(|| {
        let code = text_of(&row["code"]).unwrap_or("?");
        let what = format!("account {code} is kept in {found}, the company in {}", currency.code());
        let mend = "empty Account Currency in Accounting, Configuration, Chart of Accounts (Odoo refuses a line on it that \
                    names no other currency), or map foreign cash alone to it";
        Finding::warn("account-currency", what, mend)
    })
}

/// Rates of currencies that tenders are taken in. The till's own rate is booked; Odoo's is for what it shows beside.
pub(super) async fn rates(
    ask: &Ask<'_>,
    foreign: &BTreeSet<Currency>,
    today: jiff::civil::Date,
    findings: &mut Vec<Finding>,
) {
    if foreign.is_empty() {
        return;
    }
    let codes: Vec<&str> = foreign.iter().map(|currency| currency.code()).collect();
    let domain = json!([
        ["currency_id.name", "in", codes],
        ["name", "<=", today.to_string()]
    ]);
    let rows = match ask
        .search("res.currency.rate", domain, &["name", "currency_id"])
        .await
    {
        Ok(rows) => rows,
        Err(answer) => return findings.push(unreadable(&answer)),
    };
    for code in codes {
        let there = rows.iter().any(|row| row["currency_id"][1] == json!(code));
        if !there {
            let what = format!("{code} is taken at the till and has no rate in Odoo");
            let mend = format!(
                "add a rate in Accounting, Configuration, Currencies, {code}; until then Odoo's own figures in {code} count \
                 one for one"
            );
            findings.push(Finding::warn("currency-rate", what, mend));
        }
    }
}

fn unreadable(answer: &Answer) -> Finding {
    let what = format!("the currencies cannot be read: {}", in_words(answer));
    Finding::warn(
        "currencies-unreadable",
        what,
        "give the integration user Invoicing: Billing (Settings, Users)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rounding_that_is_not_the_smallest_coin_stops() {
        let of = |rounding: Value| rounds(&json!({ "active": true, "rounding": rounding }), Currency::USD);
        assert!(of(json!(0.01)).is_none());
        assert_eq!(
            of(json!(0.05)).map(|finding| finding.code),
            Some("currency-rounding")
        );
        assert_eq!(
            of(json!(1.0)).map(|finding| finding.code),
            Some("currency-rounding")
        );
        assert!(of(Value::Null).is_none(), "an Odoo that does not say is believed");
        let idle = rounds(&json!({ "active": false, "rounding": 0.01 }), Currency::USD);
        assert_eq!(idle.map(|finding| finding.code), Some("currency-inactive"));
    }
}
