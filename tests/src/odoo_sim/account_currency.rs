//! Foreign currencies: the rate of a day, and amounts put from one currency into another. Rates are kept to six digits.

use super::account_tax::step;
use super::env::Env;
use super::value::{MICRO, round_to};

const RATE: &str = "res.currency.rate";

pub(crate) fn of_company(env: &Env<'_>, company: i64) -> i64 {
    env.db.ref_id("res.company", company, "currency_id").unwrap_or(0)
}

/// How much of a currency one unit of the company's own is worth on a day, in millionths: the latest rate up to that
/// day, else the first there is, else one.
pub(crate) fn rate(env: &Env<'_>, currency: i64, company: i64, day: &str) -> i64 {
    if currency == of_company(env, company) {
        return MICRO;
    }
    let mut rates: Vec<(String, i64)> = env
        .db
        .by(RATE, "currency_id", currency)
        .into_iter()
        .filter(|r| env.db.ref_id(RATE, *r, "company_id").is_none_or(|c| c == company))
        .map(|r| (env.db.text(RATE, r, "name"), env.db.num(RATE, r, "rate")))
        .filter(|(_, rate)| *rate > 0)
        .collect();
    rates.sort();
    let past = rates.iter().rev().find(|(from, _)| from.as_str() <= day);
    past.or(rates.first()).map_or(MICRO, |(_, rate)| *rate)
}

/// An amount of the company's currency in a foreign one.
pub(crate) fn to_foreign(env: &Env<'_>, amount: i64, currency: i64, company: i64, day: &str) -> i64 {
    let exact = i128::from(amount) * i128::from(rate(env, currency, company, day)) / i128::from(MICRO);
    round_to(i64::try_from(exact).unwrap_or(0), step(env, currency))
}

/// An amount of a foreign currency in the company's own.
pub(crate) fn to_own(env: &Env<'_>, amount: i64, currency: i64, company: i64, day: &str) -> i64 {
    let exact = i128::from(amount) * i128::from(MICRO) / i128::from(rate(env, currency, company, day));
    let own = of_company(env, company);
    round_to(i64::try_from(exact).unwrap_or(0), step(env, own))
}
