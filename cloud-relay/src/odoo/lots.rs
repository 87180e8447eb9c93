//! Lots and serial numbers by name, and what stands in a store: asked anew for each batch, because they change with
//! every sale.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::{Code, Quantity, Unit};
use tillwire_relay_core::odoo::{Answer, Call, Lot};

use super::preflight::{Ask, id_of};

/// Lots asked in one call.
const BATCH_MAX: usize = 500;

/// The lots of these products that carry these names, and whether some of each stands at `stock` or inside it.
///
/// # Errors
/// The answer that asking got.
pub async fn lots(
    ask: &Ask<'_>,
    wanted: &BTreeSet<(i64, Code)>,
    stock: i64,
) -> Result<BTreeMap<(i64, Code), Lot>, Answer> {
    let mut found = BTreeMap::new();
    let all: Vec<&(i64, Code)> = wanted.iter().collect();
    for batch in all.chunks(BATCH_MAX) {
        let names: BTreeSet<&str> = batch.iter().map(|(_, name)| name.as_str()).collect();
        let products: BTreeSet<i64> = batch.iter().map(|(product, _)| *product).collect();
        let domain = json!([["name", "in", names], ["product_id", "in", products]]);
        let rows = ask.search("stock.lot", domain, &["name", "product_id"]).await?;
        let ids: Vec<i64> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
        let places = places(ask, &ids, stock).await?;
        for row in &rows {
            if let Some((key, id)) = named(row) {
                let place = places.get(&id).copied();
                found.insert(key, Lot { id, place });
            }
        }
    }
    found.retain(|key, _| wanted.contains(key));
    Ok(found)
}

fn named(row: &Value) -> Option<((i64, Code), i64)> {
    let name = Code::new(row["name"].as_str()?).ok()?;
    Some(((id_of(&row["product_id"])?, name), row["id"].as_i64()?))
}

/// Where lots stand.
async fn places(ask: &Ask<'_>, lots: &[i64], stock: i64) -> Result<BTreeMap<i64, i64>, Answer> {
    if lots.is_empty() {
        return Ok(BTreeMap::new());
    }
    let domain = json!([
        ["lot_id", "in", lots],
        ["location_id", "child_of", stock],
        ["quantity", ">", 0]
    ]);
    let rows = ask
        .search("stock.quant", domain, &["lot_id", "location_id"])
        .await?;
    let places = rows
        .iter()
        .filter_map(|row| Some((id_of(&row["lot_id"])?, id_of(&row["location_id"])?)));
    Ok(places.collect())
}

/// What stands at `stock` and inside it of these products, in millionths; nothing for one that Odoo keeps no quantity of.
///
/// # Errors
/// The answer that asking got.
pub async fn on_hand(
    ask: &Ask<'_>,
    products: &BTreeSet<i64>,
    stock: i64,
) -> Result<BTreeMap<i64, i64>, Answer> {
    let mut sums: BTreeMap<i64, i64> = products.iter().map(|id| (*id, 0)).collect();
    let domain = json!([["product_id", "in", products], ["location_id", "child_of", stock]]);
    for row in grouped(ask, "stock.quant", domain, &["quantity:sum"], &["product_id"]).await? {
        if let (Some(product), Some(quantity)) = (id_of(&row["product_id"]), rounded(&row["quantity"])) {
            sums.insert(product, quantity);
        }
    }
    Ok(sums)
}

/// Sums by groups, in the shape that 17 to 19 give.
///
/// # Errors
/// Any answer without a list of groups.
pub async fn grouped(
    ask: &Ask<'_>,
    model: &'static str,
    domain: Value,
    sums: &[&str],
    by: &[&str],
) -> Result<Vec<Value>, Answer> {
    let call = Call::on(model, "read_group")
        .arg("domain", domain)
        .arg("fields", json!(sums))
        .arg("groupby", json!(by))
        .option("lazy", json!(false));
    match ask.call(call).await? {
        Value::Array(rows) => Ok(rows),
        _ => Err(Answer::Unknown {
            after_ms: None,
            reason: format!("sums of {model} could not be read"),
        }),
    }
}

/// A sum of Odoo's, which adds in binary fractions: its decimal text to the nearest millionth, halves away from zero.
#[must_use]
pub fn rounded(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    if let Ok(exact) = Quantity::parse(&text, Unit::Each) {
        return Some(exact.millionths());
    }
    let (whole, fraction) = text.split_once('.')?;
    // so fine that it is nothing: 1.2e-9
    if text.contains(['e', 'E']) {
        return text.contains("e-").then_some(0);
    }
    let kept = Quantity::parse(&format!("{whole}.{}", fraction.get(..6)?), Unit::Each).ok()?;
    let up = fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5');
    let step = match (up, text.starts_with('-')) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => -1,
    };
    kept.millionths().checked_add(step)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sum_of_binary_fractions_is_the_decimal_that_was_meant() {
        let of = |text: &str| rounded(&serde_json::from_str(text).unwrap());
        assert_eq!(of("0.30000000000000004"), Some(300_000));
        assert_eq!(of("-0.30000000000000004"), Some(-300_000));
        assert_eq!(of("2.9999999999999996"), Some(3_000_000));
        assert_eq!(of("-7"), Some(-7_000_000));
        assert_eq!(of("1.3877787807814457e-17"), Some(0));
        assert_eq!(of("false"), None);
    }
}
