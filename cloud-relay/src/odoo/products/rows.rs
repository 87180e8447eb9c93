//! A product as Odoo's rows tell it, on each version.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::{Quantity, Sku, Unit};
use tillwire_relay_core::odoo::{Answer, Call, OdooVersion, Product, ProductKind, Tracking, Uom};

use crate::odoo::preflight::{Ask, id_of, text_of};

/// Which fields of a product this Odoo has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) version: OdooVersion,
    /// Whether it has bills of materials, which come with an app of their own.
    pub(super) has_bills: bool,
}

impl Fields {
    pub(super) fn names(self) -> Vec<&'static str> {
        let mut names = vec![
            "default_code",
            "barcode",
            "uom_id",
            "tracking",
            "active",
            "product_tmpl_id",
            "type",
        ];
        if self.version.0 >= 18 {
            names.push("is_storable");
        }
        names
    }
}

/// The one row of a number: by reference, else by barcode; active ones before archived ones. `Err` with how many when
/// there are several.
pub(super) fn pick<'a>(rows: &'a [Value], number: &str) -> Result<Option<&'a Value>, usize> {
    for field in ["default_code", "barcode"] {
        let named: Vec<&Value> = rows.iter().filter(|row| row[field] == json!(number)).collect();
        let active: Vec<&Value> = named
            .iter()
            .copied()
            .filter(|row| row["active"] == json!(true))
            .collect();
        let found = if active.is_empty() { named } else { active };
        match found.as_slice() {
            [] => {}
            [row] => return Ok(Some(*row)),
            several => return Err(several.len()),
        }
    }
    Ok(None)
}

/// References of products that were found under another number.
pub(super) fn other_references(rows: &[Value], asked: &[Sku]) -> BTreeSet<String> {
    let references = rows.iter().filter_map(|row| text_of(&row["default_code"]));
    references
        .filter(|reference| asked.iter().all(|sku| sku.as_str() != *reference))
        .map(str::to_owned)
        .collect()
}

/// The product of a row that was found under `asked`; `others` are all rows of its own reference.
pub(super) fn product(
    row: &Value,
    asked: &Sku,
    others: &[Value],
    version: OdooVersion,
    uoms: &Uoms,
) -> Option<Product> {
    let id = row["id"].as_i64()?;
    let own = text_of(&row["default_code"]).filter(|reference| {
        let found = pick(others, reference);
        *reference != asked.as_str() && matches!(found, Ok(Some(found)) if found["id"] == json!(id))
    });
    Some(Product {
        id,
        sku: own
            .and_then(|own| Sku::new(own).ok())
            .unwrap_or_else(|| asked.clone()),
        uom: uoms.get(id_of(&row["uom_id"])?),
        kind: kind(row, version),
        tracking: tracking(row),
        kit: None,
    })
}

pub(super) fn kind(row: &Value, version: OdooVersion) -> ProductKind {
    let of_type = row["type"].as_str().unwrap_or_default();
    let storable = if version.0 >= 18 {
        row["is_storable"] == json!(true)
    } else {
        of_type == "product"
    };
    match (of_type, storable) {
        ("service", _) => ProductKind::Service,
        (_, true) => ProductKind::Storable,
        (_, false) => ProductKind::Consumable,
    }
}

pub(super) fn tracking(row: &Value) -> Tracking {
    match row["tracking"].as_str() {
        Some("serial") => Tracking::Serial,
        Some("lot") => Tracking::Lot,
        _ => Tracking::None,
    }
}

/// Units of measure: few, and they do not change once something was moved in them.
#[derive(Debug, Default)]
pub(super) struct Uoms(BTreeMap<i64, Uom>);

/// Odoo's own units that a till may name.
const UNITS: [(&str, Unit); 6] = [
    ("uom.product_uom_unit", Unit::Each),
    ("uom.product_uom_kgm", Unit::Kilogram),
    ("uom.product_uom_lb", Unit::Pound),
    ("uom.product_uom_meter", Unit::Metre),
    ("uom.product_uom_litre", Unit::Litre),
    ("uom.product_uom_gal", Unit::Gallon),
];

impl Uoms {
    pub(super) fn get(&self, id: i64) -> Uom {
        let unknown = Uom {
            id,
            rounding: 1,
            unit: None,
        };
        self.0.get(&id).copied().unwrap_or(unknown)
    }

    /// Asks for the units of these products that are not known yet.
    pub(super) async fn learn(&mut self, ask: &Ask<'_>, rows: &[Value]) -> Result<(), Answer> {
        let named: BTreeSet<i64> = rows.iter().filter_map(|row| id_of(&row["uom_id"])).collect();
        let new: Vec<i64> = named.into_iter().filter(|id| !self.0.contains_key(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let found = ask
            .clone()
            .archived_too()
            .search("uom.uom", json!([["id", "in", new]]), &["rounding"])
            .await?;
        let names = ask.call(Call::on("uom.uom", "get_external_id").ids(new)).await?;
        for row in &found {
            let Some(id) = row["id"].as_i64() else { continue };
            let name = names[id.to_string()].as_str().unwrap_or_default();
            let unit = UNITS.iter().find(|(own, _)| *own == name).map(|(_, unit)| *unit);
            self.0.insert(
                id,
                Uom {
                    id,
                    rounding: millionths(&row["rounding"]).unwrap_or(1).max(1),
                    unit,
                },
            );
        }
        Ok(())
    }
}

/// A number of Odoo's in millionths, by its decimal text; `None` for what is no number or finer.
pub(super) fn millionths(value: &Value) -> Option<i64> {
    Quantity::parse(&value.as_number()?.to_string(), Unit::Each)
        .ok()
        .map(Quantity::millionths)
}
