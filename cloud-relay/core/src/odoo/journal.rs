//! A posting as an `account.move` of type `entry`, written with `load()`: created if absent by external id, in one
//! transaction, whoever calls how often.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tillwire_proto::{Amount, BusinessDay, Currency, TenantId};

use super::call::{Call, create_if_absent};
use super::contact::Owner;
use super::effect::EffectKey;
use super::resolved::{PayloadError, ResolvedBooks, ResolvedTax};
use crate::books::{Document, LedgerLine, LineKey, Posting};
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
    /// Its business day, which its lines name when it is dated otherwise.
    pub day: BusinessDay,
    /// Its lines; they add up to nothing.
    pub lines: Vec<EntryLine>,
    /// The entry that it takes back.
    pub reverses: Option<EffectKey>,
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
    /// Who owes it, on a line of the receivable account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed_by: Option<Owner>,
}

impl EntryLine {
    /// A line of the ledger.
    pub(super) fn of(tenant: &TenantId, key: &LineKey, line: &LedgerLine) -> Self {
        let partner = key.settles.as_ref().and_then(Document::partner);
        Self {
            account: key.account.clone(),
            label: key.label.clone(),
            amount: line.amount,
            taxed_by: key.taxed_by.clone(),
            tax: key.tax.as_ref().and_then(|tax| tax.odoo_tax.clone()),
            base: line.base,
            analytic: key.analytic.clone(),
            foreign: line.foreign,
            owed_by: partner.map(|partner| Owner::of(tenant, partner)),
        }
    }
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
        let (tenant, store, day) = (posting.tenant(), posting.store(), posting.day());
        let key = |revision| EffectKey::journal(tenant, store, day, revision);
        Self {
            key: key(posting.revision()),
            reference: Document::Entry.reference(store, day, posting.revision()),
            date: day,
            day,
            lines: posting
                .lines()
                .map(|(key, line)| EntryLine::of(tenant, key, line))
                .collect(),
            reverses: posting.reverses().map(key),
        }
    }

    /// The same, dated on another day than its business day, which its lines then name.
    #[must_use]
    pub fn dated(mut self, date: BusinessDay) -> Self {
        self.date = date;
        for index in 0..self.lines.len() {
            self.lines[index].label = self.label(&self.lines[index].label);
        }
        self
    }

    /// What a line of the ledger is called here.
    pub(super) fn label(&self, label: &str) -> String {
        labelled(label, self.day, self.date)
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
    /// [`PayloadError`] when Odoo lacks an account, or the lines do not balance.
    pub fn load(&self, resolved: &ResolvedBooks) -> Result<Call, PayloadError> {
        self.check_balance()?;
        let mut rows = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let first = rows.is_empty();
            let mut row = self.row(line, first, resolved)?;
            if self.names_owners() {
                let owner = line.owed_by.as_ref().map(|owner| owner.id(resolved));
                row.push(text(owner.transpose()?));
            }
            if let Some(reversed) = &self.reverses {
                let id = resolved.invoicing.document(reversed)?;
                row.push(text(first.then_some(id)));
            }
            rows.push(Value::Array(row));
        }
        let mut columns = COLUMNS.to_vec();
        if self.is_foreign() {
            columns.extend(CURRENCY_COLUMNS);
        }
        if self.is_analytic() {
            columns.push(ANALYTIC_COLUMN);
        }
        columns.extend(self.names_owners().then_some("line_ids/partner_id/.id"));
        columns.extend(self.reverses.as_ref().map(|_| "reversed_entry_id/.id"));
        Ok(Call::on("account.move", "load")
            .arg("fields", json!(columns))
            .arg("data", Value::Array(rows))
            .context(create_if_absent()))
    }

    /// A posting cannot be unbalanced; an entry that was stored, or made in another way, might be.
    fn check_balance(&self) -> Result<(), PayloadError> {
        let Some(first) = self.lines.first() else {
            return Ok(());
        };
        let rest = Amount::sum(self.lines.iter().map(|line| line.amount), first.amount.currency())?;
        if rest.is_zero() {
            Ok(())
        } else {
            Err(PayloadError::Unbalanced(rest))
        }
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.lines.iter().any(|line| line.foreign.is_some())
    }

    pub(super) fn is_analytic(&self) -> bool {
        self.lines.iter().any(|line| line.analytic.is_some())
    }

    fn names_owners(&self) -> bool {
        self.lines.iter().any(|line| line.owed_by.is_some())
    }

    fn row(
        &self,
        line: &EntryLine,
        first: bool,
        resolved: &ResolvedBooks,
    ) -> Result<Vec<Value>, PayloadError> {
        let account = resolved.account(&line.account)?;
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
        Ok(row)
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
            "partner_id",
        ];
        Call::on("account.move.line", "search_read")
            .arg("domain", json!([["move_id", "=", id]]))
            .option("fields", json!(fields))
            .option("order", json!("id"))
    }
}

fn text(id: Option<i64>) -> Value {
    json!(id.map_or_else(String::new, |id| id.to_string()))
}

/// Asks for the documents that take a document back.
#[must_use]
pub fn reversals_of(id: i64) -> Call {
    Call::on("account.move", "search_read")
        .arg("domain", json!([["reversed_entry_id", "=", id]]))
        .arg("fields", json!(["reversed_entry_id"]))
        .option("order", json!("id"))
}

/// A label on a document that is dated otherwise than its business day.
pub(super) fn labelled(label: &str, day: BusinessDay, date: BusinessDay) -> String {
    if date == day {
        label.to_owned()
    } else {
        format!("{label} ({day})")
    }
}

fn currency(currency: Currency, resolved: &ResolvedBooks) -> Result<i64, PayloadError> {
    let id = resolved.currencies.get(&currency).copied();
    id.ok_or(PayloadError::Currency(currency))
}

/// All of the line for one analytic account, as Odoo writes it.
pub(super) fn distribution(name: &str, resolved: &ResolvedBooks) -> Result<String, PayloadError> {
    let id = resolved.analytics.get(name);
    let id = id.ok_or_else(|| PayloadError::Analytic(name.to_owned()))?;
    Ok(json!({ id.to_string(): 100 }).to_string())
}
