//! What is left to move, and whether it can be moved now.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{BusinessDay, Quantity, Sku, StoreId, TenantId, Unit};

use super::StockTarget;
use super::batch::{KitMove, StockBatch};
use super::goods::{Goods, ItemRule, Want, Wanted};
use super::held::{Case, Held};
use crate::exception::{ExceptionDraft, ExceptionKind};
use crate::odoo::{Direction, Kit, PickLine, Product, ProductKind, ResolvedStock, Tracking};
use crate::settings::BelowZero;

/// What the retailer decided, as far as a day's stock needs it.
pub struct StockRules<'a> {
    /// The retailer.
    pub tenant: &'a TenantId,
    /// The store.
    pub store: &'a StoreId,
    /// The business day.
    pub day: BusinessDay,
    /// What an item of the till is in Odoo, by the mapping of that day.
    pub item: &'a dyn Fn(&Sku) -> ItemRule,
    /// What happens when more is sold than Odoo has.
    pub below_zero: BelowZero,
}

impl std::fmt::Debug for StockRules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tenant, store, day, ..
        } = self;
        write!(f, "StockRules of {tenant}/{store} on {day}")
    }
}

/// What is to be moved now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StockDelta {
    /// The pickings to be.
    pub batches: Vec<StockBatch>,
    /// Goods that cannot be moved now; the others move.
    pub held: Vec<Held>,
    /// What people should know about goods that do move: their stock goes below zero.
    pub notes: Vec<ExceptionDraft>,
}

/// What is left to move, in batches: out and back apart, lots apart, kits apart. What cannot be moved now is held, each
/// under its own exception, and moves as soon as it can. Services, and goods that Odoo keeps no quantity of, move nothing.
#[must_use]
pub fn delta(
    rules: &StockRules<'_>,
    target: &StockTarget,
    moved: &BTreeMap<Goods, Quantity>,
    resolved: &ResolvedStock,
) -> StockDelta {
    let wanted = Wanted::of(target, rules.item);
    let frozen: BTreeSet<Sku> = wanted.inexact.keys().map(|sku| number(resolved, sku)).collect();
    let mut judge = Judge {
        rules,
        resolved,
        left: resolved.on_hand.clone(),
        delta: StockDelta::default(),
        piles: BTreeMap::new(),
        kits: BTreeMap::new(),
    };
    judge.inexact(&wanted);
    for (goods, want, rest) in differences(wanted, moved, resolved) {
        if frozen.contains(&goods.sku) {
            continue;
        }
        judge.take(&goods, &want, rest);
    }
    judge.finish()
}

/// The product's own number where Odoo knows it; two numbers of one product are one there.
fn number(resolved: &ResolvedStock, sku: &Sku) -> Sku {
    let product = resolved.products.get(sku);
    product.map_or_else(|| sku.clone(), |product| product.sku.clone())
}

fn one_of(resolved: &ResolvedStock, goods: Goods) -> Goods {
    match resolved.products.get(&goods.sku) {
        Some(product) => Goods {
            sku: product.sku.clone(),
            lot: goods.lot.filter(|_| product.tracking != Tracking::None),
        },
        None => goods,
    }
}

/// What differs per goods, in order: wanted less moved, never zero.
fn differences(
    wanted: Wanted,
    moved: &BTreeMap<Goods, Quantity>,
    resolved: &ResolvedStock,
) -> Vec<(Goods, Want, i128)> {
    let mut all: BTreeMap<Goods, (Want, i128)> = BTreeMap::new();
    for (goods, want) in wanted.goods {
        let sum = all.entry(one_of(resolved, goods)).or_default();
        sum.1 += want.millionths;
        sum.0.join(want);
    }
    for (goods, quantity) in moved {
        let sum = all.entry(one_of(resolved, goods.clone())).or_default();
        sum.1 -= i128::from(quantity.millionths());
    }
    cover_lots(&mut all);
    all.into_iter()
        .filter(|(_, (_, rest))| *rest != 0)
        .map(|(goods, (want, rest))| (goods, want, rest))
        .collect()
}

/// What was moved without a lot, before the product was tracked, counts for the lots that tickets name: it left once.
fn cover_lots(all: &mut BTreeMap<Goods, (Want, i128)>) {
    let bare: Vec<Sku> = all
        .iter()
        .filter(|(goods, (_, rest))| goods.lot.is_none() && *rest != 0)
        .map(|(goods, _)| goods.sku.clone())
        .collect();
    for sku in bare {
        let key = Goods {
            sku: sku.clone(),
            lot: None,
        };
        let mut spare = all.get(&key).map_or(0, |(_, rest)| *rest);
        let lots = all
            .iter_mut()
            .filter(|(goods, _)| goods.sku == sku && goods.lot.is_some());
        for (_, (_, rest)) in lots {
            // of opposite signs: moved too much here, too little there
            if rest.signum() == -spare.signum() {
                let cover = rest.abs().min(spare.abs()) * spare.signum();
                *rest += cover;
                spare -= cover;
            }
        }
        if let Some((_, rest)) = all.get_mut(&key) {
            *rest = spare;
        }
    }
}

