//! Journal items: from the values a caller gives to debit, credit and balance in whole cents.

use super::account_move::{LINE, MOVE, is_invoice};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{CENT, MICRO, Rec, Val, Vals, round_to, scalar};
use super::version::OdooVersion;

/// Adds a line to an entry; the caller settles the entry afterwards.
pub(crate) fn insert(env: &mut Env<'_>, entry: i64, vals: Vals) -> Outcome<i64> {
    let mut rec = env.new_rec(LINE);
    let balance = balance_of(env, entry, &vals);
    let commands = env.apply(LINE, &mut rec, vals)?;
    rec.insert("move_id", Val::Int(entry));
    rec.entry("display_type").or_insert(Val::str("product"));
    rec.entry("quantity").or_insert(Val::Num(MICRO));
    rec.entry("partner_id")
        .or_insert(env.db.val(MOVE, entry, "partner_id"));
    rec.entry("currency_id")
        .or_insert(env.db.val(MOVE, entry, "currency_id"));
    if !rec.contains_key("account_id")
        && let Some(account) = default_account(env, entry)
    {
        rec.insert("account_id", Val::Int(account));
    }
    if !rec.get("account_id").is_some_and(Val::truthy) {
        return Err(OdooError::mandatory(LINE, "account_id"));
    }
    check_account(env, rec.get("account_id").map_or(0, Val::int))?;
    // a tax line is known by its repartition line alone; a tax named beside it is ignored
    rec.remove("tax_line_id");
    put_balance(&mut rec, balance);
    let id = env.db.insert(LINE, rec);
    env.run_commands(LINE, id, commands)?;
    Ok(id)
}

/// Changes a line; the caller settles the entry afterwards.
pub(crate) fn change(env: &mut Env<'_>, id: i64, vals: Vals) -> Outcome<()> {
    env.must_exist(LINE, id)?;
    let entry = env.db.ref_id(LINE, id, "move_id").unwrap_or(0);
    let balance = [
        "debit",
        "credit",
        "balance",
        "amount_currency",
        "price_unit",
        "quantity",
    ]
    .iter()
    .any(|f| vals.contains_key(f))
    .then(|| {
        let mut all = vals.clone();
        for field in ["debit", "credit"] {
            if !vals.contains_key("balance") {
                all.entry(field)
                    .or_insert(super::value::In::Val(env.db.val(LINE, id, field)));
            }
        }
        balance_of(env, entry, &all)
    });
    env.write_plain(LINE, id, vals)?;
    if let Some(balance) = balance {
        env.db.update(LINE, id, |rec| put_balance(rec, balance));
    }
    Ok(())
}

/// Writes debit, credit, balance and the amount in currency from one signed balance.
pub(crate) fn put_balance(rec: &mut Rec, balance: i64) {
    rec.insert("balance", Val::Num(balance));
    rec.insert("debit", Val::Num(balance.max(0)));
    rec.insert("credit", Val::Num((-balance).max(0)));
    rec.insert("amount_currency", Val::Num(balance));
}

fn cents(value: &Val) -> i64 {
    round_to(value.num(), CENT)
}

fn balance_of(env: &Env<'_>, entry: i64, vals: &Vals) -> i64 {
    if let Some(balance) = scalar(vals, "balance") {
        return cents(balance);
    }
    if vals.contains_key("debit") || vals.contains_key("credit") {
        let side = |f| scalar(vals, f).map_or(0, cents);
        return side("debit") - side("credit");
    }
    if let Some(amount) = scalar(vals, "amount_currency") {
        return cents(amount);
    }
    let kind = env.db.text(MOVE, entry, "move_type");
    let Some(price) = scalar(vals, "price_unit").filter(|_| is_invoice(&kind)) else {
        return 0;
    };
    let quantity = scalar(vals, "quantity").map_or(MICRO, Val::num);
    let discount = scalar(vals, "discount").map_or(0, Val::num);
    let gross = i128::from(price.num()) * i128::from(quantity) / i128::from(MICRO);
    let net = gross * i128::from(100 * MICRO - discount) / i128::from(100 * MICRO);
    let amount = round_to(i64::try_from(net).unwrap_or(0), CENT);
    if matches!(kind.as_str(), "out_invoice" | "out_receipt" | "in_refund") {
        -amount
    } else {
        amount
    }
}

fn default_account(env: &Env<'_>, entry: i64) -> Option<i64> {
    if !is_invoice(&env.db.text(MOVE, entry, "move_type")) {
        return None;
    }
    let journal = env.db.ref_id(MOVE, entry, "journal_id")?;
    env.db
        .ref_id("account.journal", journal, "default_account_id")
        .or_else(|| {
            let rows = &env.db.table("account.account").rows;
            rows.iter()
                .find(|(_, r)| r.get("account_type").is_some_and(|t| t.text() == "income"))
                .map(|(id, _)| *id)
        })
}

/// A closed account takes no more lines.
fn check_account(env: &Env<'_>, account: i64) -> Outcome<()> {
    let closed = if env.is(OdooVersion::V19) {
        env.db.val("account.account", account, "active") == Val::Bool(false)
    } else {
        env.db.val("account.account", account, "deprecated").truthy()
    };
    if closed {
        let name = env.display_name("account.account", account);
        return Err(OdooError::user(format!("The account {name} is deprecated.")));
    }
    Ok(())
}
