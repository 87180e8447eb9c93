//! Posting: the checks, the lock dates that move the date without a word, and the names of posted entries.

use super::access::Role;
use super::account_move::{LINE, MOVE, is_invoice};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::Val;
use super::version::OdooVersion;
use super::{account_payment, account_reconcile, account_sync, company};
use jiff::ToSpan;
use jiff::civil::Date;

pub(crate) fn post(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(MOVE, *id)?;
    }
    for id in ids {
        post_one(env, *id)?;
    }
    Ok(())
}

fn post_one(env: &mut Env<'_>, id: i64) -> Outcome<()> {
    let name = env.db.text(MOVE, id, "name");
    if env.db.text(MOVE, id, "state") != "draft" {
        return Err(OdooError::user(format!(
            "The entry {name} (id {id}) must be in draft."
        )));
    }
    if account_sync::lines(env, id).is_empty() {
        let text = if env.is(OdooVersion::V19) {
            "Even magicians can't post nothing!"
        } else {
            "You need to add a line before posting."
        };
        return Err(OdooError::user(text));
    }
    let kind = env.db.text(MOVE, id, "move_type");
    if matches!(kind.as_str(), "out_invoice" | "out_refund")
        && env.db.ref_id(MOVE, id, "partner_id").is_none()
    {
        return Err(OdooError::user(
            "The field 'Customer' is required, please complete it to validate the Customer Invoice.",
        ));
    }
    account_sync::require_balance(env, id)?;
    if env.db.num(MOVE, id, "amount_total") < 0 {
        return Err(OdooError::user(
            "You cannot validate an invoice with a negative total amount. You should create a credit note instead. Use the action menu to transform it into a credit note or refund.",
        ));
    }
    if is_invoice(&kind) && !env.db.val(MOVE, id, "invoice_date").truthy() {
        env.db.set(MOVE, id, "invoice_date", Val::Str(env.today()));
    }
    if let Some(open) = open_day(env, id) {
        env.db.set(MOVE, id, "date", Val::Str(open));
    }
    if matches!(name.as_str(), "" | "/") {
        let next = next_name(env, id);
        env.db.set(MOVE, id, "name", Val::Str(next));
    } else if name_taken(env, id, &name) {
        return Err(OdooError::validation(
            "The operation cannot be completed: Another entry with the same name already exists.",
        ));
    }
    let now = env.now.clone();
    env.db.update(MOVE, id, |rec| {
        rec.insert("state", Val::str("posted"));
        rec.insert("posted_before", Val::Bool(true));
        rec.insert("write_date", Val::Str(now));
    });
    match env.db.ref_id(MOVE, id, "reversed_entry_id") {
        Some(origin) if env.db.text(MOVE, origin, "state") == "posted" => {
            account_reconcile::with_reversal(env, origin, id)
        }
        _ => Ok(()),
    }
}

fn name_taken(env: &Env<'_>, id: i64, name: &str) -> bool {
    let journal = env.db.ref_id(MOVE, id, "journal_id");
    env.db
        .lookup(MOVE, "name", &Val::str(name))
        .unwrap_or_default()
        .into_iter()
        .any(|other| {
            other != id
                && env.db.ref_id(MOVE, other, "journal_id") == journal
                && env.db.text(MOVE, other, "state") == "posted"
        })
}

/// Sets entries back to draft; refused inside a locked period.
pub(crate) fn draft(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(MOVE, *id)?;
        if env.db.text(MOVE, *id, "state") == "draft" {
            return Err(OdooError::user(
                "Only posted/cancelled journal entries can be reset to draft.",
            ));
        }
        check_unlocked(env, *id)?;
        // 19 leaves a payment matched while it is put right
        if !(env.is(OdooVersion::V19) && env.db.ref_id(MOVE, *id, account_payment::OF_MOVE).is_some()) {
            account_reconcile::undo(env, &account_sync::lines(env, *id));
        }
        env.db.set(MOVE, *id, "state", Val::str("draft"));
    }
    Ok(())
}

pub(crate) fn cancel(env: &mut Env<'_>, ids: &[i64]) -> Outcome<()> {
    for id in ids {
        env.must_exist(MOVE, *id)?;
        if env.db.text(MOVE, *id, "state") == "posted" {
            draft(env, &[*id])?;
        }
        env.db.set(MOVE, *id, "state", Val::str("cancel"));
    }
    Ok(())
}

