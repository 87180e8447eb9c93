//! Reconciliation: what is left of a line, matching debits with credits, undoing it, and what that makes of a document's
//! state of payment. Differences of exchange are not posted: a foreign payment at another rate leaves its rest open.

use super::account_line::direction;
use super::account_move::{LINE, MOVE, is_invoice};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{Rec, Val};
use super::version::OdooVersion;

const PARTIAL: &str = "account.partial.reconcile";
const FULL: &str = "account.full.reconcile";
const AGAIN: &str = "You are trying to reconcile some entries that are already reconciled.";

/// What is left of a line, in the company's currency and in its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) own: i64,
    pub(crate) foreign: i64,
}

/// Whether lines of this account are matched with each other.
fn reconciles(env: &Env<'_>, line: i64) -> bool {
    env.db.ref_id(LINE, line, "account_id").is_some_and(|account| {
        env.db.val("account.account", account, "reconcile").truthy()
            || matches!(
                env.db.text("account.account", account, "account_type").as_str(),
                "asset_cash" | "liability_credit_card"
            )
    })
}

/// What is left of a line; nothing on accounts that are not reconciled.
pub(crate) fn rest(env: &Env<'_>, line: i64) -> Rest {
    if !reconciles(env, line) {
        return Rest { own: 0, foreign: 0 };
    }
    let mut rest = Rest {
        own: env.db.num(LINE, line, "balance"),
        foreign: env.db.num(LINE, line, "amount_currency"),
    };
    for partial in env.db.by(PARTIAL, "debit_move_id", line) {
        rest.own -= env.db.num(PARTIAL, partial, "amount");
        rest.foreign -= env.db.num(PARTIAL, partial, "debit_amount_currency");
    }
    for partial in env.db.by(PARTIAL, "credit_move_id", line) {
        rest.own += env.db.num(PARTIAL, partial, "amount");
        rest.foreign += env.db.num(PARTIAL, partial, "credit_amount_currency");
    }
    rest
}

/// Matches that a line takes part in.
fn partials(env: &Env<'_>, line: i64) -> Vec<i64> {
    let mut all = env.db.by(PARTIAL, "debit_move_id", line);
    all.extend(env.db.by(PARTIAL, "credit_move_id", line));
    all
}

/// Whether nothing is left of a line that was matched.
pub(crate) fn is_reconciled(env: &Env<'_>, line: i64) -> bool {
    !partials(env, line).is_empty() && rest(env, line) == Rest { own: 0, foreign: 0 }
}

/// `reconcile` on journal items.
pub(crate) fn reconcile(env: &mut Env<'_>, lines: &[i64]) -> Outcome<()> {
    for line in lines {
        env.must_exist(LINE, *line)?;
    }
    check(env, lines)?;
    let mut open: Vec<i64> = lines.to_vec();
    open.sort_by_key(|l| (due(env, *l), *l));
    let side = |env: &Env<'_>, sign: i64| -> Vec<i64> {
        let wanted = |l: &&i64| rest(env, **l).own.signum() == sign;
        open.iter().filter(wanted).copied().collect()
    };
    let (debits, credits) = (side(env, 1), side(env, -1));
    let (mut d, mut c) = (debits.iter().peekable(), credits.iter().peekable());
    while let (Some(debit), Some(credit)) = (d.peek().copied(), c.peek().copied()) {
        pair(env, *debit, *credit);
        if rest(env, *debit).own == 0 {
            d.next();
        }
        if rest(env, *credit).own == 0 {
            c.next();
        }
    }
    close(env, lines);
    Ok(())
}

fn due(env: &Env<'_>, line: i64) -> String {
    let due = env.db.text(LINE, line, "date_maturity");
    if !due.is_empty() {
        return due;
    }
    let entry = env.db.ref_id(LINE, line, "move_id").unwrap_or(0);
    env.db.text(MOVE, entry, "date")
}

