//! The company: is it there, may the user work in it, is its currency the stores', and what is locked?

use jiff::civil::Date;
use serde_json::{Value, json};
use tillwire_relay_core::odoo::{Answer, OdooVersion, TaxRounding};
use tillwire_relay_core::settings::StoreSettings;

use super::ask::{Ask, in_words, text_of};
use super::finding::Finding;
use super::server::User;

/// The last locked day, by lock. Odoo does not refuse an entry dated inside: it books it on another day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockDates {
    /// Everything (`fiscalyear_lock_date`).
    pub all: Option<Date>,
    /// Entries with taxes (`tax_lock_date`).
    pub tax: Option<Date>,
    /// Entries in sale journals (`sale_lock_date`, from 18 on).
    pub sale: Option<Date>,
    /// Everything, for good (`hard_lock_date`, from 18 on).
    pub hard: Option<Date>,
}

impl LockDates {
    /// The last day that no entry can be dated on.
    #[must_use]
    pub fn last_locked(&self) -> Option<Date> {
        self.all.max(self.hard)
    }
}

pub(super) struct Company {
    pub(super) id: i64,
    pub(super) locks: LockDates,
    pub(super) rounding: TaxRounding,
}

pub(super) async fn check(
    ask: &Ask<'_>,
    name: &str,
    user: &User,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> Option<Company> {
    let mut fields = vec!["name", "currency_id", "tax_calculation_rounding_method"];
    fields.extend(lock_fields(ask.version));
    let rows = match ask
        .search("res.company", json!([["name", "=", name]]), &fields)
        .await
    {
        Ok(rows) => rows,
        Err(answer) => {
            let what = format!("the companies cannot be read: {}", in_words(&answer));
            findings.push(Finding::stop(
                "company-unreadable",
                what,
                "make the integration user an internal user",
            ));
            return None;
        }
    };
    let [row] = rows.as_slice() else {
        let others = names(ask).await.unwrap_or_default().join(", ");
        let what = format!(
            "found {} companies named {name:?}, wanted one; there are: {others}",
            rows.len()
        );
        let mend = format!("correct odoo.company, or allow the company to {}", user.login);
        findings.push(Finding::stop("company-missing", what, mend));
        return None;
    };
    let id = row["id"].as_i64()?;
    if !user.companies.contains(&id) {
        let what = format!("the user {} may not work in company {name:?}", user.login);
        let mend = "open the user in Settings, Users and add the company to Allowed Companies";
        findings.push(Finding::stop("company-not-allowed", what, mend));
        return None;
    }
    currency(row, stores, findings);
    Some(Company {
        id,
        locks: locks(row, findings),
        rounding: match text_of(&row["tax_calculation_rounding_method"]) {
            Some("round_globally") => TaxRounding::Globally,
            _ => TaxRounding::PerLine,
        },
    })
}

fn lock_fields(version: OdooVersion) -> &'static [&'static str] {
    if version.0 >= 18 {
        &[
            "fiscalyear_lock_date",
            "tax_lock_date",
            "sale_lock_date",
            "hard_lock_date",
        ]
    } else {
        &["fiscalyear_lock_date", "tax_lock_date"]
    }
}

async fn names(ask: &Ask<'_>) -> Result<Vec<String>, Answer> {
    let rows = ask.search("res.company", json!([]), &["name"]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| text_of(&row["name"]))
        .map(|name| format!("{name:?}"))
        .collect())
}

fn currency(row: &Value, stores: &[&StoreSettings], findings: &mut Vec<Finding>) {
    let found = row["currency_id"][1].as_str().unwrap_or("none");
    for store in stores {
        if store.currency.code() != found {
            let what = format!(
                "the company's currency is {found}, the store's is {}",
                store.currency.code()
            );
            let mend = "put the store into a company of its currency (odoo.company), or correct its currency";
            findings.push(Finding::stop("company-currency", what, mend).of(&store.store));
        }
    }
}

fn locks(row: &Value, findings: &mut Vec<Finding>) -> LockDates {
    let date = |field: &str| text_of(&row[field]).and_then(|text| text.parse::<Date>().ok());
    let locks = LockDates {
        all: date("fiscalyear_lock_date"),
        tax: date("tax_lock_date"),
        sale: date("sale_lock_date"),
        hard: date("hard_lock_date"),
    };
    let named = [
        ("all entries", locks.all),
        ("tax entries", locks.tax),
        ("sale journals", locks.sale),
        ("all entries, for good", locks.hard),
    ];
    for (what, day) in named {
        if let Some(day) = day {
            let what = format!("{what} are locked up to {day}");
            let mend = "nothing to do; Odoo books a late sale of a locked day on an open one, which is shown as an \
                        exception with both dates";
            findings.push(Finding::note("locked", what, mend));
        }
    }
    locks
}
