//! Stock moves and their lines.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::product::is_storable;
use super::value::{Command, In, MICRO, Val, Vals, round_to, scalar};
use super::{defaults, stock_kit, stock_picking, stock_quant, stock_uom};

pub(crate) const MOVE: &str = "stock.move";
pub(crate) const LINE: &str = "stock.move.line";

/// What may not be undone.
pub(crate) const DONE_STAYS: &str = "You cannot cancel a stock move that has been set to 'Done'. Create a return in order to reverse the moves which took place.";

pub(crate) fn create(env: &mut Env<'_>, mut vals: Vals, picking: Option<i64>) -> Outcome<i64> {
    let picking = picking.or_else(|| scalar(&vals, "picking_id").map(Val::int).filter(|p| *p != 0));
    let quantity = scalar(&vals, "quantity").map(Val::num);
    vals.remove("quantity");
    let lines = match vals.remove("move_line_ids") {
        Some(In::Commands(list)) => list,
        _ => vec![],
    };
    let mut rec = env.new_rec(MOVE);
    let rest = env.apply(MOVE, &mut rec, vals)?;
    if let Some(picking) = picking {
        rec.insert("picking_id", Val::Int(picking));
        for field in ["location_id", "location_dest_id", "picking_type_id"] {
            rec.entry(field)
                .or_insert(env.db.val("stock.picking", picking, field));
        }
    }
    defaults::fill(env, MOVE, &mut rec);
    env.check_required(MOVE, &rec)?;
    let uom = rec.get("product_uom").map_or(0, Val::int);
    let demand = rec.get("product_uom_qty").map_or(0, Val::num);
    rec.insert("product_uom_qty", Val::Num(round_qty(env, uom, demand)));
    let id = env.db.insert(MOVE, rec);
    env.run_commands(MOVE, id, rest)?;
    for command in lines {
        if let Command::Create(line) = command {
            add_line(env, id, line)?;
        }
    }
    if let Some(quantity) = quantity {
        set_quantity(env, id, quantity);
    }
    refresh(env, id);
    Ok(id)
}

/// A quantity cut to what the unit of measure can hold.
pub(crate) fn round_qty(env: &Env<'_>, uom: i64, quantity: i64) -> i64 {
    let step = env.db.num("uom.uom", uom, "rounding");
    round_to(quantity, if step > 0 { step } else { MICRO / 100 })
}

fn add_line(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    for field in ["product_id", "location_id", "location_dest_id"] {
        vals.entry(field).or_insert(In::Val(env.db.val(MOVE, id, field)));
    }
    // real servers leave these lines without a transfer of their own; only their move has it
    vals.insert("move_id", In::Val(Val::Int(id)));
    env.create_plain(LINE, vals).map(|_| ())
}

/// Sets what is to be moved: one line without a lot.
pub(crate) fn set_quantity(env: &mut Env<'_>, id: i64, quantity: i64) {
    let uom = env.db.ref_id(MOVE, id, "product_uom").unwrap_or(0);
    let quantity = round_qty(env, uom, quantity);
    set_line(env, id, None, quantity);
}

pub(crate) fn set_line(env: &mut Env<'_>, id: i64, lot: Option<i64>, quantity: i64) {
    let existing = env
        .db
        .by(LINE, "move_id", id)
        .into_iter()
        .find(|l| env.db.ref_id(LINE, *l, "lot_id") == lot);
    if let Some(line) = existing {
        env.db.set(LINE, line, "quantity", Val::Num(quantity));
        return;
    }
    if quantity == 0 {
        return;
    }
    let mut rec = env.new_rec(LINE);
    for field in [
        "product_id",
        "location_id",
        "location_dest_id",
        "picking_id",
        "company_id",
    ] {
        rec.insert(field, env.db.val(MOVE, id, field));
    }
    rec.insert("move_id", Val::Int(id));
    rec.insert("lot_id", lot.map_or(Val::Null, Val::Int));
    rec.insert("quantity", Val::Num(quantity));
    rec.insert("product_uom_id", env.db.val(MOVE, id, "product_uom"));
    rec.insert("date", Val::Str(env.now_second()));
    env.db.insert(LINE, rec);
}

