//! What Odoo adds to an entry by itself: tax lines, the counterpart of a document, and the line that silently balances
//! any entry that has taxes. An entry without taxes must balance, or is refused.

use super::account_line::{self, Amounts, Exchange, direction, put_amounts};
use super::account_move::{LINE, MOVE, is_invoice};
use super::account_tax::{self, Base, in_currency, rounded};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{MICRO, Val};
use super::version::OdooVersion;
use super::{account_totals, company};
use std::collections::BTreeMap;

const BALANCING: &str = "Automatic Balancing Line";

/// Brings an entry into order after its lines have changed.
pub(crate) fn settle(env: &mut Env<'_>, entry: i64) -> Outcome<()> {
    let kind = env.db.text(MOVE, entry, "move_type");
    let taxed = has_taxes(env, entry);
    tag_lines(env, entry, &kind);
    if is_invoice(&kind) {
        drop_lines(env, entry, |env, l| {
            matches!(
                env.db.text(LINE, l, "display_type").as_str(),
                "tax" | "payment_term"
            )
        });
        open_prices(env, entry, &kind);
        add_tax_lines(env, entry, &kind);
        add_counterpart(env, entry, &kind);
    } else {
        drop_lines(env, entry, |env, l| env.db.text(LINE, l, "name") == BALANCING);
        let explicit = lines(env, entry)
            .iter()
            .any(|l| env.db.ref_id(LINE, *l, "tax_repartition_line_id").is_some());
        if taxed && !explicit {
            add_tax_lines(env, entry, &kind);
        }
        if taxed {
            add_balancing_line(env, entry);
        } else if env.ctx.get("check_move_validity") != Some(&serde_json::Value::Bool(false)) {
            require_balance(env, entry)?;
        }
    }
    account_totals::put(env, entry, &kind);
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

/// Whether the taxes of a line are those of a refund: a document is one or the other as a whole, and in a plain entry a
/// debit base is a refund.
fn is_refund(kind: &str, balance: i64) -> bool {
    if is_invoice(kind) {
        kind.ends_with("refund")
    } else {
        balance > 0
    }
}

fn document(refund: bool) -> &'static str {
    if refund { "refund" } else { "invoice" }
}

/// Puts the tags of the repartition lines on base lines and on tax lines that name one.
fn tag_lines(env: &mut Env<'_>, entry: i64, kind: &str) {
    for line in lines(env, entry) {
        let taxes = account_tax::flat(env, env.db.val(LINE, line, "tax_ids").ids());
        let refund = is_refund(kind, env.db.num(LINE, line, "balance"));
        let mut from: Vec<i64> = taxes
            .iter()
            .flat_map(|t| account_tax::repartition(env, *t, document(refund), "base"))
            .collect();
        from.extend(env.db.ref_id(LINE, line, "tax_repartition_line_id"));
        let tags = account_tax::tags(env, &from);
        if tags.truthy() {
            env.db.set(LINE, line, "tax_tag_ids", tags);
        }
    }
}

/// What is taxed on a line: its price, or what it is worth where it has none.
fn base_of(env: &Env<'_>, line: i64, kind: &str, step: i64) -> Base {
    let sign = direction(kind);
    let price = env.db.val(LINE, line, "price_unit");
    if is_invoice(kind) && price != Val::Null {
        let quantity = env.db.num(LINE, line, "quantity");
        let gross = account_tax::gross(price.num(), quantity, env.db.num(LINE, line, "discount"));
        return Base {
            amount: gross,
            quantity,
            open_prices: true,
            step,
        };
    }
    let foreign = env.db.num(LINE, line, "amount_currency");
    let (amount, quantity) = if is_invoice(kind) {
        (foreign * sign, MICRO)
    } else {
        (foreign, MICRO * foreign.signum())
    };
    Base {
        amount: i128::from(amount) * i128::from(MICRO),
        quantity,
        open_prices: false,
        step,
    }
}

/// Takes the taxes that prices hold out of the lines of a document.
fn open_prices(env: &mut Env<'_>, entry: i64, kind: &str) {
    for line in lines(env, entry) {
        if env.db.val(LINE, line, "price_unit") == Val::Null {
            continue;
        }
        let exchange = line_exchange(env, entry, line);
        let step = account_tax::step(env, exchange.currency);
        let per_line = account_tax::per_line(env, exchange.company);
        let taxes = account_tax::flat(env, env.db.val(LINE, line, "tax_ids").ids());
        let taxed = account_tax::compute(env, &taxes, base_of(env, line, kind, step), per_line);
        let amounts = exchange.by_foreign(env, taxed.excluded * direction(kind));
        let tax: i128 = taxed.parts.iter().map(|p| p.amount).sum();
        env.db.update(LINE, line, |rec| {
            put_amounts(rec, amounts);
            rec.insert("price_subtotal", Val::Num(taxed.excluded));
            rec.insert("price_total", Val::Num(taxed.excluded + rounded(tax, step)));
        });
    }
}

