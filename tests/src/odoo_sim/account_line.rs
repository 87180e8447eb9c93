//! Journal items: from the values a caller gives to debit, credit and balance in the company's currency, and to the
//! amount in the currency of the line.

use super::account_move::{LINE, MOVE, is_invoice};
use super::account_tax::{self, in_currency};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{MICRO, Rec, Val, Vals, scalar};
use super::version::OdooVersion;
use super::{account_currency, company};

/// Fields of a line that say how much it is.
const AMOUNTS: [&str; 8] = [
    "debit",
    "credit",
    "balance",
    "amount_currency",
    "currency_id",
    "price_unit",
    "quantity",
    "discount",
];

/// What a line is worth, in the company's currency and in its own, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) balance: i64,
    pub(crate) foreign: i64,
}

impl Amounts {
    /// The other way round.
    pub(crate) fn mirrored(self) -> Self {
        Self {
            balance: -self.balance,
            foreign: -self.foreign,
        }
    }
}

/// Adds a line to an entry; the caller settles the entry afterwards.
pub(crate) fn insert(env: &mut Env<'_>, entry: i64, vals: Vals) -> Outcome<i64> {
    let mut rec = env.new_rec(LINE);
    let own = scalar(&vals, "currency_id").filter(|c| c.truthy()).map(Val::int);
    let currency = own.or(env.db.ref_id(MOVE, entry, "currency_id")).unwrap_or(0);
    let amounts = amounts_of(env, entry, currency, &vals)?;
    let commands = env.apply(LINE, &mut rec, vals)?;
    rec.insert("move_id", Val::Int(entry));
    rec.insert("currency_id", Val::Int(currency));
    rec.entry("display_type").or_insert(Val::str("product"));
    rec.entry("quantity").or_insert(Val::Num(MICRO));
    rec.entry("partner_id")
        .or_insert(env.db.val(MOVE, entry, "partner_id"));
    if !rec.contains_key("account_id")
        && let Some(account) = default_account(env, entry)
    {
        rec.insert("account_id", Val::Int(account));
    }
    if !rec.get("account_id").is_some_and(Val::truthy) {
        return Err(OdooError::mandatory(LINE, "account_id"));
    }
    let account = rec.get("account_id").map_or(0, Val::int);
    check_account(env, account)?;
    company::same(env, MOVE, entry, "account.account", account)?;
    // a tax line is known by its repartition line alone; a tax named beside it is ignored
    rec.remove("tax_line_id");
    put_amounts(&mut rec, amounts);
    let id = env.db.insert(LINE, rec);
    env.run_commands(LINE, id, commands)?;
    Ok(id)
}

/// Changes a line; the caller settles the entry afterwards.
pub(crate) fn change(env: &mut Env<'_>, id: i64, vals: Vals) -> Outcome<()> {
    env.must_exist(LINE, id)?;
    let entry = env.db.ref_id(LINE, id, "move_id").unwrap_or(0);
    let amounts = if AMOUNTS.iter().any(|f| vals.contains_key(f)) {
        let currency =
            scalar(&vals, "currency_id").map_or(env.db.ref_id(LINE, id, "currency_id"), |c| Some(c.int()));
        Some(amounts_of(
            env,
            entry,
            currency.unwrap_or(0),
            &completed(env, id, &vals),
        )?)
    } else {
        None
    };
    env.write_plain(LINE, id, vals)?;
    if let Some(amounts) = amounts {
        env.db.update(LINE, id, |rec| put_amounts(rec, amounts));
    }
    Ok(())
}

/// The values of a write with what they leave as it is: the other side of a line, or the rest of its price.
fn completed(env: &Env<'_>, id: i64, vals: &Vals) -> Vals {
    let mut all = vals.clone();
    let keep: &[&'static str] = if ["price_unit", "quantity", "discount"]
        .iter()
        .any(|f| vals.contains_key(f))
    {
        &["price_unit", "quantity", "discount"]
    } else if vals.contains_key("balance") || vals.contains_key("amount_currency") {
        &[]
    } else {
        &["debit", "credit"]
    };
    for field in keep {
        all.entry(field)
            .or_insert(super::value::In::Val(env.db.val(LINE, id, field)));
    }
    all
}

/// Writes debit, credit, balance and the amount in currency.
pub(crate) fn put_amounts(rec: &mut Rec, amounts: Amounts) {
    rec.insert("balance", Val::Num(amounts.balance));
    rec.insert("debit", Val::Num(amounts.balance.max(0)));
    rec.insert("credit", Val::Num((-amounts.balance).max(0)));
    rec.insert("amount_currency", Val::Num(amounts.foreign));
}

/// What a line holds.
pub(crate) fn amounts(env: &Env<'_>, line: i64) -> Amounts {
    Amounts {
        balance: env.db.num(LINE, line, "balance"),
        foreign: env.db.num(LINE, line, "amount_currency"),
    }
}

/// Currency, company and day by which amounts of an entry are put from one currency into another.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) currency: i64,
    pub(crate) own: i64,
    pub(crate) company: i64,
    pub(crate) day: String,
}

