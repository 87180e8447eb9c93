//! Payments. On 17 a payment is its journal entry from the start and shares name, state and reference with it; on 18 and
//! 19 it has a state of its own, and its entry appears when it is posted and goes when it is cancelled.

use super::account_line::{Exchange, put_amounts};
use super::account_move::{LINE, MOVE};
use super::account_reconcile::{self, rest};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{Val, Vals, scalar};
use super::version::OdooVersion;
use super::{account_currency, account_post, account_sync, account_totals, company, defaults};

pub(crate) const PAYMENT: &str = "account.payment";
const METHOD: &str = "account.payment.method.line";
/// The payment that an entry belongs to; 17 and the later versions call that field differently.
pub(crate) const OF_MOVE: &str = "_payment";

pub(crate) fn create(env: &mut Env<'_>, vals: Vals) -> Outcome<i64> {
    let mut rec = env.new_rec(PAYMENT);
    let rest = env.apply(PAYMENT, &mut rec, vals)?;
    let company = env.company();
    if !rec.get("journal_id").is_some_and(Val::truthy) {
        let journal = company::first_journal(env, company, &["bank", "cash", "credit"]);
        rec.insert("journal_id", journal.map_or(Val::Null, Val::Int));
    }
    let journal = rec.get("journal_id").map_or(0, Val::int);
    company::check(env, "account.journal", journal)?;
    let house = env
        .db
        .ref_id("account.journal", journal, "company_id")
        .unwrap_or(company);
    rec.insert("company_id", Val::Int(house));
    let currency = env.db.ref_id("account.journal", journal, "currency_id");
    let currency = currency.unwrap_or_else(|| account_currency::of_company(env, house));
    rec.entry("currency_id").or_insert(Val::Int(currency));
    rec.entry("payment_type").or_insert(Val::str("inbound"));
    rec.entry("partner_type").or_insert(Val::str("customer"));
    rec.entry("date").or_insert(Val::Str(env.today()));
    if !rec.get("payment_method_line_id").is_some_and(Val::truthy) {
        let way = rec
            .get("payment_type")
            .map(|v| v.text().to_owned())
            .unwrap_or_default();
        let line = method_of(env, journal, &way);
        rec.insert("payment_method_line_id", line.map_or(Val::Null, Val::Int));
    }
    rec.insert("state", Val::str("draft"));
    defaults::fill(env, PAYMENT, &mut rec);
    env.check_required(PAYMENT, &rec)?;
    let id = env.db.insert(PAYMENT, rec);
    check(env, id)?;
    env.run_commands(PAYMENT, id, rest)?;
    if env.is(OdooVersion::V17) {
        make_entry(env, id);
    }
    Ok(id)
}

/// The first way to pay in or out that a journal offers.
fn method_of(env: &Env<'_>, journal: i64, way: &str) -> Option<i64> {
    let mut lines = env.db.by(METHOD, "journal_id", journal);
    lines.retain(|l| env.db.text(METHOD, *l, "payment_type") == way);
    lines.first().copied()
}

fn check(env: &Env<'_>, id: i64) -> Outcome<()> {
    if env.db.num(PAYMENT, id, "amount") < 0 {
        return Err(OdooError::validation(
            "The operation cannot be completed: The payment amount cannot be negative.",
        ));
    }
    let line = env.db.ref_id(PAYMENT, id, "payment_method_line_id");
    let journal = env.db.ref_id(PAYMENT, id, "journal_id");
    // a line for the other direction passes, as it does on real servers
    if line.is_none_or(|l| env.db.ref_id(METHOD, l, "journal_id") != journal) {
        return Err(OdooError::validation(
            "The selected payment method is not available for this payment, please select the payment method again.",
        ));
    }
    company::same(
        env,
        PAYMENT,
        id,
        "res.partner",
        env.db.ref_id(PAYMENT, id, "partner_id").unwrap_or(0),
    )
}

pub(crate) fn write(env: &mut Env<'_>, id: i64, vals: Vals) -> Outcome<()> {
    let bound = [
        "amount",
        "partner_id",
        "journal_id",
        "currency_id",
        "payment_type",
        "date",
    ];
    let touched = bound.iter().any(|f| scalar(&vals, f).is_some());
    if touched && state(env, id) != "draft" {
        return Err(OdooError::user(
            "You cannot modify a posted payment. Reset it to draft first.",
        ));
    }
    env.write_plain(PAYMENT, id, vals)?;
    check(env, id)?;
    if let Some(entry) = env.db.ref_id(PAYMENT, id, "move_id")
        && state(env, id) == "draft"
    {
        fill_entry(env, id, entry);
    }
    Ok(())
}

