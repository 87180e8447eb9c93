//! Effects that Odoo holds and the relay has forgotten, because its database is an older copy than it was.
//!
//! What is ours is told by the external id, which nobody but a caller of `load()` gives, and not by the reference, which
//! anybody may change. What Odoo holds is what counts: amounts, labels and quantities are taken as they stand there.
//! A document that is posted or done becomes a done effect; one that is not is finished as what it is. This module
//! asks nothing: [`entries_after`] and the others are the questions, in order.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{
    Amount, BusinessDay, Code, Currency, MoneyError, Quantity, Sku, StoreId, TenantId, Unit,
};

use super::answer::Answer;
use super::call::Call;
use super::effect::{Effect, EffectKey, EffectState, Payload, Step};
use super::journal::{EntryLine, JournalEntry};
use super::picking::{Direction, PickLine, Picking};
use super::readback::{FoundEntry, FoundPicking, Link, money, not_read, parse_entry, parse_picking};
use super::resolved::ResolvedBooks;
use crate::books::{Document, LedgerLine, LineKey, Posting, Unbalanced};
use crate::settings::AccountCode;

/// Records of one question.
const PAGE: usize = 500;

/// An effect as Odoo tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Done when Odoo has confirmed exactly this; else it is looked at next, and confirmed if it is a draft.
    pub effect: Effect,
    /// The business day.
    pub day: BusinessDay,
    /// Of a picking its number.
    pub batch: Option<u64>,
    /// Of an entry what later postings are netted against.
    pub posting: Option<Posting>,
    /// Its name in Odoo, where it has one.
    pub name: Option<String>,
}

/// Why a document of ours cannot be taken over. A person has to mend it in Odoo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecoverable {
    /// It was emptied.
    #[error("{0} has no lines in Odoo; delete it there, or put its lines back")]
    Empty(EffectKey),
    /// Its lines do not sum to nothing.
    #[error("{0} does not balance in Odoo: {1}; put it right there")]
    Unbalanced(EffectKey, Unbalanced),
    /// An account without a code.
    #[error("{0} is booked to account id {1}, whose code cannot be read; give the account its code back")]
    Account(EffectKey, i64),
    /// A product without an item number.
    #[error("{0} moves product id {1}, which has no item number now; give it its internal reference back")]
    Product(EffectKey, i64),
    /// A lot whose name cannot be read.
    #[error("{0} moves lot id {1}, whose name cannot be read; let the integration user see it")]
    Lot(EffectKey, i64),
    /// A picking without its day.
    #[error("{0} has origin {1:?} in Odoo, wanted the store and the business day; put it back there")]
    Origin(EffectKey, String),
    /// A picking between other places.
    #[error("{0} moves between other locations than the store's stock and customers; put it right in Odoo")]
    Places(EffectKey),
    /// A sum beyond 64 bits.
    #[error("{0} has a sum beyond 64 bits: {1}")]
    Money(EffectKey, MoneyError),
    /// An answer that is not one.
    #[error("{0} could not be read: {1}")]
    Unread(EffectKey, String),
}

/// Asks for the ids of a store's possible entries beyond `after`: all of its journal, and wherever else its
/// references stand.
#[must_use]
pub fn entries_after(journal: i64, store: &StoreId, after: i64) -> Call {
    let domain = json!([
        ["id", ">", after],
        "|",
        ["journal_id", "=", journal],
        ["ref", "=like", format!("TW/{store}/%")]
    ]);
    page("account.move", domain, &["ref"])
}

/// Asks for the ids of a store's possible pickings beyond `after`, by their names, which are unique in a company.
#[must_use]
pub fn pickings_after(store: &StoreId, after: i64) -> Call {
    let domain = json!([["id", ">", after], ["name", "=like", format!("TW/{store}/%")]]);
    page("stock.picking", domain, &["name", "origin"])
}

fn page(model: &'static str, domain: Value, fields: &[&str]) -> Call {
    Call::on(model, "search_read")
        .arg("domain", domain)
        .arg("fields", json!(fields))
        .option("limit", json!(PAGE))
        .option("order", json!("id"))
}

/// Asks for external ids, which a plain user may not read but may ask for.
#[must_use]
pub fn external_ids(model: &'static str, ids: &[i64]) -> Call {
    Call::on(model, "get_external_id").ids(ids)
}

/// Asks for fields of records by id, also of archived ones.
#[must_use]
pub fn codes(model: &'static str, fields: &[&'static str], ids: &BTreeSet<i64>) -> Call {
    Call::on(model, "search_read")
        .arg("domain", json!([["id", "in", ids]]))
        .arg("fields", json!(fields))
        .context(json!({"active_test": false}))
}