fn line_exchange(env: &Env<'_>, entry: i64, line: i64) -> Exchange {
    let currency = env.db.ref_id(LINE, line, "currency_id").unwrap_or(0);
    Exchange::of(env, entry, currency)
}

/// What is collected of one tax: its base and its amount, in millionths of millionths.
#[derive(Debug, Clone, Copy, Default)]
struct Collected {
    base: i128,
    amount: i128,
}

fn add_tax_lines(env: &mut Env<'_>, entry: i64, kind: &str) {
    let sign = i128::from(if is_invoice(kind) { direction(kind) } else { 1 });
    let mut sums: BTreeMap<(i64, i64, bool), Collected> = BTreeMap::new();
    for line in lines(env, entry) {
        let named = env.db.val(LINE, line, "tax_ids");
        if !named.truthy() {
            continue;
        }
        let exchange = line_exchange(env, entry, line);
        let step = account_tax::step(env, exchange.currency);
        let taxes = account_tax::flat(env, named.ids());
        let per_line = account_tax::per_line(env, exchange.company);
        let refund = is_refund(kind, env.db.num(LINE, line, "balance"));
        for part in account_tax::compute(env, &taxes, base_of(env, line, kind, step), per_line).parts {
            let sum = sums.entry((part.tax, exchange.currency, refund)).or_default();
            sum.base += part.base * sign;
            sum.amount += part.amount * sign;
        }
    }
    for ((tax, currency, refund), sum) in sums {
        let exchange = Exchange::of(env, entry, currency);
        let step = account_tax::step(env, currency);
        let base = exchange.by_foreign(env, rounded(sum.base, step)).balance;
        let lines = account_tax::repartition(env, tax, document(refund), "tax");
        for (rep, amount) in account_tax::split(env, &lines, rounded(sum.amount, step), step) {
            if amount != 0 {
                add_tax_line(
                    env,
                    entry,
                    [tax, rep, currency],
                    base,
                    exchange.by_foreign(env, amount),
                );
            }
        }
    }
}

fn add_tax_line(env: &mut Env<'_>, entry: i64, [tax, rep, currency]: [i64; 3], base: i64, amounts: Amounts) {
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
    rec.insert("tax_tag_ids", account_tax::tags(env, &[rep]));
    rec.insert("partner_id", env.db.val(MOVE, entry, "partner_id"));
    rec.insert("currency_id", Val::Int(currency));
    put_amounts(&mut rec, amounts);
    env.db.insert(LINE, rec);
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
    let house = company::of(env, MOVE, entry);
    let account = own.or_else(|| {
        env.db
            .ref_id("res.company", house, "account_journal_suspense_account_id")
    });
    let exchange = Exchange::of(env, entry, 0);
    let amounts = exchange.by_own(env, credit - debit);
    add_plain(env, entry, account, [BALANCING, "product"], amounts, exchange.own);
}

/// The receivable (or payable) line of a document.
fn add_counterpart(env: &mut Env<'_>, entry: i64, kind: &str) {
    let (debit, credit) = sides(env, entry);
    let wanted = if kind.starts_with("out_") {
        "asset_receivable"
    } else {
        "liability_payable"
    };
    let house = company::of(env, MOVE, entry);
    let account = company::partner_account(env, house, env.db.ref_id(MOVE, entry, "partner_id"), wanted);
    let currency = env.db.ref_id(MOVE, entry, "currency_id").unwrap_or(0);
    let foreign: i64 = lines(env, entry)
        .iter()
        .map(|l| account_line::amounts(env, *l).foreign)
        .sum();
    let amounts = Amounts {
        balance: credit - debit,
        foreign: -in_currency(env, currency, foreign),
    };
    if amounts.balance != 0 || amounts.foreign != 0 {
        let id = add_plain(env, entry, account, ["", "payment_term"], amounts, currency);
        // without a payment term a document is due at once: on its date, or today when that has passed
        let due = env.db.text(MOVE, entry, "invoice_date").max(env.today());
        env.db.set(LINE, id, "date_maturity", Val::Str(due));
    }
}

fn add_plain(
    env: &mut Env<'_>,
    entry: i64,
    account: Option<i64>,
    [name, kind]: [&str; 2],
    amounts: Amounts,
    currency: i64,
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
    rec.insert("currency_id", Val::Int(currency));
    put_amounts(&mut rec, amounts);
    env.db.insert(LINE, rec)
}