/// The lock dates that hold an entry, latest first.
fn violated(env: &Env<'_>, id: i64) -> Vec<(String, &'static str)> {
    let journal = env.db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    let journal = env.db.text("account.journal", journal, "type");
    let taxed = account_sync::has_taxes(env, id)
        || account_sync::lines(env, id)
            .iter()
            .any(|l| env.db.ref_id(LINE, *l, "tax_repartition_line_id").is_some());
    let day = env.db.text(MOVE, id, "date");
    let house = company::of(env, MOVE, id);
    let rules = [
        ("fiscalyear_lock_date", "Global Lock Date", true),
        ("tax_lock_date", "Tax Return Lock Date", taxed),
        ("sale_lock_date", "Sales Lock Date", journal == "sale"),
        ("purchase_lock_date", "Purchase Lock Date", journal == "purchase"),
        ("hard_lock_date", "Hard Lock Date", true),
        (
            "period_lock_date",
            "Journals Entries Lock Date",
            env.role != Role::Admin,
        ),
    ];
    let mut out: Vec<(String, &'static str)> = rules
        .into_iter()
        .filter(|(field, _, applies)| *applies && env.has_field("res.company", field))
        .map(|(field, label, _)| (env.db.text("res.company", house, field), label))
        .filter(|(lock, _)| !lock.is_empty() && *lock >= day)
        .collect();
    out.sort_by(|a, b| b.cmp(a));
    out
}

/// The day an entry is moved to when its own is locked.
fn open_day(env: &Env<'_>, id: i64) -> Option<String> {
    let (lock, _) = violated(env, id).into_iter().next()?;
    let after = lock.parse::<Date>().ok()?.checked_add(1.day()).ok()?;
    let journal = env.db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    if matches!(
        env.db.text("account.journal", journal, "type").as_str(),
        "sale" | "purchase"
    ) {
        // documents numbered by year go to today, but not beyond that year
        let end = Date::new(after.year(), 12, 31).unwrap_or(after);
        let today = env.today().parse::<Date>().unwrap_or(after);
        return Some(today.min(end).to_string());
    }
    Some(after.to_string())
}

/// Refuses work on an entry inside a locked period.
pub(crate) fn check_unlocked(env: &Env<'_>, id: i64) -> Outcome<()> {
    let held = violated(env, id);
    if held.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = held
        .iter()
        .map(|(day, label)| format!("{label} ({})", american(day)))
        .collect();
    Err(OdooError::user(format!(
        "You cannot add/modify entries prior to and inclusive of: {}.",
        list.join(", ")
    )))
}

fn american(day: &str) -> String {
    let mut parts = day.split('-');
    let (y, m, d) = (
        parts.next().unwrap_or(""),
        parts.next().unwrap_or(""),
        parts.next().unwrap_or(""),
    );
    format!("{m}/{d}/{y}")
}

/// 17 gives the first draft of a journal its name at once.
pub(crate) fn name_draft(env: &mut Env<'_>, id: i64) {
    if !env.is(OdooVersion::V17) || env.db.text(MOVE, id, "name") != "/" {
        return;
    }
    let journal = env.db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    let others = env.db.by(MOVE, "journal_id", journal);
    let class = series(env, id);
    if others
        .iter()
        .filter(|m| series(env, **m) == class)
        .all(|m| *m == id || matches!(env.db.text(MOVE, *m, "name").as_str(), "" | "/"))
    {
        let next = next_name(env, id);
        env.db.set(MOVE, id, "name", Val::Str(next));
    }
}

/// The next name in the journal, following the pattern of its latest named entry.
pub(crate) fn next_name(env: &Env<'_>, id: i64) -> String {
    let journal = env.db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    let day = env.db.text(MOVE, id, "date");
    let class = series(env, id);
    let named = |m: i64| {
        m != id
            && (env.db.text(MOVE, m, "state") == "posted" || env.is(OdooVersion::V17))
            && series(env, m) == class
    };
    let latest = env
        .db
        .by(MOVE, "journal_id", journal)
        .into_iter()
        .rev()
        .filter(|m| named(*m))
        .find_map(|m| {
            let name = env.db.text(MOVE, m, "name");
            (!matches!(name.as_str(), "" | "/")).then_some(name)
        });
    let prefix = match latest {
        Some(name) => prefix_for(&name, &day),
        None => first_prefix(env, journal, class, &day),
    };
    let ours = |m: i64| named(m) && env.db.ref_id(MOVE, m, "journal_id") == Some(journal);
    let taken = env
        .db
        .starting_with(MOVE, "name", &prefix.0)
        .filter(|(_, ids)| ids.iter().any(|m| ours(*m)));
    let number = taken
        .filter_map(|(n, _)| n.strip_prefix(&prefix.0)?.parse::<u64>().ok())
        .max()
        .unwrap_or(0)
        + 1;
    format!("{}{number:0width$}", prefix.0, width = prefix.1)
}

/// The unchanging part of a name, moved to the year and month of `day` when it holds those, and the number's width.
fn prefix_for(name: &str, day: &str) -> (String, usize) {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (head, _) = name.split_at(name.len() - digits);
    let mut parts: Vec<String> = head.split('/').map(str::to_owned).collect();
    let (year, month) = (day.get(..4).unwrap_or(""), day.get(5..7).unwrap_or(""));
    let n = parts.len();
    let is_year =
        |p: &str| p.len() == 4 && (p.starts_with("19") || p.starts_with("20")) && p.parse::<u16>().is_ok();
    if n >= 3
        && parts.get(n - 3).is_some_and(|p| is_year(p))
        && parts.get(n - 2).is_some_and(|p| p.len() == 2)
    {
        parts.splice(n - 3..n - 1, [year.to_owned(), month.to_owned()]);
    } else if n >= 2 && parts.get(n - 2).is_some_and(|p| is_year(p)) {
        parts.splice(n - 2..n - 1, [year.to_owned()]);
    }
    (parts.join("/"), digits)
}

/// What a name starts with beside its journal's code: payments and credit notes are numbered apart.
fn series(env: &Env<'_>, id: i64) -> &'static str {
    let journal = env.db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    let apart = |field: &str| env.db.val("account.journal", journal, field).truthy();
    if env.db.ref_id(MOVE, id, account_payment::OF_MOVE).is_some() && apart("payment_sequence") {
        "P"
    } else if env.db.text(MOVE, id, "move_type").ends_with("refund") && apart("refund_sequence") {
        "R"
    } else {
        ""
    }
}

fn first_prefix(env: &Env<'_>, journal: i64, class: &str, day: &str) -> (String, usize) {
    let code = format!("{class}{}", env.db.text("account.journal", journal, "code"));
    let (year, month) = (day.get(..4).unwrap_or(""), day.get(5..7).unwrap_or(""));
    match env.db.text("account.journal", journal, "type").as_str() {
        "sale" | "purchase" | "bank" | "cash" => (format!("{code}/{year}/"), 5),
        _ => (format!("{code}/{year}/{month}/"), 4),
    }
}
