//! Taxes of one line as Odoo computes them: included in the price or not, percent, fixed or division, tax on tax, rounded
//! on each line or only in the end, and split over the repartition lines of a tax.

use super::env::Env;
use super::value::{MICRO, Val, round_to};
use super::version::OdooVersion;

const TAX: &str = "account.tax";
const REPARTITION: &str = "account.tax.repartition.line";

/// A hundred percent, in millionths of a percent.
const WHOLE: i128 = 100 * MICRO as i128;

/// What is taxed: an amount in millionths of millionths, so that a price times a quantity is exact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    pub(crate) amount: i128,
    /// In millionths; what a fixed tax is multiplied with, with its sign.
    pub(crate) quantity: i64,
    /// Whether included taxes are taken out of the amount; not in plain entries.
    pub(crate) open_prices: bool,
    /// Smallest unit of the currency, in millionths.
    pub(crate) step: i64,
}

/// One tax of a line; amounts in millionths of millionths, rounded already where each line is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) tax: i64,
    pub(crate) base: i128,
    pub(crate) amount: i128,
}

/// A line with its taxes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taxed {
    /// Without taxes, in millionths, rounded.
    pub(crate) excluded: i64,
    pub(crate) parts: Vec<Part>,
}

fn pico(micros: i64) -> i128 {
    i128::from(micros) * i128::from(MICRO)
}

/// Millionths of millionths to millionths in whole steps, half away from zero.
pub(crate) fn rounded(exact: i128, step: i64) -> i64 {
    let unit = i128::from(MICRO) * i128::from(step.max(1));
    let half = unit / 2 * exact.signum();
    i64::try_from((exact + half) / unit).unwrap_or(0) * step.max(1)
}

/// Whether taxes are rounded on each line, as the company says.
pub(crate) fn per_line(env: &Env<'_>, company: i64) -> bool {
    env.db
        .text("res.company", company, "tax_calculation_rounding_method")
        != "round_globally"
}

/// The taxes named on a line with groups opened up, in the order in which they apply.
pub(crate) fn flat(env: &Env<'_>, named: &[i64]) -> Vec<i64> {
    let mut out = Vec::new();
    for tax in sorted(env, named) {
        let children = env.db.val(TAX, tax, "children_tax_ids");
        if children.truthy() {
            out.extend(sorted(env, children.ids()));
        } else {
            out.push(tax);
        }
    }
    out
}

fn sorted(env: &Env<'_>, taxes: &[i64]) -> Vec<i64> {
    let mut out = taxes.to_vec();
    out.sort_by_key(|t| (env.db.val(TAX, *t, "sequence").int(), *t));
    out
}

/// Whether the price holds the tax: a flag on 17, a choice that may be left to the company on 18 and 19.
pub(crate) fn is_included(env: &Env<'_>, tax: i64) -> bool {
    if env.is(OdooVersion::V17) {
        return env.db.val(TAX, tax, "price_include").truthy();
    }
    match env.db.text(TAX, tax, "price_include_override").as_str() {
        "tax_included" => true,
        "tax_excluded" => false,
        _ => {
            let company = env.db.ref_id(TAX, tax, "company_id").unwrap_or(0);
            env.db.text("res.company", company, "account_price_include") == "tax_included"
        }
    }
}

/// Computes the taxes of a line, `taxes` as `flat` gave them.
pub(crate) fn compute(env: &Env<'_>, taxes: &[i64], base: Base, per_line: bool) -> Taxed {
    let cut = |exact: i128| {
        if per_line {
            pico(rounded(exact, base.step))
        } else {
            exact
        }
    };
    // 17 rounds the amount of a line in any case
    let whole = if env.is(OdooVersion::V17) {
        pico(rounded(base.amount, base.step))
    } else {
        cut(base.amount)
    };
    let inside: Vec<i64> = taxes
        .iter()
        .copied()
        .filter(|t| base.open_prices && is_included(env, *t))
        .collect();
    let amounts = included(env, &inside, whole, base.quantity, &cut);
    let bare = whole - amounts.iter().map(|(_, a)| a).sum::<i128>();
    let mut parts = Vec::new();
    // what taxes that count into the base of the following ones have added to it
    let mut raised = 0;
    for tax in taxes {
        let at = bare + raised;
        let amount = match amounts.iter().find(|(t, _)| t == tax) {
            Some((_, amount)) => *amount,
            None => cut(share(env, *tax, at, base.quantity)),
        };
        parts.push(Part {
            tax: *tax,
            base: at,
            amount,
        });
        if env.db.val(TAX, *tax, "include_base_amount").truthy() && !inside.contains(tax) {
            raised += amount;
        }
    }
    Taxed {
        excluded: rounded(bare, base.step),
        parts,
    }
}