struct Judge<'a> {
    rules: &'a StockRules<'a>,
    resolved: &'a ResolvedStock,
    /// On hand, by product id, less what this delta takes; a product that is not there is not watched.
    left: BTreeMap<i64, i64>,
    delta: StockDelta,
    piles: BTreeMap<(Direction, bool), Vec<PickLine>>,
    kits: BTreeMap<Direction, Vec<KitMove>>,
}

impl Judge<'_> {
    fn inexact(&mut self, wanted: &Wanted) {
        for (sku, (item, quantity, factor)) in &wanted.inexact {
            let goods = Goods {
                sku: sku.clone(),
                lot: None,
            };
            let want = wanted.goods.get(&goods).cloned().unwrap_or_default();
            let case = Case {
                rules: self.rules,
                goods: &goods,
                want: &want,
                rest: 0,
            };
            let words = format!(
                "{quantity} {item} times {factor} is no exact quantity of {sku}; nothing of {sku} moves until its factor \
                 in the mapping is mended"
            );
            self.delta.held.push(Held {
                quantity: *quantity,
                ..case.hold(ExceptionKind::UnitRounding, words)
            });
        }
    }

    fn take(&mut self, goods: &Goods, want: &Want, rest: i128) {
        let Ok(rest) = i64::try_from(rest) else {
            let case = Case {
                rules: self.rules,
                goods,
                want,
                rest: 0,
            };
            let words = format!(
                "{}: its quantity is beyond 64 bits of millionths; look at its tickets",
                case.name()
            );
            self.delta
                .held
                .push(case.hold(ExceptionKind::UnitRounding, words));
            return;
        };
        let case = Case {
            rules: self.rules,
            goods,
            want,
            rest,
        };
        let Some(product) = self.resolved.products.get(&goods.sku) else {
            let words = format!(
                "{} is not one product in Odoo: {} wait; create it with this internal reference or barcode, or map it",
                case.name(),
                case.quantity()
            );
            self.delta.held.push(case.hold(ExceptionKind::UnknownSku, words));
            return;
        };
        if product.kit.is_none() && product.kind != ProductKind::Storable {
            return;
        }
        let done = fits(&case, product).and_then(|()| match &product.kit {
            Some(kit) => self.kit(&case, product, kit),
            None => self.single(&case, product),
        });
        if let Err(held) = done {
            self.delta.held.push(*held);
        }
    }

    fn single(&mut self, case: &Case<'_>, product: &Product) -> Result<(), Box<Held>> {
        let tracked = product.tracking != Tracking::None;
        if tracked {
            self.lot(case, product)?;
        }
        self.stock(case, &[(product.id, &product.sku, case.rest)])?;
        let (direction, quantity) = signed(case.rest);
        self.piles
            .entry((direction, tracked))
            .or_default()
            .push(PickLine {
                sku: product.sku.clone(),
                lot: case.goods.lot.clone().filter(|_| tracked),
                quantity,
            });
        Ok(())
    }

    /// Whether the lot is known, and a serial number where it can be moved from.
    fn lot(&self, case: &Case<'_>, product: &Product) -> Result<(), Box<Held>> {
        let needed = |words: String| Box::new(case.hold(ExceptionKind::LotNeeded, words));
        let (name, quantity, tickets) = (case.name(), case.quantity(), case.tickets());
        let Some(lot) = &case.goods.lot else {
            return Err(needed(format!(
                "{name} moves by lot or serial number, and {tickets} name none: {quantity} wait; correct the ticket, or \
                 move them in Odoo and acknowledge"
            )));
        };
        let Some(known) = self.resolved.lots.get(&(product.id, lot.clone())) else {
            return Err(needed(format!(
                "{name} {lot}, on {tickets}, is no lot or serial number in Odoo: {quantity} wait; create it there, or \
                 correct the ticket"
            )));
        };
        if product.tracking != Tracking::Serial {
            return Ok(());
        }
        let twice = |words: String| Err(Box::new(case.hold(ExceptionKind::SerialTwice, words)));
        if case.rest.unsigned_abs() != 1_000_000 {
            return twice(format!(
                "serial number {lot} of {name} would move {quantity} times, by {tickets}; there is one of it; correct \
                 the wrong ticket"
            ));
        }
        match (case.rest > 0, known.place) {
            (true, None) => twice(format!(
                "serial number {lot} of {name}, on {tickets}, is not in this store's stock in Odoo: it was sold or moved \
                 before; find out which of both is wrong, and correct the ticket or move it back in Odoo"
            )),
            (false, Some(_)) => twice(format!(
                "serial number {lot} of {name} came back by {tickets}, and is in this store's stock in Odoo already; \
                 correct the ticket or move it out in Odoo"
            )),
            _ => Ok(()),
        }
    }

    fn kit(&mut self, case: &Case<'_>, product: &Product, kit: &Kit) -> Result<(), Box<Held>> {
        let (name, quantity) = (case.name(), case.quantity());
        let unclear = |words: &str| {
            let words = format!("kit {name}: {words}; {quantity} wait");
            Box::new(case.hold(ExceptionKind::KitUnclear, words))
        };
        let parts = match kit {
            Kit::Of(parts) => parts,
            Kit::Unclear(words) => return Err(unclear(words)),
        };
        let mut moves: Vec<(i64, &Sku, i64)> = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(rest) = part.times(case.rest) else {
                let words = format!(
                    "kit {name}: {quantity} of it is no exact number of its part {}; {quantity} wait; mend its bill of \
                     materials",
                    part.sku
                );
                return Err(Box::new(case.hold(ExceptionKind::UnitRounding, words)));
            };
            moves.push((part.product, &part.sku, rest));
        }
        self.stock(case, &moves)?;
        let (direction, sold) = signed(case.rest);
        let line = |sku: &Sku, quantity| PickLine {
            sku: sku.clone(),
            lot: None,
            quantity,
        };
        self.kits.entry(direction).or_default().push(KitMove {
            kit: line(&product.sku, sold),
            parts: moves
                .iter()
                .map(|(_, sku, rest)| line(sku, signed(*rest).1))
                .collect(),
        });
        Ok(())
    }

    /// Whether that much is there; takes it. Goods that come back are always taken.
    fn stock(&mut self, case: &Case<'_>, moves: &[(i64, &Sku, i64)]) -> Result<(), Box<Held>> {
        let after = |id: &i64, rest: i64| Some((self.left.get(id)?, self.left.get(id)?.saturating_sub(rest)));
        let short = moves.iter().find_map(|(id, sku, rest)| {
            let (there, after) = after(id, *rest)?;
            (*rest > 0 && after < 0).then_some((*sku, *there, after))
        });
        if let Some((sku, there, after)) = short {
            let quantity = |millionths| Quantity::from_millionths(millionths, Unit::Each);
            let (there, after) = (quantity(there), quantity(after));
            let what = format!(
                "{} of {} left the store, and Odoo has {there} {sku} there",
                case.quantity(),
                case.name()
            );
            match self.rules.below_zero {
                BelowZero::Hold => {
                    let words = format!("{what}; they wait until it is received or counted there");
                    return Err(Box::new(case.hold(ExceptionKind::StockShort, words)));
                }
                BelowZero::Note => {
                    let words = format!(
                        "{what}: it goes to {after}; a delivery was not received there, or a count is due"
                    );
                    self.delta.notes.push(case.note(words));
                }
            }
        }
        for (id, _, rest) in moves {
            if let Some(left) = self.left.get_mut(id) {
                *left = left.saturating_sub(*rest);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> StockDelta {
        for ((direction, _), lines) in std::mem::take(&mut self.piles) {
            self.delta.push_lines(direction, &lines);
        }
        for (direction, kits) in std::mem::take(&mut self.kits) {
            self.delta.push_kits(direction, kits);
        }
        self.delta
    }
}

fn signed(rest: i64) -> (Direction, Quantity) {
    let direction = if rest < 0 { Direction::Back } else { Direction::Out };
    (
        direction,
        Quantity::from_millionths(rest.saturating_abs(), Unit::Each),
    )
}

/// Whether the product's unit can say the quantity exactly, and is the one that the till counted in.
fn fits(case: &Case<'_>, product: &Product) -> Result<(), Box<Held>> {
    let (name, quantity) = (case.name(), case.quantity());
    let other = case
        .want
        .units
        .iter()
        .find(|unit| **unit != Unit::Each && product.uom.unit != Some(**unit));
    let words = if let Some(unit) = other {
        format!(
            "{name} is sold in {unit:?}, and Odoo keeps it in another unit: {quantity} wait; map it with a factor"
        )
    } else if case.rest % product.uom.rounding.max(1) != 0 {
        let step = Quantity::from_millionths(product.uom.rounding, Unit::Each);
        format!(
            "{quantity} {name} wait: Odoo counts it in steps of {step} and would round; sell it in another unit there, \
             make its unit finer, or map it with a factor"
        )
    } else {
        return Ok(());
    };
    Err(Box::new(case.hold(ExceptionKind::UnitRounding, words)))
}
