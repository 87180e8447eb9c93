//! The reversal wizard: the mirrored entry, posted at once for plain entries and left in draft for invoices.

use super::account_line::{self, put_amounts};
use super::account_move::{LINE, MOVE, is_invoice};
use super::account_payment::OF_MOVE;
use super::env::Env;
use super::error::Outcome;
use super::value::{Rec, Val};
use super::{account_post, account_sync};
use serde_json::{Value, json};

const WIZARD: &str = "account.move.reversal";

/// `refund_moves` (reverse) or `modify_moves` (reverse, then a fresh draft copy); answers the action of a screen.
pub(crate) fn run(env: &mut Env<'_>, wizard: i64, with_copy: bool) -> Outcome<Value> {
    env.must_exist(WIZARD, wizard)?;
    let moves = env.db.val(WIZARD, wizard, "move_ids").ids().to_vec();
    let mut shown = 0;
    let mut kind = String::new();
    for id in moves {
        env.must_exist(MOVE, id)?;
        kind = env.db.text(MOVE, id, "move_type");
        shown = reverse(env, wizard, id)?;
        if !is_invoice(&kind) || with_copy {
            account_post::post(env, &[shown])?;
        }
        if with_copy {
            shown = copy(env, id)?;
        }
    }
    env.db.set(WIZARD, wizard, "new_move_ids", Val::Ids(vec![shown]));
    Ok(json!({
        "name": "Reverse Moves",
        "type": "ir.actions.act_window",
        "res_model": MOVE,
        "view_mode": "form",
        "res_id": shown,
        "context": { "default_move_type": mirrored(&kind) },
    }))
}

fn mirrored(kind: &str) -> String {
    match kind {
        "out_invoice" => "out_refund".into(),
        "in_invoice" => "in_refund".into(),
        other => other.into(),
    }
}

fn reverse(env: &mut Env<'_>, wizard: i64, id: i64) -> Outcome<i64> {
    let reason = env.db.text(WIZARD, wizard, "reason");
    let name = env.db.text(MOVE, id, "name");
    let text = if reason.is_empty() {
        format!("Reversal of: {name}")
    } else {
        format!("Reversal of: {name}, {reason}")
    };
    let mut date = env.db.val(WIZARD, wizard, "date");
    if !date.truthy() {
        date = Val::Str(env.today());
    }
    let kind = env.db.text(MOVE, id, "move_type");
    let journal = env.db.val(WIZARD, wizard, "journal_id");
    let new = duplicate(env, id, |rec| {
        rec.insert("ref", Val::Str(text));
        rec.insert("date", date.clone());
        rec.insert("move_type", Val::Str(mirrored(&kind)));
        rec.insert("reversed_entry_id", Val::Int(id));
        if is_invoice(&kind) {
            rec.insert("invoice_date", date);
        }
        if journal.truthy() {
            rec.insert("journal_id", journal);
        }
    });
    for line in account_sync::lines(env, new) {
        // a plain entry keeps the tax's invoice side in its mirror, a document turns into a refund
        let amounts = account_line::amounts(env, line).mirrored();
        let rep = env
            .db
            .ref_id(LINE, line, "tax_repartition_line_id")
            .filter(|_| is_invoice(&kind));
        let rep = rep.and_then(|r| other_side(env, r));
        env.db.update(LINE, line, |rec| {
            put_amounts(rec, amounts);
            if let Some(rep) = rep {
                rec.insert("tax_repartition_line_id", Val::Int(rep));
            }
        });
    }
    Ok(new)
}

/// The refund repartition line that answers an invoice repartition line, and the other way round.
fn other_side(env: &Env<'_>, rep: i64) -> Option<i64> {
    let table = "account.tax.repartition.line";
    let tax = env.db.ref_id(table, rep, "tax_id")?;
    let (document, kind) = (
        env.db.text(table, rep, "document_type"),
        env.db.text(table, rep, "repartition_type"),
    );
    env.db.by(table, "tax_id", tax).into_iter().find(|r| {
        env.db.text(table, *r, "document_type") != document
            && env.db.text(table, *r, "repartition_type") == kind
    })
}

fn copy(env: &mut Env<'_>, id: i64) -> Outcome<i64> {
    let new = duplicate(env, id, |rec| {
        rec.remove("reversed_entry_id");
    });
    Ok(new)
}

fn duplicate(env: &mut Env<'_>, id: i64, change: impl FnOnce(&mut Rec)) -> i64 {
    let mut rec = env.db.get(MOVE, id).map(|r| Rec::clone(r)).unwrap_or_default();
    for field in [
        "name",
        "state",
        "posted_before",
        "create_date",
        "write_date",
        OF_MOVE,
    ] {
        rec.remove(field);
    }
    rec.extend(env.new_rec(MOVE));
    rec.insert("state", Val::str("draft"));
    rec.insert("posted_before", Val::Bool(false));
    rec.insert(
        "name",
        if env.is(super::version::OdooVersion::V17) {
            Val::str("/")
        } else {
            Val::Null
        },
    );
    change(&mut rec);
    let new = env.db.insert(MOVE, rec);
    for line in account_sync::lines(env, id) {
        let mut rec = env.db.get(LINE, line).map(|r| Rec::clone(r)).unwrap_or_default();
        for field in ["full_reconcile_id", "matching_number"] {
            rec.remove(field);
        }
        rec.insert("move_id", Val::Int(new));
        env.db.insert(LINE, rec);
    }
    new
}
