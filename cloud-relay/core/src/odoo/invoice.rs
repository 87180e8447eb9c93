//! What a document sells as an `account.move` of type `out_invoice`, or `out_refund` where it comes to less than
//! nothing. Odoo computes the taxes of an invoice anew whatever it is told; where that differs from what the POS took,
//! a line on the tax's account says so, and so every account has the POS's cents.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tillwire_proto::{Amount, BusinessDay, MoneyError};

use super::call::{Call, create_if_absent};
use super::contact::Owner;
use super::effect::EffectKey;
use super::journal::{EntryLine, JournalEntry, distribution, labelled};
use super::resolved::{PayloadError, ResolvedBooks, ResolvedTax};
use super::tax::{Percentage, TaxRounding};
use crate::books::Posting;
use crate::settings::AccountCode;

/// Which way an invoice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvoiceKind {
    /// The customer owes it.
    Invoice,
    /// The customer gets it back.
    CreditNote,
}

impl InvoiceKind {
    /// Odoo's `move_type`.
    #[must_use]
    pub const fn move_type(self) -> &'static str {
        match self {
            Self::Invoice => "out_invoice",
            Self::CreditNote => "out_refund",
        }
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit note",
        }
    }

    /// A ledger's amount as a price on this document: a credit is what an invoice asks for.
    fn price(self, amount: Amount) -> Result<Amount, MoneyError> {
        match self {
            Self::Invoice => amount.checked_neg(),
            Self::CreditNote => Ok(amount),
        }
    }
}

/// An invoice or credit note to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its key and external id.
    pub key: EffectKey,
    /// Which way it goes.
    pub kind: InvoiceKind,
    /// What Odoo shows as its reference.
    pub reference: String,
    /// The date of invoice and accounting.
    pub date: BusinessDay,
    /// Who owes it.
    pub owed_by: Owner,
    /// The account that it is owed on.
    pub receivable: AccountCode,
    /// What it sells and its taxes, signed as in the ledger: what is sold is negative.
    pub lines: Vec<EntryLine>,
    /// The document that it takes back.
    pub reverses: Option<EffectKey>,
}

/// One row of the invoice: a label, a price, an account id and the taxes that Odoo is to compute on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    price: Amount,
    account: i64,
    taxes: Vec<i64>,
    analytic: Option<String>,
}

/// How the label of a difference to Odoo's tax begins; the tax's name follows.
pub(super) const DIFFERENCE: &str = "POS tax less Odoo's computation: ";

const COLUMNS: [&str; 13] = [
    "id",
    "ref",
    "date",
    "invoice_date",
    "journal_id/.id",
    "move_type",
    "partner_id/.id",
    "reversed_entry_id/.id",
    "invoice_line_ids/name",
    "invoice_line_ids/quantity",
    "invoice_line_ids/price_unit",
    "invoice_line_ids/account_id/.id",
    "invoice_line_ids/tax_ids/.id",
];

impl Invoice {
    /// A posting of an invoice's document, dated by its business day; `None` of the entry's.
    #[must_use]
    pub fn of(posting: &Posting, receivable: &AccountCode) -> Option<Self> {
        let (document, day) = (posting.document(), posting.day());
        let (tenant, store) = (posting.tenant(), posting.store());
        let owed = posting.lines().find(|(key, _)| key.settles.is_some());
        let back = owed.is_some_and(|(_, line)| line.amount.is_negative());
        let key = |revision| EffectKey::document(tenant, store, day, document, revision);
        Some(Self {
            key: key(posting.revision()),
            kind: if back {
                InvoiceKind::CreditNote
            } else {
                InvoiceKind::Invoice
            },
            reference: document.reference(store, day, posting.revision()),
            date: day,
            owed_by: Owner::of(tenant, document.partner()?),
            receivable: owed.map_or_else(|| receivable.clone(), |(key, _)| key.account.clone()),
            lines: posting
                .lines()
                .filter(|(key, _)| key.settles.is_none())
                .map(|(key, line)| EntryLine::of(tenant, key, line))
                .collect(),
            reverses: posting.reverses().map(key),
        })
    }

    /// The same, dated on another day than its business day, which its lines then name.
    #[must_use]
    pub fn dated(mut self, date: BusinessDay) -> Self {
        for line in &mut self.lines {
            line.label = labelled(&line.label, self.date, date);
        }
        self.date = date;
        self
    }

    /// What it comes to, signed as owed: negative on a credit note; `None` without lines or beyond 64 bits.
    #[must_use]
    pub fn total(&self) -> Option<Amount> {
        let currency = self.lines.first()?.amount.currency();
        let sold = Amount::sum(self.lines.iter().map(|line| line.amount), currency);
        sold.and_then(Amount::checked_neg).ok()
    }

    /// The call that creates it if it is absent. Answers as [`super::loaded`] reads.
    ///
    /// # Errors
    /// [`PayloadError`] when Odoo lacks something that it names.
    pub fn load(&self, resolved: &ResolvedBooks) -> Result<Call, PayloadError> {
        let journal = resolved.invoicing.journal.ok_or(PayloadError::InvoiceJournal)?;
        let reversed = self.reverses.as_ref().map(|key| resolved.invoicing.document(key));
        let date = self.date.to_string();
        let head = [
            self.key.as_str().to_owned(),
            self.reference.clone(),
            date.clone(),
            date,
            journal.to_string(),
            self.kind.move_type().to_owned(),
            self.owed_by.id(resolved)?.to_string(),
            reversed
                .transpose()?
                .map_or_else(String::new, |id| id.to_string()),
        ];
        let mut data = Vec::new();
        for row in self.rows(resolved)? {
            let head = if data.is_empty() {
                head.clone()
            } else {
                Default::default()
            };
            let taxes: Vec<String> = row.taxes.iter().map(ToString::to_string).collect();
            let analytic = row.analytic.as_deref().map(|name| distribution(name, resolved));
            let mut cells: Vec<String> = head.into();
            cells.extend([
                row.label,
                "1".to_owned(),
                row.price.decimal(),
                row.account.to_string(),
                taxes.join(","),
            ]);
            if self.is_analytic() {
                cells.push(analytic.transpose()?.unwrap_or_default());
            }
            data.push(json!(cells));
        }
        let mut columns = COLUMNS.to_vec();
        columns.extend(
            self.is_analytic()
                .then_some("invoice_line_ids/analytic_distribution"),
        );
        Ok(Call::on("account.move", "load")
            .arg("fields", json!(columns))
            .arg("data", Value::Array(data))
            .context(create_if_absent()))
    }

