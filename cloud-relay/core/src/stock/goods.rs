//! From the till's items to Odoo's goods: aliases, factors, lots.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Code, Quantity, QuantityError, Sku, TicketNumber, Unit};

use super::{StockItem, StockTarget};
use crate::facts::RecordId;
use crate::odoo::{Direction, PickLine, Picking};
use crate::settings::{Factor, MappedProduct};

/// What one item of the till is in Odoo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRule {
    /// The product's number in Odoo: its internal reference, or its barcode.
    pub sku: Sku,
    /// Odoo's units for one of the till's.
    pub factor: Factor,
    /// True when the retailer gave the factor, which also settles which unit is meant.
    pub said: bool,
}

impl ItemRule {
    /// The till's number is Odoo's, one for one.
    #[must_use]
    pub const fn same(sku: Sku) -> Self {
        Self {
            sku,
            factor: Factor::ONE,
            said: false,
        }
    }
}

impl From<MappedProduct<'_>> for ItemRule {
    fn from(mapped: MappedProduct<'_>) -> Self {
        Self {
            sku: mapped.code.clone(),
            factor: mapped.factor,
            said: mapped.row.is_some() && mapped.factor != Factor::ONE,
        }
    }
}

/// What is moved, told apart: a product, or a lot of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Goods {
    /// The product's number in Odoo.
    pub sku: Sku,
    /// The lot or serial number.
    pub lot: Option<Code>,
}

impl Goods {
    /// What a line of a picking moves.
    #[must_use]
    pub fn of(line: &PickLine) -> Self {
        Self {
            sku: line.sku.clone(),
            lot: line.lot.clone(),
        }
    }
}

/// What should have left, of one [`Goods`].
#[derive(Debug, Clone, Default)]
pub(super) struct Want {
    /// Millionths of Odoo's unit. Sums of 64-bit numbers: 128 bits never overflow.
    pub(super) millionths: i128,
    /// The till's items behind it.
    pub(super) items: BTreeSet<Sku>,
    /// The units that the till counted in, where no rule says which unit is meant.
    pub(super) units: BTreeSet<Unit>,
    pub(super) tickets: BTreeSet<TicketNumber>,
    pub(super) records: Vec<RecordId>,
}

/// The whole target in Odoo's goods.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) goods: BTreeMap<Goods, Want>,
    /// Products of which an item's quantity times its factor is no number of millionths: item, quantity, factor.
    pub(super) inexact: BTreeMap<Sku, (Sku, Quantity, Factor)>,
}

impl Wanted {
    pub(super) fn of(target: &StockTarget, rule: &dyn Fn(&Sku) -> ItemRule) -> Self {
        let mut wanted = Self::default();
        for (sku, item) in &target.items {
            wanted.add(sku, item, &rule(sku));
        }
        wanted
    }

    fn add(&mut self, sku: &Sku, item: &StockItem, rule: &ItemRule) {
        for (lot, told) in &item.lots {
            // beyond 64 bits is not exact either
            let Ok(Some(quantity)) = rule.factor.times(told.quantity) else {
                let what = (sku.clone(), told.quantity, rule.factor);
                self.inexact.insert(rule.sku.clone(), what);
                continue;
            };
            let goods = Goods {
                sku: rule.sku.clone(),
                lot: lot.clone(),
            };
            let want = self.goods.entry(goods).or_default();
            want.millionths += i128::from(quantity.millionths());
            want.items.insert(sku.clone());
            if !rule.said {
                want.units.insert(told.quantity.unit());
            }
            want.tickets.extend(told.tickets.iter().cloned());
            want.records.extend(&item.records);
        }
    }
}

impl Want {
    pub(super) fn join(&mut self, other: Self) {
        self.millionths += other.millionths;
        self.items.extend(other.items);
        self.units.extend(other.units);
        self.tickets.extend(other.tickets);
        self.records.extend(other.records);
    }
}

/// Sums what pickings move: positive out, negative back, in Odoo's goods and units; kits as kits. Give it every picking
/// of the store-day that was not withdrawn by a person; one that Odoo refused waits for its own retry and must not be
/// asked again under another key.
///
/// # Errors
/// [`QuantityError::Overflow`] on sums beyond 64 bits.
pub fn moved<'a>(
    pickings: impl IntoIterator<Item = &'a Picking>,
) -> Result<BTreeMap<Goods, Quantity>, QuantityError> {
    let mut sums: BTreeMap<Goods, Quantity> = BTreeMap::new();
    for picking in pickings {
        for line in picking.sold() {
            let quantity = match picking.direction {
                Direction::Out => line.quantity,
                Direction::Back => line.quantity.checked_neg()?,
            };
            let sum = sums.entry(Goods::of(line)).or_insert(Quantity::each(0));
            *sum = sum.checked_add(quantity)?;
        }
    }
    Ok(sums)
}

/// Numbers of products in Odoo of which more or less was moved than should have been; without asking Odoo, which may
/// still find that two numbers are one product.
#[must_use]
pub fn differing(
    target: &StockTarget,
    moved: &BTreeMap<Goods, Quantity>,
    rule: &dyn Fn(&Sku) -> ItemRule,
) -> BTreeSet<Goods> {
    let wanted = Wanted::of(target, rule);
    let is = |goods: &Goods| moved.get(goods).map_or(0, |sum| i128::from(sum.millionths()));
    let open = wanted
        .goods
        .iter()
        .filter(|(goods, want)| want.millionths != is(goods));
    let gone = moved
        .iter()
        .filter(|(goods, sum)| !wanted.goods.contains_key(*goods) && !sum.is_zero());
    let inexact = wanted.inexact.keys().map(|sku| Goods {
        sku: sku.clone(),
        lot: None,
    });
    open.map(|(goods, _)| goods.clone())
        .chain(gone.map(|(goods, _)| goods.clone()))
        .chain(inexact)
        .collect()
}