/// Brings quantity, state and the picking into line with the move's lines.
pub(crate) fn refresh(env: &mut Env<'_>, id: i64) {
    let lines = env.db.by(LINE, "move_id", id);
    let quantity: i64 = lines.iter().map(|l| env.db.num(LINE, *l, "quantity")).sum();
    let picked = env.db.val(MOVE, id, "picked").truthy()
        || lines.iter().any(|l| env.db.val(LINE, *l, "picked").truthy());
    let state = env.db.text(MOVE, id, "state");
    let demand = env.db.num(MOVE, id, "product_uom_qty");
    let state = match state.as_str() {
        "done" | "cancel" => state,
        _ if quantity > 0 && (quantity >= demand || picked) => "assigned".into(),
        _ if quantity > 0 => "partially_available".into(),
        "assigned" | "partially_available" => "confirmed".into(),
        _ => state,
    };
    env.db.update(MOVE, id, |rec| {
        rec.insert("quantity", Val::Num(quantity));
        rec.insert("picked", Val::Bool(picked));
        rec.insert("state", Val::Str(state));
    });
    if let Some(picking) = env.db.ref_id(MOVE, id, "picking_id") {
        stock_picking::refresh(env, picking);
    }
}

pub(crate) fn write(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    let quantity = scalar(&vals, "quantity").map(Val::num);
    vals.remove("quantity");
    let lines = match vals.remove("move_line_ids") {
        Some(In::Commands(list)) => list,
        _ => vec![],
    };
    env.write_plain(MOVE, id, vals)?;
    for command in lines {
        match command {
            Command::Create(line) => add_line(env, id, line)?,
            Command::Update(line, vals) => env.write_plain(LINE, line, vals)?,
            Command::Delete(line) | Command::Unlink(line) => env.db.delete(LINE, line),
            _ => {}
        }
    }
    if let Some(quantity) = quantity {
        if env.db.text(MOVE, id, "state") == "done" {
            correct_done(env, id, quantity);
        }
        set_quantity(env, id, quantity);
    }
    refresh(env, id);
    Ok(())
}

/// A user corrects the quantity of a finished move: the quants follow.
fn correct_done(env: &mut Env<'_>, id: i64, quantity: i64) {
    let product = env.db.ref_id(MOVE, id, "product_id").unwrap_or(0);
    let from = env.db.ref_id(MOVE, id, "location_id").unwrap_or(0);
    let to = env.db.ref_id(MOVE, id, "location_dest_id").unwrap_or(0);
    let delta = quantity - env.db.num(MOVE, id, "quantity");
    let unit = env.db.ref_id(MOVE, id, "product_uom");
    let delta = stock_uom::of_product(env, product, delta, unit);
    stock_quant::add(env, product, from, None, -delta);
    stock_quant::add(env, product, to, None, delta);
}

pub(crate) fn before_unlink(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if env.db.text(MOVE, id, "state") == "done" {
        return Err(OdooError::user("You can only delete draft or cancelled moves."));
    }
    for line in env.db.by(LINE, "move_id", id) {
        env.db.delete(LINE, line);
    }
    Ok(())
}

/// Confirms a draft move, or the parts of the kit it stands for, and reserves what is there for them.
pub(crate) fn confirm(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if env.db.text(MOVE, id, "state") != "draft" {
        assign(env, id);
        return Ok(());
    }
    for part in stock_kit::explode(env, id)? {
        let product = env.db.ref_id(MOVE, part, "product_id").unwrap_or(0);
        if let (Some(unit), Some(own)) = (
            env.db.ref_id(MOVE, part, "product_uom"),
            env.db.ref_id("product.product", product, "uom_id"),
        ) {
            stock_uom::check(env, unit, own)?;
        }
        if env.db.text(MOVE, part, "state") == "draft" {
            env.db.set(MOVE, part, "state", Val::str("confirmed"));
        }
        assign(env, part);
    }
    Ok(())
}

/// The quantity of a line in its product's own unit.
pub(crate) fn in_product_unit(env: &Env<'_>, line: i64) -> i64 {
    let product = env.db.ref_id(LINE, line, "product_id").unwrap_or(0);
    let unit = env.db.ref_id(LINE, line, "product_uom_id");
    stock_uom::of_product(env, product, env.db.num(LINE, line, "quantity"), unit)
}

