//! Nothing is in Odoo twice: every entry in the stores' journals and every transfer out of their warehouses has one
//! external id of ours, and every such id names one record.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::odoo_api::OdooApi;
use crate::odoo_company::{invoice_journal_code, journal_code, warehouse_code};

/// The module that the relay's external ids are in.
const MODULE: &str = "tillwire";

/// What is wrong.
///
/// # Errors
/// Odoo's own words. Needs a user who may read external ids.
pub async fn check(odoo: &OdooApi, stores: usize) -> anyhow::Result<Vec<String>> {
    let journals = (0..stores).flat_map(|store| [journal_code(store), invoice_journal_code(store)]);
    let journals: Vec<_> = journals.collect();
    let journals = ids(odoo, "account.journal", json!([["code", "in", journals]])).await?;
    let entries = ids(odoo, "account.move", json!([["journal_id", "in", journals]])).await?;
    let houses: Vec<_> = (0..stores).map(warehouse_code).collect();
    let kinds = ids(
        odoo,
        "stock.picking.type",
        json!([["warehouse_id.code", "in", houses]]),
    )
    .await?;
    let pickings = ids(odoo, "stock.picking", json!([["picking_type_id", "in", kinds]])).await?;
    let mut wrong = named_once(odoo, "account.move", &entries).await?;
    wrong.extend(named_once(odoo, "stock.picking", &pickings).await?);
    Ok(wrong)
}

async fn named_once(odoo: &OdooApi, model: &str, records: &[i64]) -> anyhow::Result<Vec<String>> {
    let domain = json!([
        ["module", "=", MODULE],
        ["model", "=", model],
        ["res_id", "in", records]
    ]);
    let names = odoo
        .search("ir.model.data", domain, &["name", "res_id"])
        .await
        .context("read external ids")?;
    let mut of_record: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for name in &names {
        let record = name["res_id"].as_i64().unwrap_or(0);
        of_record
            .entry(record)
            .or_default()
            .push(name["name"].as_str().unwrap_or(""));
    }
    let wrong = records
        .iter()
        .filter_map(|id| match of_record.get(id).map(Vec::as_slice) {
            Some([_one]) => None,
            Some(several) => Some(format!(
                "{model} {id} has {} external ids: {several:?}",
                several.len()
            )),
            None => Some(format!("{model} {id} is nobody's: it has no external id of ours")),
        });
    Ok(wrong.collect())
}

async fn ids(odoo: &OdooApi, model: &str, domain: Value) -> anyhow::Result<Vec<i64>> {
    let rows = odoo.search(model, domain, &["id"]).await?;
    Ok(rows.iter().filter_map(|row| row["id"].as_i64()).collect())
}
