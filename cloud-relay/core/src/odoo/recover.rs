//! Effects that Odoo holds and the relay has forgotten, because its database is an older copy than it was.
//!
//! What is ours is told by the external id, which nobody but a caller of `load()` gives, and not by the reference, which
//! anybody may change. What Odoo holds is what counts: amounts, labels and quantities are taken as they stand there.
//! A document that is posted or done becomes a done effect; one that is not is finished as what it is. This module
//! asks nothing: [`entries_after`] and the others are the questions, in order.

mod documents;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{BusinessDay, Code, MoneyError, Quantity, Sku, StoreId, TenantId, Unit};

use super::answer::Answer;
use super::call::Call;
use super::effect::{Effect, EffectKey, EffectState, Payload, Step};
use super::picking::{Direction, PickLine, Picking};
use super::readback::{FoundPicking, not_read, parse_picking};
use crate::books::{Posting, Unbalanced};

pub use documents::{Around, Numbered, recover_document};

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

/// Asks for the ids of a store's possible entries and invoices beyond `after`: all of its journals, and wherever else
/// its references stand. Says also what each takes back.
#[must_use]
pub fn entries_after(journals: &[i64], store: &StoreId, after: i64) -> Call {
    let domain = json!([
        ["id", ">", after],
        "|",
        ["journal_id", "in", journals],
        ["ref", "=like", format!("TW/{store}/%")]
    ]);
    page("account.move", domain, &["ref", "reversed_entry_id"])
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
