//! Sale orders: a draft with prices and taxes, confirmed into a delivery, and how far it is delivered and invoiced.

use super::account_tax::{self, Base};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{In, Rec, Val, Vals, scalar};
use super::version::OdooVersion;
use super::{account_currency, company, stock_picking};

pub(crate) const ORDER: &str = "sale.order";
pub(crate) const LINE: &str = "sale.order.line";
/// The order that a transfer or an invoice comes from; not a field that anybody can read.
pub(crate) const OF_ORDER: &str = "_sale";

/// The field with the taxes of a line, which 19 renamed.
pub(crate) fn taxes_field(env: &Env<'_>) -> &'static str {
    if env.is(OdooVersion::V19) {
        "tax_ids"
    } else {
        "tax_id"
    }
}

pub(crate) fn create(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    if !scalar(&vals, "name").is_some_and(Val::truthy) {
        let name = format!("S{:05}", env.db.table(ORDER).rows.len() + 1);
        vals.insert("name", In::Val(Val::Str(name)));
    }
    let house = env.company();
    let mut put = |field: &'static str, value: Val| {
        vals.entry(field).or_insert(In::Val(value));
    };
    put("state", Val::str("draft"));
    put("date_order", Val::Str(env.now_second()));
    put("currency_id", Val::Int(account_currency::of_company(env, house)));
    let shop = env.db.table("stock.warehouse").rows.keys().next().copied();
    put("warehouse_id", shop.map_or(Val::Null, Val::Int));
    env.create_plain(ORDER, vals)
}

/// Fills a line from its product.
pub(crate) fn create_line(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    let product = scalar(&vals, "product_id").map_or(0, Val::int);
    let unit = if env.is(OdooVersion::V19) {
        "product_uom_id"
    } else {
        "product_uom"
    };
    let mut put = |field: &'static str, value: Val| {
        vals.entry(field).or_insert(In::Val(value));
    };
    put("name", Val::Str(env.display_name("product.product", product)));
    put("price_unit", env.db.val("product.product", product, "list_price"));
    put("product_uom_qty", Val::Num(super::value::MICRO));
    put(unit, env.db.val("product.product", product, "uom_id"));
    let id = env.create_plain(LINE, vals)?;
    price(env, id);
    Ok(id)
}

fn price(env: &mut Env<'_>, line: i64) {
    let order = env.db.ref_id(LINE, line, "order_id").unwrap_or(0);
    let currency = env.db.ref_id(ORDER, order, "currency_id").unwrap_or(0);
    let house = company::of(env, ORDER, order);
    let num = |field: &str| env.db.num(LINE, line, field);
    let base = Base {
        amount: account_tax::gross(num("price_unit"), num("product_uom_qty"), num("discount")),
        quantity: num("product_uom_qty"),
        open_prices: true,
        step: account_tax::step(env, currency),
    };
    let taxes = account_tax::flat(env, env.db.val(LINE, line, taxes_field(env)).ids());
    let taxed = account_tax::compute(env, &taxes, base, account_tax::per_line(env, house));
    let tax = account_tax::rounded(taxed.parts.iter().map(|p| p.amount).sum(), base.step);
    env.db.update(LINE, line, |rec: &mut Rec| {
        rec.insert("price_subtotal", Val::Num(taxed.excluded));
        rec.insert("price_tax", Val::Num(tax));
        rec.insert("price_total", Val::Num(taxed.excluded + tax));
    });
}

/// Changes a line and what follows from it.
pub(crate) fn write_line(env: &mut Env<'_>, line: i64, vals: Vals) -> Outcome<()> {
    env.write_plain(LINE, line, vals)?;
    price(env, line);
    Ok(())
}

pub(crate) fn lines(env: &Env<'_>, order: i64) -> Vec<i64> {
    env.db.by(LINE, "order_id", order)
}

