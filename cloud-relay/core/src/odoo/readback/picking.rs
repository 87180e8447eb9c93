//! A picking as read back from its moves, or from their lines where lots matter: every product to the piece.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use tillwire_proto::{Quantity, Unit};

use super::{Difference, Link, Seen, Text, Verdict, not_read};
use crate::odoo::answer::Answer;
use crate::odoo::picking::{Direction, Picking};
use crate::odoo::resolved::ResolvedStock;

/// A `stock.picking` as its moves tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPicking {
    /// Its name.
    pub name: String,
    /// Source location's id.
    pub from: i64,
    /// Destination location's id.
    pub to: i64,
    /// What was moved, in order of lines.
    pub moves: Vec<FoundMove>,
}

/// A `stock.move`, or a line of one, as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundMove {
    /// Its product's id.
    pub product: i64,
    /// Its lot's id, where lots were read and it has one.
    pub lot: Option<i64>,
    /// How many.
    pub quantity: Quantity,
}

#[derive(Deserialize)]
struct RawMove<'a> {
    product_id: Link,
    #[serde(borrow)]
    quantity: &'a RawValue,
    state: String,
    reference: Text,
    location_id: Link,
    location_dest_id: Link,
    #[serde(default)]
    lot_id: Option<Link>,
}

/// Reads the answer of [`Picking::look`] and compares. A picking without a move is as good as deleted; of one that is
/// done, a cancelled move has moved nothing.
///
/// # Errors
/// An [`Answer`] when the answer cannot be read.
pub fn read_picking(moves: &RawValue, meant: &Picking, resolved: &ResolvedStock) -> Result<Seen, Answer> {
    let Some((found, states)) = parse_picking(moves)? else {
        return Ok(Seen::Gone);
    };
    let verdict = compare_picking(&found, meant, resolved);
    let (done, cancelled) = (states.contains("done"), states.contains("cancel"));
    Ok(match states.len() {
        1 if cancelled => Seen::Cancelled,
        1 if done => Seen::Confirmed(verdict),
        2 if done && cancelled => Seen::Confirmed(verdict),
        _ => Seen::Draft(verdict),
    })
}

pub(in crate::odoo) fn parse_picking(
    moves: &RawValue,
) -> Result<Option<(FoundPicking, BTreeSet<String>)>, Answer> {
    let raw: Vec<RawMove<'_>> =
        serde_json::from_str(moves.get()).map_err(|error| not_read("picking's moves", error))?;
    let mut found: Option<FoundPicking> = None;
    let mut states = BTreeSet::new();
    for moved in raw {
        let picking = found.get_or_insert_with(|| FoundPicking {
            name: moved.reference.take(),
            from: moved.location_id.id(),
            to: moved.location_dest_id.id(),
            moves: Vec::new(),
        });
        if moved.state != "cancel" {
            let quantity = Quantity::parse(moved.quantity.get(), Unit::Each)
                .map_err(|error| not_read("quantity", error))?;
            picking.moves.push(FoundMove {
                product: moved.product_id.id(),
                lot: moved.lot_id.map(|lot| lot.id()).filter(|lot| *lot != 0),
                quantity,
            });
        }
        states.insert(moved.state);
    }
    Ok(found.map(|found| (found, states)))
}

fn compare_picking(found: &FoundPicking, meant: &Picking, resolved: &ResolvedStock) -> Verdict {
    let mut verdict = Verdict::default();
    let (from, to) = match meant.direction {
        Direction::Out => (resolved.stock, resolved.customers),
        Direction::Back => (resolved.customers, resolved.stock),
    };
    verdict.compare("name", &found.name, &meant.name);
    // a lot may be taken from a shelf inside the store's stock
    let shelves: BTreeSet<i64> = match meant.direction {
        Direction::Out if meant.has_lots() => resolved.lots.values().filter_map(|lot| lot.place).collect(),
        _ => BTreeSet::new(),
    };
    if !shelves.contains(&found.from) {
        verdict.compare("source location", &found.from.to_string(), &from.to_string());
    }
    verdict.compare("destination location", &found.to.to_string(), &to.to_string());
    let mut held: BTreeMap<(i64, Option<i64>), i128> = BTreeMap::new();
    for moved in &found.moves {
        *held.entry((moved.product, moved.lot)).or_insert(0) += i128::from(moved.quantity.millionths());
    }
    for line in &meant.lines {
        let product = resolved.products.get(&line.sku).map_or(0, |product| product.id);
        let lot = line.lot.clone().map(|lot| {
            let known = resolved.lots.get(&(product, lot));
            known.map_or(0, |lot| lot.id)
        });
        let found = held.remove(&(product, lot)).unwrap_or(0);
        if found != i128::from(line.quantity.millionths()) {
            let found = i64::try_from(found).map_or_else(
                |_| found.to_string(),
                |found| Quantity::from_millionths(found, Unit::Each).decimal(),
            );
            let what = match &line.lot {
                Some(lot) => format!("quantity of {} {lot}", line.sku),
                None => format!("quantity of {}", line.sku),
            };
            verdict
                .differences
                .push(Difference::field(what, found, line.quantity));
        }
    }
    for ((product, lot), _) in held.into_iter().filter(|(_, quantity)| *quantity != 0) {
        let what = match lot {
            Some(lot) => format!("product id {product} with lot id {lot}"),
            None => format!("product id {product}"),
        };
        verdict
            .differences
            .push(Difference::field(what, "moved", "not moved"));
    }
    verdict
}