/// The state of a payment: that of its entry on 17.
pub(crate) fn state(env: &Env<'_>, id: i64) -> String {
    if env.is(OdooVersion::V17) {
        let entry = env.db.ref_id(PAYMENT, id, "move_id").unwrap_or(0);
        return env.db.text(MOVE, entry, "state");
    }
    let held = env.db.text(PAYMENT, id, "state");
    if held != "in_process" {
        return held;
    }
    let mut invoices = env.db.val(PAYMENT, id, "invoice_ids").ids().to_vec();
    // 18 looks at the documents that the wizard named, 19 also at those that were matched later
    if env.is(OdooVersion::V19) {
        invoices.extend(invoices_of(env, id));
    }
    let paid = |i: &i64| account_reconcile::payment_state(env, *i) == "paid";
    if !invoices.is_empty() && invoices.iter().all(paid) {
        "paid".into()
    } else {
        held
    }
}

/// The field with the text that a caller gives, which 18 renamed.
pub(crate) fn note_field(env: &Env<'_>) -> &'static str {
    if env.is(OdooVersion::V17) { "ref" } else { "memo" }
}

/// Where the money waits until the bank has it: the method line's account, else the company's.
pub(crate) fn outstanding_account(env: &Env<'_>, id: i64) -> Option<i64> {
    let line = env.db.ref_id(PAYMENT, id, "payment_method_line_id")?;
    let own = env.db.ref_id(METHOD, line, "payment_account_id");
    own.or_else(|| {
        let company = company::of(env, PAYMENT, id);
        let field = if env.db.text(METHOD, line, "payment_type") == "inbound" {
            "account_journal_payment_debit_account_id"
        } else {
            "account_journal_payment_credit_account_id"
        };
        env.db.ref_id("res.company", company, field).or_else(|| {
            let row = env.xid_row("account", &format!("{company}_{field}"))?;
            Some(env.db.val("ir.model.data", row, "res_id").int())
        })
    })
}

/// What the payment settles: the partner's receivable or payable account, or the first of the chart without a partner.
pub(crate) fn destination_account(env: &Env<'_>, id: i64) -> Option<i64> {
    if let Some(own) = env.db.ref_id(PAYMENT, id, "destination_account_id") {
        return Some(own);
    }
    let kind = if env.db.text(PAYMENT, id, "partner_type") == "customer" {
        "asset_receivable"
    } else {
        "liability_payable"
    };
    let company = company::of(env, PAYMENT, id);
    match env.db.ref_id(PAYMENT, id, "partner_id") {
        Some(partner) => company::partner_account(env, company, Some(partner), kind),
        None => company::first_account(env, company, kind),
    }
}

fn make_entry(env: &mut Env<'_>, id: i64) -> i64 {
    let mut rec = env.new_rec(MOVE);
    rec.insert("journal_id", env.db.val(PAYMENT, id, "journal_id"));
    rec.insert("company_id", env.db.val(PAYMENT, id, "company_id"));
    rec.insert("posted_before", Val::Bool(false));
    rec.insert(OF_MOVE, Val::Int(id));
    if env.is(OdooVersion::V17) {
        rec.insert("name", Val::str("/"));
    }
    defaults::fill(env, MOVE, &mut rec);
    let entry = env.db.insert(MOVE, rec);
    env.db.set(PAYMENT, id, "move_id", Val::Int(entry));
    fill_entry(env, id, entry);
    account_post::name_draft(env, entry);
    entry
}

/// Writes the two lines of a payment into its entry.
fn fill_entry(env: &mut Env<'_>, id: i64, entry: i64) {
    let reference = env.db.val(PAYMENT, id, note_field(env));
    let copied = ["date", "partner_id", "currency_id"].map(|f| (f, env.db.val(PAYMENT, id, f)));
    env.db.update(MOVE, entry, |rec| {
        rec.extend(copied);
        rec.insert("ref", reference);
    });
    for line in account_sync::lines(env, entry) {
        env.db.delete(LINE, line);
    }
    let currency = env.db.ref_id(PAYMENT, id, "currency_id").unwrap_or(0);
    let amount = env.db.num(PAYMENT, id, "amount");
    let amount = super::account_tax::in_currency(env, currency, amount);
    let inbound = env.db.text(PAYMENT, id, "payment_type") == "inbound";
    let amounts = Exchange::of(env, entry, currency).by_foreign(env, if inbound { amount } else { -amount });
    let accounts = [outstanding_account(env, id), destination_account(env, id)];
    for (account, amounts) in accounts.into_iter().zip([amounts, amounts.mirrored()]) {
        let mut rec = env.new_rec(LINE);
        rec.insert("move_id", Val::Int(entry));
        rec.insert("name", Val::str("Manual Payment"));
        rec.insert("display_type", Val::str("payment_term"));
        rec.insert("account_id", account.map_or(Val::Null, Val::Int));
        rec.insert("partner_id", env.db.val(PAYMENT, id, "partner_id"));
        rec.insert("currency_id", Val::Int(currency));
        put_amounts(&mut rec, amounts);
        env.db.insert(LINE, rec);
    }
    account_totals::put(env, entry, "entry");
}

/// `action_post`: on 17 as an entry, which must be a draft; on 18 and 19 what is posted already is passed over.
pub(crate) fn post(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PAYMENT, *id)?;
        let held = env.db.ref_id(PAYMENT, *id, "move_id");
        if env.is(OdooVersion::V17) {
            account_post::post(env, &[held.unwrap_or(0)])?;
            continue;
        }
        if state(env, *id) != "draft" {
            continue;
        }
        let entry = held.unwrap_or_else(|| make_entry(env, *id));
        account_post::post(env, &[entry])?;
        let name = env.db.val(MOVE, entry, "name");
        env.db.update(PAYMENT, *id, |rec| {
            rec.insert("state", Val::str("in_process"));
            rec.insert("name", name);
        });
    }
    Ok(())
}

