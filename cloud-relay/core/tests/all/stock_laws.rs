//! Whatever is sold, mapped, refused, retried, forgotten and read back: what all pickings move is what should have left.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tillwire_proto::{Code, Quantity, Sku, Unit};
use tillwire_relay_core::odoo::{PickLine, Picking, ResolvedStock, Tracking};
use tillwire_relay_core::settings::Factor;
use tillwire_relay_core::stock::{Goods, ItemRule, StockItem, StockLot, StockTarget, delta, moved};

use crate::stock::{odoo, product, rules, sku};
use crate::world::World;

/// The till's items, and the products that they may stand for.
const ITEMS: [&str; 4] = ["I0", "I1", "P0", "0001"];
const PRODUCTS: [&str; 3] = ["P0", "P1", "P2"];

/// What happens between two looks at a day.
#[derive(Debug, Clone)]
enum Turn {
    /// The till sells, or takes back, so many of an item.
    Sell(usize, i64),
    /// The mapping says that an item is so many of a product.
    Map(usize, usize, i64),
    /// Odoo does not know a product for one look.
    Forget(usize),
    /// The relay's database is an older copy: pickings are read back, under the products' own numbers.
    ReadBack,
    /// The batches of one look are stored in another order.
    Shuffle(prop::sample::Index),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (0..ITEMS.len(), -3..6_i64).prop_map(|(item, count)| Turn::Sell(item, count)),
        2 => (0..ITEMS.len(), 0..PRODUCTS.len(), 1..13_i64).prop_map(|(item, to, per)| Turn::Map(item, to, per)),
        1 => (0..PRODUCTS.len()).prop_map(Turn::Forget),
        1 => Just(Turn::ReadBack),
        1 => any::<prop::sample::Index>().prop_map(Turn::Shuffle),
    ]
}

#[derive(Default)]
struct Shop {
    sold: BTreeMap<Sku, i64>,
    mapping: BTreeMap<Sku, (Sku, i64)>,
    pickings: Vec<Picking>,
}

impl Shop {
    fn target(&self) -> StockTarget {
        let item = |count: i64| {
            let quantity = Quantity::from_millionths(count * 1_000_000, Unit::Each);
            let lot = StockLot {
                quantity,
                tickets: Vec::new(),
            };
            StockItem {
                quantity,
                lots: [(None, lot)].into(),
                records: Vec::new(),
            }
        };
        StockTarget {
            items: self
                .sold
                .iter()
                .map(|(sku, count)| (sku.clone(), item(*count)))
                .collect(),
            exceptions: Vec::new(),
        }
    }

    fn rule(&self, item: &Sku) -> ItemRule {
        match self.mapping.get(item) {
            Some((to, per)) => ItemRule {
                sku: to.clone(),
                factor: Factor::parse(&per.to_string()).unwrap(),
                said: true,
            },
            None => ItemRule::same(item.clone()),
        }
    }

    /// One look at the day, and what it intends.
    fn look(&mut self, world: &World, odoo: &ResolvedStock) {
        let found = {
            let rule = |item: &Sku| self.rule(item);
            delta(
                &rules(world, &rule),
                &self.target(),
                &moved(&self.pickings).unwrap(),
                odoo,
            )
        };
        for batch in found.batches {
            for line in &batch.lines {
                assert!(!line.quantity.is_zero() && !line.quantity.is_negative());
            }
            let (tenant, store) = (&world.settings.tenant, &world.settings.store);
            let number = self.pickings.len() as u64 + 1;
            self.pickings
                .push(batch.picking(tenant, store, crate::world::day(), number));
        }
    }

