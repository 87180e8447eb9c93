//! What a field holds when nobody gave it, and which fields nobody may leave out.

use super::env::Env;
use super::value::{MICRO, Rec, Val};
use super::version::OdooVersion;

/// Fields without a default that must be given.
pub(crate) fn required(model: &str, version: OdooVersion) -> &'static [&'static str] {
    match model {
        "res.partner"
        | "product.template"
        | "product.product"
        | "product.category"
        | "account.tax"
        | "res.company"
        | "stock.location"
        | "stock.warehouse"
        | "uom.uom"
        | "res.currency"
        | "account.tax.group"
        | "account.account.tag"
        | "account.analytic.plan" => &["name"],
        "account.analytic.account" => &["name", "plan_id"],
        "account.account" => &["code", "name", "account_type"],
        "account.journal" => &["name", "code", "type"],
        "account.move.line" => &["account_id", "move_id"],
        "account.tax.repartition.line" => &["repartition_type", "document_type"],
        "ir.model.data" => &["name", "module", "model"],
        "sale.order" => &["partner_id"],
        "stock.lot" => &["name", "product_id"],
        "stock.picking.type" => &["name", "code", "sequence_code"],
        "stock.move" if version == OdooVersion::V19 => &["product_id", "location_id", "location_dest_id"],
        "stock.move" => &["name", "product_id", "location_id", "location_dest_id"],
        "stock.picking" => &["picking_type_id", "location_id", "location_dest_id"],
        "stock.quant" => &["product_id", "location_id"],
        _ => &[],
    }
}

/// Fills defaults into a record that is about to be inserted.
pub(crate) fn fill(env: &Env<'_>, model: &str, rec: &mut Rec) {
    let company = Val::Int(env.company());
    let kind = rec.get("type").map(|t| t.text().to_owned()).unwrap_or_default();
    let mut put = |field: &'static str, value: Val| {
        if env
            .db
            .schema
            .models
            .get(model)
            .is_some_and(|m| m.fields.contains_key(field))
        {
            rec.entry(field).or_insert(value);
        }
    };
    put("active", Val::Bool(true));
    match model {
        "res.company" => {
            put("tax_calculation_rounding_method", Val::str("round_per_line"));
            put("account_price_include", Val::str("tax_excluded"));
        }
        "account.account" | "res.users" => put("company_ids", Val::Ids(vec![env.company()])),
        "res.partner" | "product.product" | "product.template" => {}
        "ir.model.data" => put("noupdate", Val::Bool(false)),
        "res.currency" | "res.currency.rate" | "account.analytic.plan" => {}
        _ => put("company_id", company.clone()),
    }
    match model {
        "account.account" => {
            put("company_id", company);
            put("reconcile", Val::Bool(false));
        }
        "account.move" => {
            put("move_type", Val::str("entry"));
            put("state", Val::str("draft"));
            put(
                "currency_id",
                env.db.val("res.company", env.company(), "currency_id"),
            );
            put("auto_post", Val::str("no"));
        }
        "account.journal" => {
            put("alias_name", Val::Null);
            put(
                "refund_sequence",
                Val::Bool(matches!(kind.as_str(), "sale" | "purchase")),
            );
            let money = matches!(kind.as_str(), "bank" | "cash" | "credit");
            put("payment_sequence", Val::Bool(money));
            if money {
                let field = "account_journal_suspense_account_id";
                put(
                    "suspense_account_id",
                    env.db.val("res.company", env.company(), field),
                );
            }
        }
        "account.payment.register" => put("payment_difference_handling", Val::str("open")),
        "account.tax" => {
            put("amount_type", Val::str("percent"));
            put("type_tax_use", Val::str("sale"));
            put("is_base_affected", Val::Bool(true));
            put(
                "country_id",
                env.db.val("res.company", env.company(), "country_id"),
            );
            put("sequence", Val::Int(1));
            let group = env.db.table("account.tax.group").rows.keys().next().copied();
            put("tax_group_id", group.map_or(Val::Null, Val::Int));
        }
        "account.tax.repartition.line" => put("factor_percent", Val::Num(100 * MICRO)),
        "product.product" | "product.template" => product(env, &mut put),
        "product.category" => {
            put("property_cost_method", Val::str("standard"));
            let manual = if env.is(OdooVersion::V19) {
                "periodic"
            } else {
                "manual_periodic"
            };
            put("property_valuation", Val::str(manual));
        }
        "uom.uom" => put("rounding", Val::Num(MICRO / 100)),
        "stock.location" => put("usage", Val::str("internal")),
        "stock.picking" => {
            put("state", Val::str("draft"));
            put("move_type", Val::str("direct"));
            put("scheduled_date", Val::Str(env.now_second()));
            put("date", Val::Str(env.now_second()));
        }
        "stock.move" => {
            put("state", Val::str("draft"));
            put("procure_method", Val::str("make_to_stock"));
            put("date", Val::Str(env.now_second()));
            put("product_uom", first(env, "uom.uom"));
            put("picked", Val::Bool(false));
        }
        "stock.move.line" => {
            put("state", Val::str("assigned"));
            put("date", Val::Str(env.now_second()));
            put("picked", Val::Bool(false));
        }
        "stock.quant" => put("in_date", Val::Str(env.now_second())),
        "ir.module.module" => put("state", Val::str("uninstalled")),
        _ => {}
    }
}

fn product(env: &Env<'_>, put: &mut impl FnMut(&'static str, Val)) {
    let kind = "consu";
    put("type", Val::str(kind));
    put("detailed_type", Val::str(kind));
    put("tracking", Val::str("none"));
    put("categ_id", first(env, "product.category"));
    put("uom_id", first(env, "uom.uom"));
    put("uom_po_id", first(env, "uom.uom"));
    put("sale_ok", Val::Bool(true));
    put("list_price", Val::Num(MICRO));
    put("is_storable", Val::Bool(false));
}

fn first(env: &Env<'_>, model: &str) -> Val {
    env.db
        .table(model)
        .rows
        .keys()
        .next()
        .map_or(Val::Null, |id| Val::Int(*id))
}
