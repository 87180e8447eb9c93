//! Which methods there are on which models, per version, and what they take.

use super::env::Env;

/// What a method takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    pub(crate) params: &'static [&'static str],
    /// How many of `params` must be given.
    pub(crate) need: usize,
    /// Whether it works on records, whose ids come first.
    pub(crate) records: bool,
}

const fn on_model(params: &'static [&'static str], need: usize) -> Signature {
    Signature {
        params,
        need,
        records: false,
    }
}

const fn on_records(params: &'static [&'static str], need: usize) -> Signature {
    Signature {
        params,
        need,
        records: true,
    }
}

/// The parameters of a public method of a model; nothing when there is no such method.
pub(crate) fn signature(env: &Env<'_>, model: &str, method: &str) -> Option<Signature> {
    use super::version::OdooVersion::{V17, V19};
    let version = env.version();
    let has = |field: &str| env.has_field(model, field);
    Some(match (model, method) {
        (_, "search") => on_model(&["domain", "offset", "limit", "order"], 1),
        (_, "search_read") => on_model(&["domain", "fields", "offset", "limit", "order"], 0),
        (_, "search_count") => on_model(&["domain", "limit"], 1),
        (_, "name_search") => on_model(&["name", "args", "operator", "limit"], 0),
        (_, "create") => on_model(&["vals_list"], 1),
        (_, "load") => on_model(&["fields", "data"], 2),
        (_, "fields_get") => on_model(&["allfields", "attributes"], 0),
        (_, "read_group") => on_model(
            &[
                "domain", "fields", "groupby", "offset", "limit", "orderby", "lazy",
            ],
            3,
        ),
        (_, "formatted_read_group") if version == V19 => on_model(
            &[
                "domain",
                "groupby",
                "aggregates",
                "having",
                "offset",
                "limit",
                "order",
            ],
            1,
        ),
        (_, "check_access_rights") => on_model(&["operation", "raise_exception"], 1),
        (_, "has_access" | "check_access") if version != V17 => on_records(&["operation"], 1),
        (_, "read") => on_records(&["fields", "load"], 0),
        (_, "write") => on_records(&["vals"], 1),
        (_, "unlink" | "get_external_id") => on_records(&[], 0),
        (_, "export_data") => on_records(&["fields_to_export"], 1),
        (_, "action_archive" | "action_unarchive") if has("active") => on_records(&[], 0),
        ("account.move", "action_post" | "button_draft" | "button_cancel") => on_records(&[], 0),
        ("account.move", "js_assign_outstanding_line") => on_records(&["line_id"], 1),
        ("account.move.line", "reconcile" | "remove_move_reconcile") => on_records(&[], 0),
        ("account.payment", "action_post" | "action_draft" | "action_cancel") => on_records(&[], 0),
        ("account.payment.register", "action_create_payments") => on_records(&[], 0),
        ("account.move.reversal", "refund_moves" | "modify_moves") => on_records(&[], 0),
        ("stock.picking", "button_validate" | "action_confirm" | "action_assign" | "action_cancel") => {
            on_records(&[], 0)
        }
        ("sale.order", "action_confirm") => on_records(&[], 0),
        ("sale.advance.payment.inv", "create_invoices") => on_records(&[], 0),
        ("stock.quant", "action_apply_inventory") => on_records(&[], 0),
        ("stock.quant", "action_view_quants") => on_model(&[], 0),
        ("stock.return.picking", "create_returns") if version == V17 => on_records(&[], 0),
        ("stock.return.picking", "action_create_returns") if version != V17 => on_records(&[], 0),
        ("res.users", "context_get") => on_model(&[], 0),
        ("res.users", "has_group") if version == V17 => on_model(&["group_ext_id"], 1),
        ("res.users", "has_group") => on_records(&["group_ext_id"], 1),
        _ => return None,
    })
}
