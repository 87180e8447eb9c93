//! What Odoo adds to an entry by itself: tax lines, the counterpart of an invoice, and the line that silently balances
//! any entry that has taxes. An entry without taxes must balance, or is refused.

use super::account_line::put_balance;
use super::account_move::{LINE, MOVE, is_invoice};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{CENT, MICRO, Val, round_to};
use super::version::OdooVersion;
use std::collections::BTreeMap;

const BALANCING: &str = "Automatic Balancing Line";

/// Brings an entry into order after its lines have changed.
pub(crate) fn settle(env: &mut Env<'_>, entry: i64) -> Outcome<()> {
    let kind = env.db.text(MOVE, entry, "move_type");
    let taxed = has_taxes(env, entry);
    if is_invoice(&kind) {
        drop_lines(env, entry, |env, l| {
            matches!(
                env.db.text(LINE, l, "display_type").as_str(),
                "tax" | "payment_term"
            )
        });
        add_tax_lines(env, entry);
        add_counterpart(env, entry, &kind);
    } else {
        drop_lines(env, entry, |env, l| env.db.text(LINE, l, "name") == BALANCING);
        let explicit = lines(env, entry)
            .iter()
            .any(|l| env.db.ref_id(LINE, *l, "tax_repartition_line_id").is_some());
        if taxed && !explicit {
            add_tax_lines(env, entry);
        }
        if taxed {
            add_balancing_line(env, entry);
        } else if env.ctx.get("check_move_validity") != Some(&serde_json::Value::Bool(false)) {
            require_balance(env, entry)?;
        }
    }
    totals(env, entry, &kind);
    Ok(())
}

pub(crate) fn lines(env: &Env<'_>, entry: i64) -> Vec<i64> {
    env.db.by(LINE, "move_id", entry)
}

/// Whether any line carries taxes or is a tax line.
pub(crate) fn has_taxes(env: &Env<'_>, entry: i64) -> bool {
    lines(env, entry)
        .iter()
        .any(|l| env.db.val(LINE, *l, "tax_ids").truthy())
}

/// Total debit and credit, in millionths.
pub(crate) fn sides(env: &Env<'_>, entry: i64) -> (i64, i64) {
    let all = lines(env, entry);
    let sum = |f: &str| all.iter().map(|l| env.db.num(LINE, *l, f)).sum();
    (sum("debit"), sum("credit"))
}

pub(crate) fn require_balance(env: &Env<'_>, entry: i64) -> Outcome<()> {
    let (debit, credit) = sides(env, entry);
    if debit == credit {
        Ok(())
    } else {
        Err(OdooError::user(env.unbalanced_text(entry, debit, credit)))
    }
}

fn drop_lines(env: &mut Env<'_>, entry: i64, unwanted: impl Fn(&Env<'_>, i64) -> bool) {
    for line in lines(env, entry) {
        if unwanted(env, line) {
            env.db.delete(LINE, line);
        }
    }
}

/// Taxes of a line with groups of taxes opened up.
fn taxes_of(env: &Env<'_>, line: i64) -> Vec<i64> {
    let mut out = Vec::new();
    for tax in env.db.val(LINE, line, "tax_ids").ids() {
        let children = env.db.val("account.tax", *tax, "children_tax_ids");
        if children.truthy() {
            out.extend_from_slice(children.ids());
        } else {
            out.push(*tax);
        }
    }
    out
}

fn add_tax_lines(env: &mut Env<'_>, entry: i64) {
    let kind = env.db.text(MOVE, entry, "move_type");
    let mut bases: BTreeMap<(i64, bool), i64> = BTreeMap::new();
    for line in lines(env, entry) {
        let balance = env.db.num(LINE, line, "balance");
        for tax in taxes_of(env, line) {
            // in a plain entry a debit base is a refund; a document is one or the other as a whole
            let refund = if is_invoice(&kind) {
                kind.ends_with("refund")
            } else {
                balance > 0
            };
            *bases.entry((tax, refund)).or_default() += balance;
        }
    }
    for ((tax, refund), base) in bases {
        let document = if refund { "refund" } else { "invoice" };
        let Some(rep) = repartition(env, tax, document) else {
            continue;
        };
        let amount = match env.db.text("account.tax", tax, "amount_type").as_str() {
            "fixed" => env.db.num("account.tax", tax, "amount") * base.signum(),
            _ => percent(base, env.db.num("account.tax", tax, "amount")),
        };
        if amount == 0 {
            continue;
        }
        let account = env
            .db
            .ref_id("account.tax.repartition.line", rep, "account_id")
            .or_else(|| first_account(env, entry))
            .unwrap_or(0);
        // 19 signs the base as the ledger does
        let shown = if env.is(OdooVersion::V19) {
            base
        } else {
            base.abs()
        };
        let mut rec = env.new_rec(LINE);
        rec.insert("move_id", Val::Int(entry));
        rec.insert("name", env.db.val("account.tax", tax, "name"));
        rec.insert("display_type", Val::str("tax"));
        rec.insert("account_id", Val::Int(account));
        rec.insert("tax_repartition_line_id", Val::Int(rep));
        rec.insert("tax_base_amount", Val::Num(shown));
        rec.insert("partner_id", env.db.val(MOVE, entry, "partner_id"));
        rec.insert("currency_id", env.db.val(MOVE, entry, "currency_id"));
        put_balance(&mut rec, amount);
        env.db.insert(LINE, rec);
    }
}

