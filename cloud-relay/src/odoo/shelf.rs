//! What Odoo says of a store's shelf: quantities now, last counts, and what moved since, summed by Odoo itself.
//!
//! Five questions per 500 products, and one for the store's places, however many moves there were.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::StoreId;
use tillwire_relay_core::odoo::{Answer, Product};
use tillwire_relay_core::stock::{Count, OdooSide};

use super::lots::{grouped, on_hand, rounded};
use super::preflight::{Ask, id_of, text_of};

/// Products asked in one call.
const PAGE: usize = 500;

/// A moved line, whose quantity is in the product's own unit.
const LINE: &str = "stock.move.line";

const QUANTITY: &str = "quantity_product_uom";

/// Reads the sides of these products. `known` has the quantity of a count that an earlier report saw, by product and
/// time: it was worked out when no other move had hidden an edit yet.
///
/// # Errors
/// The answer that asking got.
pub async fn sides(
    ask: &Ask<'_>,
    (stock, store): (i64, &StoreId),
    products: &[Product],
    known: &BTreeMap<(i64, i64), i64>,
) -> Result<BTreeMap<i64, OdooSide>, Answer> {
    let places = ask
        .search("stock.location", json!([["id", "child_of", stock]]), &["usage"])
        .await?;
    let shelf = Shelf {
        ask,
        stock,
        inside: places.iter().filter_map(|row| row["id"].as_i64()).collect(),
        ours: json!(["reference", "=like", format!("TW/{store}/%")]),
    };
    let mut all = BTreeMap::new();
    for page in products.chunks(PAGE) {
        all.extend(shelf.page(page, known).await?);
    }
    Ok(all)
}

struct Shelf<'a> {
    ask: &'a Ask<'a>,
    stock: i64,
    /// The stock's location and every place inside it.
    inside: BTreeSet<i64>,
    /// The condition that a line is of one of this relay's pickings.
    ours: Value,
}

impl Shelf<'_> {
    async fn page(
        &self,
        products: &[Product],
        known: &BTreeMap<(i64, i64), i64>,
    ) -> Result<BTreeMap<i64, OdooSide>, Answer> {
        let ids: BTreeSet<i64> = products.iter().map(|product| product.id).collect();
        let now = on_hand(self.ask, &ids, self.stock).await?;
        let counts = self.counts(&ids).await?;
        let since = since(&ids, &counts);
        let (ours, not_ours) = (
            vec![self.ours.clone()],
            vec![
                json!("|"),
                json!(["reference", "=", false]),
                json!("!"),
                self.ours.clone(),
            ],
        );
        let ours_since = self.moved(&[since.clone(), ours.clone()].concat(), &[]).await?;
        let ours_ever = self
            .moved(&[vec![json!(["product_id", "in", ids])], ours].concat(), &[])
            .await?;
        let others = self.moved(&[since, not_ours].concat(), &["reference"]).await?;
        let mut sides = BTreeMap::new();
        for product in products {
            let id = product.id;
            let mut side = OdooSide {
                now: now.get(&id).copied().unwrap_or(0),
                count: None,
                ours: net(&ours_since, id),
                ours_ever: net(&ours_ever, id),
                others: documents(&others, id),
                rounding: product.uom.rounding,
                kit: product.kit.is_some(),
            };
            let moved = side
                .others
                .iter()
                .map(|(_, quantity)| quantity)
                .sum::<i64>()
                .saturating_add(side.ours);
            side.count = counts.get(&id).map(|(at_ms, _)| Count {
                at_ms: *at_ms,
                quantity: known
                    .get(&(id, *at_ms))
                    .copied()
                    .unwrap_or(side.now.saturating_sub(moved)),
            });
            sides.insert(id, side);
        }
        Ok(sides)
    }

    /// When each product was last counted: milliseconds, and as Odoo writes it.
    async fn counts(&self, ids: &BTreeSet<i64>) -> Result<BTreeMap<i64, (i64, String)>, Answer> {
        let domain = json!([
            ["product_id", "in", ids],
            ["state", "=", "done"],
            ["is_inventory", "=", true],
            "|",
            ["location_id", "child_of", self.stock],
            ["location_dest_id", "child_of", self.stock]
        ]);
        let rows = grouped(self.ask, LINE, domain, &["date:max"], &["product_id"]).await?;
        let dated = rows.iter().filter_map(|row| {
            let at = text_of(&row["date"])?;
            Some((id_of(&row["product_id"])?, (moment(at)?, at.to_owned())))
        });
        Ok(dated.collect())
    }

    /// What crossed the edge of the store's stock, by product, source and `by`.
    async fn moved(&self, conditions: &[Value], by: &[&str]) -> Result<Vec<Moved>, Answer> {
        let (from, to) = (
            json!(["location_id", "child_of", self.stock]),
            json!(["location_dest_id", "child_of", self.stock]),
        );
        let mut domain = vec![json!(["state", "=", "done"])];
        domain.extend(["|", "&"].map(Value::from));
        domain.extend([
            from.clone(),
            json!("!"),
            to.clone(),
            json!("&"),
            json!("!"),
            from,
            to,
        ]);
        domain.extend_from_slice(conditions);
        let mut groups = vec!["product_id", "location_id"];
        groups.extend_from_slice(by);
        let sum = format!("{QUANTITY}:sum");
        let rows = grouped(self.ask, LINE, Value::Array(domain), &[&sum], &groups).await?;
        let read = rows.iter().filter_map(|row| {
            let quantity = rounded(&row[QUANTITY])?;
            let out = self.inside.contains(&id_of(&row["location_id"])?);
            Some(Moved {
                product: id_of(&row["product_id"])?,
                quantity: if out { quantity.saturating_neg() } else { quantity },
                document: text_of(&row["reference"])
                    .unwrap_or("a move without a name")
                    .to_owned(),
            })
        });
        Ok(read.collect())
    }
}