impl Exchange {
    pub(crate) fn of(env: &Env<'_>, entry: i64, currency: i64) -> Self {
        let company = company::of(env, MOVE, entry);
        let own = account_currency::of_company(env, company);
        let day = env.db.text(MOVE, entry, "invoice_date");
        Self {
            currency: if currency == 0 { own } else { currency },
            own,
            company,
            day: if day.is_empty() {
                env.db.text(MOVE, entry, "date")
            } else {
                day
            },
        }
    }

    pub(crate) fn is_own(&self) -> bool {
        self.currency == self.own
    }

    /// Both amounts of a line that is worth this much in the company's currency.
    pub(crate) fn by_own(&self, env: &Env<'_>, balance: i64) -> Amounts {
        let foreign = if self.is_own() {
            balance
        } else {
            account_currency::to_foreign(env, balance, self.currency, self.company, &self.day)
        };
        Amounts { balance, foreign }
    }

    /// Both amounts of a line that is worth this much in its own currency.
    pub(crate) fn by_foreign(&self, env: &Env<'_>, foreign: i64) -> Amounts {
        let balance = if self.is_own() {
            foreign
        } else {
            account_currency::to_own(env, foreign, self.currency, self.company, &self.day)
        };
        Amounts { balance, foreign }
    }
}

fn amounts_of(env: &Env<'_>, entry: i64, currency: i64, vals: &Vals) -> Outcome<Amounts> {
    let exchange = Exchange::of(env, entry, currency);
    let money = |f: &str| scalar(vals, f).map(|v| in_currency(env, exchange.own, v.num()));
    let balance = money("balance").or_else(|| {
        (vals.contains_key("debit") || vals.contains_key("credit"))
            .then(|| money("debit").unwrap_or(0) - money("credit").unwrap_or(0))
    });
    let foreign = scalar(vals, "amount_currency").map(|v| in_currency(env, exchange.currency, v.num()));
    match (balance, foreign) {
        (Some(balance), Some(foreign)) if !exchange.is_own() => {
            if balance.signum() * foreign.signum() < 0 {
                return Err(OdooError::validation(
                    "The operation cannot be completed: The amount expressed in the secondary currency must be positive when account is debited and negative when account is credited. If the currency is the same as the one from the company, this amount must strictly be equal to the balance.",
                ));
            }
            Ok(Amounts { balance, foreign })
        }
        (Some(balance), _) => Ok(exchange.by_own(env, balance)),
        (None, Some(foreign)) => Ok(exchange.by_foreign(env, foreign)),
        (None, None) => Ok(priced(env, entry, &exchange, vals)),
    }
}

/// The amounts of a document's line by its price, taxes still in it.
fn priced(env: &Env<'_>, entry: i64, exchange: &Exchange, vals: &Vals) -> Amounts {
    let kind = env.db.text(MOVE, entry, "move_type");
    let Some(price) = scalar(vals, "price_unit").filter(|_| is_invoice(&kind)) else {
        return Amounts {
            balance: 0,
            foreign: 0,
        };
    };
    let quantity = scalar(vals, "quantity").map_or(MICRO, Val::num);
    let discount = scalar(vals, "discount").map_or(0, Val::num);
    let gross = account_tax::gross(price.num(), quantity, discount);
    let amount = account_tax::rounded(gross, account_tax::step(env, exchange.currency));
    exchange.by_foreign(env, amount * direction(&kind))
}

/// The sign of a document's lines in the ledger: sales are credits.
pub(crate) fn direction(kind: &str) -> i64 {
    if matches!(kind, "out_invoice" | "out_receipt" | "in_refund") {
        -1
    } else {
        1
    }
}

fn default_account(env: &Env<'_>, entry: i64) -> Option<i64> {
    if !is_invoice(&env.db.text(MOVE, entry, "move_type")) {
        return None;
    }
    let journal = env.db.ref_id(MOVE, entry, "journal_id")?;
    env.db
        .ref_id("account.journal", journal, "default_account_id")
        .or_else(|| company::first_account(env, company::of(env, MOVE, entry), "income"))
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
