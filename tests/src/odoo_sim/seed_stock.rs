//! Units of measure, locations and the first warehouse.

use super::env::Env;
use super::error::Outcome;
use super::seed::{SeedIds, Sower};
use super::value::{MICRO, Val};
use super::version::OdooVersion;

/// Units, locations that every company shares, and the first warehouse.
pub(crate) fn sow(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    ids.unit = s.named(
        "uom.product_uom_unit",
        "uom.uom",
        &[("name", Val::str("Units")), ("rounding", Val::Num(MICRO / 100))],
    )?;
    ids.dozen = s.named(
        "uom.product_uom_dozen",
        "uom.uom",
        &[
            ("name", Val::str("Dozens")),
            ("rounding", Val::Num(MICRO / 100)),
            ("uom_type", Val::str("bigger")),
            ("factor_inv", Val::Num(12 * MICRO)),
            ("relative_factor", Val::Num(12 * MICRO)),
            ("relative_uom_id", Val::Int(ids.unit)),
        ],
    )?;
    ids.category = s.named(
        "product.product_category_all",
        "product.category",
        &[("name", Val::str("All"))],
    )?;
    s.env
        .db
        .set("product.category", ids.category, "complete_name", Val::str("All"));
    // 19 has no parent locations for partners and virtual ones
    let (partners, virtuals) = if s.env.is(OdooVersion::V19) {
        (None, None)
    } else {
        (
            Some(s.location("Partners", "view", None)?),
            Some(s.location("Virtual Locations", "view", None)?),
        )
    };
    ids.supplier_location = s.location("Vendors", "supplier", partners)?;
    ids.customer_location = s.location("Customers", "customer", partners)?;
    // these belong to every company
    let shared = [
        Some(ids.supplier_location),
        Some(ids.customer_location),
        partners,
        virtuals,
    ];
    for id in shared.into_iter().flatten() {
        s.env.db.set("stock.location", id, "company_id", Val::Null);
    }
    ids.loss_location = s.location("Inventory adjustment", "inventory", virtuals)?;
    let view = s.location("WH", "view", None)?;
    ids.stock_location = s.location("Stock", "internal", Some(view))?;
    for (xid, id) in [
        ("stock_location_suppliers", ids.supplier_location),
        ("stock_location_customers", ids.customer_location),
        ("stock_location_stock", ids.stock_location),
    ] {
        s.env.add_xid("stock", xid, "stock.location", id, true)?;
    }
    ids.warehouse = s.named(
        "stock.warehouse0",
        "stock.warehouse",
        &[
            ("name", Val::str("My Company")),
            ("code", Val::str("WH")),
            ("view_location_id", Val::Int(view)),
            ("lot_stock_id", Val::Int(ids.stock_location)),
            ("partner_id", Val::Int(ids.company_partner)),
        ],
    )?;
    let (stock, customer, supplier) = (ids.stock_location, ids.customer_location, ids.supplier_location);
    let house = ids.warehouse;
    let mut kind = |name: &str, code: &str, short: &str, from: i64, to: i64| {
        s.add(
            "stock.picking.type",
            &[
                ("name", Val::str(name)),
                ("code", Val::str(code)),
                ("sequence_code", Val::str(short)),
                ("warehouse_id", Val::Int(house)),
                ("default_location_src_id", Val::Int(from)),
                ("default_location_dest_id", Val::Int(to)),
            ],
        )
    };
    ids.type_receipt = kind("Receipts", "incoming", "IN", supplier, stock)?;
    ids.type_internal = kind("Internal Transfers", "internal", "INT", stock, stock)?;
    ids.type_delivery = kind("Delivery Orders", "outgoing", "OUT", stock, customer)?;
    ids.type_pos = kind("PoS Orders", "outgoing", "POS", stock, customer)?;
    s.env.db.set(
        "stock.picking.type",
        ids.type_delivery,
        "return_picking_type_id",
        Val::Int(ids.type_receipt),
    );
    for (field, id) in [
        ("in_type_id", ids.type_receipt),
        ("int_type_id", ids.type_internal),
        ("out_type_id", ids.type_delivery),
        ("pos_type_id", ids.type_pos),
    ] {
        s.env
            .db
            .set("stock.warehouse", ids.warehouse, field, Val::Int(id));
    }
    Ok(())
}

/// Reads the ids of the warehouse that a further company came with.
pub(crate) fn find(env: &Env<'_>, ids: &mut SeedIds) {
    let house = env
        .db
        .table("stock.warehouse")
        .rows
        .iter()
        .find(|(_, r)| r.get("company_id") == Some(&Val::Int(ids.company)));
    let Some((house, _)) = house else { return };
    let of = |field: &str| env.db.ref_id("stock.warehouse", *house, field).unwrap_or(0);
    ids.warehouse = *house;
    ids.stock_location = of("lot_stock_id");
    ids.type_receipt = of("in_type_id");
    ids.type_internal = of("int_type_id");
    ids.type_delivery = of("out_type_id");
    ids.type_pos = of("pos_type_id");
    ids.loss_location = super::stock_quant::loss_location(env, ids.company);
}
