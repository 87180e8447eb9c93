//! Products: every template has one variant, and the two share their values.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{In, Val, Vals, scalar};
use super::version::OdooVersion;

const VARIANT: &str = "product.product";
const TEMPLATE: &str = "product.template";

pub(crate) fn create_variant(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    align_types(env, &mut vals);
    let template = match scalar(&vals, "product_tmpl_id").map(Val::int).filter(|t| *t != 0) {
        Some(template) => template,
        None => env.create_plain(TEMPLATE, shared(env, &vals))?,
    };
    vals.insert("product_tmpl_id", In::Val(Val::Int(template)));
    let id = env.create_plain(VARIANT, vals)?;
    check_barcode(env, id)?;
    Ok(id)
}

pub(crate) fn create_template(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    align_types(env, &mut vals);
    let template = env.create_plain(TEMPLATE, vals.clone())?;
    let mut variant: Vals = vals
        .into_iter()
        .filter(|(f, _)| env.has_field(VARIANT, f))
        .collect();
    variant.insert("product_tmpl_id", In::Val(Val::Int(template)));
    let id = env.create_plain(VARIANT, variant)?;
    check_barcode(env, id)?;
    Ok(template)
}

pub(crate) fn write_variant(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    align_types(env, &mut vals);
    let both = shared(env, &vals);
    env.write_plain(VARIANT, id, vals)?;
    if let Some(template) = env.db.ref_id(VARIANT, id, "product_tmpl_id") {
        env.write_plain(TEMPLATE, template, both)?;
    }
    check_barcode(env, id)
}

pub(crate) fn write_template(env: &mut Env<'_>, id: i64, mut vals: Vals) -> Outcome<()> {
    align_types(env, &mut vals);
    env.write_plain(TEMPLATE, id, vals.clone())?;
    for variant in env.db.by(VARIANT, "product_tmpl_id", id) {
        let mine: Vals = vals
            .clone()
            .into_iter()
            .filter(|(f, _)| env.has_field(VARIANT, f))
            .collect();
        env.write_plain(VARIANT, variant, mine)?;
        check_barcode(env, variant)?;
    }
    Ok(())
}

fn shared(env: &Env<'_>, vals: &Vals) -> Vals {
    vals.clone()
        .into_iter()
        .filter(|(f, _)| env.has_field(TEMPLATE, f))
        .collect()
}

/// 17 keeps the kind of a product in two fields that follow each other.
fn align_types(env: &Env<'_>, vals: &mut Vals) {
    if !env.is(OdooVersion::V17) {
        return;
    }
    if let Some(detailed) = vals.get("detailed_type").cloned() {
        vals.insert("type", detailed);
    } else if let Some(kind) = vals.get("type").cloned() {
        vals.insert("detailed_type", kind);
    }
}

fn check_barcode(env: &Env<'_>, id: i64) -> Outcome<()> {
    let code = env.db.text(VARIANT, id, "barcode");
    if code.is_empty() {
        return Ok(());
    }
    let same = env
        .db
        .lookup(VARIANT, "barcode", &Val::str(code.clone()))
        .unwrap_or_default();
    if same.len() < 2 {
        return Ok(());
    }
    let names: Vec<String> = same.iter().map(|p| env.display_name(VARIANT, *p)).collect();
    Err(OdooError::validation(format!(
        "Barcode(s) already assigned:\n\n- Barcode \"{code}\" already assigned to product(s): {}\n\nNote: products that you don't have access to will not be shown above.",
        names.join(" and ")
    )))
}

/// Whether stock of this product is counted.
pub(crate) fn is_storable(env: &Env<'_>, id: i64) -> bool {
    if env.is(OdooVersion::V17) {
        env.db.text(VARIANT, id, "detailed_type") == "product"
    } else {
        env.db.val(VARIANT, id, "is_storable").truthy()
    }
}

/// Whether a lot or serial number must be given.
pub(crate) fn is_tracked(env: &Env<'_>, id: i64) -> bool {
    matches!(env.db.text(VARIANT, id, "tracking").as_str(), "lot" | "serial")
}
