//! The company: is it there, may the user work in it, is its currency the stores', and what is locked?

use jiff::civil::Date;
use serde_json::{Value, json};
use tillwire_proto::BusinessDay;
use tillwire_relay_core::odoo::{self, Answer, OdooVersion, TaxRounding};
use tillwire_relay_core::settings::StoreSettings;

use super::Wanted;
use super::ask::{Ask, in_words, text_of};
use super::finding::Finding;
use super::locks;
use super::server::User;

/// The last locked day, by lock. Odoo does not refuse an entry dated inside: it books it on another day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockDates {
    /// Everything (`fiscalyear_lock_date`).
    pub all: Option<Date>,
    /// Everything for all but accounting advisers, of whom ours is none (`period_lock_date`, only in 17).
    pub period: Option<Date>,
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
        self.all.max(self.period).max(self.hard)
    }
}

pub(super) struct Company {
    pub(super) id: i64,
    pub(super) locks: LockDates,
    pub(super) rounding: TaxRounding,
    /// False where no chart of accounts was ever loaded; accounts made by hand may be there nevertheless.
    pub(super) has_chart: bool,
}

pub(super) async fn check(
    ask: &Ask<'_>,
    wanted: Wanted<'_>,
    user: &User,
    findings: &mut Vec<Finding>,
) -> Option<Company> {
    let name = wanted.company;
    let mut fields = vec![
        "name",
        "currency_id",
        "chart_template",
        "tax_calculation_rounding_method",
    ];
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
    currency(row, wanted.stores, findings);
    rounding(row, findings);
    let locks = lock_dates(row);
    findings.extend(locks::told(&locks, wanted));
    Some(Company {
        id,
        locks,
        rounding: match text_of(&row["tax_calculation_rounding_method"]) {
            Some("round_globally") => TaxRounding::Globally,
            _ => TaxRounding::PerLine,
        },
        // an Odoo that does not say is believed to have one
        has_chart: row["chart_template"] != json!(false),
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
        &["fiscalyear_lock_date", "tax_lock_date", "period_lock_date"]
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

/// Nothing of what the mapping names is there: one cause, one finding.
pub(super) fn no_chart(name: &str) -> Finding {
    let what = format!("company {name:?} has no chart of accounts");
    let mend = "choose a package in Settings, Invoicing, Fiscal Localization while that company is the active one, then \
                make the accounts and journals that the mapping names";
    Finding::stop("company-chart", what, mend)
}

/// Entries carry the till's own taxes; only where Odoo computes (invoices) does it matter how it rounds.
fn rounding(row: &Value, findings: &mut Vec<Finding>) {
    if row["tax_calculation_rounding_method"] == json!("round_globally") {
        let what = "the company rounds taxes per document, tills round them per line or ticket".to_owned();
        let mend = "nothing to do for daily entries, which carry the till's taxes; for invoices choose Round per Line in \
                    Settings, Invoicing, Taxes, Rounding Method, or expect differences of a cent to be shown";
        findings.push(Finding::note("tax-rounding", what, mend));
    }
}

/// What is locked now; asked again before a posting is dated.
///
/// # Errors
/// Any answer without the company.
pub async fn locked_now(ask: &Ask<'_>, company: i64) -> Result<odoo::LockDates, Answer> {
    let domain = json!([["id", "=", company]]);
    let rows = ask
        .search("res.company", domain, lock_fields(ask.version))
        .await?;
    Ok(rows.first().map(|row| lock_dates(row).into()).unwrap_or_default())
}

impl From<LockDates> for odoo::LockDates {
    fn from(found: LockDates) -> Self {
        Self {
            all: found.all.map(BusinessDay::from),
            period: found.period.map(BusinessDay::from),
            tax: found.tax.map(BusinessDay::from),
            sale: found.sale.map(BusinessDay::from),
            hard: found.hard.map(BusinessDay::from),
        }
    }
}

fn lock_dates(row: &Value) -> LockDates {
    let date = |field: &str| text_of(&row[field]).and_then(|text| text.parse::<Date>().ok());
    LockDates {
        all: date("fiscalyear_lock_date"),
        period: date("period_lock_date"),
        tax: date("tax_lock_date"),
        sale: date("sale_lock_date"),
        hard: date("hard_lock_date"),
    }
}