/// `action_confirm`: a delivery is made, and the date of the order becomes now.
pub(crate) fn confirm(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(ORDER, *id)?;
        if !matches!(env.db.text(ORDER, *id, "state").as_str(), "draft" | "sent") {
            return Err(OdooError::user(
                "Some orders are not in a state requiring confirmation.",
            ));
        }
        let now = env.now_second();
        env.db.update(ORDER, *id, |rec| {
            rec.insert("state", Val::str("sale"));
            rec.insert("date_order", Val::Str(now));
        });
        deliver(env, *id)?;
    }
    Ok(())
}

fn deliver(env: &mut Env<'_>, order: i64) -> Outcome<()> {
    let goods: Vec<i64> = lines(env, order)
        .into_iter()
        .filter(|l| {
            let product = env.db.ref_id(LINE, *l, "product_id").unwrap_or(0);
            env.db.text("product.product", product, "type") != "service"
        })
        .collect();
    let house = env.db.ref_id(ORDER, order, "warehouse_id").unwrap_or(0);
    let Some(kind) = env.db.ref_id("stock.warehouse", house, "out_type_id") else {
        return Ok(());
    };
    if goods.is_empty() {
        return Ok(());
    }
    let unit = if env.is(OdooVersion::V19) {
        "product_uom_id"
    } else {
        "product_uom"
    };
    let vals = Vals::from([
        ("picking_type_id", In::Val(Val::Int(kind))),
        ("partner_id", In::Val(env.db.val(ORDER, order, "partner_id"))),
        ("origin", In::Val(env.db.val(ORDER, order, "name"))),
    ]);
    let picking = stock_picking::create(env, vals)?;
    env.db
        .set(stock_picking::PICKING, picking, OF_ORDER, Val::Int(order));
    for line in goods {
        let held = |field: &str| In::Val(env.db.val(LINE, line, field));
        let mut vals = Vals::from([
            ("product_id", held("product_id")),
            ("product_uom", held(unit)),
            ("product_uom_qty", held("product_uom_qty")),
        ]);
        if !env.is(OdooVersion::V19) {
            vals.insert("name", held("name"));
        }
        super::stock_move::create(env, vals, Some(picking))?;
    }
    stock_picking::confirm(env, &[picking])
}

/// Records of a model that an order brought about.
pub(crate) fn outcome(env: &Env<'_>, model: &str, order: i64) -> Vec<i64> {
    env.db.by(model, OF_ORDER, order)
}

/// Fields of an order that follow from its lines, its deliveries and its invoices.
pub(crate) fn computed(env: &Env<'_>, id: i64, field: &str) -> Option<Val> {
    let sum = |field: &str| -> i64 { lines(env, id).iter().map(|l| env.db.num(LINE, *l, field)).sum() };
    Some(match field {
        "amount_untaxed" => Val::Num(sum("price_subtotal")),
        "amount_tax" => Val::Num(sum("price_tax")),
        "amount_total" => Val::Num(sum("price_total")),
        "picking_ids" => Val::Ids(outcome(env, stock_picking::PICKING, id)),
        "invoice_ids" => Val::Ids(outcome(env, "account.move", id)),
        "delivery_status" => delivery_status(env, id),
        "invoice_status" if env.db.text(ORDER, id, "state") != "sale" => Val::str("no"),
        "invoice_status" if open_lines(env, id).is_empty() => Val::str("invoiced"),
        "invoice_status" => Val::str("to invoice"),
        _ => return None,
    })
}

fn delivery_status(env: &Env<'_>, order: i64) -> Val {
    let states: Vec<String> = outcome(env, stock_picking::PICKING, order)
        .iter()
        .map(|p| env.db.text(stock_picking::PICKING, *p, "state"))
        .filter(|s| s != "cancel")
        .collect();
    match states.iter().filter(|s| *s == "done").count() {
        _ if states.is_empty() => Val::Null,
        0 => Val::str("pending"),
        n if n == states.len() => Val::str("full"),
        _ => Val::str("partial"),
    }
}

/// Lines that no invoice holds yet.
pub(crate) fn open_lines(env: &Env<'_>, order: i64) -> Vec<i64> {
    let mut open = lines(env, order);
    open.retain(|l| !env.db.val(LINE, *l, "_invoiced").truthy());
    open
}
