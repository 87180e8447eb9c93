//! Quants: how much of a product lies where. Deliveries may push them below zero; counts set them.

use super::access::Role;
use super::company;
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::product::is_storable;
use super::stock_move;
use super::value::{In, Val, Vals, scalar};
use super::version::OdooVersion;
use serde_json::{Value, json};

pub(crate) const QUANT: &str = "stock.quant";
/// Quantity at the moment a count was typed in; not a field that anybody can read.
const COUNTED_FROM: &str = "_counted_from";

/// Adds to the quant of a product at a location, making the row when there is none.
pub(crate) fn add(env: &mut Env<'_>, product: i64, location: i64, lot: Option<i64>, delta: i64) {
    if !is_storable(env, product) || delta == 0 {
        return;
    }
    let row = find(env, product, location, lot).filter(|_| !env.db.split_quants);
    match row {
        Some(id) => {
            let quantity = env.db.num(QUANT, id, "quantity") + delta;
            let now = env.now.clone();
            env.db.update(QUANT, id, |rec| {
                rec.insert("quantity", Val::Num(quantity));
                rec.insert("write_date", Val::Str(now));
            });
        }
        None => {
            insert(env, product, location, lot, delta);
        }
    }
}

fn insert(env: &mut Env<'_>, product: i64, location: i64, lot: Option<i64>, quantity: i64) -> i64 {
    let mut rec = env.new_rec(QUANT);
    rec.insert("product_id", Val::Int(product));
    rec.insert("location_id", Val::Int(location));
    rec.insert("lot_id", lot.map_or(Val::Null, Val::Int));
    rec.insert("quantity", Val::Num(quantity));
    rec.insert("in_date", Val::Str(env.now_second()));
    rec.insert("company_id", env.db.val("stock.location", location, "company_id"));
    env.db.insert(QUANT, rec)
}

fn find(env: &Env<'_>, product: i64, location: i64, lot: Option<i64>) -> Option<i64> {
    env.db.by(QUANT, "product_id", product).into_iter().find(|q| {
        env.db.ref_id(QUANT, *q, "location_id") == Some(location) && env.db.ref_id(QUANT, *q, "lot_id") == lot
    })
}

/// Stock of a product at a location that nobody has reserved, with the lots it lies in.
pub(crate) fn free_at(env: &Env<'_>, product: i64, location: i64) -> Vec<(Option<i64>, i64)> {
    env.db
        .by(QUANT, "product_id", product)
        .into_iter()
        .filter(|q| env.db.ref_id(QUANT, *q, "location_id") == Some(location))
        .map(|q| {
            let free = env.db.num(QUANT, q, "quantity") - env.db.num(QUANT, q, "reserved_quantity");
            (env.db.ref_id(QUANT, q, "lot_id"), free)
        })
        .filter(|(_, free)| *free > 0)
        .collect()
}

/// Changes how much of a quant is reserved; never below nothing.
pub(crate) fn reserve(env: &mut Env<'_>, product: i64, location: i64, lot: Option<i64>, delta: i64) {
    if let Some(id) = find(env, product, location, lot) {
        let held = (env.db.num(QUANT, id, "reserved_quantity") + delta).max(0);
        env.db.set(QUANT, id, "reserved_quantity", Val::Num(held));
    }
}

/// `create`: in inventory mode it is a count on the row of that product, which may already be there.
pub(crate) fn create(env: &mut Env<'_>, vals: Vals) -> Outcome<i64> {
    let product = scalar(&vals, "product_id").map_or(0, Val::int);
    let location = scalar(&vals, "location_id").map_or(0, Val::int);
    let lot = scalar(&vals, "lot_id").map(Val::int).filter(|l| *l != 0);
    if env.db.get("product.product", product).is_none() {
        return Err(OdooError::foreign_key(QUANT, "product_id"));
    }
    if !is_storable(env, product) {
        return Err(OdooError::validation(
            "Quants cannot be created for consumables or services.",
        ));
    }
    let id = match find(env, product, location, lot) {
        Some(id) => id,
        None => insert(env, product, location, lot, 0),
    };
    let rest: Vals = vals
        .into_iter()
        .filter(|(f, _)| !matches!(*f, "product_id" | "location_id" | "lot_id"))
        .collect();
    write(env, id, rest)?;
    Ok(id)
}

