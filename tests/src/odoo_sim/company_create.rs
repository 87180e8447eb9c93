//! A new company: it comes with its partner, its warehouse and a place for what counts find or miss, and without a chart of
//! accounts.

use super::env::Env;
use super::error::Outcome;
use super::value::{In, Val, Vals, scalar};

/// Creates a company. The first of a database is bare, since its seed names its parts itself.
pub(crate) fn run(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    let first = env.db.table("res.company").rows.is_empty();
    let name = scalar(&vals, "name")
        .map(|n| n.text().to_owned())
        .unwrap_or_default();
    if !scalar(&vals, "partner_id").is_some_and(Val::truthy) {
        let partner = Vals::from([
            ("name", In::Val(Val::str(name.clone()))),
            ("is_company", In::Val(Val::Bool(true))),
        ]);
        let partner = env.create("res.partner", partner)?;
        vals.insert("partner_id", In::Val(Val::Int(partner)));
    }
    if !scalar(&vals, "currency_id").is_some_and(Val::truthy) {
        let own = env.db.val("res.company", env.company(), "currency_id");
        vals.insert("currency_id", In::Val(own));
    }
    if let Some(country) = scalar(&vals, "country_id").cloned() {
        vals.entry("account_fiscal_country_id")
            .or_insert(In::Val(country));
    }
    let id = env.create_plain("res.company", vals)?;
    if first {
        return Ok(id);
    }
    // whoever makes a company may work in it
    let mut mine = env.db.val("res.users", env.uid, "company_ids").ids().to_vec();
    mine.push(id);
    env.db.set("res.users", env.uid, "company_ids", Val::Ids(mine));
    places(env, id, &name)?;
    Ok(id)
}

fn places(env: &mut Env<'_>, company: i64, name: &str) -> Outcome<()> {
    let own = In::Val(Val::Int(company));
    let loss = Vals::from([
        ("name", In::Val(Val::str("Inventory adjustment"))),
        ("usage", In::Val(Val::str("inventory"))),
        ("company_id", own.clone()),
    ]);
    env.create("stock.location", loss)?;
    let code: String = name.chars().filter(|c| c.is_alphanumeric()).take(5).collect();
    let house = Vals::from([
        ("name", In::Val(Val::str(name))),
        ("code", In::Val(Val::Str(code.to_uppercase()))),
        ("company_id", own),
    ]);
    env.create("stock.warehouse", house)?;
    Ok(())
}