/// Amounts of the taxes that the price holds. 17 rounds the price without them and gives the last of them the rest;
/// 18 and 19 round each of them and leave the rest to the price.
fn included(
    env: &Env<'_>,
    taxes: &[i64],
    whole: i128,
    quantity: i64,
    cut: &impl Fn(i128) -> i128,
) -> Vec<(i64, i128)> {
    let kind = |t: &i64| env.db.text(TAX, *t, "amount_type");
    let rate = |t: &i64| i128::from(env.db.num(TAX, *t, "amount"));
    let fixed: i128 = taxes
        .iter()
        .filter(|t| kind(t) == "fixed")
        .map(|t| rate(t) * i128::from(quantity))
        .sum();
    let percent: i128 = taxes.iter().filter(|t| kind(t) == "percent").map(rate).sum();
    let division: i128 = taxes.iter().filter(|t| kind(t) == "division").map(rate).sum();
    let exact = (whole - fixed) * (WHOLE - division) / WHOLE * WHOLE / (WHOLE + percent);
    let amount = |t: &i64, bare: i128| match kind(t).as_str() {
        "fixed" => rate(t) * i128::from(quantity),
        "division" => (whole - fixed) * rate(t) / WHOLE,
        _ => bare * rate(t) / WHOLE,
    };
    if !env.is(OdooVersion::V17) {
        return taxes.iter().map(|t| (*t, cut(amount(t, exact)))).collect();
    }
    let bare = cut(exact);
    let mut left = whole - bare;
    let mut out: Vec<(i64, i128)> = Vec::new();
    for (at, tax) in taxes.iter().enumerate() {
        let last = at + 1 == taxes.len();
        let amount = if last { left } else { cut(amount(tax, bare)) };
        left -= amount;
        out.push((*tax, amount));
    }
    out
}

/// A tax on top of `base`.
fn share(env: &Env<'_>, tax: i64, base: i128, quantity: i64) -> i128 {
    let rate = i128::from(env.db.num(TAX, tax, "amount"));
    match env.db.text(TAX, tax, "amount_type").as_str() {
        "fixed" => rate * i128::from(quantity),
        "division" if rate < WHOLE => base * WHOLE / (WHOLE - rate) - base,
        _ => base * rate / WHOLE,
    }
}

/// Repartition lines of a tax for a kind of document, in their order.
pub(crate) fn repartition(env: &Env<'_>, tax: i64, document: &str, kind: &str) -> Vec<i64> {
    let mut lines: Vec<i64> = env
        .db
        .by(REPARTITION, "tax_id", tax)
        .into_iter()
        .filter(|r| {
            env.db.text(REPARTITION, *r, "document_type") == document
                && env.db.text(REPARTITION, *r, "repartition_type") == kind
        })
        .collect();
    lines.sort_by_key(|r| (env.db.val(REPARTITION, *r, "sequence").int(), *r));
    lines
}

/// An amount of tax split over repartition lines; what rounding leaves goes to the first of them, a step each.
pub(crate) fn split(env: &Env<'_>, lines: &[i64], amount: i64, step: i64) -> Vec<(i64, i64)> {
    let factor = |r: i64| i128::from(env.db.num(REPARTITION, r, "factor_percent"));
    let mut out: Vec<(i64, i64)> = lines
        .iter()
        .map(|r| (*r, rounded(pico(amount) * factor(*r) / WHOLE, step)))
        .collect();
    let total: i128 = lines.iter().map(|r| factor(*r)).sum();
    let mut left = rounded(pico(amount) * total / WHOLE, step) - out.iter().map(|(_, a)| a).sum::<i64>();
    for (_, part) in &mut out {
        if left == 0 {
            break;
        }
        let piece = step * left.signum();
        *part += piece;
        left -= piece;
    }
    out
}

/// Tags that the repartition lines of these taxes put on a base line, or that one of them puts on its tax line.
pub(crate) fn tags(env: &Env<'_>, lines: &[i64]) -> Val {
    let mut ids: Vec<i64> = Vec::new();
    for line in lines {
        for tag in env.db.val(REPARTITION, *line, "tag_ids").ids() {
            if !ids.contains(tag) {
                ids.push(*tag);
            }
        }
    }
    Val::Ids(ids)
}

/// `price_unit` times `quantity` less the discount, exact.
pub(crate) fn gross(price: i64, quantity: i64, discount: i64) -> i128 {
    i128::from(price) * i128::from(quantity) * (WHOLE - i128::from(discount)) / WHOLE
}

/// A currency's smallest unit, in millionths.
pub(crate) fn step(env: &Env<'_>, currency: i64) -> i64 {
    let held = env.db.num("res.currency", currency, "rounding");
    if held > 0 { held } else { MICRO / 100 }
}

/// Rounds an amount in millionths to a currency.
pub(crate) fn in_currency(env: &Env<'_>, currency: i64, amount: i64) -> i64 {
    round_to(amount, step(env, currency))
}