    pub(super) fn is_analytic(&self) -> bool {
        self.lines.iter().any(|line| line.analytic.is_some())
    }

    /// The call that posts it.
    #[must_use]
    pub fn confirm(id: i64) -> Call {
        JournalEntry::confirm(id)
    }

    /// The call that reads it back, for [`super::read_invoice`]: as an entry's, with what only an invoice has.
    #[must_use]
    pub fn look(id: i64) -> Call {
        let mut call = JournalEntry::look(id);
        for (name, fields) in &mut call.options {
            if *name == "fields"
                && let Some(fields) = fields.as_array_mut()
            {
                fields.extend(["move_type", "tax_line_id"].map(|field| json!(field)));
            }
        }
        call
    }

    fn rows(&self, resolved: &ResolvedBooks) -> Result<Vec<Row>, PayloadError> {
        let told = self.told_taxes(resolved);
        let rounding = resolved.invoicing.rounding;
        let mut rows = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let amounts_to_told = line
                .tax
                .as_ref()
                .is_some_and(|name| told.contains_key(name.as_str()));
            if amounts_to_told {
                continue;
            }
            let taxes: Vec<&ResolvedTax> = line
                .taxed_by
                .iter()
                .filter_map(|name| told.get(name.as_str()))
                .collect();
            let mut price = self.kind.price(line.amount)?;
            for tax in &taxes {
                let inside = tax.percentage.filter(|percentage| percentage.included);
                if let Some(tax) = inside
                    .map(|tax| tax.on(&[price], rounding))
                    .transpose()?
                    .flatten()
                {
                    price = price.checked_add(tax)?;
                }
            }
            rows.push(Row {
                label: line.label.clone(),
                price,
                account: resolved.account(&line.account)?,
                taxes: taxes.iter().map(|tax| tax.tax).collect(),
                analytic: line.analytic.clone(),
            });
        }
        for (name, tax) in &told {
            rows.extend(self.difference(name, tax, rounding)?);
        }
        Ok(rows)
    }

    /// The line that keeps the tax's account at what the POS took; `None` when Odoo computes the same.
    fn difference(
        &self,
        name: &str,
        tax: &ResolvedTax,
        rounding: TaxRounding,
    ) -> Result<Option<Row>, PayloadError> {
        let (Some(account), Some(percentage)) = (tax.account, tax.percentage) else {
            return Ok(None);
        };
        let taken = self.lines.iter().filter(|line| line.tax.as_deref() == Some(name));
        let bases = self.prices_under(name)?;
        let Some(computed) = percentage.on(&bases, rounding)? else {
            return Ok(None);
        };
        let taken = Amount::sum(taken.map(|line| line.amount), computed.currency())?;
        let price = self.kind.price(taken)?.checked_sub(computed)?;
        Ok((!price.is_zero()).then(|| Row {
            label: format!("{DIFFERENCE}{name}"),
            price,
            account,
            taxes: Vec::new(),
            analytic: None,
        }))
    }

    fn prices_under(&self, tax: &str) -> Result<Vec<Amount>, MoneyError> {
        let under = self
            .lines
            .iter()
            .filter(|line| line.taxed_by.iter().any(|name| name == tax));
        under.map(|line| self.kind.price(line.amount)).collect()
    }

    /// The taxes that Odoo is told of: those whose amount can be foretold and goes to the account that the mapping
    /// names. Of prices with the tax inside, Odoo's own division has to give back what the POS says is the base,
    /// which is sure for one tax and one rounding.
    pub(super) fn told_taxes<'a>(&'a self, resolved: &'a ResolvedBooks) -> BTreeMap<&'a str, ResolvedTax> {
        let names: BTreeSet<&str> = self
            .lines
            .iter()
            .flat_map(|line| &line.taxed_by)
            .map(String::as_str)
            .collect();
        let told = |name: &&str| {
            let tax = *resolved.taxes.get(*name)?;
            let Percentage { included, .. } = tax.percentage?;
            let amounts = self
                .lines
                .iter()
                .filter(|line| line.tax.as_deref() == Some(*name));
            let account = |line: &EntryLine| resolved.accounts.get(&line.account).copied();
            let fits = amounts.map(account).all(|account| account == tax.account);
            let bases: Vec<&EntryLine> = self
                .lines
                .iter()
                .filter(|line| line.taxed_by.iter().any(|by| by == name))
                .collect();
            let alone = bases.iter().all(|line| line.taxed_by.len() == 1);
            let once = resolved.invoicing.rounding == TaxRounding::PerLine || bases.len() == 1;
            (fits && tax.account.is_some() && tax.refunds_alike && (!included || alone && once))
                .then_some(tax)
        };
        names
            .into_iter()
            .filter_map(|name| Some((name, told(&name)?)))
            .collect()
    }
}
