//! Units of measure: how many of a product's own units a quantity in another unit is.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{MICRO, round_to};
use super::version::OdooVersion;

const UOM: &str = "uom.uom";

/// How many reference units one of this unit is, in millionths.
fn size(env: &Env<'_>, uom: i64) -> i128 {
    let num = |field: &str| i128::from(env.db.num(UOM, uom, field));
    let micro = i128::from(MICRO);
    if env.is(OdooVersion::V19) {
        // 19 counts in another unit, which may count in a third
        let own = num("relative_factor");
        return match env.db.ref_id(UOM, uom, "relative_uom_id").filter(|r| *r != uom) {
            Some(other) if own > 0 => size(env, other) * own / micro,
            _ => micro,
        };
    }
    match (
        env.db.text(UOM, uom, "uom_type").as_str(),
        num("factor_inv"),
        num("factor"),
    ) {
        ("reference", ..) => micro,
        (_, inverse, _) if inverse > 0 => inverse,
        (_, _, factor) if factor > 0 => micro * micro / factor,
        _ => micro,
    }
}

/// The unit that others of its kind are counted in.
fn root(env: &Env<'_>, uom: i64) -> i64 {
    let field = if env.is(OdooVersion::V19) {
        "relative_uom_id"
    } else {
        "category_id"
    };
    match env.db.ref_id(UOM, uom, field) {
        Some(other) if env.is(OdooVersion::V19) && other != uom => root(env, other),
        Some(category) if !env.is(OdooVersion::V19) => category,
        _ if env.is(OdooVersion::V19) => uom,
        _ => 0,
    }
}

/// Refuses a unit that cannot be counted in another, such as pounds for pieces.
pub(crate) fn check(env: &Env<'_>, from: i64, to: i64) -> Outcome<()> {
    if from == to || root(env, from) == root(env, to) {
        return Ok(());
    }
    Err(OdooError::user(format!(
        "The unit of measure {} defined on the order line doesn't belong to the same category as the unit of measure {} defined on the product. Please correct the unit of measure defined on the order line or on the product. They should belong to the same category.",
        env.db.text(UOM, from, "name"),
        env.db.text(UOM, to, "name"),
    )))
}

/// A quantity in millionths put from one unit into another, rounded to what that can hold.
pub(crate) fn convert(env: &Env<'_>, quantity: i64, from: i64, to: i64) -> i64 {
    if from == to {
        return quantity;
    }
    let exact = i128::from(quantity) * size(env, from) / size(env, to).max(1);
    let step = env.db.num(UOM, to, "rounding");
    round_to(
        i64::try_from(exact).unwrap_or(0),
        if step > 0 { step } else { MICRO / 100 },
    )
}

/// A quantity in a product's own unit.
pub(crate) fn of_product(env: &Env<'_>, product: i64, quantity: i64, from: Option<i64>) -> i64 {
    match (from, env.db.ref_id("product.product", product, "uom_id")) {
        (Some(from), Some(own)) => convert(env, quantity, from, own),
        _ => quantity,
    }
}
