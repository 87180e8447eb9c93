//! What the core makes of a day: posted and moved as the relay does it, each time that it looks, into an Odoo that
//! creates what it does not have under that key.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Amount, Currency, Sku, Unit};
use tillwire_verifier::{Cents, Place};

use crate::books::{Posting, postings};
use crate::days::Day;
use crate::exception::{CauseKey, Decision, Signature};
use crate::facts::{Captured, DayFacts, RecordId};
use crate::odoo::{
    EffectKey, JournalEntry, OdooVersion, Picking, Product, ProductKind, ResolvedStock, Tracking, Uom,
};
use crate::settings::{MappingDraft, StoreDraft, StoreSettings};
use crate::stock::{StockRules, delta, moved};
use crate::store_day::assess;

/// The item that tills sell by weight.
const BY_WEIGHT: &str = "S5";

/// Everything is over.
const NOW_MS: i64 = 1_795_435_200_000;

/// What Odoo holds of a day in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Debits less credits per account, in cents; none of nothing.
    pub books: BTreeMap<String, Cents>,
    /// What left the store per item, in millionths; none of nothing.
    pub stock: BTreeMap<String, i128>,
}

/// Lets the core work through a day.
///
/// # Errors
/// What the core itself refused.
pub fn made(day: &Day) -> Result<Made, String> {
    let settings = settings(day)?;
    let mut relay = Relay::default();
    for size in day.looks.iter().copied().chain([day.records.len()]) {
        relay.look(day, &settings, size)?;
    }
    Ok(relay.made())
}

/// The same day with its settings in the words in which the relay hands them to the verifier.
///
/// # Errors
/// When the settings do not hold together.
pub fn as_handed_on(day: &Day) -> Result<Day, String> {
    let settings = settings(day)?;
    Ok(Day {
        settings: (*settings.written.store).clone(),
        mapping: settings.written.mapping.as_deref().cloned(),
        ..day.clone()
    })
}

fn settings(day: &Day) -> Result<StoreSettings, String> {
    let draft: StoreDraft = serde_json::from_value(day.settings.clone()).map_err(|e| e.to_string())?;
    let file: Option<MappingDraft> = match &day.mapping {
        Some(file) => Some(serde_json::from_value(file.clone()).map_err(|e| e.to_string())?),
        None => None,
    };
    draft.check_with(file.as_ref()).map_err(|e| e.to_string())
}

#[derive(Default)]
struct Relay {
    postings: Vec<Posting>,
    pickings: Vec<Picking>,
    entries: BTreeMap<EffectKey, JournalEntry>,
    moves: BTreeMap<EffectKey, Picking>,
}

impl Relay {
    fn look(&mut self, day: &Day, settings: &StoreSettings, size: usize) -> Result<(), String> {
        let facts = DayFacts::gather(settings, day.day, day.records[..size].iter().map(captured));
        let assessment = assess(&facts, settings, NOW_MS, &signatures(day));
        let (tenant, store) = (&settings.tenant, &settings.store);
        let corrections = settings.odoo.corrections;
        let due = postings(
            tenant,
            store,
            day.day,
            &assessment.ledger,
            &self.postings,
            corrections,
        );
        for next in due.map_err(|e| e.to_string())? {
            let entry = JournalEntry::of(&next);
            self.entries.entry(entry.key.clone()).or_insert(entry);
            self.postings.push(next);
        }
        let already = moved(&self.pickings).map_err(|e| e.to_string())?;
        let mapping = settings.mapping_on(day.day);
        let rules = StockRules {
            tenant,
            store,
            day: day.day,
            item: &|sku| mapping.product(sku).into(),
            below_zero: settings.below_zero,
        };
        let known = assessment
            .stock
            .items
            .keys()
            .chain(already.keys().map(|goods| &goods.sku));
        let due = delta(&rules, &assessment.stock, &already, &shelf(known));
        for batch in due.batches {
            let picking = batch.picking(tenant, store, day.day, self.pickings.len() as u64 + 1);
            self.moves.entry(picking.key.clone()).or_insert(picking.clone());
            self.pickings.push(picking);
        }
        Ok(())
    }