/// `action_draft`: 19 keeps what the payment is matched with.
pub(crate) fn draft(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PAYMENT, *id)?;
        if let Some(entry) = env.db.ref_id(PAYMENT, *id, "move_id") {
            account_post::draft(env, &[entry])?;
        }
        env.db.set(PAYMENT, *id, "state", Val::str("draft"));
    }
    Ok(())
}

/// `action_cancel`: 17 cancels the entry, 18 and 19 delete one that is a draft.
pub(crate) fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(PAYMENT, *id)?;
        let entry = env.db.ref_id(PAYMENT, *id, "move_id");
        if let Some(entry) = entry {
            if !env.is(OdooVersion::V17) && env.db.text(MOVE, entry, "state") == "draft" {
                env.unlink(MOVE, &[entry])?;
                env.db.set(PAYMENT, *id, "move_id", Val::Null);
            } else {
                account_post::cancel(env, &[entry])?;
            }
        }
        env.db.set(PAYMENT, *id, "state", Val::str("canceled"));
    }
    Ok(())
}

pub(crate) fn before_unlink(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    if !matches!(state(env, id).as_str(), "draft" | "cancel" | "canceled") {
        return Err(OdooError::user(
            "You can't delete a posted payment. Reset it to draft or cancel it before deleting it.",
        ));
    }
    match env.db.ref_id(PAYMENT, id, "move_id") {
        Some(entry) => env.unlink(MOVE, &[entry]),
        None => Ok(()),
    }
}

/// The line that settles, and the line with the money.
pub(crate) fn sides(env: &Env<'_>, id: i64) -> Option<(i64, i64)> {
    let entry = env.db.ref_id(PAYMENT, id, "move_id")?;
    let lines = account_sync::lines(env, entry);
    Some((*lines.get(1)?, *lines.first()?))
}

/// Documents that the payment is matched with.
fn invoices_of(env: &Env<'_>, id: i64) -> Vec<i64> {
    let Some((settles, _)) = sides(env, id) else {
        return vec![];
    };
    let mut out = account_reconcile::counterparts(env, &[settles]);
    out.retain(|m| super::account_move::is_invoice(&env.db.text(MOVE, *m, "move_type")));
    out
}

/// Fields of a payment that follow from its entry.
pub(crate) fn computed(env: &Env<'_>, id: i64, field: &str) -> Option<Val> {
    let entry = env.db.ref_id(PAYMENT, id, "move_id");
    let none_to_pay = env.db.num(PAYMENT, id, "amount") == 0;
    let nothing_left = |line: i64| {
        Val::Bool(
            none_to_pay && entry.is_some() || {
                let left = rest(env, line);
                left.own == 0 && left.foreign == 0 && entry.is_some()
            },
        )
    };
    Some(match field {
        "state" => Val::Str(state(env, id)),
        "name" if env.is(OdooVersion::V17) => env.db.val(MOVE, entry?, "name"),
        "outstanding_account_id" => outstanding_account(env, id).map_or(Val::Null, Val::Int),
        "destination_account_id" => destination_account(env, id).map_or(Val::Null, Val::Int),
        "reconciled_invoice_ids" => Val::Ids(invoices_of(env, id)),
        "is_reconciled" => sides(env, id).map_or(Val::Bool(false), |(line, _)| nothing_left(line)),
        "is_matched" => sides(env, id).map_or(Val::Bool(false), |(_, line)| nothing_left(line)),
        _ => return None,
    })
}
