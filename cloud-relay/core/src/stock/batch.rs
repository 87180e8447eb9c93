//! What is moved at once: one picking to be.

use tillwire_proto::{BusinessDay, StoreId, TenantId};

use super::delta::StockDelta;
use crate::odoo::{Direction, EffectKey, PickLine, Picking};

/// Most lines of one picking: far below what makes a slow Odoo give up.
pub const LINES_MAX: usize = 200;

/// Most kits of one picking, whose origin names them.
pub const KITS_MAX: usize = 20;

/// What is to be moved now, as one picking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockBatch {
    /// Which way.
    pub direction: Direction,
    /// What moves, each product and lot once, more than zero.
    pub lines: Vec<PickLine>,
    /// The kits that the lines are the parts of; empty when the lines are what was sold.
    pub kits: Vec<PickLine>,
}

impl StockBatch {
    /// The picking with its key and name; `number` counts a store's batches from 1 and is never given twice.
    #[must_use]
    pub fn picking(&self, tenant: &TenantId, store: &StoreId, day: BusinessDay, number: u64) -> Picking {
        Picking {
            key: EffectKey::picking(tenant, store, number),
            name: format!("TW/{store}/{number}"),
            origin: Picking::origin_of(store, day, &self.kits),
            direction: self.direction,
            lines: self.lines.clone(),
            kits: self.kits.clone(),
        }
    }
}

/// A kit with the parts that move for it.
pub(super) struct KitMove {
    pub(super) kit: PickLine,
    pub(super) parts: Vec<PickLine>,
}

impl StockDelta {
    /// Lines that are what was sold.
    pub(super) fn push_lines(&mut self, direction: Direction, lines: &[PickLine]) {
        self.batches
            .extend(lines.chunks(LINES_MAX).map(|lines| StockBatch {
                direction,
                lines: lines.to_vec(),
                kits: Vec::new(),
            }));
    }

    /// Kits, in pickings of their own, so that what such a picking holds can be told apart from its parts sold singly.
    pub(super) fn push_kits(&mut self, direction: Direction, kits: Vec<KitMove>) {
        let mut open = StockBatch {
            direction,
            lines: Vec::new(),
            kits: Vec::new(),
        };
        for KitMove { kit, parts } in kits {
            let joined = joined(&open.lines, &parts).filter(|_| open.kits.len() < KITS_MAX);
            let lines = joined.unwrap_or_else(|| {
                let kits = std::mem::take(&mut open.kits);
                let lines = std::mem::take(&mut open.lines);
                self.batches.push(StockBatch {
                    direction,
                    lines,
                    kits,
                });
                parts
            });
            open.lines = lines;
            open.kits.push(kit);
        }
        if !open.kits.is_empty() {
            self.batches.push(open);
        }
    }
}

/// The lines with the parts of one more kit, each product once; `None` when that is too much for one picking.
fn joined(lines: &[PickLine], parts: &[PickLine]) -> Option<Vec<PickLine>> {
    let mut all = lines.to_vec();
    for part in parts {
        match all.iter_mut().find(|line| line.sku == part.sku) {
            Some(line) => line.quantity = line.quantity.checked_add(part.quantity).ok()?,
            None => all.push(part.clone()),
        }
    }
    // the parts of one kit stay together, however many
    (all.len() <= LINES_MAX || lines.is_empty()).then_some(all)
}
