//! What an entry amounts to, in its own currency and signed in the company's.

use super::account_line::{self, Amounts, direction};
use super::account_move::{LINE, MOVE, is_invoice};
use super::account_sync::{lines, sides};
use super::env::Env;
use super::value::Val;

/// Writes the totals of an entry; what is still to be paid is worked out when it is read.
pub(crate) fn put(env: &mut Env<'_>, entry: i64, kind: &str) {
    let mut untaxed = Amounts {
        balance: 0,
        foreign: 0,
    };
    let mut tax = untaxed;
    for line in lines(env, entry) {
        let amounts = account_line::amounts(env, line);
        let sum = match env.db.text(LINE, line, "display_type").as_str() {
            "tax" => &mut tax,
            "product" => &mut untaxed,
            _ => continue,
        };
        sum.balance += amounts.balance;
        sum.foreign += amounts.foreign;
    }
    let document = is_invoice(kind);
    let total = if document {
        (untaxed.foreign + tax.foreign) * direction(kind)
    } else {
        sides(env, entry).0
    };
    let signed = if document {
        -(untaxed.balance + tax.balance)
    } else {
        total
    };
    let shown = |amount: i64| Val::Num(if document { amount } else { 0 });
    let fields = [
        ("amount_total", Val::Num(total)),
        ("amount_total_signed", Val::Num(signed)),
        ("amount_untaxed", shown(untaxed.foreign * direction(kind))),
        ("amount_untaxed_signed", shown(-untaxed.balance)),
        ("amount_tax", shown(tax.foreign * direction(kind))),
        ("amount_tax_signed", shown(-tax.balance)),
        (
            "amount_total_in_currency_signed",
            Val::Num(if document {
                -(untaxed.foreign + tax.foreign)
            } else {
                total
            }),
        ),
    ];
    env.db.update(MOVE, entry, |rec| rec.extend(fields));
}