/// `base` times a rate in percent, rounded to the cent.
fn percent(base: i64, rate: i64) -> i64 {
    let exact = i128::from(base) * i128::from(rate) / i128::from(100 * MICRO);
    round_to(i64::try_from(exact).unwrap_or(0), CENT)
}

fn repartition(env: &Env<'_>, tax: i64, document: &str) -> Option<i64> {
    let table = "account.tax.repartition.line";
    env.db.by(table, "tax_id", tax).into_iter().find(|r| {
        env.db.text(table, *r, "document_type") == document
            && env.db.text(table, *r, "repartition_type") == "tax"
    })
}

fn first_account(env: &Env<'_>, entry: i64) -> Option<i64> {
    lines(env, entry)
        .iter()
        .find(|l| env.db.val(LINE, **l, "tax_ids").truthy())
        .and_then(|l| env.db.ref_id(LINE, *l, "account_id"))
}

fn add_balancing_line(env: &mut Env<'_>, entry: i64) {
    let (debit, credit) = sides(env, entry);
    if debit == credit {
        return;
    }
    let journal = env.db.ref_id(MOVE, entry, "journal_id").unwrap_or(0);
    // only 19 asks the journal first
    let own = env
        .db
        .ref_id("account.journal", journal, "default_account_id")
        .filter(|_| env.is(OdooVersion::V19));
    let account = own.or_else(|| {
        env.db.ref_id(
            "res.company",
            env.company(),
            "account_journal_suspense_account_id",
        )
    });
    add_plain(env, entry, account, BALANCING, "product", credit - debit);
}

/// The receivable (or payable) line of an invoice.
fn add_counterpart(env: &mut Env<'_>, entry: i64, kind: &str) {
    let (debit, credit) = sides(env, entry);
    let wanted = if kind.starts_with("out_") {
        "asset_receivable"
    } else {
        "liability_payable"
    };
    let rows = &env.db.table("account.account").rows;
    let account = rows
        .iter()
        .find(|(_, r)| r.get("account_type").is_some_and(|t| t.text() == wanted))
        .map(|(id, _)| *id);
    if debit != credit {
        let id = add_plain(env, entry, account, "", "payment_term", credit - debit);
        // without a payment term a document is due at once: on its date, or today when that has passed
        let due = env.db.text(MOVE, entry, "invoice_date").max(env.today());
        env.db.set(LINE, id, "date_maturity", Val::Str(due));
    }
}

fn add_plain(
    env: &mut Env<'_>,
    entry: i64,
    account: Option<i64>,
    name: &str,
    kind: &str,
    balance: i64,
) -> i64 {
    let mut rec = env.new_rec(LINE);
    rec.insert("move_id", Val::Int(entry));
    // 17 writes an empty label where the others write none
    let label = if name.is_empty() && !env.is(OdooVersion::V17) {
        Val::Null
    } else {
        Val::str(name)
    };
    rec.insert("name", label);
    rec.insert("display_type", Val::str(kind));
    rec.insert("account_id", account.map_or(Val::Null, Val::Int));
    rec.insert("partner_id", env.db.val(MOVE, entry, "partner_id"));
    rec.insert("currency_id", env.db.val(MOVE, entry, "currency_id"));
    put_balance(&mut rec, balance);
    env.db.insert(LINE, rec)
}

fn totals(env: &mut Env<'_>, entry: i64, kind: &str) {
    let mut untaxed = 0;
    let mut tax = 0;
    for line in lines(env, entry) {
        let balance = env.db.num(LINE, line, "balance");
        match env.db.text(LINE, line, "display_type").as_str() {
            "tax" => tax += balance,
            "product" => untaxed += balance,
            _ => {}
        }
    }
    let total = if is_invoice(kind) {
        (untaxed + tax).abs()
    } else {
        sides(env, entry).0
    };
    let residual = if is_invoice(kind) { total } else { 0 };
    env.db.update(MOVE, entry, |rec| {
        rec.insert("amount_total", Val::Num(total));
        rec.insert(
            "amount_untaxed",
            Val::Num(if is_invoice(kind) { untaxed.abs() } else { 0 }),
        );
        rec.insert(
            "amount_tax",
            Val::Num(if is_invoice(kind) { tax.abs() } else { 0 }),
        );
        rec.insert("amount_residual", Val::Num(residual));
    });
}
