//! Stock: what left and what came back on a store-day, per item, and what of it has not been moved in Odoo yet. Only
//! differences are moved, so that a batch that was done is never done again; the sum of all batches is the target.
//!
//! The till counts in its own item numbers ([`target`]); [`delta`] counts in Odoo's products, because that is what was
//! moved: when an alias or a factor of the mapping changes after half a day, the rest of the day and the correction of
//! its first half are one difference per product.

mod batch;
mod delta;
mod drift;
mod goods;
mod held;

use std::collections::BTreeMap;

use tillwire_proto::{Amount, Body, Code, Line, LineKind, Quantity, QuantityError, Sku, TicketNumber};

use crate::books::Ledger;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::RecordId;
use crate::tickets::{Ticket, Tickets};

pub use batch::{KITS_MAX, LINES_MAX, StockBatch};
pub use delta::{StockDelta, StockRules, delta};
pub use drift::{Count, DriftCause, DriftLine, DriftPart, OdooSide, PosSide, PosStock, Sold, Whereabouts};
pub use goods::{Goods, ItemRule, differing, moved};
pub use held::{Held, below_zero};

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
    /// The same by lot or serial number, as tickets name it; `None` where they name none.
    pub lots: BTreeMap<Option<Code>, StockLot>,
    /// The records that tell it, in order, each once.
    pub records: Vec<RecordId>,
}

/// What tickets say about one lot, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLot {
    /// Sold less returned.
    pub quantity: Quantity,
    /// The tickets, in order.
    pub tickets: Vec<TicketNumber>,
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
                    if let Err(error) = target.add(sku, line, ticket) {
                        target
                            .exceptions
                            .push(unit_exception(tickets, sku, &error, ticket));
                    }
                }
                None => nameless.push((ticket, line.extended)),
            }
        }
    }
    for item in target.items.values_mut() {
        item.records.sort_unstable();
        item.records.dedup();
    }
    target.exceptions.extend(nameless_exception(tickets, &nameless));
    target
}

impl StockTarget {
    fn add(&mut self, sku: &Sku, line: &Line, ticket: &Ticket<'_>) -> Result<(), QuantityError> {
        let quantity = if ticket.taken_back {
            line.quantity.checked_neg()?
        } else {
            line.quantity
        };
        let nothing = Quantity::from_millionths(0, quantity.unit());
        let item = self.items.entry(sku.clone()).or_insert_with(|| StockItem {
            quantity: nothing,
            lots: BTreeMap::new(),
            records: Vec::new(),
        });
        item.quantity = item.quantity.checked_add(quantity)?;
        let lot = item.lots.entry(line.serial.clone()).or_insert_with(|| StockLot {
            quantity: nothing,
            tickets: Vec::new(),
        });
        lot.quantity = lot.quantity.checked_add(quantity)?;
        if let Err(place) = lot.tickets.binary_search(&ticket.key.ticket) {
            lot.tickets.insert(place, ticket.key.ticket.clone());
        }
        item.records.extend(&ticket.records);
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
