//! A warehouse made later than the first: it brings its locations and its picking types, as Odoo's own does.

use super::env::Env;
use super::error::Outcome;
use super::value::{In, Val, Vals};

/// Creates the warehouse with everything that a transfer needs. One that names its stock location already is the
/// seed's and is taken as it is.
pub(crate) fn create(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    if vals.contains_key("lot_stock_id") {
        return env.create_plain("stock.warehouse", vals);
    }
    let code = match vals.get("code") {
        Some(In::Val(Val::Str(code))) => code.clone(),
        _ => "WH".into(),
    };
    let company = match vals.get("company_id") {
        Some(In::Val(company)) => company.int(),
        _ => env.company(),
    };
    let view = location(env, company, [&code, "view"], None)?;
    let stock = location(env, company, ["Stock", "internal"], Some(view))?;
    vals.insert("view_location_id", In::Val(Val::Int(view)));
    vals.insert("lot_stock_id", In::Val(Val::Int(stock)));
    let house = env.create_plain("stock.warehouse", vals)?;
    let place = |env: &Env<'_>, name: &str| {
        env.xid_row("stock", name)
            .map_or(0, |row| env.db.val("ir.model.data", row, "res_id").int())
    };
    let supplier = place(env, "stock_location_suppliers");
    let customer = place(env, "stock_location_customers");
    let receipts = kind(env, house, ["Receipts", "incoming", "IN"], supplier, stock)?;
    let internal = kind(
        env,
        house,
        ["Internal Transfers", "internal", "INT"],
        stock,
        stock,
    )?;
    let delivery = kind(
        env,
        house,
        ["Delivery Orders", "outgoing", "OUT"],
        stock,
        customer,
    )?;
    let till = kind(env, house, ["PoS Orders", "outgoing", "POS"], stock, customer)?;
    env.db.set(
        "stock.picking.type",
        delivery,
        "return_picking_type_id",
        Val::Int(receipts),
    );
    for (field, id) in [
        ("in_type_id", receipts),
        ("int_type_id", internal),
        ("out_type_id", delivery),
        ("pos_type_id", till),
    ] {
        env.db.set("stock.warehouse", house, field, Val::Int(id));
    }
    Ok(house)
}

fn location(env: &mut Env<'_>, company: i64, [name, usage]: [&str; 2], parent: Option<i64>) -> Outcome<i64> {
    let vals = Vals::from([
        ("name", In::Val(Val::str(name))),
        ("usage", In::Val(Val::str(usage))),
        ("location_id", In::Val(parent.map_or(Val::Null, Val::Int))),
        ("company_id", In::Val(Val::Int(company))),
    ]);
    env.create("stock.location", vals)
}

fn kind(env: &mut Env<'_>, house: i64, words: [&str; 3], from: i64, to: i64) -> Outcome<i64> {
    let [name, code, short] = words;
    let vals = Vals::from([
        ("name", In::Val(Val::str(name))),
        ("code", In::Val(Val::str(code))),
        ("sequence_code", In::Val(Val::str(short))),
        ("warehouse_id", In::Val(Val::Int(house))),
        (
            "company_id",
            In::Val(env.db.val("stock.warehouse", house, "company_id")),
        ),
        ("default_location_src_id", In::Val(Val::Int(from))),
        ("default_location_dest_id", In::Val(Val::Int(to))),
    ]);
    env.create("stock.picking.type", vals)
}