    fn made(&self) -> Made {
        let mut made = Made::default();
        for line in self.entries.values().flat_map(|entry| &entry.lines) {
            *made.books.entry(line.account.to_string()).or_default() += Cents::from(line.amount.minor());
        }
        for picking in self.moves.values() {
            let sign = match picking.direction {
                crate::odoo::Direction::Out => 1,
                crate::odoo::Direction::Back => -1,
            };
            for line in picking.sold() {
                *made.stock.entry(line.sku.to_string()).or_default() +=
                    sign * i128::from(line.quantity.millionths());
            }
        }
        made.books.retain(|_, cents| *cents != 0);
        made.stock.retain(|_, millionths| *millionths != 0);
        made
    }
}

fn captured(held: &crate::days::Held) -> Captured {
    Captured {
        id: id(held.place),
        hash: tillwire_proto::Digest::of(&held.place.number.0.to_be_bytes()),
        lane: held.lane.clone(),
        received_ms: held.received_ms,
        observation: held.observation.clone(),
    }
}

const fn id(place: Place) -> RecordId {
    RecordId {
        segment: place.segment,
        number: place.number,
    }
}

fn signatures(day: &Day) -> Vec<Signature> {
    let signed = day.decisions.iter().map(|decision| Signature {
        cause: CauseKey::from_stored(decision.cause.clone()),
        decision: decision
            .uses
            .map_or(Decision::GoOn, |place| Decision::Use(id(place))),
        by: "an auditor".to_owned(),
        at_ms: NOW_MS,
        reason: "seen on paper".to_owned(),
    });
    signed.collect()
}

/// An Odoo that knows every item, in the unit in which the till sells it.
fn shelf<'a>(known: impl Iterator<Item = &'a Sku>) -> ResolvedStock {
    let product = |(id, sku): (i64, &Sku)| {
        let uom = Uom {
            id: 1,
            rounding: 1,
            unit: Some(if sku.as_str() == BY_WEIGHT {
                Unit::Kilogram
            } else {
                Unit::Each
            }),
        };
        let product = Product {
            id,
            sku: sku.clone(),
            uom,
            kind: ProductKind::Storable,
            tracking: Tracking::None,
            kit: None,
        };
        (sku.clone(), product)
    };
    let known: BTreeSet<&Sku> = known.collect();
    ResolvedStock {
        version: OdooVersion(18),
        type_out: 1,
        type_back: 2,
        stock: 3,
        customers: 4,
        products: (1..).zip(known).map(product).collect(),
        lots: BTreeMap::new(),
        on_hand: BTreeMap::new(),
    }
}

/// The two sides of a day, where they differ: each account and item with both figures.
#[must_use]
pub fn differences(made: &Made, verified: &tillwire_verifier::Figures) -> Vec<String> {
    let mut all = Vec::new();
    let accounts = made.books.keys().chain(verified.books.keys());
    for account in accounts.collect::<BTreeSet<_>>() {
        let sides = [&made.books, &verified.books].map(|side| side.get(account).copied().unwrap_or(0));
        if sides[0] != sides[1] {
            all.push(format!(
                "account {account}: core {}, verifier {}",
                cents(sides[0]),
                cents(sides[1])
            ));
        }
    }
    let items = made.stock.keys().chain(verified.stock.keys());
    for sku in items.collect::<BTreeSet<_>>() {
        let sides = [&made.stock, &verified.stock].map(|side| side.get(sku).copied().unwrap_or(0));
        if sides[0] != sides[1] {
            all.push(format!(
                "item {sku}: core {}, verifier {} millionths",
                sides[0], sides[1]
            ));
        }
    }
    all
}

fn cents(cents: Cents) -> String {
    i64::try_from(cents).map_or_else(
        |_| format!("{cents} cents"),
        |minor| Amount::new(minor, Currency::USD).decimal(),
    )
}
