//! Companies: which one a record belongs to, which ones a caller may work in, and records of two companies that may not
//! meet.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::Val;
use super::version::OdooVersion;

/// The company of a record; records without one belong to every company and count as the caller's.
pub(crate) fn of(env: &Env<'_>, model: &str, id: i64) -> i64 {
    owner(env, model, id).unwrap_or_else(|| env.company())
}

/// The company that a record belongs to, if to one alone.
pub(crate) fn owner(env: &Env<'_>, model: &str, id: i64) -> Option<i64> {
    match model {
        "account.move.line" => owner(env, "account.move", env.db.ref_id(model, id, "move_id")?),
        "stock.move.line" => owner(env, "stock.move", env.db.ref_id(model, id, "move_id")?),
        "account.payment.method.line" => {
            owner(env, "account.journal", env.db.ref_id(model, id, "journal_id")?)
        }
        "account.account" if !env.is(OdooVersion::V17) => {
            env.db.val(model, id, "company_ids").ids().first().copied()
        }
        "res.company" => Some(id),
        "res.users" => None,
        _ => env.db.ref_id(model, id, "company_id"),
    }
}

/// Companies that this call may see: those the context names, else the user's own.
pub(crate) fn allowed(env: &Env<'_>) -> Vec<i64> {
    match env.ctx.get("allowed_company_ids") {
        Some(given) => super::value::id_list(given),
        None => env.db.val("res.users", env.uid, "company_ids").ids().to_vec(),
    }
}

/// Refuses a context that names a company which the user is not in.
pub(crate) fn check_context(env: &Env<'_>) -> Outcome<()> {
    let mine = env.db.val("res.users", env.uid, "company_ids");
    if env.ctx.contains_key("allowed_company_ids") && allowed(env).iter().any(|c| !mine.ids().contains(c)) {
        return Err(OdooError::access("Access to unauthorized or invalid companies."));
    }
    Ok(())
}

/// Whether the record rules show this record to the caller.
pub(crate) fn visible(env: &Env<'_>, model: &str, id: i64) -> bool {
    if !has_rule(model) {
        return true;
    }
    owner(env, model, id).is_none_or(|c| allowed(env).contains(&c))
}

/// Refuses a record of a company that the caller may not see.
pub(crate) fn check(env: &Env<'_>, model: &str, id: i64) -> Outcome<()> {
    if visible(env, model, id) {
        return Ok(());
    }
    Err(OdooError::access(format!(
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nSorry, you don't have access to:\n- {model} ({id})\n\nThis restriction is due to the following rules:\n- multi-company",
    )))
}

fn has_rule(model: &str) -> bool {
    model.starts_with("account.")
        || model.starts_with("stock.")
        || model.starts_with("product.")
        || matches!(model, "res.partner" | "res.company" | "res.currency.rate")
}

/// Refuses to let two records of different companies meet.
pub(crate) fn same(env: &Env<'_>, model: &str, id: i64, other: &'static str, with: i64) -> Outcome<()> {
    let (Some(one), Some(two)) = (owner(env, model, id), owner(env, other, with)) else {
        return Ok(());
    };
    if one == two {
        return Ok(());
    }
    let name = |c| env.db.text("res.company", c, "name");
    Err(OdooError::user(format!(
        "Incompatible companies on records:\n- '{}' belongs to company '{}' while {model} {id} belongs to company '{}'.",
        env.display_name(other, with),
        name(two),
        name(one),
    )))
}

/// The first account of a kind in a company's chart, by its number.
pub(crate) fn first_account(env: &Env<'_>, company: i64, kind: &str) -> Option<i64> {
    let rows = &env.db.table("account.account").rows;
    rows.iter()
        .filter(|(id, r)| {
            r.get("account_type").is_some_and(|t| t.text() == kind)
                && owner(env, "account.account", **id).is_none_or(|c| c == company)
        })
        .min_by_key(|(id, r)| (r.get("code").map(|c| c.text().to_owned()), **id))
        .map(|(id, _)| *id)
}

/// The receivable or payable account of a partner: its own, else that of the company's chart.
pub(crate) fn partner_account(env: &Env<'_>, company: i64, partner: Option<i64>, kind: &str) -> Option<i64> {
    let field = if kind == "asset_receivable" {
        "property_account_receivable_id"
    } else {
        "property_account_payable_id"
    };
    let own = partner.and_then(|p| env.db.ref_id("res.partner", p, field));
    own.or_else(|| {
        let name = format!("{company}_{field}");
        let row = env.xid_row("account", &name)?;
        Some(env.db.val("ir.model.data", row, "res_id").int())
    })
    .or_else(|| first_account(env, company, kind))
}

/// The first journal of a kind in a company.
pub(crate) fn first_journal(env: &Env<'_>, company: i64, kinds: &[&str]) -> Option<i64> {
    env.db
        .table("account.journal")
        .rows
        .iter()
        .find(|(_, r)| {
            r.get("type").is_some_and(|t| kinds.contains(&t.text()))
                && r.get("company_id") == Some(&Val::Int(company))
        })
        .map(|(id, _)| *id)
}