/// Reserves stock for what the move still lacks; places that hold no stock of ours give what is asked.
pub(crate) fn assign(env: &mut Env<'_>, id: i64) {
    let mut lacking = env.db.num(MOVE, id, "product_uom_qty") - env.db.num(MOVE, id, "quantity");
    if lacking <= 0 || env.db.val(MOVE, id, "picked").truthy() {
        return refresh(env, id);
    }
    let product = env.db.ref_id(MOVE, id, "product_id").unwrap_or(0);
    let unit = env.db.ref_id(MOVE, id, "product_uom");
    let own = env.db.ref_id("product.product", product, "uom_id");
    let from = env.db.ref_id(MOVE, id, "location_id").unwrap_or(0);
    let ours = matches!(
        env.db.text("stock.location", from, "usage").as_str(),
        "internal" | "transit"
    );
    if !ours || !is_storable(env, product) {
        set_quantity(env, id, env.db.num(MOVE, id, "product_uom_qty"));
        return refresh(env, id);
    }
    for (lot, free) in stock_quant::free_at(env, product, from) {
        let free = match (own, unit) {
            (Some(own), Some(unit)) => stock_uom::convert(env, free, own, unit),
            _ => free,
        };
        let take = free.min(lacking);
        if take <= 0 {
            break;
        }
        let line = env
            .db
            .by(LINE, "move_id", id)
            .into_iter()
            .find(|l| env.db.ref_id(LINE, *l, "lot_id") == lot);
        let held = line.map_or(0, |l| env.db.num(LINE, l, "quantity"));
        set_line(env, id, lot, held + take);
        let taken = stock_uom::of_product(env, product, take, unit);
        stock_quant::reserve(env, product, from, lot, taken);
        let reserved = env.db.num(MOVE, id, "_reserved") + take;
        env.db.set(MOVE, id, "_reserved", Val::Num(reserved));
        lacking -= take;
    }
    refresh(env, id);
}

/// Gives back what a move has reserved.
pub(crate) fn release(env: &mut Env<'_>, id: i64) {
    if env.db.num(MOVE, id, "_reserved") == 0 {
        return;
    }
    let product = env.db.ref_id(MOVE, id, "product_id").unwrap_or(0);
    let from = env.db.ref_id(MOVE, id, "location_id").unwrap_or(0);
    for line in env.db.by(LINE, "move_id", id) {
        let lot = env.db.ref_id(LINE, line, "lot_id");
        let quantity = in_product_unit(env, line);
        stock_quant::reserve(env, product, from, lot, -quantity);
    }
    env.db.set(MOVE, id, "_reserved", Val::Num(0));
}

/// Finishes a move: quants change at both ends.
pub(crate) fn finish(env: &mut Env<'_>, id: i64) {
    release(env, id);
    let product = env.db.ref_id(MOVE, id, "product_id").unwrap_or(0);
    let from = env.db.ref_id(MOVE, id, "location_id").unwrap_or(0);
    let to = env.db.ref_id(MOVE, id, "location_dest_id").unwrap_or(0);
    for line in env.db.by(LINE, "move_id", id) {
        let lot = env.db.ref_id(LINE, line, "lot_id");
        let quantity = in_product_unit(env, line);
        stock_quant::add(env, product, from, lot, -quantity);
        stock_quant::add(env, product, to, lot, quantity);
        env.db.set(LINE, line, "date", Val::Str(env.now_second()));
    }
    let now = env.now_second();
    env.db.update(MOVE, id, |rec| {
        rec.insert("state", Val::str("done"));
        rec.insert("picked", Val::Bool(true));
        rec.insert("date", Val::Str(now));
    });
}

/// A move outside any transfer that is done at once: a count.
pub(crate) fn record_done(
    env: &mut Env<'_>,
    product: i64,
    from: i64,
    to: i64,
    lot: Option<i64>,
    quantity: i64,
    why: &str,
) {
    let mut rec = env.new_rec(MOVE);
    rec.insert("name", Val::str(why));
    rec.insert("reference", Val::str(why));
    rec.insert("product_id", Val::Int(product));
    rec.insert("product_uom", env.db.val("product.product", product, "uom_id"));
    rec.insert("product_uom_qty", Val::Num(quantity));
    rec.insert("location_id", Val::Int(from));
    rec.insert("location_dest_id", Val::Int(to));
    rec.insert("is_inventory", Val::Bool(true));
    defaults::fill(env, MOVE, &mut rec);
    let id = env.db.insert(MOVE, rec);
    set_line(env, id, lot, quantity);
    refresh(env, id);
    finish(env, id);
}
