//! The wizard that invoices a sale order, and the screen that it opens.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::sale_order::{LINE, OF_ORDER, ORDER, open_lines, taxes_field};
use super::value::{Command, In, Val, Vals, id_list};
use super::version::OdooVersion;
use serde_json::{Value, json};

/// `create_invoices`: one draft invoice for each order of the context with what is not invoiced yet.
pub(crate) fn run(env: &mut Env<'_>) -> Outcome<Value> {
    let orders = env.ctx.get("active_ids").map(id_list).unwrap_or_default();
    let mut shown = None;
    for order in orders {
        env.must_exist(ORDER, order)?;
        let lines = open_lines(env, order);
        if env.db.text(ORDER, order, "state") == "sale" && !lines.is_empty() {
            shown = Some((order, invoice(env, order, &lines)?));
        }
    }
    match shown {
        Some((order, id)) => Ok(action(env, order, id)),
        None => Err(OdooError::user(
            "Cannot create an invoice. No items are available to invoice.",
        )),
    }
}

fn invoice(env: &mut Env<'_>, order: i64, lines: &[i64]) -> Outcome<i64> {
    let taxes = taxes_field(env);
    let mut commands = Vec::new();
    for line in lines {
        let held = |field: &str| env.db.val(LINE, *line, field);
        let named = held(taxes).ids().to_vec();
        commands.push(Command::Create(Vals::from([
            ("name", In::Val(held("name"))),
            ("product_id", In::Val(held("product_id"))),
            ("quantity", In::Val(held("product_uom_qty"))),
            ("price_unit", In::Val(held("price_unit"))),
            ("discount", In::Val(held("discount"))),
            ("tax_ids", In::Commands(vec![Command::Set(named)])),
        ])));
    }
    let vals = Vals::from([
        ("move_type", In::Val(Val::str("out_invoice"))),
        ("partner_id", In::Val(env.db.val(ORDER, order, "partner_id"))),
        ("invoice_origin", In::Val(env.db.val(ORDER, order, "name"))),
        ("invoice_line_ids", In::Commands(commands)),
    ]);
    let id = env.create("account.move", vals)?;
    env.db.set("account.move", id, OF_ORDER, Val::Int(order));
    for line in lines {
        env.db.set(LINE, *line, "_invoiced", Val::Bool(true));
    }
    Ok(id)
}

/// The action that shows an invoice; each version describes it a little differently.
fn action(env: &Env<'_>, order: i64, id: i64) -> Value {
    let version = env.version();
    let old = version == OdooVersion::V17;
    let list = if old { "tree" } else { "list" };
    let partner = env.db.ref_id(ORDER, order, "partner_id");
    let kinds = match version {
        OdooVersion::V17 => "[('move_type', '=', 'out_invoice')]",
        OdooVersion::V18 => "[('move_type', 'in', ['out_invoice', 'out_refund'])]",
        OdooVersion::V19 => "[('move_type', 'in', ['out_invoice', 'out_refund', 'out_receipt'])]",
    };
    let mut out = json!({
        "id": 262,
        "name": "Invoices",
        "display_name": "Invoices",
        "type": "ir.actions.act_window",
        "xml_id": "account.action_move_out_invoice_type",
        "help": "<p class=\"o_view_nocontent_smiling_face\">Create a customer invoice</p>",
        "binding_model_id": false,
        "binding_type": "action",
        "binding_view_types": "list,form",
        "view_id": [709, format!("account.out.invoice.{list}")],
        "domain": kinds,
        "context": {
            "default_move_type": "out_invoice",
            "default_partner_id": partner,
            "default_partner_shipping_id": partner,
            "default_invoice_payment_term_id": null,
        },
        "res_id": id,
        "res_model": "account.move",
        "target": "current",
        "view_mode": format!("{list},kanban,form,activity"),
        "mobile_view_mode": "kanban",
        "views": [[716, "form"], [709, list], [false, "kanban"], [false, "activity"]],
        "limit": 80,
        "search_view_id": [719, "account.invoice.select"],
        "filter": false,
    });
    let groups = if version == OdooVersion::V19 {
        "group_ids"
    } else {
        "groups_id"
    };
    out[groups] = json!([]);
    if !old {
        out["path"] = "invoicing".into();
        out["embedded_action_ids"] = json!([]);
    }
    if version == OdooVersion::V19 {
        out["cache"] = true.into();
    } else {
        out["context"]["default_invoice_origin"] = env.db.text(ORDER, order, "name").into();
    }
    out
}