/// What one document, or all of ours, moved of a product; positive into the store.
struct Moved {
    product: i64,
    quantity: i64,
    document: String,
}

/// After each product's own count; from the beginning for one that was never counted.
fn since(ids: &BTreeSet<i64>, counts: &BTreeMap<i64, (i64, String)>) -> Vec<Value> {
    let never: BTreeSet<&i64> = ids.iter().filter(|id| !counts.contains_key(id)).collect();
    let mut domain = vec![json!("|"); counts.len()];
    domain.push(json!(["product_id", "in", never]));
    for (id, (_, at)) in counts {
        domain.extend([
            json!("&"),
            json!(["product_id", "=", id]),
            json!(["date", ">", at]),
        ]);
    }
    domain
}

fn net(moved: &[Moved], product: i64) -> i64 {
    let own = moved.iter().filter(|moved| moved.product == product);
    own.fold(0, |sum, moved| sum.saturating_add(moved.quantity))
}

fn documents(moved: &[Moved], product: i64) -> Vec<(String, i64)> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for moved in moved.iter().filter(|moved| moved.product == product) {
        let sum = sums.entry(&moved.document).or_default();
        *sum = sum.saturating_add(moved.quantity);
    }
    sums.into_iter()
        .map(|(document, sum)| (document.to_owned(), sum))
        .collect()
}

/// Odoo writes moments in UTC, without saying so.
fn moment(text: &str) -> Option<i64> {
    let at: jiff::civil::DateTime = text.parse().ok()?;
    Some(
        at.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_product_is_asked_since_its_own_count() {
        let counts = [
            (2, (0, "2026-11-20 10:00:00".to_owned())),
            (3, (0, "2026-11-21 09:00:00".to_owned())),
        ];
        let domain = since(&[1, 2, 3].into(), &counts.into());
        let wanted = json!([
            "|",
            "|",
            ["product_id", "in", [1]],
            "&",
            ["product_id", "=", 2],
            ["date", ">", "2026-11-20 10:00:00"],
            "&",
            ["product_id", "=", 3],
            ["date", ">", "2026-11-21 09:00:00"]
        ]);
        assert_eq!(Value::Array(domain), wanted);
        assert_eq!(moment("2026-11-20 10:00:00"), Some(1_795_168_800_000));
    }
}
