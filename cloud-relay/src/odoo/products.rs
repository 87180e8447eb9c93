//! Products by item number: asked in batches, remembered, and asked again when remembered ones grow old.
//!
//! A number that Odoo does not know is remembered too, for a shorter time, so that a store that sells one unknown
//! item all day does not ask for it with every batch, and so that an item created at noon moves soon after.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use tillwire_proto::Sku;
use tillwire_relay_core::odoo::{Answer, Product};

use super::preflight::Ask;

/// Numbers asked in one call. 500 rows are about 100 KiB and below half a second.
const BATCH_MAX: usize = 500;

/// How long a product is believed, in milliseconds: its unit or tracking may change, rarely.
const KNOWN_MS: i64 = 6 * 3_600_000;

/// How long an unknown number is believed, in milliseconds.
const UNKNOWN_MS: i64 = 5 * 60_000;

/// What Odoo says about an item number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// One product.
    Known(Product),
    /// None.
    Unknown,
    /// Several, so that no one of them is meant.
    Ambiguous(usize),
}

/// The products of one company. Cheap questions, one owner.
#[derive(Debug, Default)]
pub struct Products {
    items: HashMap<Sku, (Item, i64)>,
}

impl Products {
    /// What Odoo says about these numbers, asking for those that are not remembered or too old.
    ///
    /// # Errors
    /// The answer that asking got; what was learned before stays remembered.
    pub async fn find(
        &mut self,
        ask: &Ask<'_>,
        skus: &BTreeSet<Sku>,
        now_ms: i64,
    ) -> Result<BTreeMap<Sku, Item>, Answer> {
        let stale: Vec<&Sku> = skus.iter().filter(|sku| !self.is_fresh(sku, now_ms)).collect();
        for batch in stale.chunks(BATCH_MAX) {
            let rows = search(ask, batch).await?;
            for sku in batch {
                self.items.insert((*sku).clone(), (item(&rows, sku), now_ms));
            }
        }
        let found = skus
            .iter()
            .filter_map(|sku| Some((sku.clone(), self.items.get(sku)?.0)));
        Ok(found.collect())
    }

    /// Forgets what is unknown: somebody says that the catalogue was mended.
    pub fn forget_unknown(&mut self) {
        self.items.retain(|_, (item, _)| matches!(item, Item::Known(_)));
    }

    /// Forgets one number: Odoo refused it.
    pub fn forget(&mut self, sku: &Sku) {
        self.items.remove(sku);
    }

    fn is_fresh(&self, sku: &Sku, now_ms: i64) -> bool {
        self.items.get(sku).is_some_and(|(item, at_ms)| {
            let keep = if matches!(item, Item::Known(_)) {
                KNOWN_MS
            } else {
                UNKNOWN_MS
            };
            // a clock that went back makes everything stale rather than fresh for ever
            (0..keep).contains(&now_ms.saturating_sub(*at_ms))
        })
    }
}

async fn search(ask: &Ask<'_>, skus: &[&Sku]) -> Result<Vec<Value>, Answer> {
    let codes: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let domain = json!([["default_code", "in", codes]]);
    let fields = ["default_code", "uom_id", "tracking", "active"];
    // an archived product that is still on the shelf still leaves it when it is sold
    ask.clone()
        .archived_too()
        .search("product.product", domain, &fields)
        .await
}

fn item(rows: &[Value], sku: &Sku) -> Item {
    let named: Vec<&Value> = rows
        .iter()
        .filter(|row| row["default_code"] == json!(sku.as_str()))
        .collect();
    let active: Vec<&Value> = named
        .iter()
        .copied()
        .filter(|row| row["active"] == json!(true))
        .collect();
    let found = if active.is_empty() { named } else { active };
    match found.as_slice() {
        [] => Item::Unknown,
        [row] => product(row).map_or(Item::Unknown, Item::Known),
        several => Item::Ambiguous(several.len()),
    }
}

fn product(row: &Value) -> Option<Product> {
    let uom = &row["uom_id"];
    Some(Product {
        id: row["id"].as_i64()?,
        uom: uom.as_i64().or_else(|| uom.get(0)?.as_i64())?,
        tracked: row["tracking"]
            .as_str()
            .is_some_and(|tracking| tracking != "none"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(id: i64, code: &str, active: bool) -> Value {
        json!({ "id": id, "default_code": code, "uom_id": [1, "Units"], "tracking": "none", "active": active })
    }

    #[test]
    fn an_archived_twin_does_not_hide_the_product() {
        let sku = Sku::new("A-1").unwrap();
        let rows = [row(1, "A-1", false), row(2, "A-1", true), row(3, "B-1", true)];
        assert!(matches!(item(&rows, &sku), Item::Known(Product { id: 2, .. })));
        assert!(matches!(
            item(&rows[..1], &sku),
            Item::Known(Product { id: 1, .. })
        ));
    }

    #[test]
    fn two_products_with_one_number_are_neither() {
        let sku = Sku::new("A-1").unwrap();
        let rows = [row(1, "A-1", true), row(2, "A-1", true)];
        assert_eq!(item(&rows, &sku), Item::Ambiguous(2));
        assert_eq!(item(&rows, &Sku::new("C").unwrap()), Item::Unknown);
    }

    #[test]
    fn an_unknown_number_is_asked_again_sooner() {
        let mut products = Products::default();
        let (known, unknown) = (Sku::new("A").unwrap(), Sku::new("B").unwrap());
        let product = Product {
            id: 1,
            uom: 1,
            tracked: false,
        };
        products.items.insert(known.clone(), (Item::Known(product), 0));
        products.items.insert(unknown.clone(), (Item::Unknown, 0));
        assert!(products.is_fresh(&unknown, UNKNOWN_MS - 1));
        assert!(!products.is_fresh(&unknown, UNKNOWN_MS));
        assert!(products.is_fresh(&known, UNKNOWN_MS));
        assert!(!products.is_fresh(&known, -1));
        products.forget_unknown();
        assert!(!products.is_fresh(&unknown, 0) && products.is_fresh(&known, 0));
    }
}
