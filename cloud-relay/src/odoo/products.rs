//! Products by item number: asked in batches, remembered, and asked again when remembered ones grow old.
//!
//! A number is an internal reference, or a barcode where no product has it as its reference. A number that Odoo does not
//! know is remembered too, for a shorter time, so that a store that sells one unknown item all day does not ask for it
//! with every batch, and so that an item created at noon moves soon after.

mod kits;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use tillwire_proto::Sku;
use tillwire_relay_core::odoo::{Answer, Call, Product};

use super::preflight::Ask;
use rows::{Fields, Uoms};

/// Numbers asked in one call. 500 rows are about 100 KiB and below half a second.
const BATCH_MAX: usize = 500;

/// How long a product is believed, in milliseconds: its unit or tracking may change, rarely.
const KNOWN_MS: i64 = 6 * 3_600_000;

/// How long a kit is believed, in milliseconds: what it is packed of changes more often, and matters at once.
const KIT_MS: i64 = 10 * 60_000;

/// How long an unknown number is believed, in milliseconds.
const UNKNOWN_MS: i64 = 5 * 60_000;

/// What Odoo says about an item number.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    uoms: Uoms,
    /// Which fields this Odoo has, once asked.
    fields: Option<Fields>,
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
        let stale: Vec<Sku> = skus
            .iter()
            .filter(|sku| !self.is_fresh(sku, now_ms))
            .cloned()
            .collect();
        for batch in stale.chunks(BATCH_MAX) {
            let learned = self.learn(ask, batch).await?;
            self.items
                .extend(learned.into_iter().map(|(sku, item)| (sku, (item, now_ms))));
        }
        let found = skus
            .iter()
            .filter_map(|sku| Some((sku.clone(), self.items.get(sku)?.0.clone())));
        Ok(found.collect())
    }

    async fn learn(&mut self, ask: &Ask<'_>, skus: &[Sku]) -> Result<Vec<(Sku, Item)>, Answer> {
        let fields = self.fields(ask).await?;
        let rows = numbered(ask, &fields, skus.iter().map(Sku::as_str)).await?;
        self.uoms.learn(ask, &rows).await?;
        let kits = kits::of(ask, &fields, &mut self.uoms, &rows).await?;
        // a product that was found by its barcode goes by its reference, if that is its alone
        let references = rows::other_references(&rows, skus);
        let mut others = numbered(ask, &fields, references.iter().map(String::as_str)).await?;
        others.retain(|other| rows.iter().all(|row| row["id"] != other["id"]));
        others.extend(rows.iter().cloned());
        let named = |sku: &Sku| {
            let item = match rows::pick(&rows, sku.as_str()) {
                Ok(Some(row)) => {
                    let product = rows::product(row, sku, &others, ask.version, &self.uoms);
                    product.map_or(Item::Unknown, |product| {
                        let kit = kits.get(&product.id).cloned();
                        Item::Known(Product { kit, ..product })
                    })
                }
                Ok(None) => Item::Unknown,
                Err(several) => Item::Ambiguous(several),
            };
            (sku.clone(), item)
        };
        Ok(skus.iter().map(named).collect())
    }

    /// Kits come with an app of their own; without it, nothing may be asked about them.
    async fn fields(&mut self, ask: &Ask<'_>) -> Result<Fields, Answer> {
        if let Some(fields) = self.fields {
            return Ok(fields);
        }
        let call = Call::on("mrp.bom", "fields_get")
            .option("allfields", json!(["type"]))
            .option("attributes", json!(["type"]));
        let has_bills = match ask.call(call).await {
            Ok(_) => true,
            Err(Answer::Rejected { .. }) => false,
            Err(other) => return Err(other),
        };
        let fields = Fields {
            version: ask.version,
            has_bills,
        };
        self.fields = Some(fields);
        Ok(fields)
    }

    /// Forgets what is unknown, and which apps are installed: somebody says that the catalogue was mended.
    pub fn forget_unknown(&mut self) {
        self.items
            .retain(|_, (item, _)| matches!(item, Item::Known(product) if product.kit.is_none()));
        self.fields = None;
    }

    /// Forgets one number: Odoo refused it.
    pub fn forget(&mut self, sku: &Sku) {
        self.items.remove(sku);
    }

    fn is_fresh(&self, sku: &Sku, now_ms: i64) -> bool {
        self.items.get(sku).is_some_and(|(item, at_ms)| {
            let keep = match item {
                Item::Known(product) if product.kit.is_some() => KIT_MS,
                Item::Known(_) => KNOWN_MS,
                Item::Unknown | Item::Ambiguous(_) => UNKNOWN_MS,
            };
            // a clock that went back makes everything stale rather than fresh for ever
            (0..keep).contains(&now_ms.saturating_sub(*at_ms))
        })
    }
}

/// Products whose reference or barcode is one of these; also archived ones, because what is still on the shelf still
/// leaves it when it is sold.
async fn numbered(
    ask: &Ask<'_>,
    fields: &Fields,
    numbers: impl Iterator<Item = &str>,
) -> Result<Vec<Value>, Answer> {
    let numbers: Vec<&str> = numbers.collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let domain = json!(["|", ["default_code", "in", numbers], ["barcode", "in", numbers]]);
    ask.clone()
        .archived_too()
        .search("product.product", domain, &fields.names())
        .await
}

#[cfg(test)]
mod tests;
