//! The wizard that registers payments of open documents: it makes them, posts them and matches them at once.

use super::account_move::{LINE, MOVE};
use super::account_payment::{self, PAYMENT};
use super::account_reconcile::{self, payable, rest};
use super::company;
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{In, Val, Vals, id_list, scalar};
use super::version::OdooVersion;
use serde_json::{Value, json};

const WIZARD: &str = "account.payment.register";

/// `create`, on the documents or lines that the context names.
pub(crate) fn create(env: &mut Env<'_>, mut vals: Vals) -> Outcome<i64> {
    let lines = open_lines(env)?;
    let open: i64 = lines.iter().map(|l| rest(env, *l).foreign).sum();
    let first = lines.first().copied().unwrap_or(0);
    let entry = env.db.ref_id(LINE, first, "move_id").unwrap_or(0);
    let account = env.db.ref_id(LINE, first, "account_id").unwrap_or(0);
    let customer = env.db.text("account.account", account, "account_type") == "asset_receivable";
    let house = company::of(env, MOVE, entry);
    let journal = company::first_journal(env, house, &["bank", "cash", "credit"]);
    let given = |field: &str| scalar(&vals, field).is_some_and(Val::truthy);
    let (amount, day) = (given("amount"), given("payment_date"));
    let mut put = |field: &'static str, value: Val| {
        vals.entry(field).or_insert(In::Val(value));
    };
    put("journal_id", journal.map_or(Val::Null, Val::Int));
    put("currency_id", env.db.val(LINE, first, "currency_id"));
    put(
        "payment_type",
        Val::str(if open > 0 { "inbound" } else { "outbound" }),
    );
    put(
        "partner_type",
        Val::str(if customer { "customer" } else { "supplier" }),
    );
    put("partner_id", env.db.val(LINE, first, "partner_id"));
    put("communication", env.db.val(MOVE, entry, "name"));
    put("group_payment", Val::Bool(false));
    if !amount {
        put("amount", Val::Num(open.abs()));
    }
    if !day {
        put("payment_date", Val::Str(env.today()));
    }
    let id = env.create_plain(WIZARD, vals)?;
    env.db.set(WIZARD, id, "line_ids", Val::Ids(lines));
    Ok(id)
}

fn open_lines(env: &Env<'_>) -> Outcome<Vec<i64>> {
    let active = env.ctx.get("active_ids").map(id_list).unwrap_or_default();
    let lines: Vec<i64> = match env.ctx.get("active_model").and_then(Value::as_str) {
        Some("account.move") => active.iter().flat_map(|m| payable(env, *m)).collect(),
        Some("account.move.line") => active,
        _ => {
            return Err(OdooError::user(
                "The register payment wizard should only be called on account.move or account.move.line records.",
            ));
        }
    };
    let posted = |l: &i64| {
        let entry = env.db.ref_id(LINE, *l, "move_id").unwrap_or(0);
        env.db.text(MOVE, entry, "state") == "posted"
    };
    if !lines.iter().all(posted) {
        return Err(OdooError::user(
            "You can only register payment for posted journal entries.",
        ));
    }
    let open: Vec<i64> = lines.into_iter().filter(|l| rest(env, *l).own != 0).collect();
    if open.is_empty() {
        return Err(OdooError::user(
            "You can't register a payment because there is nothing left to pay on the selected journal items.",
        ));
    }
    Ok(open)
}

/// `action_create_payments`: one payment for each document, or one for all when they are grouped.
pub(crate) fn run(env: &mut Env<'_>, wizard: i64) -> Outcome<Value> {
    env.must_exist(WIZARD, wizard)?;
    let lines = env.db.val(WIZARD, wizard, "line_ids").ids().to_vec();
    let grouped = env.db.val(WIZARD, wizard, "group_payment").truthy() || lines.len() < 2;
    let batches: Vec<Vec<i64>> = if grouped {
        vec![lines]
    } else {
        lines.into_iter().map(|l| vec![l]).collect()
    };
    let several = batches.len() > 1;
    let mut made = Vec::new();
    for batch in batches {
        made.push(pay(env, wizard, &batch, several)?);
    }
    let mut action = json!({
        "name": "Payments",
        "type": "ir.actions.act_window",
        "res_model": PAYMENT,
        "context": { "create": false },
    });
    match made.as_slice() {
        [one] => {
            action["view_mode"] = "form".into();
            action["res_id"] = json!(one);
        }
        all => {
            let list = if env.is(OdooVersion::V17) {
                "tree,form"
            } else {
                "list,form"
            };
            action["view_mode"] = list.into();
            action["domain"] = json!([["id", "in", all]]);
        }
    }
    Ok(action)
}

fn pay(env: &mut Env<'_>, wizard: i64, lines: &[i64], several: bool) -> Outcome<i64> {
    let held = |field: &str| env.db.val(WIZARD, wizard, field);
    let entries: Vec<i64> = lines
        .iter()
        .filter_map(|l| env.db.ref_id(LINE, *l, "move_id"))
        .collect();
    let (mut amount, mut text) = (held("amount"), held("communication"));
    if several {
        // the amount of the wizard is that of all documents; each is paid as far as it is open
        let open: i64 = lines.iter().map(|l| rest(env, *l).foreign).sum();
        amount = Val::Num(open.abs());
        text = entries
            .first()
            .map_or(Val::Null, |m| env.db.val(MOVE, *m, "name"));
    }
    let note = account_payment::note_field(env);
    let mut vals: Vals = Vals::from([
        ("amount", In::Val(amount)),
        ("date", In::Val(held("payment_date"))),
        (note, In::Val(text)),
    ]);
    for field in [
        "payment_type",
        "partner_type",
        "partner_id",
        "journal_id",
        "currency_id",
        "payment_method_line_id",
    ] {
        if held(field).truthy() {
            vals.insert(field, In::Val(held(field)));
        }
    }
    let id = account_payment::create(env, vals)?;
    if let Some(account) = lines.first().and_then(|l| env.db.ref_id(LINE, *l, "account_id")) {
        env.db
            .set(PAYMENT, id, "destination_account_id", Val::Int(account));
    }
    if !env.is(OdooVersion::V17) {
        env.db.set(PAYMENT, id, "invoice_ids", Val::Ids(entries));
    }
    account_payment::post(env, &[id])?;
    if let Some((settles, _)) = account_payment::sides(env, id)
        && rest(env, settles).own != 0
    {
        let mut all = lines.to_vec();
        all.push(settles);
        account_reconcile::reconcile(env, &all)?;
    }
    Ok(id)
}
