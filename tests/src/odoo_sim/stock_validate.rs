//! `button_validate`: done, a wizard that means nothing was done, or a refusal.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::product::is_tracked;
use super::stock_move::{self, LINE, MOVE};
use super::stock_picking::{self, PICKING, open_moves};
use super::value::{In, MICRO, Rec, Val, Vals, id_list};
use super::version::OdooVersion;
use super::{stock_kit, stock_quant};
use serde_json::{Value, json};

const NOTHING_RESERVED: &str =
    "You cannot validate a transfer if no quantities are reserved. To force the transfer, encode quantities.";
const EMPTY: &str =
    "You can’t validate an empty transfer. Please add some products to move before proceeding.";

/// `true` when every transfer is done, else the action of the backorder question.
pub(crate) fn run(env: &mut Env<'_>, ids: &[i64]) -> Outcome<Value> {
    let mut asking = Vec::new();
    for id in ids {
        env.must_exist(PICKING, *id)?;
        if env.db.text(PICKING, *id, "state") == "done" {
            if env.is(OdooVersion::V19) {
                continue;
            }
            return Err(OdooError::user(NOTHING_RESERVED));
        }
        if validate(env, *id)? == Verdict::Ask {
            asking.push(*id);
        }
    }
    if asking.is_empty() {
        return Ok(Value::Bool(true));
    }
    let links: Vec<Value> = asking.iter().map(|id| json!([4, id])).collect();
    Ok(json!({
        "name": "Create Backorder?",
        "type": "ir.actions.act_window",
        "view_mode": "form",
        "res_model": "stock.backorder.confirmation",
        "views": [[893, "form"]],
        "view_id": 893,
        "target": "new",
        "context": {
            "button_validate_picking_ids": asking,
            "default_show_transfers": false,
            "default_pick_ids": links,
        },
    }))
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    Ask,
}

fn validate(env: &mut Env<'_>, id: i64) -> Outcome<Verdict> {
    set_returns_apart(env, id)?;
    if open_moves(env, id).is_empty() {
        return Err(OdooError::user(EMPTY));
    }
    confirm_draft(env, id)?;
    let moves = open_moves(env, id);
    let any_picked = moves.iter().any(|m| env.db.val(MOVE, *m, "picked").truthy());
    let doing = |env: &Env<'_>, m: i64| {
        if any_picked && !env.db.val(MOVE, m, "picked").truthy() {
            0
        } else {
            env.db.num(MOVE, m, "quantity")
        }
    };
    if moves.iter().all(|m| doing(env, *m) == 0) {
        return Err(OdooError::user(NOTHING_RESERVED));
    }
    check_lots(env, &moves, &doing)?;
    check_serials(env, &moves, &doing)?;
    let short: Vec<i64> = moves
        .iter()
        .copied()
        .filter(|m| doing(env, *m) < env.db.num(MOVE, *m, "product_uom_qty"))
        .collect();
    if !short.is_empty() {
        if !env.ctx_true("skip_backorder") {
            return Ok(Verdict::Ask);
        }
        let dropped = env
            .ctx
            .get("picking_ids_not_to_backorder")
            .map(id_list)
            .unwrap_or_default()
            .contains(&id);
        leave_behind(env, id, &short, dropped, &doing);
    }
    for item in moves {
        if env.db.ref_id(MOVE, item, "picking_id") == Some(id) && doing(env, item) != 0 {
            stock_move::finish(env, item);
        }
    }
    let now = env.now_second();
    env.db.update(PICKING, id, |rec| {
        rec.insert("date_done", Val::Str(now));
    });
    stock_picking::refresh(env, id);
    Ok(Verdict::Done)
}

