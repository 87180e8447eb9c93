//! A posting as an `account.move` of type `entry`, written with `load()`: created if absent by external id, in one
//! transaction, whoever calls how often.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tillwire_proto::{Amount, BusinessDay, Currency};

use super::call::{Call, create_if_absent};
use super::effect::EffectKey;
use super::resolved::{PayloadError, ResolvedBooks, ResolvedTax};
use crate::books::Posting;
use crate::settings::AccountCode;

/// A journal entry to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its key and external id.
    pub key: EffectKey,
    /// What Odoo shows as its reference.
    pub reference: String,
    /// The accounting date.
    pub date: BusinessDay,
    /// Its lines; they add up to nothing.
    pub lines: Vec<EntryLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryLine {
    /// The account.
    pub account: AccountCode,
    /// What the line says.
    pub label: String,
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// Names of the Odoo taxes that this revenue is the base of.
    pub taxed_by: Vec<String>,
    /// Name of the Odoo tax that this line is the amount of.
    pub tax: Option<String>,
    /// What that tax was computed on.
    pub base: Option<Amount>,
    /// Name of the analytic account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytic: Option<String>,
    /// The amount in the currency that was handed over, where that is another; signed as `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Amount>,
}

const COLUMNS: [&str; 12] = [
    "id",
    "ref",
    "date",
    "journal_id/.id",
    "move_type",
    "line_ids/account_id/.id",
    "line_ids/name",
    "line_ids/debit",
    "line_ids/credit",
    "line_ids/tax_ids/.id",
    "line_ids/tax_repartition_line_id/.id",
    "line_ids/tax_base_amount",
];

/// Columns of an entry with a line in another currency. Odoo 17 to 19 refuse an empty currency cell, so that every line
/// then names its currency.
const CURRENCY_COLUMNS: [&str; 2] = ["line_ids/currency_id/.id", "line_ids/amount_currency"];

/// The column of an entry with an analytic account.
const ANALYTIC_COLUMN: &str = "line_ids/analytic_distribution";

impl JournalEntry {
    /// A day's posting, dated by its business day.
    #[must_use]
    pub fn of(posting: &Posting) -> Self {
        let key = EffectKey::journal(
            posting.tenant(),
            posting.store(),
            posting.day(),
            posting.revision(),
        );
        let reference = format!("TW/{}/{}/r{}", posting.store(), posting.day(), posting.revision());
        let lines = posting
            .lines()
            .map(|(key, line)| EntryLine {
                account: key.account.clone(),
                label: key.label.clone(),
                amount: line.amount,
                taxed_by: key.taxed_by.clone(),
                tax: key.tax.as_ref().and_then(|tax| tax.odoo_tax.clone()),
                base: line.base,
                analytic: key.analytic.clone(),
                foreign: line.foreign,
            })
            .collect();
        Self {
            key,
            reference,
            date: posting.day(),
            lines,
        }
    }

    /// Sum of the debits, which is Odoo's `amount_total` of an entry; `None` without lines.
    #[must_use]
    pub fn total(&self) -> Option<Amount> {
        let currency = self.lines.first()?.amount.currency();
        let debits = self.lines.iter().map(|l| l.amount).filter(|a| !a.is_negative());
        Amount::sum(debits, currency).ok()
    }

