//! Stock: what left and what came back on a store-day, per item, and what of it has not been moved in Odoo yet. Only
//! differences are moved, so that a batch that was done is never done again; the sum of all batches is the target.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, Body, BusinessDay, LineKind, Quantity, QuantityError, Sku, StoreId, TenantId};

use crate::books::Ledger;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::RecordId;
use crate::odoo::{Direction, EffectKey, PickLine, Picking, ResolvedStock};
use crate::tickets::{Ticket, Tickets};

/// Most lines of one picking: far below what makes a slow Odoo give up.
pub const LINES_MAX: usize = 200;

/// What left a store on a day, per item: positive out, negative back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StockTarget {
    /// The items, also those that came to nothing.
    pub items: BTreeMap<Sku, StockItem>,
    /// Lines of goods that cannot be moved.
    pub exceptions: Vec<ExceptionDraft>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockItem {
    /// Sold less returned.
    pub quantity: Quantity,
    /// The records that tell it.
    pub records: Vec<RecordId>,
}

/// What is to be moved now, as one picking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockBatch {
    /// Which way.
    pub direction: Direction,
    /// What, each item once, more than zero.
    pub lines: Vec<PickLine>,
}

/// What is to be moved now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StockDelta {
    /// The batches, each of at most [`LINES_MAX`] lines.
    pub batches: Vec<StockBatch>,
    /// Items that Odoo does not know; the others move.
    pub held: Vec<ExceptionDraft>,
}

/// What left the store. Tickets that the ledger holds whole move nothing; tickets taken back move back.
#[must_use]
pub fn target(tickets: &Tickets<'_>, ledger: &Ledger) -> StockTarget {
    let mut target = StockTarget::default();
    let mut nameless: Vec<(&Ticket<'_>, Amount)> = Vec::new();
    let booked =
        |ticket: &&Ticket<'_>| ticket.fault.is_none() && !ledger.held_tickets().contains_key(ticket.key);
    for ticket in tickets.counted.iter().filter(booked) {
        let Body::Trade(trade) = &ticket.transaction.body else {
            continue;
        };
        for line in trade.lines.iter().filter(|line| line.kind == LineKind::Item) {
            match &line.sku {
                Some(sku) => {
                    if let Err(error) = target.add(sku, line.quantity, ticket) {
                        target
                            .exceptions
                            .push(unit_exception(tickets, sku, &error, ticket));
                    }
                }
                None => nameless.push((ticket, line.extended)),
            }
        }
    }
    target.exceptions.extend(nameless_exception(tickets, &nameless));
    target
}

impl StockTarget {
    fn add(&mut self, sku: &Sku, quantity: Quantity, ticket: &Ticket<'_>) -> Result<(), QuantityError> {
        let quantity = if ticket.taken_back {
            quantity.checked_neg()?
        } else {
            quantity
        };
        let item = self.items.entry(sku.clone()).or_insert_with(|| StockItem {
            quantity: Quantity::from_millionths(0, quantity.unit()),
            records: Vec::new(),
        });
        item.quantity = item.quantity.checked_add(quantity)?;
        item.records.extend(&ticket.records);
        item.records.sort_unstable();
        item.records.dedup();
        Ok(())
    }
}

fn unit_exception(
    tickets: &Tickets<'_>,
    sku: &Sku,
    error: &QuantityError,
    ticket: &Ticket<'_>,
) -> ExceptionDraft {
    let kind = ExceptionKind::UnknownSku;
    let cause = CauseKey::new(kind, &[sku, &"unit", &ticket.key.register, &ticket.key.ticket]);
    let detail = format!(
        "{sku} on ticket {}: {error}; its stock is not moved",
        ticket.key.ticket
    );
    tickets
        .exception(kind, cause, detail)
        .about(ticket.key)
        .seen_in(ticket.records.iter().copied())
}

fn nameless_exception(tickets: &Tickets<'_>, lines: &[(&Ticket<'_>, Amount)]) -> Option<ExceptionDraft> {
    let (first, _) = lines.first()?;
    let kind = ExceptionKind::UnknownSku;
    let cause = CauseKey::new(kind, &[&"without-number"]);
    let detail = format!(
        "{} lines of goods have no item number, the first on ticket {}; they are booked, but move no stock",
        lines.len(),
        first.key.ticket
    );
    let risk = Amount::sum(lines.iter().map(|(_, amount)| *amount), tickets.settings.currency);
    let exception = tickets.exception(kind, cause, detail).seen_in(
        lines
            .iter()
            .flat_map(|(ticket, _)| ticket.records.iter().copied()),
    );
    Some(match risk {
        Ok(risk) => exception.risking(risk),
        Err(_) => exception,
    })
}