    fn moved_by_product(&self, odoo: &ResolvedStock) -> BTreeMap<i64, i64> {
        let mut sums = BTreeMap::new();
        for (Goods { sku, .. }, quantity) in moved(&self.pickings).unwrap() {
            *sums.entry(odoo.products[&sku].id).or_default() += quantity.millionths();
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }

    fn wanted_by_product(&self, odoo: &ResolvedStock) -> BTreeMap<i64, i64> {
        let mut sums = BTreeMap::new();
        for (item, count) in &self.sold {
            let rule = self.rule(item);
            if let Some(product) = odoo.products.get(&rule.sku) {
                let per = self.mapping.get(item).map_or(1, |(_, per)| *per);
                *sums.entry(product.id).or_default() += count * per * 1_000_000;
            }
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }
}

/// P0 has the barcode 0001.
fn known() -> ResolvedStock {
    let mut odoo = odoo(&PRODUCTS);
    odoo.products.insert(sku("0001"), product(1, "P0"));
    odoo
}

proptest! {
    #[test]
    fn every_product_has_moved_what_the_last_mapping_says(turns in prop::collection::vec(turn(), 1..40)) {
        let (world, all) = (World::new(), known());
        let mut shop = Shop::default();
        for turn in turns {
            let mut odoo = all.clone();
            match turn {
                Turn::Sell(item, count) => *shop.sold.entry(sku(ITEMS[item])).or_default() += count,
                Turn::Map(item, to, per) => {
                    shop.mapping.insert(sku(ITEMS[item]), (sku(PRODUCTS[to]), per));
                }
                Turn::Forget(which) => odoo.products.retain(|_, product| product.sku.as_str() != PRODUCTS[which]),
                Turn::ReadBack => {
                    for line in shop.pickings.iter_mut().flat_map(|picking| &mut picking.lines) {
                        line.sku = all.products[&line.sku].sku.clone();
                    }
                }
                Turn::Shuffle(by) => {
                    let count = shop.pickings.len().max(1);
                    let middle = by.index(count).min(shop.pickings.len());
                    shop.pickings.rotate_left(middle);
                }
            }
            shop.look(&world, &odoo);
        }
        shop.look(&world, &all);
        prop_assert_eq!(shop.moved_by_product(&all), shop.wanted_by_product(&all));
        let count = shop.pickings.len();
        shop.look(&world, &all);
        prop_assert_eq!(shop.pickings.len(), count, "nothing is left to move");
    }

    #[test]
    fn a_lot_leaves_once_whenever_the_product_becomes_tracked(
        sold in prop::collection::vec((0..3_usize, 1..4_i64), 1..12),
        switch in any::<prop::sample::Index>(),
    ) {
        let world = World::new();
        let switch = switch.index(sold.len());
        let mut lots: BTreeMap<Option<Code>, StockLot> = BTreeMap::new();
        let mut pickings: Vec<Picking> = Vec::new();
        for (step, (lot, count)) in sold.into_iter().enumerate() {
            let name = Code::new(&format!("L{lot}")).unwrap();
            let there = lots.entry(Some(name)).or_insert_with(|| StockLot {
                quantity: Quantity::each(0),
                tickets: Vec::new(),
            });
            there.quantity = there.quantity.checked_add(Quantity::from_millionths(count * 1_000_000, Unit::Each)).unwrap();
            let mut odoo = known();
            if step >= switch {
                odoo.products.get_mut(&sku("P0")).unwrap().tracking = Tracking::Lot;
                for (id, name) in (70..).zip(["L0", "L1", "L2"]) {
                    let lot = tillwire_relay_core::odoo::Lot { id, place: Some(8) };
                    odoo.lots.insert((1, Code::new(name).unwrap()), lot);
                }
            }
            let sum = lots.values().map(|lot| lot.quantity.millionths()).sum::<i64>();
            let target = StockTarget {
                items: [(sku("P0"), StockItem {
                    quantity: Quantity::from_millionths(sum, Unit::Each),
                    lots: lots.clone(),
                    records: Vec::new(),
                })].into(),
                exceptions: Vec::new(),
            };
            let rule = |item: &Sku| ItemRule::same(item.clone());
            let found = delta(&rules(&world, &rule), &target, &moved(&pickings).unwrap(), &odoo);
            prop_assert!(found.held.is_empty(), "{:?}", found.held);
            for batch in found.batches {
                let number = pickings.len() as u64 + 1;
                let of = (&world.settings.tenant, &world.settings.store);
                pickings.push(batch.picking(of.0, of.1, crate::world::day(), number));
            }
            let out: i64 = pickings.iter().flat_map(Picking::sold).map(|line: &PickLine| line.quantity.millionths()).sum();
            prop_assert_eq!(out, sum);
        }
    }
}
