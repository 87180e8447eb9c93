//! Transfers: names, states, confirming, cancelling and returns. `stock_validate.rs` has the validation.

use super::company;
use super::defaults;
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::stock_move::{self, DONE_STAYS, MOVE};
use super::value::{Command, In, Val, Vals, scalar};
use super::version::OdooVersion;
use serde_json::{Value, json};

pub(crate) const PICKING: &str = "stock.picking";

pub(crate) fn create(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    let moves = take_moves(&mut vals);
    let mut rec = env.new_rec(PICKING);
    let rest = env.apply(PICKING, &mut rec, vals)?;
    let kind = rec.get("picking_type_id").map_or(0, Val::int);
    company::check(env, "stock.picking.type", kind)?;
    let house = env.db.val("stock.picking.type", kind, "company_id");
    rec.insert("company_id", house);
    for (field, default) in [
        ("location_id", "default_location_src_id"),
        ("location_dest_id", "default_location_dest_id"),
    ] {
        rec.entry(field)
            .or_insert(env.db.val("stock.picking.type", kind, default));
    }
    if !rec.get("name").is_some_and(|n| n.truthy() && n.text() != "/") {
        rec.insert("name", Val::Str(next_name(env, kind)));
    }
    let name = rec.get("name").map(|n| n.text().to_owned()).unwrap_or_default();
    let house = rec.get("company_id").map_or(0, Val::int);
    check_name(env, 0, house, &name)?;
    defaults::fill(env, PICKING, &mut rec);
    env.check_required(PICKING, &rec)?;
    let id = env.db.insert(PICKING, rec);
    for field in ["location_id", "location_dest_id"] {
        let place = env.db.ref_id(PICKING, id, field).unwrap_or(0);
        company::same(env, PICKING, id, "stock.location", place)?;
    }
    env.run_commands(PICKING, id, rest)?;
    run_moves(env, id, moves)?;
    refresh(env, id);
    Ok(id)
}

fn take_moves(vals: &mut Vals) -> Vec<Command> {
    let mut all = Vec::new();
    for field in ["move_ids", "move_ids_without_package"] {
        if let Some(In::Commands(list)) = vals.remove(field) {
            all.extend(list);
        }
    }
    all
}

fn run_moves(env: &mut Env<'_>, id: i64, list: Vec<Command>) -> Outcome<()> {
    for command in list {
        match command {
            Command::Create(vals) => {
                stock_move::create(env, vals, Some(id))?;
            }
            Command::Update(other, vals) => env.write(MOVE, &[other], vals)?,
            Command::Delete(other) | Command::Unlink(other) => env.unlink(MOVE, &[other])?,
            Command::Link(_) | Command::Clear | Command::Set(_) => {}
        }
    }
    Ok(())
}

/// The database has a unique constraint on the name within a company.
fn check_name(env: &Env<'_>, id: i64, company: i64, name: &str) -> Outcome<()> {
    let same = env
        .db
        .lookup(PICKING, "name", &Val::str(name))
        .unwrap_or_default();
    if same
        .iter()
        .any(|x| *x != id && company::of(env, PICKING, *x) == company)
    {
        return Err(OdooError::validation(
            "The operation cannot be completed: Reference must be unique per company!",
        ));
    }
    Ok(())
}

/// `WH/OUT/00001`: numbers come from a sequence of the type, which has gaps when a transaction fails.
pub(crate) fn next_name(env: &mut Env<'_>, kind: i64) -> String {
    let code = env.db.text("stock.picking.type", kind, "sequence_code");
    let house = env.db.ref_id("stock.picking.type", kind, "warehouse_id");
    let prefix = match house {
        Some(w) => format!("{}/{code}/", env.db.text("stock.warehouse", w, "code")),
        None => format!("{code}/"),
    };
    let next = env.db.val("stock.picking.type", kind, "_next").int().max(1);
    env.db
        .set("stock.picking.type", kind, "_next", Val::Int(next + 1));
    format!("{prefix}{next:05}")
}

pub(crate) fn write(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    if let Some(name) = scalar(&vals, "name") {
        check_name(env, id, company::of(env, PICKING, id), name.text())?;
    }
    let moves = take_moves(&mut vals);
    env.write_plain(PICKING, id, vals)?;
    run_moves(env, id, moves)?;
    refresh(env, id);
    Ok(())
}

pub(crate) fn moves_of(env: &Env<'_>, id: i64) -> Vec<i64> {
    env.db.by(MOVE, "picking_id", id)
}

/// Moves that are neither done nor cancelled.
pub(crate) fn open_moves(env: &Env<'_>, id: i64) -> Vec<i64> {
    let mut moves = moves_of(env, id);
    moves.retain(|m| !matches!(env.db.text(MOVE, *m, "state").as_str(), "done" | "cancel"));
    moves
}