/// Reads the answer of [`codes`], [`entries_after`] or [`pickings_after`]: a text of each record; Odoo's `false` is
/// none.
#[must_use]
pub fn texts_by_id(rows: &Value, field: &str) -> BTreeMap<i64, String> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter_map(|row| {
            Some((
                row["id"].as_i64()?,
                row[field].as_str().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

/// The ids that lines or moves name in a many2one field.
///
/// # Errors
/// An [`Answer`] when it is no list of records.
pub fn ids_in(lines: &RawValue, field: &str) -> Result<BTreeSet<i64>, Answer> {
    let rows: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(lines.get()).map_err(|error| not_read("lines", error))?;
    Ok(rows
        .iter()
        .filter_map(|row| row.get(field)?.get(0)?.as_i64())
        .collect())
}

/// The number, when the external id is one of this store's pickings.
#[must_use]
pub fn numbered_picking(external: &str, tenant: &TenantId, store: &StoreId) -> Option<u64> {
    let number = external
        .strip_prefix(&format!("tillwire.p_{tenant}_{store}_"))?
        .parse()
        .ok()?;
    (EffectKey::picking(tenant, store, number).as_str() == external).then_some(number)
}

impl JournalEntry {
    /// The call that reads one for [`recover_entry`]: as [`JournalEntry::look`], and what its lines say about taxes.
    #[must_use]
    pub fn look_whole(id: i64) -> Call {
        let mut call = Self::look(id);
        for (name, fields) in &mut call.options {
            if *name == "fields"
                && let Some(fields) = fields.as_array_mut()
            {
                fields.extend(["tax_ids", "tax_line_id", "tax_base_amount"].map(|field| json!(field)));
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
}

/// Makes an entry's effect from the answer of [`JournalEntry::look_whole`]. `accounts` has the code of each account.
///
/// # Errors
/// [`Unrecoverable`], with what to mend.
pub fn recover_entry(
    (tenant, store): (&TenantId, &StoreId),
    (day, revision): (BusinessDay, u32),
    (id, lines): (i64, &RawValue),
    currency: Currency,
    accounts: &BTreeMap<i64, AccountCode>,
    books: &ResolvedBooks,
) -> Result<Recovered, Unrecoverable> {
    let key = EffectKey::journal(tenant, store, day, revision);
    let unread = |answer: Answer| Unrecoverable::Unread(key.clone(), words(answer));
    let found = parse_entry(lines, currency)
        .map_err(unread)?
        .filter(|found| !found.lines.is_empty())
        .ok_or_else(|| Unrecoverable::Empty(key.clone()))?;
    let lines = entry_lines(&key, &found, lines, accounts, books)?;
    let mut sums = BTreeMap::new();
    for line in &lines {
        add(&mut sums, line).map_err(|error| Unrecoverable::Money(key.clone(), error))?;
    }
    let posting = Posting::new(tenant.clone(), store.clone(), day, revision, sums)
        .map_err(|error| Unrecoverable::Unbalanced(key.clone(), error))?
        .read_back();
    let entry = JournalEntry {
        key,
        reference: Document::Entry.reference(store, day, revision),
        date: day,
        day,
        lines,
        reverses: None,
    };
    // one that Odoo dated otherwise is looked at again, which tells people about the date
    let settled = found.state == "posted" && found.date == day.to_string();
    Ok(Recovered {
        effect: effect(Payload::JournalEntry(entry), id, settled),
        day,
        batch: None,
        posting: Some(posting),
        name: Some(found.name).filter(|name| !name.is_empty() && name != "/"),
    })
}

fn entry_lines(
    key: &EffectKey,
    found: &FoundEntry,
    raw: &RawValue,
    accounts: &BTreeMap<i64, AccountCode>,
    books: &ResolvedBooks,
) -> Result<Vec<EntryLine>, Unrecoverable> {
    let unread = |answer: Answer| Unrecoverable::Unread(key.clone(), words(answer));
    let taxes: Vec<RawTaxes<'_>> = serde_json::from_str(raw.get())
        .map_err(|error| Unrecoverable::Unread(key.clone(), error.to_string()))?;
    let name = |id: i64| {
        let tax = books.taxes.iter().find(|(_, tax)| tax.tax == id);
        tax.map(|(name, _)| name.clone())
    };
    let mut lines = Vec::with_capacity(found.lines.len());
    for (line, taxes) in found.lines.iter().zip(&taxes) {
        let account = accounts
            .get(&line.account)
            .ok_or_else(|| Unrecoverable::Account(key.clone(), line.account))?;
        // only a line that Odoo knows as a tax has the base that we wrote; its sign differs from version to version
        let told = taxes.tax_line_id.id() != 0;
        let base = told
            .then(|| money(taxes.tax_base_amount, line.amount.currency()))
            .transpose()
            .map_err(unread)?
            .map(|base| signed_as_sale(base, line.amount));
        lines.push(EntryLine {
            account: account.clone(),
            label: line.label.clone(),
            amount: line.amount,
            taxed_by: taxes.tax_ids.iter().copied().filter_map(name).collect(),
            tax: told.then(|| name(taxes.tax_line_id.id())).flatten(),
            base,
            analytic: line.analytic_name(books),
            foreign: line.foreign_amount(books).map_err(unread)?,
            owed_by: None,
        });
    }
    Ok(lines)
}

/// The base of a tax that was taken (a credit) counts up, that of one that was given back counts down.
fn signed_as_sale(base: Amount, tax: Amount) -> Amount {
    let size = base.minor().saturating_abs();
    let minor = if tax.is_negative() { size } else { -size };
    Amount::new(minor, base.currency())
}

fn add(sums: &mut BTreeMap<LineKey, LedgerLine>, line: &EntryLine) -> Result<(), MoneyError> {
    let key = LineKey {
        currency: line.foreign.map(Amount::currency),
        ..LineKey::plain(line.account.clone(), &line.label)
    };
    let currency = line.amount.currency();
    let sum = sums
        .entry(key)
        .or_insert_with_key(|key| LedgerLine::nothing(key, currency));
    sum.add(line.amount, line.base, line.foreign)
}

/// Names for the ids of a picking.
#[derive(Debug, Clone, Default)]
pub struct PickingNames {
    /// The number of each product.
    pub skus: BTreeMap<i64, Sku>,
    /// The name of each lot.
    pub lots: BTreeMap<i64, Code>,
    /// The store's stock, and every place inside it.
    pub shelves: BTreeSet<i64>,
    /// Customers.
    pub customers: i64,
}

/// Makes a picking's effect from the answer of [`Picking::look`] with lots.
///
/// # Errors
/// [`Unrecoverable`], with what to mend.
pub fn recover_picking(
    (tenant, store): (&TenantId, &StoreId),
    number: u64,
    (id, moves): (i64, &RawValue),
    origin: &str,
    names: &PickingNames,
) -> Result<Recovered, Unrecoverable> {
    let key = EffectKey::picking(tenant, store, number);
    let foreign = || Unrecoverable::Origin(key.clone(), origin.to_owned());
    let day = origin.rsplit(' ').next().and_then(|day| day.parse().ok());
    let day: BusinessDay = day.ok_or_else(foreign)?;
    let kits = Picking::kits_in(origin, store).ok_or_else(foreign)?;
    let (found, states) = parse_picking(moves)
        .map_err(|answer| Unrecoverable::Unread(key.clone(), words(answer)))?
        .ok_or_else(|| Unrecoverable::Empty(key.clone()))?;
    let inside = |place| names.shelves.contains(&place);
    let direction = match (found.from, found.to) {
        (from, to) if inside(from) && to == names.customers => Direction::Out,
        (from, to) if from == names.customers && inside(to) => Direction::Back,
        _ => return Err(Unrecoverable::Places(key)),
    };
    let picking = Picking {
        lines: pick_lines(&key, &found, names)?,
        key,
        name: format!("TW/{store}/{number}"),
        origin: origin.to_owned(),
        direction,
        kits,
    };
    let done = states.contains("done") && states.iter().all(|state| state == "done" || state == "cancel");
    Ok(Recovered {
        effect: effect(Payload::Picking(picking), id, done),
        day,
        batch: Some(number),
        posting: None,
        name: Some(found.name).filter(|name| !name.is_empty()),
    })
}

fn pick_lines(
    key: &EffectKey,
    found: &FoundPicking,
    names: &PickingNames,
) -> Result<Vec<PickLine>, Unrecoverable> {
    let mut sums: BTreeMap<(Sku, Option<Code>), i64> = BTreeMap::new();
    for moved in &found.moves {
        let sku = names.skus.get(&moved.product);
        let sku = sku.ok_or_else(|| Unrecoverable::Product(key.clone(), moved.product))?;
        let lot = match moved.lot {
            None => None,
            Some(id) => Some(
                names
                    .lots
                    .get(&id)
                    .ok_or_else(|| Unrecoverable::Lot(key.clone(), id))?
                    .clone(),
            ),
        };
        let sum = sums.entry((sku.clone(), lot)).or_default();
        *sum = sum.saturating_add(moved.quantity.millionths());
    }
    let lines = sums.into_iter().filter(|(_, millionths)| *millionths > 0);
    Ok(lines
        .map(|((sku, lot), millionths)| PickLine {
            sku,
            lot,
            quantity: Quantity::from_millionths(millionths, Unit::Each),
        })
        .collect())
}

fn effect(payload: Payload, id: i64, done: bool) -> Effect {
    let state = if done {
        EffectState::Done
    } else {
        EffectState::Sent
    };
    Effect {
        state,
        step: Step::Look,
        document: Some(id),
        ..Effect::intend(payload)
    }
}

fn words(answer: Answer) -> String {
    match answer {
        Answer::Ok(_) => String::new(),
        Answer::Retry { reason, .. } | Answer::Unknown { reason, .. } => reason,
        Answer::Rejected { message, .. } | Answer::Unauthorised { message } => message,
    }
}