/// Sums what pickings move: positive out, negative back. Give it every picking of the store-day that was not withdrawn
/// by a person; one that Odoo refused waits for its own retry and must not be asked again under another key.
///
/// # Errors
/// [`QuantityError`] on two units of one item, or sums beyond 64 bits.
pub fn moved<'a>(
    pickings: impl IntoIterator<Item = &'a Picking>,
) -> Result<BTreeMap<Sku, Quantity>, QuantityError> {
    let mut sums: BTreeMap<Sku, Quantity> = BTreeMap::new();
    for picking in pickings {
        for line in &picking.lines {
            let quantity = match picking.direction {
                Direction::Out => line.quantity,
                Direction::Back => line.quantity.checked_neg()?,
            };
            let sum = match sums.get(&line.sku) {
                Some(sum) => sum.checked_add(quantity)?,
                None => quantity,
            };
            sums.insert(line.sku.clone(), sum);
        }
    }
    Ok(sums)
}

/// A picking read back from Odoo, whose quantities have no unit of ours: counted in the units that the tickets have.
#[must_use]
pub fn in_units_of(target: &StockTarget, mut picking: Picking) -> Picking {
    for line in &mut picking.lines {
        if let Some(item) = target.items.get(&line.sku) {
            line.quantity = Quantity::from_millionths(line.quantity.millionths(), item.quantity.unit());
        }
    }
    picking
}

/// What is left to move, in batches: out and back apart, items with lots apart from the others. Items that Odoo does
/// not know are held, each under its own exception, and move as soon as it does.
#[must_use]
pub fn delta(
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    target: &StockTarget,
    moved: &BTreeMap<Sku, Quantity>,
    resolved: &ResolvedStock,
) -> StockDelta {
    let mut delta = StockDelta::default();
    let mut piles: BTreeMap<(Direction, bool), Vec<PickLine>> = BTreeMap::new();
    let exception = |sku: &Sku, words: String, records: &[RecordId]| {
        let kind = ExceptionKind::UnknownSku;
        ExceptionDraft::new(kind, tenant, store, CauseKey::new(kind, &[sku]), words)
            .on(day)
            .seen_in(records.iter().copied())
    };
    for (sku, rest, records) in differences(target, moved) {
        let rest = match rest {
            Ok(rest) if rest.is_zero() => continue,
            Ok(rest) => rest,
            Err(error) => {
                delta
                    .held
                    .push(exception(sku, format!("{sku}: {error}"), records));
                continue;
            }
        };
        let Some(product) = resolved.products.get(sku) else {
            let words = format!(
                "{sku} is not a product in Odoo: {rest} wait; create it with this internal reference"
            );
            delta.held.push(exception(sku, words, records));
            continue;
        };
        let back = rest.is_negative();
        let quantity = Quantity::from_millionths(rest.millionths().saturating_abs(), rest.unit());
        let direction = if back { Direction::Back } else { Direction::Out };
        let line = PickLine {
            sku: sku.clone(),
            quantity,
        };
        piles.entry((direction, product.tracked)).or_default().push(line);
    }
    for ((direction, _), lines) in piles {
        delta
            .batches
            .extend(lines.chunks(LINES_MAX).map(|lines| StockBatch {
                direction,
                lines: lines.to_vec(),
            }));
    }
    delta
}

type Difference<'a> = (&'a Sku, Result<Quantity, QuantityError>, &'a [RecordId]);

fn differences<'a>(
    target: &'a StockTarget,
    moved: &'a BTreeMap<Sku, Quantity>,
) -> impl Iterator<Item = Difference<'a>> {
    let wanted = target.items.iter().map(|(sku, item)| {
        let rest = match moved.get(sku) {
            Some(moved) => moved
                .checked_neg()
                .and_then(|moved| item.quantity.checked_add(moved)),
            None => Ok(item.quantity),
        };
        (sku, rest, item.records.as_slice())
    });
    let gone = moved
        .iter()
        .filter(|(sku, _)| !target.items.contains_key(*sku))
        .map(|(sku, moved)| (sku, moved.checked_neg(), [].as_slice()));
    wanted.chain(gone)
}

impl StockBatch {
    /// The picking with its key and name; `number` counts a store's batches from 1 and is never given twice.
    #[must_use]
    pub fn picking(&self, tenant: &TenantId, store: &StoreId, day: BusinessDay, number: u64) -> Picking {
        Picking {
            key: EffectKey::picking(tenant, store, number),
            name: format!("TW/{store}/{number}"),
            origin: format!("{store} {day}"),
            direction: self.direction,
            lines: self.lines.clone(),
        }
    }
}
