//! A batch of stock movements as one `stock.picking`. Goods out and goods back are two pickings with swapped
//! locations, because Odoo moves a negative quantity into a new picking of its own that nobody validates. Lots travel in
//! pickings of their own, with the lot on each move's line; so do kits, as the parts that move for them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tillwire_proto::{BusinessDay, Code, Quantity, Sku, StoreId, Unit};

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
    /// What moves, each product and lot once, each quantity more than zero.
    pub lines: Vec<PickLine>,
    /// The kits that were sold, where the lines are their parts by the bill of materials as it was when this was
    /// intended; else nothing. A bill that changes later changes nothing of what has left the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kits: Vec<PickLine>,
}

/// One product, or one lot of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickLine {
    /// The product's number in Odoo: its internal reference, or its barcode where it has none.
    pub sku: Sku,
    /// Its lot or serial number, where it is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Code>,
    /// How many of Odoo's unit, more than zero.
    pub quantity: Quantity,
}

/// What stands before the kits in an origin.
const KITS: &str = "kits ";

/// What stands between two kits there.
const AND: &str = " + ";

impl Picking {
    /// What was sold, in Odoo's products: the kits where there are some, else the lines.
    #[must_use]
    pub fn sold(&self) -> &[PickLine] {
        if self.kits.is_empty() {
            &self.lines
        } else {
            &self.kits
        }
    }

    /// The origin: store, kits if any, business day. What [`Picking::kits_in`] reads back after the relay forgot it.
    #[must_use]
    pub fn origin_of(store: &StoreId, day: BusinessDay, kits: &[PickLine]) -> String {
        if kits.is_empty() {
            return format!("{store} {day}");
        }
        let named: Vec<String> = kits
            .iter()
            .map(|kit| format!("{} {}", kit.quantity, kit.sku))
            .collect();
        format!("{store} {KITS}{} {day}", named.join(AND))
    }

    /// The kits that an origin names; `None` when it is none of ours.
    #[must_use]
    pub fn kits_in(origin: &str, store: &StoreId) -> Option<Vec<PickLine>> {
        let (rest, _day) = origin.strip_prefix(store.as_str())?.rsplit_once(' ')?;
        let Some(kits) = rest.strip_prefix(' ').map(|rest| rest.strip_prefix(KITS)) else {
            return rest.is_empty().then(Vec::new);
        };
        let kits = kits?.split(AND).map(|kit| {
            let (quantity, sku) = kit.split_once(' ')?;
            Some(PickLine {
                sku: Sku::new(sku).ok()?,
                lot: None,
                quantity: Quantity::parse(quantity, Unit::Each).ok()?,
            })
        });
        kits.collect()
    }

    /// True when its moves name lots.
    #[must_use]
    pub fn has_lots(&self) -> bool {
        self.lines.iter().any(|line| line.lot.is_some())
    }

    /// The call that creates it if it is absent. Answers as [`super::loaded`] reads.
    ///
    /// # Errors
    /// [`PayloadError`] when Odoo lacks a product or a lot.
    pub fn load(&self, resolved: &ResolvedStock) -> Result<Call, PayloadError> {
        let mut rows = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let product = resolved.products.get(&line.sku);
            let product = product.ok_or_else(|| PayloadError::Product(line.sku.clone()))?;
            let mut row = self.row(line, product, rows.is_empty(), resolved);
            if self.has_lots() {
                row.extend(self.lot_cells(line, product, resolved)?);
            }
            rows.push(json!(row));
        }
        Ok(Call::on("stock.picking", "load")
            .arg("fields", json!(columns(resolved, self.has_lots())))
            .arg("data", Value::Array(rows))
            .context(create_if_absent()))
    }

    const fn places(&self, resolved: &ResolvedStock) -> (i64, i64, i64) {
        match self.direction {
            Direction::Out => (resolved.type_out, resolved.stock, resolved.customers),
            Direction::Back => (resolved.type_back, resolved.customers, resolved.stock),
        }
    }

    fn row(&self, line: &PickLine, product: &Product, first: bool, resolved: &ResolvedStock) -> Vec<String> {
        let (kind, from, to) = self.places(resolved);
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
        row.extend([product.id.to_string(), quantity.clone()]);
        // with lines of their own, a quantity on the move would make Odoo add one more
        if !self.has_lots() {
            row.push(quantity);
        }
        row.extend([
            "True".to_owned(),
            from.to_string(),
            to.to_string(),
            product.uom.id.to_string(),
        ]);
        row
    }

    /// The move's one line, with its lot, taken from where the lot stands.
    fn lot_cells(
        &self,
        line: &PickLine,
        product: &Product,
        resolved: &ResolvedStock,
    ) -> Result<[String; 7], PayloadError> {
        let (_, from, to) = self.places(resolved);
        let lot = match &line.lot {
            None => None,
            Some(name) => {
                let known = resolved.lots.get(&(product.id, name.clone()));
                Some(*known.ok_or_else(|| PayloadError::Lot(line.sku.clone(), name.clone()))?)
            }
        };
        let from = match (self.direction, lot.and_then(|lot| lot.place)) {
            (Direction::Out, Some(place)) => place,
            _ => from,
        };
        Ok([
            product.id.to_string(),
            line.quantity.decimal(),
            "True".to_owned(),
            lot.map_or_else(String::new, |lot| lot.id.to_string()),
            from.to_string(),
            to.to_string(),
            product.uom.id.to_string(),
        ])
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

    /// The call that reads it back, for [`super::read_picking`]: its moves, or the moves' lines where it may have lots,
    /// each with the picking's name (`reference`), its own state and its locations.
    #[must_use]
    pub fn look(id: i64, lots: bool) -> Call {
        let mut fields = vec![
            "product_id",
            "quantity",
            "state",
            "reference",
            "location_id",
            "location_dest_id",
        ];
        // a line that was created with its move does not know the picking, only the move does
        let (model, path) = if lots {
            fields.push("lot_id");
            ("stock.move.line", "move_id.picking_id")
        } else {
            ("stock.move", "picking_id")
        };
        Call::on(model, "search_read")
            .arg("domain", json!([[path, "=", id]]))
            .option("fields", json!(fields))
            .option("order", json!("id"))
    }
}

/// 19 has no `stock.move.name`; before, it is required.
fn columns(resolved: &ResolvedStock, lots: bool) -> Vec<&'static str> {
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
    columns.extend(["move_ids/product_id/.id", "move_ids/product_uom_qty"]);
    if !lots {
        columns.push("move_ids/quantity");
    }
    columns.extend([
        "move_ids/picked",
        "move_ids/location_id/.id",
        "move_ids/location_dest_id/.id",
        "move_ids/product_uom/.id",
    ]);
    if lots {
        columns.extend([
            "move_ids/move_line_ids/product_id/.id",
            "move_ids/move_line_ids/quantity",
            "move_ids/move_line_ids/picked",
            "move_ids/move_line_ids/lot_id/.id",
            "move_ids/move_line_ids/location_id/.id",
            "move_ids/move_line_ids/location_dest_id/.id",
            "move_ids/move_line_ids/product_uom_id/.id",
        ]);
    }
    columns
}