    /// The call that creates it if it is absent. Answers as [`super::loaded`] reads.
    ///
    /// # Errors
    /// [`PayloadError`] when Odoo lacks an account.
    pub fn load(&self, resolved: &ResolvedBooks) -> Result<Call, PayloadError> {
        let mut rows = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            rows.push(self.row(line, rows.is_empty(), resolved)?);
        }
        let mut columns = COLUMNS.to_vec();
        if self.is_foreign() {
            columns.extend(CURRENCY_COLUMNS);
        }
        if self.is_analytic() {
            columns.push(ANALYTIC_COLUMN);
        }
        Ok(Call::on("account.move", "load")
            .arg("fields", json!(columns))
            .arg("data", Value::Array(rows))
            .context(create_if_absent()))
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.lines.iter().any(|line| line.foreign.is_some())
    }

    pub(super) fn is_analytic(&self) -> bool {
        self.lines.iter().any(|line| line.analytic.is_some())
    }

    fn row(&self, line: &EntryLine, first: bool, resolved: &ResolvedBooks) -> Result<Value, PayloadError> {
        let account = account(line, resolved)?;
        let head = if first {
            [
                self.key.as_str().to_owned(),
                self.reference.clone(),
                self.date.to_string(),
                resolved.journal.to_string(),
                "entry".to_owned(),
            ]
        } else {
            Default::default()
        };
        let magnitude = line.amount.decimal().trim_start_matches('-').to_owned();
        let (debit, credit) = if line.amount.is_negative() {
            ("0".to_owned(), magnitude)
        } else {
            (magnitude, "0".to_owned())
        };
        let taxes: Vec<String> = line
            .taxed_by
            .iter()
            .filter_map(|name| self.told_tax(name, resolved))
            .map(|tax| tax.tax.to_string())
            .collect();
        let told = line.tax.as_ref().and_then(|name| self.told_tax(name, resolved));
        let base = told
            .and(line.base)
            .map(|base| base.decimal().trim_start_matches('-').to_owned());
        let mut row: Vec<Value> = head.into_iter().map(Value::String).collect();
        row.extend([
            json!(account.to_string()),
            json!(line.label),
            json!(debit),
            json!(credit),
            json!(taxes.join(",")),
            json!(told.map_or_else(String::new, |tax| tax.repartition.to_string())),
            json!(base.unwrap_or_default()),
        ]);
        if self.is_foreign() {
            let amount = line.foreign.unwrap_or(line.amount);
            row.push(json!(currency(amount.currency(), resolved)?.to_string()));
            row.push(json!(amount.decimal()));
        }
        if self.is_analytic() {
            let whole = line.analytic.as_deref().map(|name| distribution(name, resolved));
            row.push(json!(whole.transpose()?.unwrap_or_default()));
        }
        Ok(Value::Array(row))
    }

    /// The tax, where telling Odoo about it keeps every amount as it is and its report gets the true base. Odoo adds a line of its own for a tax whose
    /// base is there without exactly one fitting amount, and balances the entry silently; in such a posting the
    /// amount is booked to its account and the tax is not named.
    fn told_tax(&self, name: &str, resolved: &ResolvedBooks) -> Option<ResolvedTax> {
        let tax = resolved.taxes.get(name).copied()?;
        let mut amounts = self.lines.iter().filter(|l| l.tax.as_deref() == Some(name));
        if tax.nothing {
            // Odoo 17 to 19 add no line for a tax of nothing; its report counts the base alone
            let mut bases = self.lines.iter().filter(|l| l.taxed_by.iter().any(|t| t == name));
            let told = amounts.next().is_none() && bases.all(|base| base.amount.is_negative());
            return told.then_some(tax);
        }
        let (Some(amount), None) = (amounts.next(), amounts.next()) else {
            return None;
        };
        let bases: Vec<Amount> = self
            .lines
            .iter()
            .filter(|l| l.taxed_by.iter().any(|t| t == name))
            .map(|l| l.amount)
            .collect();
        let whole = Amount::sum(bases.iter().copied(), amount.amount.currency())
            .and_then(Amount::checked_neg)
            .ok();
        let fits = whole.is_some()
            && whole == amount.base
            && bases
                .iter()
                .chain([&amount.amount])
                .all(|credit| credit.is_negative())
            && resolved.accounts.get(&amount.account).copied() == tax.account;
        fits.then_some(tax)
    }

    /// The call that posts it.
    #[must_use]
    pub fn confirm(id: i64) -> Call {
        Call::on("account.move", "action_post").ids([id])
    }

    /// The call that reads it back, for [`super::read_entry`]: its lines, each with the state, date, journal and name
    /// of the entry. Odoo keeps these on every line (17 to 19), so that one call and one snapshot tell all.
    #[must_use]
    pub fn look(id: i64) -> Call {
        let fields = [
            "account_id",
            "name",
            "debit",
            "credit",
            "parent_state",
            "date",
            "ref",
            "journal_id",
            "move_name",
            "currency_id",
            "amount_currency",
            "analytic_distribution",
        ];
        Call::on("account.move.line", "search_read")
            .arg("domain", json!([["move_id", "=", id]]))
            .option("fields", json!(fields))
            .option("order", json!("id"))
    }
}

fn account(line: &EntryLine, resolved: &ResolvedBooks) -> Result<i64, PayloadError> {
    resolved
        .accounts
        .get(&line.account)
        .copied()
        .ok_or_else(|| PayloadError::Account(line.account.clone()))
}

fn currency(currency: Currency, resolved: &ResolvedBooks) -> Result<i64, PayloadError> {
    let id = resolved.currencies.get(&currency).copied();
    id.ok_or(PayloadError::Currency(currency))
}

/// All of the line for one analytic account, as Odoo writes it.
fn distribution(name: &str, resolved: &ResolvedBooks) -> Result<String, PayloadError> {
    let id = resolved.analytics.get(name);
    let id = id.ok_or_else(|| PayloadError::Analytic(name.to_owned()))?;
    Ok(json!({ id.to_string(): 100 }).to_string())
}