/// Works out the state of a transfer from its moves.
pub(crate) fn refresh(env: &mut Env<'_>, id: i64) {
    let states: Vec<String> = moves_of(env, id)
        .iter()
        .map(|m| env.db.text(MOVE, *m, "state"))
        .collect();
    let all = |s: &str| states.iter().all(|x| x == s);
    let any = |s: &str| states.iter().any(|x| x == s);
    let state = if states.is_empty() || any("draft") {
        "draft"
    } else if all("cancel") {
        "cancel"
    } else if states.iter().all(|s| s == "done" || s == "cancel") {
        "done"
    } else if any("assigned") || any("partially_available") {
        "assigned"
    } else {
        "confirmed"
    };
    if env.db.text(PICKING, id, "state") != state {
        env.db.set(PICKING, id, "state", Val::str(state));
    }
}

pub(crate) fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
        for item in open_moves(env, *id) {
            stock_move::confirm(env, item)?;
        }
        refresh(env, *id);
    }
    Ok(())
}

pub(crate) fn assign(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
        let open = open_moves(env, *id);
        if open.is_empty() {
            return Err(OdooError::user("Nothing to check the availability for."));
        }
        for item in open {
            stock_move::confirm(env, item)?;
        }
        refresh(env, *id);
    }
    Ok(())
}

pub(crate) fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PICKING, *id)?;
        for item in moves_of(env, *id) {
            if env.db.text(MOVE, item, "state") == "done" {
                return Err(OdooError::user(DONE_STAYS));
            }
            stock_move::release(env, item);
            env.db.set(MOVE, item, "state", Val::str("cancel"));
        }
        refresh(env, *id);
    }
    Ok(())
}

pub(crate) fn before_unlink(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    cancel(env, &[id])?;
    for item in moves_of(env, id) {
        env.unlink(MOVE, &[item])?;
    }
    Ok(())
}

/// The return wizard lists what was delivered; 18 and 19 start its quantities at zero.
pub(crate) fn create_return_wizard(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    if !vals.contains_key("picking_id")
        && let Some(active) = env.ctx_int("active_id")
    {
        vals.insert("picking_id", In::Val(Val::Int(active)));
    }
    let picking = scalar(&vals, "picking_id").map_or(0, Val::int);
    let id = env.create_plain("stock.return.picking", vals)?;
    for item in moves_of(env, picking) {
        let quantity = if env.is(OdooVersion::V17) {
            env.db.num(MOVE, item, "quantity")
        } else {
            0
        };
        let mut rec = env.new_rec("stock.return.picking.line");
        rec.insert("wizard_id", Val::Int(id));
        rec.insert("move_id", Val::Int(item));
        rec.insert("product_id", env.db.val(MOVE, item, "product_id"));
        rec.insert("quantity", Val::Num(quantity));
        env.db.insert("stock.return.picking.line", rec);
    }
    Ok(id)
}

/// Makes the return transfer: locations swapped, ready to validate.
pub(crate) fn make_return(env: &mut Env<'_>, wizard: i64) -> Outcome<Value> {
    env.must_exist("stock.return.picking", wizard)?;
    let picking = env
        .db
        .ref_id("stock.return.picking", wizard, "picking_id")
        .unwrap_or(0);
    let kind = env.db.ref_id(PICKING, picking, "picking_type_id").unwrap_or(0);
    let back = env
        .db
        .ref_id("stock.picking.type", kind, "return_picking_type_id")
        .unwrap_or(kind);
    let (from, to) = (
        env.db.val(PICKING, picking, "location_dest_id"),
        env.db.val(PICKING, picking, "location_id"),
    );
    let origin = format!("Return of {}", env.db.text(PICKING, picking, "name"));
    let vals = Vals::from([
        ("picking_type_id", In::Val(Val::Int(back))),
        ("location_id", In::Val(from)),
        ("location_dest_id", In::Val(to)),
        ("origin", In::Val(Val::Str(origin))),
    ]);
    let new = create(env, vals)?;
    let mut some = false;
    for line in env.db.by("stock.return.picking.line", "wizard_id", wizard) {
        let quantity = env.db.num("stock.return.picking.line", line, "quantity");
        if quantity <= 0 {
            continue;
        }
        some = true;
        let source = env
            .db
            .ref_id("stock.return.picking.line", line, "move_id")
            .unwrap_or(0);
        let mut vals = Vals::from([
            ("product_id", In::Val(env.db.val(MOVE, source, "product_id"))),
            ("product_uom", In::Val(env.db.val(MOVE, source, "product_uom"))),
            ("product_uom_qty", In::Val(Val::Num(quantity))),
        ]);
        if !env.is(OdooVersion::V19) {
            vals.insert("name", In::Val(env.db.val(MOVE, source, "name")));
        }
        let item = stock_move::create(env, vals, Some(new))?;
        stock_move::confirm(env, item)?;
    }
    if !some {
        return Err(OdooError::user("Please specify at least one non-zero quantity."));
    }
    Ok(json!({
        "name": "Returned Picking",
        "view_mode": if env.is(OdooVersion::V17) { "form,tree,calendar" } else { "form" },
        "res_model": PICKING,
        "res_id": new,
        "type": "ir.actions.act_window",
        "context": {},
    }))
}