fn check(env: &Env<'_>, lines: &[i64]) -> Outcome<()> {
    let done = lines.iter().filter(|l| is_reconciled(env, **l)).count();
    // 19 goes on with what is open beside it
    if done > 0 && (done == lines.len() || !env.is(OdooVersion::V19)) {
        return Err(OdooError::user(AGAIN));
    }
    let posted = |l: &i64| {
        let entry = env.db.ref_id(LINE, *l, "move_id").unwrap_or(0);
        env.db.text(MOVE, entry, "state") == "posted"
    };
    if !lines.iter().all(posted) {
        return Err(OdooError::user("You can only reconcile posted entries."));
    }
    let account = |l: &i64| env.db.ref_id(LINE, *l, "account_id");
    let first = lines.first().and_then(account);
    if lines.iter().any(|l| account(l) != first) {
        return Err(OdooError::user("Entries are not from the same account."));
    }
    match lines.first() {
        Some(line) if !reconciles(env, *line) => {
            let name = env.display_name("account.account", first.unwrap_or(0));
            Err(OdooError::user(format!(
                "Account {name} does not allow reconciliation. First change the configuration of this account to allow it."
            )))
        }
        _ => Ok(()),
    }
}

fn pair(env: &mut Env<'_>, debit: i64, credit: i64) {
    let (have, owe) = (rest(env, debit), rest(env, credit));
    let amount = have.own.min(-owe.own);
    let part = |rest: Rest| {
        if rest.own.abs() == amount {
            return rest.foreign.abs();
        }
        let exact = i128::from(rest.foreign.abs()) * i128::from(amount) / i128::from(rest.own.abs().max(1));
        i64::try_from(exact).unwrap_or(0)
    };
    let cut = |env: &Env<'_>, line: i64, amount: i64| {
        let currency = env.db.ref_id(LINE, line, "currency_id").unwrap_or(0);
        super::account_tax::in_currency(env, currency, amount)
    };
    let mut rec = env.new_rec(PARTIAL);
    rec.insert("debit_move_id", Val::Int(debit));
    rec.insert("credit_move_id", Val::Int(credit));
    rec.insert("amount", Val::Num(amount));
    rec.insert("debit_amount_currency", Val::Num(cut(env, debit, part(have))));
    rec.insert("credit_amount_currency", Val::Num(cut(env, credit, part(owe))));
    rec.insert("company_id", Val::Int(super::company::of(env, LINE, debit)));
    rec.insert("max_date", Val::Str(due(env, debit).max(due(env, credit))));
    env.db.insert(PARTIAL, rec);
}

/// Everything that hangs together with these lines by matches.
fn web(env: &Env<'_>, lines: &[i64]) -> Vec<i64> {
    let mut seen: Vec<i64> = lines.to_vec();
    let mut at = 0;
    while let Some(line) = seen.get(at).copied() {
        at += 1;
        for partial in partials(env, line) {
            for field in ["debit_move_id", "credit_move_id"] {
                let other = env.db.ref_id(PARTIAL, partial, field).unwrap_or(0);
                if !seen.contains(&other) {
                    seen.push(other);
                }
            }
        }
    }
    seen
}

/// Marks lines as matched, wholly where nothing is left of any of them.
fn close(env: &mut Env<'_>, lines: &[i64]) {
    let all = web(env, lines);
    if all.iter().all(|l| partials(env, *l).is_empty()) {
        return;
    }
    let whole = all.iter().all(|l| is_reconciled(env, *l));
    let full = if whole {
        let rec: Rec = env.new_rec(FULL);
        Val::Int(env.db.insert(FULL, rec))
    } else {
        Val::Null
    };
    for line in all {
        let held = partials(env, line);
        let number = match (&full, held.first()) {
            (Val::Int(n), _) => Val::Str(n.to_string()),
            (_, Some(first)) => Val::Str(format!("P{first}")),
            _ => Val::Null,
        };
        for partial in held {
            env.db.set(PARTIAL, partial, "full_reconcile_id", full.clone());
        }
        env.db.update(LINE, line, |rec| {
            rec.insert("full_reconcile_id", full.clone());
            rec.insert("matching_number", number);
        });
    }
}

/// Undoes every match of these lines.
pub(crate) fn undo(env: &mut Env<'_>, lines: &[i64]) {
    let all = web(env, lines);
    for line in lines {
        for partial in partials(env, *line) {
            env.db.delete(PARTIAL, partial);
        }
    }
    for line in &all {
        env.db.update(LINE, *line, |rec| {
            rec.remove("full_reconcile_id");
            rec.remove("matching_number");
        });
    }
    for line in all {
        close(env, &[line]);
    }
}

