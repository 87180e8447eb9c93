//! Entries and invoices as Odoo holds them, made into postings and effects again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tillwire_proto::{Amount, BusinessDay, Currency, MoneyError, StoreId, TenantId};

use super::{Recovered, Unrecoverable, effect, words};
use crate::books::{Document, LedgerLine, LineKey, Posting, TaxKey};
use crate::odoo::answer::Answer;
use crate::odoo::call::Call;
use crate::odoo::contact::Owner;
use crate::odoo::effect::{EffectKey, Payload};
use crate::odoo::invoice::{DIFFERENCE, Invoice, InvoiceKind};
use crate::odoo::journal::{EntryLine, JournalEntry, labelled};
use crate::odoo::readback::{FoundEntry, FoundLine, Link, money, parse_entry};
use crate::odoo::resolved::ResolvedBooks;
use crate::settings::AccountCode;

/// A document of ours, as its external id tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Its id in Odoo.
    pub id: i64,
    /// Its business day.
    pub day: BusinessDay,
    /// Which document of the day.
    pub document: Document,
    /// Its revision.
    pub revision: u32,
    /// The revision that Odoo says it takes back.
    pub reverses: Option<u32>,
}

impl Numbered {
    /// Its key.
    #[must_use]
    pub fn key(&self, tenant: &TenantId, store: &StoreId) -> EffectKey {
        EffectKey::document(tenant, store, self.day, &self.document, self.revision)
    }
}

/// What is known around a document that is read back.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The store's currency.
    pub currency: Currency,
    /// The code of each account.
    pub accounts: &'a BTreeMap<i64, AccountCode>,
    /// Ids for names.
    pub books: &'a ResolvedBooks,
    /// The documents of the day; the entry's lines say whose payment they are by their names.
    pub documents: &'a BTreeSet<Document>,
}

impl JournalEntry {
    /// The call that reads an entry or invoice for [`recover_document`]: as [`Invoice::look`], and what its lines say
    /// about taxes.
    #[must_use]
    pub fn look_whole(id: i64) -> Call {
        let mut call = Invoice::look(id);
        for (name, fields) in &mut call.options {
            if *name == "fields"
                && let Some(fields) = fields.as_array_mut()
            {
                fields.extend(["tax_ids", "tax_base_amount", "display_type"].map(|field| json!(field)));
            }
        }
        call
    }
}

#[derive(Deserialize)]
struct RawTaxes<'a> {
    #[serde(default)]
    tax_ids: Vec<i64>,
    tax_line_id: Link,
    #[serde(borrow)]
    tax_base_amount: &'a RawValue,
    #[serde(default)]
    display_type: Option<&'a str>,
}

/// Makes a document's effect from the answer of [`JournalEntry::look_whole`].
///
/// # Errors
/// [`Unrecoverable`], with what to mend.
pub fn recover_document(
    (tenant, store): (&TenantId, &StoreId),
    numbered: &Numbered,
    raw: &RawValue,
    around: Around<'_>,
) -> Result<Recovered, Unrecoverable> {
    let key = numbered.key(tenant, store);
    let unread = |answer: Answer| Unrecoverable::Unread(key.clone(), words(answer));
    let found = parse_entry(raw, around.currency)
        .map_err(unread)?
        .filter(|found| !found.lines.is_empty())
        .ok_or_else(|| Unrecoverable::Empty(key.clone()))?;
    let reading = Reading {
        tenant,
        key: &key,
        numbered,
        found: &found,
        around,
    };
    let lines = reading.lines(raw)?;
    let mut sums = BTreeMap::new();
    for (line_key, line) in &lines {
        add(&mut sums, line_key, line).map_err(|error| Unrecoverable::Money(key.clone(), error))?;
    }
    let (day, revision) = (numbered.day, numbered.revision);
    let posting = Posting::new(tenant.clone(), store.clone(), day, revision, sums)
        .map_err(|error| Unrecoverable::Unbalanced(key.clone(), error))?
        .read_back()
        .reversing(numbered.reverses);
    let date = reading.date();
    // one that Odoo dated otherwise is looked at again, which tells people about the date
    let settled = found.state == "posted" && found.date == date.to_string();
    let reverses = numbered
        .reverses
        .map(|revision| EffectKey::document(tenant, store, day, &numbered.document, revision));
    let payload = reading.payload(store, (date, reverses), lines);
    Ok(Recovered {
        effect: effect(payload, numbered.id, settled),
        day,
        batch: None,
        posting: Some(posting),
        name: Some(found.name).filter(|name| !name.is_empty() && name != "/"),
    })
}

struct Reading<'a> {
    tenant: &'a TenantId,
    key: &'a EffectKey,
    numbered: &'a Numbered,
    found: &'a FoundEntry,
    around: Around<'a>,
}