/// A draft is confirmed first, and moves of it for which nothing could be reserved are taken for done as asked.
fn confirm_draft(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    for item in open_moves(env, id) {
        // a move that asks for nothing and was given a quantity may still be a kit
        if env.db.num(MOVE, item, "product_uom_qty") == 0 && env.db.num(MOVE, item, "quantity") != 0 {
            stock_kit::explode(env, item)?;
        }
    }
    if env.db.text(PICKING, id, "state") != "draft" {
        let drafts = open_moves(env, id);
        for item in drafts {
            if env.db.text(MOVE, item, "state") == "draft" {
                stock_move::confirm(env, item)?;
            }
        }
        return Ok(());
    }
    stock_picking::confirm(env, &[id])?;
    for item in open_moves(env, id) {
        let demand = env.db.num(MOVE, item, "product_uom_qty");
        if env.db.num(MOVE, item, "quantity") == 0 && demand != 0 {
            stock_move::set_quantity(env, item, demand);
            stock_move::refresh(env, item);
        }
    }
    Ok(())
}

/// Negative demands are quietly moved to a transfer of their own, the other way round.
fn set_returns_apart(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let negative: Vec<i64> = open_moves(env, id)
        .into_iter()
        .filter(|m| env.db.num(MOVE, *m, "product_uom_qty") < 0)
        .collect();
    if negative.is_empty() {
        return Ok(());
    }
    let kind = env.db.ref_id(PICKING, id, "picking_type_id").unwrap_or(0);
    let back = env
        .db
        .ref_id("stock.picking.type", kind, "return_picking_type_id")
        .unwrap_or(kind);
    let (from, to) = (
        env.db.val(PICKING, id, "location_dest_id"),
        env.db.val(PICKING, id, "location_id"),
    );
    let vals = Vals::from([
        ("picking_type_id", In::Val(Val::Int(back))),
        ("location_id", In::Val(from.clone())),
        ("location_dest_id", In::Val(to.clone())),
    ]);
    let new = stock_picking::create(env, vals)?;
    for item in negative {
        let demand = -env.db.num(MOVE, item, "product_uom_qty");
        for line in env.db.by(LINE, "move_id", item) {
            env.db.delete(LINE, line);
        }
        let (from, to) = (from.clone(), to.clone());
        env.db.update(MOVE, item, |rec| {
            rec.insert("picking_id", Val::Int(new));
            rec.insert("location_id", from);
            rec.insert("location_dest_id", to);
            rec.insert("product_uom_qty", Val::Num(demand));
            rec.insert("quantity", Val::Num(0));
            rec.insert("picked", Val::Bool(false));
        });
        stock_move::confirm(env, item)?;
    }
    stock_picking::refresh(env, id);
    Ok(())
}

/// Tracked products need a lot on every line; 19 takes one from stock by itself.
fn check_lots(env: &mut Env<'_>, moves: &[i64], doing: &impl Fn(&Env<'_>, i64) -> i64) -> Outcome<()> {
    let mut without = Vec::new();
    for item in moves {
        let product = env.db.ref_id(MOVE, *item, "product_id").unwrap_or(0);
        if doing(env, *item) == 0 || !is_tracked(env, product) {
            continue;
        }
        let bare: Vec<i64> = env
            .db
            .by(LINE, "move_id", *item)
            .into_iter()
            .filter(|l| env.db.ref_id(LINE, *l, "lot_id").is_none())
            .collect();
        for line in bare {
            if make_lot(env, *item, line)? {
                continue;
            }
            if !(env.is(OdooVersion::V19) && take_lot(env, *item, line)) {
                without.push(env.display_name("product.product", product));
            }
        }
    }
    if without.is_empty() {
        return Ok(());
    }
    Err(OdooError::user(format!(
        "You need to supply a Lot/Serial number for products {}.",
        without.join(", ")
    )))
}

