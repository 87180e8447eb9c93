//! What the integration user may do: enough to post and to move stock, and little more.

use tillwire_relay_core::odoo::Answer;

use super::ask::{Ask, in_words};
use super::finding::Finding;

/// What posting and moving stock do, and the right that allows it. An internal user with Invoicing: Billing and
/// Inventory: User has all of these and none of the next list (seen on 17, 18 and 19).
const NEEDED: [(&str, &str, &str); 6] = [
    ("account.move", "create", "Invoicing: Billing"),
    ("account.move", "write", "Invoicing: Billing"),
    ("account.move.line", "create", "Invoicing: Billing"),
    ("stock.picking", "create", "Inventory: User"),
    ("stock.picking", "write", "Inventory: User"),
    ("stock.move", "create", "Inventory: User"),
];

/// What a stolen key should not be able to do, and what to take away.
const EXCESS: [(&str, &str, &str, &str); 4] = [
    (
        "res.users",
        "create",
        "create users",
        "Administration: Settings or Access Rights",
    ),
    (
        "ir.config_parameter",
        "write",
        "change the system's settings",
        "Administration: Settings",
    ),
    (
        "account.account",
        "create",
        "change the chart of accounts and the lock dates",
        "Invoicing: Administrator",
    ),
    (
        "stock.warehouse",
        "create",
        "change warehouses",
        "Inventory: Administrator",
    ),
];

pub(super) async fn check(ask: &Ask<'_>, findings: &mut Vec<Finding>) {
    for (model, operation, right) in NEEDED {
        match ask.may(model, operation).await {
            Ok(Some(true)) => {}
            // no such model: the missing app is a finding of its own
            Ok(None) => {}
            Ok(Some(false)) => {
                let what = format!("the integration user may not {operation} {model}");
                findings.push(Finding::stop("right-missing", what, format!("give it {right}")));
            }
            Err(answer) => return findings.push(unanswered(&answer)),
        }
    }
    for (model, operation, what, right) in EXCESS {
        match ask.may(model, operation).await {
            Ok(Some(true)) => {
                let what = format!("the integration user can {what}; a stolen key could too");
                findings.push(Finding::warn("right-excess", what, format!("take away {right}")));
            }
            Ok(_) => {}
            Err(answer) => return findings.push(unanswered(&answer)),
        }
    }
}

fn unanswered(answer: &Answer) -> Finding {
    let what = format!(
        "the rights of the integration user could not be asked: {}",
        in_words(answer)
    );
    Finding::warn("rights-unknown", what, "ask again")
}
