//! What the integration user may do: enough to post and to move stock, and little more.

use std::collections::BTreeMap;

use tillwire_relay_core::odoo::Answer;

use super::ask::{Ask, in_words};
use super::finding::Finding;

/// What posting and moving stock do, and the right that allows it. An internal user with Invoicing: Billing and
/// Inventory: User has all of these and none of the next list (seen on 17, 18 and 19).
const NEEDED: [(&str, &str, &str); 12] = [
    ("account.move", "create", BILLING),
    ("account.move", "write", BILLING),
    ("account.move.line", "create", BILLING),
    ("account.journal", "read", BILLING),
    ("account.account", "read", BILLING),
    ("account.tax", "read", BILLING),
    ("stock.picking", "create", INVENTORY),
    ("stock.picking", "write", INVENTORY),
    ("stock.move", "create", INVENTORY),
    ("stock.move", "write", INVENTORY),
    ("stock.warehouse", "read", INVENTORY),
    ("product.product", "read", INVENTORY),
];

const BILLING: &str = "Invoicing: Billing";
const INVENTORY: &str = "Inventory: User";

/// What a stolen key should not be able to do, and what to take away.
const EXCESS: [(&str, &str, &str, &str); 10] = [
    ("res.users", "create", "create users", ADMINISTRATION),
    (
        "ir.config_parameter",
        "write",
        "change the system's settings",
        ADMINISTRATION,
    ),
    ("ir.actions.server", "create", "run code in Odoo", ADMINISTRATION),
    (
        "res.company",
        "write",
        "change companies and their lock dates",
        ADMINISTRATION,
    ),
    (
        "account.account",
        "create",
        "change the chart of accounts",
        ACCOUNTANT,
    ),
    ("account.journal", "create", "make journals", ACCOUNTANT),
    ("account.tax", "write", "change taxes", ACCOUNTANT),
    ("stock.warehouse", "create", "change warehouses", WAREHOUSE_CHIEF),
    ("stock.location", "create", "change locations", WAREHOUSE_CHIEF),
    ("product.product", "create", "make products", WAREHOUSE_CHIEF),
];

const ADMINISTRATION: &str = "Administration: Settings or Access Rights";
const ACCOUNTANT: &str = "Invoicing: Administrator (or Accounting: Accountant)";
const WAREHOUSE_CHIEF: &str = "Inventory: Administrator (and Products: Creation)";

/// One finding per right, whatever it allows or keeps from.
pub(super) async fn check(ask: &Ask<'_>, login: &str, findings: &mut Vec<Finding>) {
    let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (model, operation, right) in NEEDED {
        match ask.may(model, operation).await {
            Ok(Some(true)) => {}
            // no such model: the missing app is a finding of its own
            Ok(None) => {}
            Ok(Some(false)) => missing
                .entry(right)
                .or_default()
                .push(format!("{operation} {model}")),
            Err(answer) => return findings.push(unanswered(&answer)),
        }
    }
    let mut excess: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (model, operation, what, right) in EXCESS {
        match ask.may(model, operation).await {
            Ok(Some(true)) => excess.entry(right).or_default().push(what),
            Ok(_) => {}
            Err(answer) => return findings.push(unanswered(&answer)),
        }
    }
    findings.extend(missing.into_iter().map(|(right, what)| {
        let what = format!("the integration user {login} may not {}", what.join(", "));
        let mend = format!("give it {right}: Settings, Users and Companies, Users, {login}");
        Finding::stop("right-missing", what, mend)
    }));
    findings.extend(excess.into_iter().map(|(right, what)| {
        let what = format!(
            "the integration user {login} can {}; a stolen key could too",
            what.join(", ")
        );
        let mend = format!("take away {right}: Settings, Users and Companies, Users, {login}");
        Finding::warn("right-excess", what, mend)
    }));
}

fn unanswered(answer: &Answer) -> Finding {
    let what = format!(
        "the rights of the integration user could not be asked: {}",
        in_words(answer)
    );
    Finding::warn("rights-unknown", what, "ask again")
}
