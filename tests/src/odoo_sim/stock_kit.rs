//! Kits: a product with a bill of materials of type `phantom`. When a draft move of one is confirmed, moves of its parts
//! take its place. A move that was given a quantity is no draft any more and is left as it is, unless it asks for nothing.

use super::env::Env;
use super::error::Outcome;
use super::stock_move::{self, MOVE};
use super::stock_uom;
use super::value::{In, MICRO, Val, Vals, round_to};
use super::version::OdooVersion;

const BOM: &str = "mrp.bom";
const PART: &str = "mrp.bom.line";

/// The bill of materials that makes a kit of a product, if one does.
pub(crate) fn bom_of(env: &Env<'_>, product: i64) -> Option<i64> {
    if !env.db.mrp {
        return None;
    }
    let template = env.db.ref_id("product.product", product, "product_tmpl_id")?;
    let mut boms = env.db.by(BOM, "product_tmpl_id", template);
    boms.retain(|b| {
        env.db.text(BOM, *b, "type") == "phantom"
            && env.db.val(BOM, *b, "active") != Val::Bool(false)
            && env.db.ref_id(BOM, *b, "product_id").is_none_or(|p| p == product)
    });
    // one for this very variant comes before one for all
    boms.sort_by_key(|b| (env.db.ref_id(BOM, *b, "product_id").is_none(), *b));
    boms.first().copied()
}

/// Puts the parts in the place of a kit's move; gives the moves that are there now.
pub(crate) fn explode(env: &mut Env<'_>, item: i64) -> Outcome<Vec<i64>> {
    let product = env.db.ref_id(MOVE, item, "product_id").unwrap_or(0);
    let Some(bom) = bom_of(env, product).filter(|_| env.db.ref_id(MOVE, item, "picking_id").is_some()) else {
        return Ok(vec![item]);
    };
    let demand = env.db.num(MOVE, item, "product_uom_qty");
    let asked = if demand == 0 {
        env.db.num(MOVE, item, "quantity")
    } else {
        demand
    };
    let unit = env.db.ref_id(MOVE, item, "product_uom").unwrap_or(0);
    let bom_unit = env.db.ref_id(BOM, bom, "product_uom_id").unwrap_or(unit);
    let kits = stock_uom::convert(env, asked, unit, bom_unit);
    let per = env.db.num(BOM, bom, "product_qty").max(1);
    let mut parts = Vec::new();
    for line in env.db.by(PART, "bom_id", bom) {
        let part = env.db.ref_id(PART, line, "product_id").unwrap_or(0);
        if env.db.text("product.product", part, "type") == "service" {
            continue;
        }
        let each = i128::from(env.db.num(PART, line, "product_qty"));
        let exact = each * i128::from(kits) / i128::from(per);
        let quantity = round_to(i64::try_from(exact).unwrap_or(0), MICRO / 100);
        let made = add_part(env, item, [part, line], quantity, demand == 0)?;
        parts.extend(explode(env, made)?);
    }
    stock_move::release(env, item);
    env.db.set(MOVE, item, "state", Val::str("cancel"));
    env.unlink(MOVE, &[item])?;
    Ok(parts)
}

fn add_part(env: &mut Env<'_>, item: i64, [part, line]: [i64; 2], quantity: i64, done: bool) -> Outcome<i64> {
    let held = |field: &str| In::Val(env.db.val(MOVE, item, field));
    let unit =
        env.db
            .ref_id(PART, line, "product_uom_id")
            .or(env.db.ref_id("product.product", part, "uom_id"));
    let mut vals = Vals::from([
        ("product_id", In::Val(Val::Int(part))),
        ("product_uom", In::Val(unit.map_or(Val::Null, Val::Int))),
        (
            "product_uom_qty",
            In::Val(Val::Num(if done { 0 } else { quantity })),
        ),
        ("location_id", held("location_id")),
        ("location_dest_id", held("location_dest_id")),
        ("picked", held("picked")),
    ]);
    if !env.is(OdooVersion::V19) {
        vals.insert("name", held("name"));
    }
    if done {
        vals.insert("quantity", In::Val(Val::Num(quantity)));
    }
    let picking = env.db.ref_id(MOVE, item, "picking_id");
    stock_move::create(env, vals, picking)
}