impl Reading<'_> {
    /// The day that it was meant for: another than its business day only where its lines say so.
    fn date(&self) -> BusinessDay {
        let day = self.numbered.day;
        let on_purpose = self
            .found
            .lines
            .iter()
            .any(|line| self.plain(&line.label) != line.label);
        let found = self.found.date.parse().ok().filter(|_| on_purpose);
        found.unwrap_or(day)
    }

    /// A label as the ledger has it.
    fn plain<'l>(&self, label: &'l str) -> &'l str {
        label
            .strip_suffix(&format!(" ({})", self.numbered.day))
            .unwrap_or(label)
    }

    fn lines(&self, raw: &RawValue) -> Result<Vec<(LineKey, EntryLine)>, Unrecoverable> {
        let more: Vec<RawTaxes<'_>> = serde_json::from_str(raw.get())
            .map_err(|error| Unrecoverable::Unread(self.key.clone(), error.to_string()))?;
        let lines = self.found.lines.iter().zip(&more);
        lines.map(|(line, more)| self.line(line, more)).collect()
    }

    fn line(&self, line: &FoundLine, more: &RawTaxes<'_>) -> Result<(LineKey, EntryLine), Unrecoverable> {
        let account = self.around.accounts.get(&line.account);
        let account = account.ok_or_else(|| Unrecoverable::Account(self.key.clone(), line.account))?;
        let label = self.plain(&line.label);
        let tax = self.tax(line, label);
        let settles = self.settles(line, label, more);
        let label = settles.map_or_else(|| label.to_owned(), Document::label);
        let invoice = self.numbered.document.is_invoice();
        let unread = |answer: Answer| Unrecoverable::Unread(self.key.clone(), words(answer));
        let foreign = line.foreign_amount(self.around.books).map_err(unread)?;
        let key = LineKey {
            document: self.numbered.document.clone(),
            settles: settles.cloned(),
            tax: tax.clone().filter(|_| invoice).map(unnamed),
            currency: foreign.map(Amount::currency),
            ..LineKey::plain(account.clone(), &label)
        };
        let entry = EntryLine {
            account: account.clone(),
            label: labelled(&label, self.numbered.day, self.date()),
            amount: line.amount,
            taxed_by: more
                .tax_ids
                .iter()
                .copied()
                .filter_map(|id| self.name(id))
                .collect(),
            tax,
            base: self.base(line, more)?,
            analytic: line.analytic_name(self.around.books),
            foreign,
            owed_by: settles
                .and_then(Document::partner)
                .map(|partner| Owner::of(self.tenant, partner)),
        };
        Ok((key, entry))
    }

    /// The tax that a line is the amount of, or the difference of.
    fn tax(&self, line: &FoundLine, label: &str) -> Option<String> {
        if line.tax != 0 {
            return self.name(line.tax);
        }
        let told = label.strip_prefix(DIFFERENCE)?;
        self.numbered.document.is_invoice().then(|| told.to_owned())
    }

    fn name(&self, id: i64) -> Option<String> {
        let tax = self.around.books.taxes.iter().find(|(_, tax)| tax.tax == id);
        tax.map(|(name, _)| name.clone())
    }

    /// The document that a line on the receivable account is about.
    fn settles<'d>(&'d self, line: &FoundLine, label: &str, more: &RawTaxes<'_>) -> Option<&'d Document> {
        if self.numbered.document.is_invoice() {
            return (more.display_type == Some("payment_term")).then_some(&self.numbered.document);
        }
        let documents = self
            .around
            .documents
            .iter()
            .filter(|document| document.is_invoice());
        let mut about = documents.filter(|document| document.label() == label);
        about.next().filter(|_| line.partner != 0)
    }

    /// Only a line that Odoo knows as a tax has the base that we wrote; its sign differs from version to version.
    fn base(&self, line: &FoundLine, more: &RawTaxes<'_>) -> Result<Option<Amount>, Unrecoverable> {
        if more.tax_line_id.id() == 0 {
            return Ok(None);
        }
        let base = money(more.tax_base_amount, line.amount.currency())
            .map_err(|answer| Unrecoverable::Unread(self.key.clone(), words(answer)))?;
        Ok(Some(signed_as_sale(base, line.amount)))
    }

    fn payload(
        &self,
        store: &StoreId,
        (date, reverses): (BusinessDay, Option<EffectKey>),
        lines: Vec<(LineKey, EntryLine)>,
    ) -> Payload {
        let (document, day) = (&self.numbered.document, self.numbered.day);
        let reference = document.reference(store, day, self.numbered.revision);
        let key = self.key.clone();
        let Some(partner) = document.partner() else {
            return Payload::JournalEntry(JournalEntry {
                key,
                reference,
                date,
                day,
                lines: lines.into_iter().map(|(_, line)| line).collect(),
                reverses,
            });
        };
        let owed = lines.iter().find(|(key, _)| key.settles.is_some());
        let receivable = owed.map(|(key, _)| key.account.clone());
        let first = lines.first().map(|(key, _)| key.account.clone());
        Payload::Invoice(Invoice {
            key,
            kind: if self.found.move_type == InvoiceKind::CreditNote.move_type() {
                InvoiceKind::CreditNote
            } else {
                InvoiceKind::Invoice
            },
            reference,
            date,
            owed_by: Owner::of(self.tenant, partner),
            receivable: receivable.or(first).expect("a document that was read has lines"),
            lines: lines
                .into_iter()
                .filter(|(key, _)| key.settles.is_none())
                .map(|(_, line)| line)
                .collect(),
            reverses,
        })
    }
}

/// A tax of which only Odoo's name is known.
const fn unnamed(odoo_tax: String) -> TaxKey {
    TaxKey {
        jurisdiction: String::new(),
        rate_millionths: None,
        odoo_tax: Some(odoo_tax),
    }
}

/// The base of a tax that was taken (a credit) counts up, that of one that was given back counts down.
fn signed_as_sale(base: Amount, tax: Amount) -> Amount {
    let size = base.minor().saturating_abs();
    let minor = if tax.is_negative() { size } else { -size };
    Amount::new(minor, base.currency())
}

fn add(sums: &mut BTreeMap<LineKey, LedgerLine>, key: &LineKey, line: &EntryLine) -> Result<(), MoneyError> {
    let currency = line.amount.currency();
    let sum = sums
        .entry(key.clone())
        .or_insert_with_key(|key| LedgerLine::nothing(key, currency));
    sum.add(line.amount, line.base, line.foreign)
}
