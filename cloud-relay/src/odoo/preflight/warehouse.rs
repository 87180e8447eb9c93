//! The warehouse of a store: where its goods stand, where customers are, and which picking types move between them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tillwire_proto::Sku;
use tillwire_relay_core::odoo::{Answer, OdooVersion, Product, ResolvedStock};
use tillwire_relay_core::settings::StoreSettings;

use super::ask::{Ask, id_of, in_words};
use super::finding::Finding;

/// Where a store's goods move. With products it is what a picking is written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shelf {
    /// The server's version, which decides columns.
    pub version: OdooVersion,
    /// `stock.warehouse` id.
    pub warehouse: i64,
    /// `stock.picking.type` id for goods out.
    pub type_out: i64,
    /// `stock.picking.type` id for goods back.
    pub type_back: i64,
    /// `stock.location` id of the store's stock.
    pub stock: i64,
    /// `stock.location` id of customers.
    pub customers: i64,
}

impl Shelf {
    /// With these products.
    #[must_use]
    pub fn with(&self, products: impl IntoIterator<Item = (Sku, Product)>) -> ResolvedStock {
        ResolvedStock {
            version: self.version,
            type_out: self.type_out,
            type_back: self.type_back,
            stock: self.stock,
            customers: self.customers,
            products: products.into_iter().collect(),
            lots: BTreeMap::new(),
            on_hand: BTreeMap::new(),
        }
    }
}

pub(super) async fn check(
    ask: &Ask<'_>,
    store: &StoreSettings,
    findings: &mut Vec<Finding>,
) -> Option<Shelf> {
    match look(ask, &store.odoo.warehouse_code).await {
        Ok(Ok(shelf)) => Some(shelf),
        Ok(Err(finding)) => {
            findings.push(finding.of(&store.store));
            None
        }
        Err(answer) => {
            let what = format!("the warehouses cannot be read: {}", in_words(&answer));
            let mend = "give the integration user Inventory: User";
            findings.push(Finding::stop("stock-unreadable", what, mend).of(&store.store));
            None
        }
    }
}

async fn look(ask: &Ask<'_>, code: &str) -> Result<Result<Shelf, Finding>, Answer> {
    let fields = ["code", "lot_stock_id", "out_type_id", "in_type_id"];
    let rows = ask
        .search("stock.warehouse", json!([["code", "=", code]]), &fields)
        .await?;
    let [row] = rows.as_slice() else {
        let what = format!("found {} warehouses with code {code:?}, wanted one", rows.len());
        let mend =
            format!("create a warehouse with short name {code} in this company, or correct odoo.warehouse");
        return Ok(Err(Finding::stop("warehouse-missing", what, mend)));
    };
    let out = id_of(&row["out_type_id"]);
    let type_row = ask
        .search(
            "stock.picking.type",
            json!([["id", "=", out]]),
            &["return_picking_type_id", "default_location_dest_id"],
        )
        .await?;
    let customers = customers(ask, type_row.first()).await?;
    // goods that come back use the type that Odoo itself uses for returns, else the one for receipts
    let back = type_row
        .first()
        .and_then(|row| id_of(&row["return_picking_type_id"]))
        .or_else(|| id_of(&row["in_type_id"]));
    Ok(shelf_of(ask.version, row, out, back, customers).ok_or_else(|| {
        let what =
            format!("warehouse {code:?} lacks its delivery type, its stock location or a customer location");
        Finding::stop(
            "warehouse-incomplete",
            what,
            "open the warehouse in Inventory, Configuration and save it",
        )
    }))
}

fn shelf_of(
    version: OdooVersion,
    row: &Value,
    out: Option<i64>,
    back: Option<i64>,
    customers: Option<i64>,
) -> Option<Shelf> {
    Some(Shelf {
        version,
        warehouse: row["id"].as_i64()?,
        type_out: out?,
        type_back: back?,
        stock: id_of(&row["lot_stock_id"])?,
        customers: customers?,
    })
}

/// The delivery type's own destination from 18 on; 17 leaves that empty and takes the first customer location.
async fn customers(ask: &Ask<'_>, kind: Option<&Value>) -> Result<Option<i64>, Answer> {
    let default = kind.and_then(|row| id_of(&row["default_location_dest_id"]));
    let rows = ask
        .search("stock.location", json!([["usage", "=", "customer"]]), &["usage"])
        .await?;
    let all: Vec<i64> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
    // a warehouse that delivers in steps sends first to an inner location; sold goods have left the store
    Ok(default
        .filter(|id| all.contains(id))
        .or_else(|| all.first().copied()))
}