/// `js_assign_outstanding_line`: an open line is matched with what is open of the document.
pub(crate) fn assign(env: &mut Env<'_>, entry: i64, line: i64) -> Outcome<()> {
    env.must_exist(MOVE, entry)?;
    env.must_exist(LINE, line)?;
    let account = env.db.ref_id(LINE, line, "account_id");
    let mut lines = vec![line];
    lines.extend(
        super::account_sync::lines(env, entry)
            .into_iter()
            .filter(|l| env.db.ref_id(LINE, *l, "account_id") == account && !is_reconciled(env, *l)),
    );
    reconcile(env, &lines)
}

/// Matches a posted reversal with what it reverses, account by account.
pub(crate) fn with_reversal(env: &mut Env<'_>, entry: i64, reversal: i64) -> Outcome<()> {
    let mut lines = super::account_sync::lines(env, entry);
    lines.extend(super::account_sync::lines(env, reversal));
    lines.retain(|l| reconciles(env, *l) && !is_reconciled(env, *l));
    let account = |env: &Env<'_>, l: i64| env.db.ref_id(LINE, l, "account_id");
    let mut accounts: Vec<_> = lines.iter().map(|l| account(env, *l)).collect();
    accounts.sort_unstable();
    accounts.dedup();
    for wanted in accounts {
        let group: Vec<i64> = lines
            .iter()
            .copied()
            .filter(|l| account(env, *l) == wanted)
            .collect();
        if group.len() > 1 {
            reconcile(env, &group)?;
        }
    }
    Ok(())
}

/// Lines of a document that are to be paid.
pub(crate) fn payable(env: &Env<'_>, entry: i64) -> Vec<i64> {
    let mut lines = super::account_sync::lines(env, entry);
    lines.retain(|l| {
        let account = env.db.ref_id(LINE, *l, "account_id").unwrap_or(0);
        matches!(
            env.db.text("account.account", account, "account_type").as_str(),
            "asset_receivable" | "liability_payable"
        )
    });
    lines
}

/// `amount_residual` of a document, in its currency.
pub(crate) fn residual(env: &Env<'_>, entry: i64) -> i64 {
    let kind = env.db.text(MOVE, entry, "move_type");
    if !is_invoice(&kind) {
        return 0;
    }
    let open: i64 = payable(env, entry).iter().map(|l| rest(env, *l).foreign).sum();
    open * -direction(&kind)
}

/// Entries that the lines of a document are matched with.
pub(crate) fn counterparts(env: &Env<'_>, lines: &[i64]) -> Vec<i64> {
    let mut out = Vec::new();
    for line in lines {
        for partial in partials(env, *line) {
            for field in ["debit_move_id", "credit_move_id"] {
                let other = env.db.ref_id(PARTIAL, partial, field).unwrap_or(0);
                let entry = env.db.ref_id(LINE, other, "move_id").unwrap_or(0);
                if other != *line && !out.contains(&entry) {
                    out.push(entry);
                }
            }
        }
    }
    out
}

/// `payment_state` of an entry: paid, reversed, partial or not.
pub(crate) fn payment_state(env: &Env<'_>, entry: i64) -> &'static str {
    let kind = env.db.text(MOVE, entry, "move_type");
    if !is_invoice(&kind) || env.db.text(MOVE, entry, "state") != "posted" {
        return "not_paid";
    }
    let others = counterparts(env, &payable(env, entry));
    if residual(env, entry) != 0 {
        return if others.is_empty() { "not_paid" } else { "partial" };
    }
    let refund = match kind.as_str() {
        "out_invoice" | "out_receipt" => "out_refund",
        "in_invoice" | "in_receipt" => "in_refund",
        _ => "",
    };
    let kinds: Vec<String> = others
        .iter()
        .map(|o| env.db.text(MOVE, *o, "move_type"))
        .collect();
    let by_payment = others
        .iter()
        .any(|o| env.db.ref_id(MOVE, *o, super::account_payment::OF_MOVE).is_some());
    if !by_payment && !refund.is_empty() && kinds.iter().any(|k| k == refund) {
        "reversed"
    } else {
        "paid"
    }
}
