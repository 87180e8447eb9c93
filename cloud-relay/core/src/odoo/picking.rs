//! A batch of stock movements as one `stock.picking`. Goods out and goods back are two pickings with swapped
//! locations, because Odoo moves a negative quantity into a new picking of its own that nobody validates.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tillwire_proto::{Quantity, Sku};

use super::call::{Call, create_if_absent};
use super::effect::EffectKey;
use super::resolved::{PayloadError, Product, ResolvedStock};

/// Which way the goods go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the store to customers.
    Out,
    /// From customers to the store.
    Back,
}

/// A picking to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picking {
    /// Its key and external id.
    pub key: EffectKey,
    /// Its name, which Odoo's database keeps unique per company: a second guard.
    pub name: String,
    /// What Odoo shows as its origin.
    pub origin: String,
    /// Which way.
    pub direction: Direction,
    /// What moves, each item once, each quantity more than zero.
    pub lines: Vec<PickLine>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickLine {
    /// The item.
    pub sku: Sku,
    /// How many, more than zero.
    pub quantity: Quantity,
}

impl Picking {
    /// The call that creates it if it is absent. Answers as [`super::loaded`] reads.
    ///
    /// # Errors
    /// [`PayloadError`] when Odoo lacks a product.
    pub fn load(&self, resolved: &ResolvedStock) -> Result<Call, PayloadError> {
        let mut rows = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let product = resolved.products.get(&line.sku).copied();
            let product = product.ok_or_else(|| PayloadError::Product(line.sku.clone()))?;
            rows.push(self.row(line, product, rows.is_empty(), resolved));
        }
        Ok(Call::on("stock.picking", "load")
            .arg("fields", json!(columns(resolved)))
            .arg("data", Value::Array(rows))
            .context(create_if_absent()))
    }

    fn row(&self, line: &PickLine, product: Product, first: bool, resolved: &ResolvedStock) -> Value {
        let (kind, from, to) = match self.direction {
            Direction::Out => (resolved.type_out, resolved.stock, resolved.customers),
            Direction::Back => (resolved.type_back, resolved.customers, resolved.stock),
        };
        let head = if first {
            [
                self.key.as_str().to_owned(),
                self.name.clone(),
                kind.to_string(),
                from.to_string(),
                to.to_string(),
                self.origin.clone(),
            ]
        } else {
            Default::default()
        };
        let mut row: Vec<String> = head.into();
        if resolved.version.move_has_name() {
            row.push(line.sku.to_string());
        }
        let quantity = line.quantity.decimal();
        row.extend([
            product.id.to_string(),
            quantity.clone(),
            quantity,
            "True".to_owned(),
            from.to_string(),
            to.to_string(),
            product.uom.to_string(),
        ]);
        json!(row)
    }

    /// The call that does it. The context keeps dialogs away; a dialog that comes all the same means that nothing
    /// was done.
    #[must_use]
    pub fn confirm(id: i64) -> Call {
        let context = json!({"skip_backorder": true, "picking_ids_not_to_backorder": [id], "skip_sms": true});
        Call::on("stock.picking", "button_validate")
            .ids([id])
            .context(context)
    }

    /// The call that reads it back, for [`super::read_picking`]: its moves, each with the picking's name (`reference`),
    /// its own state and its locations.
    #[must_use]
    pub fn look(id: i64) -> Call {
        let fields = [
            "product_id",
            "quantity",
            "state",
            "reference",
            "location_id",
            "location_dest_id",
        ];
        Call::on("stock.move", "search_read")
            .arg("domain", json!([["picking_id", "=", id]]))
            .option("fields", json!(fields))
            .option("order", json!("id"))
    }
}

/// 19 has no `stock.move.name`; before, it is required.
fn columns(resolved: &ResolvedStock) -> Vec<&'static str> {
    let mut columns = vec![
        "id",
        "name",
        "picking_type_id/.id",
        "location_id/.id",
        "location_dest_id/.id",
        "origin",
    ];
    if resolved.version.move_has_name() {
        columns.push("move_ids/name");
    }
    columns.extend([
        "move_ids/product_id/.id",
        "move_ids/product_uom_qty",
        "move_ids/quantity",
        "move_ids/picked",
        "move_ids/location_id/.id",
        "move_ids/location_dest_id/.id",
        "move_ids/product_uom/.id",
    ]);
    columns
}