pub(crate) fn write(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    let auto = vals.remove("inventory_quantity_auto_apply");
    let counted = scalar(&vals, "inventory_quantity").map(Val::num);
    env.write_plain(QUANT, id, vals)?;
    let counted = match &auto {
        Some(In::Val(v)) => Some(v.num()),
        _ => counted,
    };
    if let Some(counted) = counted {
        let quantity = env.db.num(QUANT, id, "quantity");
        env.db.update(QUANT, id, |rec| {
            rec.insert("inventory_quantity", Val::Num(counted));
            rec.insert("inventory_quantity_set", Val::Bool(true));
            rec.insert("inventory_diff_quantity", Val::Num(counted - quantity));
            rec.insert(COUNTED_FROM, Val::Num(quantity));
        });
        if auto.is_some() {
            apply(env, &[id])?;
        }
    }
    Ok(())
}

/// `action_apply_inventory`: nothing on success, an action when stock moved since the count. Called again,
/// 17 and 18 leave the stock alone and 19 sets it to zero, as the real ones do.
pub(crate) fn apply(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Option<Value>> {
    if env.is(OdooVersion::V17) && env.role != Role::Admin {
        return Err(OdooError::user(
            "Only a stock manager can validate an inventory adjustment.",
        ));
    }
    // only 18 was seen to pass over a conflict when told so
    let force = env.is(OdooVersion::V18) && env.ctx_true("set_inventory_quantity_auto_apply");
    let mut conflicts = Vec::new();
    for id in ids {
        env.must_exist(QUANT, *id)?;
        let set = env.db.val(QUANT, *id, "inventory_quantity_set").truthy();
        if set && env.db.num(QUANT, *id, COUNTED_FROM) != env.db.num(QUANT, *id, "quantity") {
            conflicts.push(*id);
        }
    }
    if !conflicts.is_empty() && !force {
        return Ok(Some(json!({
            "name": "Conflict in Inventory Adjustment",
            "type": "ir.actions.act_window",
            "view_mode": "form",
            "views": [[false, "form"]],
            "res_model": "stock.inventory.conflict",
            "target": "new",
            "context": { "default_quant_ids": ids, "default_quant_to_fix_ids": conflicts },
        })));
    }
    for id in ids {
        let set = env.db.val(QUANT, *id, "inventory_quantity_set").truthy();
        // without a new count 17 and 18 confirm what is there, 19 takes the empty count for a count of nothing
        let field = if set || env.is(OdooVersion::V19) {
            "inventory_quantity"
        } else {
            "quantity"
        };
        let counted = env.db.num(QUANT, *id, field);
        count_to(env, *id, counted);
        env.db.update(QUANT, *id, |rec| {
            rec.insert("inventory_quantity", Val::Num(0));
            rec.insert("inventory_quantity_set", Val::Bool(false));
            rec.insert("inventory_diff_quantity", Val::Num(0));
            rec.remove(COUNTED_FROM);
        });
    }
    Ok(None)
}

/// Moves the difference between a count and the row from or to the adjustment location.
fn count_to(env: &mut Env<'_>, id: i64, counted: i64) {
    let product = env.db.ref_id(QUANT, id, "product_id").unwrap_or(0);
    let here = env.db.ref_id(QUANT, id, "location_id").unwrap_or(0);
    let lot = env.db.ref_id(QUANT, id, "lot_id");
    let delta = counted - env.db.num(QUANT, id, "quantity");
    let loss = loss_location(env, company::of(env, "stock.location", here));
    let (from, to) = if delta > 0 { (loss, here) } else { (here, loss) };
    stock_move::record_done(
        env,
        product,
        from,
        to,
        lot,
        delta.abs(),
        if delta == 0 {
            "Product Quantity Confirmed"
        } else {
            "Product Quantity Updated"
        },
    );
}

/// Where a company's counts take from and give to.
pub(crate) fn loss_location(env: &Env<'_>, company: i64) -> i64 {
    let rows = &env.db.table("stock.location").rows;
    rows.iter()
        .find(|(id, r)| {
            r.get("usage").is_some_and(|u| u.text() == "inventory")
                && company::owner(env, "stock.location", **id).is_none_or(|c| c == company)
        })
        .map_or(0, |(id, _)| *id)
}

/// `action_view_quants`: a user opens the stock report, and empty rows are gone.
pub(crate) fn view(env: &mut Env<'_>) -> Value {
    let empty: Vec<i64> = env
        .db
        .table(QUANT)
        .rows
        .iter()
        .filter(|(_, r)| {
            ["quantity", "reserved_quantity"]
                .iter()
                .all(|f| r.get(f).is_none_or(|v| v.num() == 0))
                && !r.get("inventory_quantity_set").is_some_and(Val::truthy)
        })
        .map(|(id, _)| *id)
        .collect();
    for id in empty {
        env.db.delete(QUANT, id);
    }
    report_action(env.version())
}

/// The action that opens the report; 19 sends all of it.
fn report_action(version: OdooVersion) -> Value {
    let list = if version == OdooVersion::V17 {
        "tree,form,pivot,graph"
    } else {
        "list,form,pivot,graph"
    };
    let mut action = json!({
        "id": 350,
        "name": "Locations",
        "type": "ir.actions.act_window",
        "res_model": QUANT,
        "view_mode": list,
        "view_id": 929,
        "views": [[929, "list"], [928, "form"], [932, "pivot"], [933, "graph"]],
        "context": { "search_default_internal_loc": 1, "inventory_mode": true, "inventory_report_mode": true },
        "domain": [],
        "help": "<p class=\"o_view_nocontent_empty_folder\">No Stock On Hand</p>",
    });
    let more = json!({
        "display_name": "Locations",
        "xml_id": "stock.stock_quant_action",
        "path": "stock-locations",
        "binding_model_id": false,
        "binding_type": "action",
        "binding_view_types": "list,form",
        "domain": false,
        "res_id": 0,
        "target": "current",
        "mobile_view_mode": "kanban",
        "limit": 80,
        "group_ids": [],
        "search_view_id": false,
        "embedded_action_ids": [],
        "filter": false,
        "cache": true,
    });
    if let (OdooVersion::V19, Some(action), Value::Object(more)) = (version, action.as_object_mut(), more) {
        action.extend(more);
    }
    action
}

/// `qty_available` and its kin, within the location or warehouse of the context.
pub(crate) fn product_quantity(env: &Env<'_>, product: i64, field: &str) -> Val {
    let key = if env.is(OdooVersion::V17) {
        "warehouse"
    } else {
        "warehouse_id"
    };
    let warehouse = env
        .ctx_int(key)
        .and_then(|w| env.db.ref_id("stock.warehouse", w, "view_location_id"));
    let root = env.ctx_int("location").or(warehouse);
    let inside = |location: Option<i64>| within(env, location, root);
    let mut on_hand = 0;
    let mut free = 0;
    for quant in env.db.by(QUANT, "product_id", product) {
        if inside(env.db.ref_id(QUANT, quant, "location_id")) {
            let quantity = env.db.num(QUANT, quant, "quantity");
            on_hand += quantity;
            free += quantity - env.db.num(QUANT, quant, "reserved_quantity");
        }
    }
    Val::Num(match field {
        "free_qty" => free,
        "incoming_qty" | "outgoing_qty" => 0,
        _ => on_hand,
    })
}

fn within(env: &Env<'_>, location: Option<i64>, root: Option<i64>) -> bool {
    let mut at = location;
    while let Some(id) = at {
        if Some(id) == root {
            return true;
        }
        if root.is_none() && env.db.text("stock.location", id, "usage") == "internal" {
            return true;
        }
        at = env.db.ref_id("stock.location", id, "location_id");
    }
    false
}
