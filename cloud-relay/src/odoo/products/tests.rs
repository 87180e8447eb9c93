#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};
use tillwire_relay_core::odoo::{OdooVersion, ProductKind, Tracking};

use super::rows::{kind, other_references, pick, product, tracking};
use super::*;

fn row(id: i64, code: &str, active: bool) -> Value {
    json!({ "id": id, "default_code": code, "barcode": false, "uom_id": [1, "Units"], "tracking": "none",
            "active": active, "type": "consu", "is_storable": true, "product_tmpl_id": [id, "T"] })
}

fn with_barcode(id: i64, code: Value, barcode: &str) -> Value {
    let mut row = row(id, "", true);
    (row["default_code"], row["barcode"]) = (code, json!(barcode));
    row
}

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn known(id: i64, number: &str) -> Product {
    product(
        &row(id, number, true),
        &sku(number),
        &[],
        OdooVersion(18),
        &Uoms::default(),
    )
    .unwrap()
}

#[test]
fn an_archived_twin_does_not_hide_the_product() {
    let rows = [row(1, "A-1", false), row(2, "A-1", true), row(3, "B-1", true)];
    assert_eq!(pick(&rows, "A-1").unwrap().unwrap()["id"], 2);
    assert_eq!(pick(&rows[..1], "A-1").unwrap().unwrap()["id"], 1);
}

#[test]
fn two_products_with_one_number_are_neither() {
    let rows = [row(1, "A-1", true), row(2, "A-1", true)];
    assert_eq!(pick(&rows, "A-1"), Err(2));
    assert_eq!(pick(&rows, "C"), Ok(None));
}

#[test]
fn a_reference_goes_before_a_barcode_of_the_same_number() {
    let rows = [with_barcode(1, json!("PEN"), "40063"), row(2, "40063", true)];
    assert_eq!(pick(&rows, "40063").unwrap().unwrap()["id"], 2);
    assert_eq!(pick(&rows[..1], "40063").unwrap().unwrap()["id"], 1);
}

#[test]
fn a_product_found_by_its_barcode_goes_by_its_reference_if_that_is_its_alone() {
    let pen = with_barcode(1, json!("PEN"), "40063");
    let asked = [sku("40063")];
    let references: Vec<String> = other_references(std::slice::from_ref(&pen), &asked)
        .into_iter()
        .collect();
    assert_eq!(references, ["PEN"]);
    let name = |others: &[Value]| {
        let found = product(&pen, &asked[0], others, OdooVersion(18), &Uoms::default()).unwrap();
        found.sku.to_string()
    };
    assert_eq!(name(&[row(1, "PEN", true)]), "PEN");
    assert_eq!(name(&[row(1, "PEN", true), row(2, "PEN", true)]), "40063");
    let nameless = with_barcode(3, json!(false), "40064");
    let found = product(&nameless, &sku("40064"), &[], OdooVersion(18), &Uoms::default()).unwrap();
    assert_eq!(found.sku, sku("40064"));
}

#[test]
fn each_version_says_in_its_own_way_what_is_kept_in_stock() {
    let of = |version, of_type: &str, storable: bool| {
        kind(
            &json!({ "type": of_type, "is_storable": storable }),
            OdooVersion(version),
        )
    };
    assert_eq!(of(17, "product", false), ProductKind::Storable);
    assert_eq!(of(17, "consu", false), ProductKind::Consumable);
    assert_eq!(of(17, "service", false), ProductKind::Service);
    assert_eq!(of(18, "consu", true), ProductKind::Storable);
    assert_eq!(of(19, "consu", false), ProductKind::Consumable);
    assert_eq!(of(19, "service", false), ProductKind::Service);
    assert_eq!(tracking(&json!({ "tracking": "serial" })), Tracking::Serial);
    assert_eq!(tracking(&json!({ "tracking": false })), Tracking::None);
}

#[test]
fn an_unknown_number_is_asked_again_sooner() {
    let mut products = Products::default();
    let (there, missing) = (sku("A"), sku("B"));
    products
        .items
        .insert(there.clone(), (Item::Known(known(1, "A")), 0));
    products.items.insert(missing.clone(), (Item::Unknown, 0));
    assert!(products.is_fresh(&missing, UNKNOWN_MS - 1));
    assert!(!products.is_fresh(&missing, UNKNOWN_MS));
    assert!(products.is_fresh(&there, UNKNOWN_MS));
    assert!(!products.is_fresh(&there, -1));
    products.forget_unknown();
    assert!(!products.is_fresh(&missing, 0) && products.is_fresh(&there, 0));
}