/// A receipt makes the lot that a line names; a delivery does not take one that it does not know.
fn make_lot(env: &mut Env<'_>, item: i64, line: i64) -> Outcome<bool> {
    let name = env.db.val(LINE, line, "lot_name");
    let kind = env.db.ref_id(MOVE, item, "picking_type_id").unwrap_or(0);
    if !name.truthy() || env.db.text("stock.picking.type", kind, "code") != "incoming" {
        return Ok(false);
    }
    let product = env.db.ref_id(LINE, line, "product_id").unwrap_or(0);
    let known = env
        .db
        .by("stock.lot", "product_id", product)
        .into_iter()
        .find(|l| env.db.val("stock.lot", *l, "name") == name);
    let lot = match known {
        Some(lot) => lot,
        None => {
            let company = env.db.val(MOVE, item, "company_id");
            let vals = Vals::from([
                ("name", In::Val(name)),
                ("product_id", In::Val(Val::Int(product))),
                ("company_id", In::Val(company)),
            ]);
            env.create("stock.lot", vals)?
        }
    };
    env.db.set(LINE, line, "lot_id", Val::Int(lot));
    Ok(true)
}

/// A serial number is one piece.
fn check_serials(env: &Env<'_>, moves: &[i64], doing: &impl Fn(&Env<'_>, i64) -> i64) -> Outcome<()> {
    for item in moves.iter().filter(|m| doing(env, **m) != 0) {
        let product = env.db.ref_id(MOVE, *item, "product_id").unwrap_or(0);
        let too_many = |l: &i64| env.db.num(LINE, *l, "quantity") > MICRO;
        if env.db.text("product.product", product, "tracking") == "serial"
            && env.db.by(LINE, "move_id", *item).iter().any(too_many)
        {
            return Err(OdooError::user(format!(
                "You can only process 1.0 Units of products with unique serial number: {}.",
                env.display_name("product.product", product)
            )));
        }
    }
    Ok(())
}

fn take_lot(env: &mut Env<'_>, item: i64, line: i64) -> bool {
    let product = env.db.ref_id(MOVE, item, "product_id").unwrap_or(0);
    let from = env.db.ref_id(MOVE, item, "location_id").unwrap_or(0);
    let need = env.db.num(LINE, line, "quantity");
    let lot = stock_quant::free_at(env, product, from)
        .into_iter()
        .find(|(lot, free)| lot.is_some() && *free >= need);
    let Some((Some(lot), _)) = lot else { return false };
    env.db.set(LINE, line, "lot_id", Val::Int(lot));
    true
}

/// What was asked for and not moved: cancelled, or put into a backorder.
fn leave_behind(
    env: &mut Env<'_>,
    id: i64,
    short: &[i64],
    dropped: bool,
    doing: &impl Fn(&Env<'_>, i64) -> i64,
) {
    let backorder = (!dropped).then(|| {
        let mut rec = env.db.get(PICKING, id).map(|r| Rec::clone(r)).unwrap_or_default();
        rec.remove("date_done");
        rec.insert("backorder_id", Val::Int(id));
        let kind = env.db.ref_id(PICKING, id, "picking_type_id").unwrap_or(0);
        rec.insert("name", Val::Str(stock_picking::next_name(env, kind)));
        env.db.insert(PICKING, rec)
    });
    for item in short.iter().copied() {
        let done = doing(env, item);
        let left = env.db.num(MOVE, item, "product_uom_qty") - done;
        match backorder {
            None if done == 0 => {
                stock_move::release(env, item);
                env.db.set(MOVE, item, "state", Val::str("cancel"));
            }
            None => {}
            Some(new) if done == 0 => env.db.set(MOVE, item, "picking_id", Val::Int(new)),
            Some(new) => {
                let mut rec = env.db.get(MOVE, item).map(|r| Rec::clone(r)).unwrap_or_default();
                rec.insert("picking_id", Val::Int(new));
                rec.insert("product_uom_qty", Val::Num(left));
                rec.insert("quantity", Val::Num(0));
                rec.insert("_reserved", Val::Num(0));
                rec.insert("picked", Val::Bool(false));
                rec.insert("state", Val::str("confirmed"));
                env.db.insert(MOVE, rec);
                env.db.set(MOVE, item, "product_uom_qty", Val::Num(done));
            }
        }
    }
    if let Some(new) = backorder {
        stock_picking::refresh(env, new);
    }
}
