//! Is this Odoo, of a version we know, with a key it accepts and the apps we need?

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tillwire_relay_core::odoo::{Answer, Call};

use super::ask::{Ask, id_of, in_words, text_of};
use super::finding::Finding;
#[cfg(test)]
use super::finding::Severity;
use crate::odoo::client::{Client, Protocol, Server};

/// Versions that we tried everything on.
const TRIED: std::ops::RangeInclusive<u16> = 17..=19;

/// A key that ends within this many days is worth a warning.
const KEY_DAYS_MIN: i64 = 30;

/// The user behind the key.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) login: String,
    pub(super) companies: Vec<i64>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::JsonRpc => "JSON-RPC",
            Protocol::Json2 => "JSON-2",
        };
        let edition = if self.is_enterprise() { ", Enterprise" } else { "" };
        write!(f, "Odoo {}{edition}, by {protocol}", self.version)
    }
}

/// Codes of findings that hold although answers were lost.
pub(super) const ABOUT_CONNECTION: [&str; 4] = [
    "server-unreachable",
    "server-version",
    "server-protocol",
    "database",
];

/// Odoo stopped answering while it was looked at.
pub(super) fn silent() -> Finding {
    let what = "Odoo answered some questions and not others".to_owned();
    Finding::stop(
        "server-unreachable",
        what,
        "check the line to Odoo and its load; it is looked at again",
    )
}

pub(super) async fn check(client: &Client, findings: &mut Vec<Finding>) -> Option<Server> {
    let server = match client.server().await {
        Ok(server) => server,
        Err(answer) => {
            let what = format!(
                "{} does not answer as Odoo: {}",
                client.endpoint().shown(),
                in_words(&answer)
            );
            let mend = "check odoo.url, that Odoo runs, and that this machine may reach it";
            findings.push(Finding::stop("server-unreachable", what, mend));
            return None;
        }
    };
    let number = server.number.0;
    if number < *TRIED.start() {
        let what = format!("found Odoo {}, wanted 17, 18 or 19", server.version);
        findings.push(Finding::stop("server-version", what, "upgrade Odoo"));
        return None;
    }
    if server.protocol == Protocol::Json2 && !server.number.has_json2() {
        let what = format!(
            "found Odoo {}, which has no JSON-2; wanted 19 or later",
            server.version
        );
        findings.push(Finding::stop(
            "server-protocol",
            what,
            "set odoo.protocol to auto",
        ));
        return None;
    }
    if number > *TRIED.end() {
        let what = format!(
            "found Odoo {}, which is newer than what was tried (17 to 19)",
            server.version
        );
        findings.push(Finding::warn(
            "server-version",
            what,
            "try a store-day on a copy of the database first",
        ));
    }
    Some(server)
}

/// Who we are to Odoo. The first question that needs the key.
pub(super) async fn user(ask: &Ask<'_>, today: Date, findings: &mut Vec<Finding>) -> Option<User> {
    match who(ask).await {
        Ok(user) => {
            key_expiry(ask, today, findings).await;
            Some(user)
        }
        Err(answer) => {
            findings.push(refused(&answer));
            None
        }
    }
}

fn refused(answer: &Answer) -> Finding {
    let words = in_words(answer);
    match answer {
        Answer::Unauthorised { .. } => Finding::stop(
            "key-refused",
            format!("Odoo does not accept the user and key: {words}"),
            "make a new API key as the integration user (Preferences, Account Security, New API Key) and put it in \
             odoo.key_file; JSON-2 (Odoo 19) takes no password; check odoo.login",
        ),
        _ => Finding::stop(
            "database",
            format!("the database does not answer: {words}"),
            "check odoo.database against the list of databases, and that this one is running",
        ),
    }
}

async fn who(ask: &Ask<'_>) -> Result<User, Answer> {
    let context = ask.call(Call::on("res.users", "context_get")).await?;
    let uid = context["uid"].as_i64().unwrap_or_default();
    let call = Call::on("res.users", "read")
        .ids([uid])
        .arg("fields", json!(["login", "company_ids"]));
    let rows = ask.call(call).await?;
    let companies = rows[0]["company_ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(id_of)
        .collect();
    Ok(User {
        login: text_of(&rows[0]["login"]).unwrap_or("?").to_owned(),
        companies,
    })
}

/// From 18 on keys may end; the day it does, everything stops. A user sees their own keys only.
async fn key_expiry(ask: &Ask<'_>, today: Date, findings: &mut Vec<Finding>) {
    if ask.version.0 < 18 {
        return;
    }
    let fields = ["name", "expiration_date"];
    let domain = json!([["expiration_date", "!=", false]]);
    // a user who may not look at keys is no reason to complain
    let keys = ask
        .search("res.users.apikeys", domain, &fields)
        .await
        .unwrap_or_default();
    for key in &keys {
        if let Some(ends) = text_of(&key["expiration_date"]) {
            findings.push(key_ends(&key["name"], ends, today));
        }
    }
}

/// A key's end is worth a warning when it is near; whether this key is ours Odoo does not say.
fn key_ends(name: &Value, ends: &str, today: Date) -> Finding {
    let what = format!("API key {name} of the integration user ends on {ends} UTC");
    let mend = format!(
        "if odoo.key_file holds it: at least {KEY_DAYS_MIN} days before, sign in as the integration user, make a new key \
         (Preferences, Account Security, New API Key; an administrator may make one without an end), put it in \
         odoo.key_file and start the relay again"
    );
    let day = ends.get(..10).and_then(|day| day.parse::<Date>().ok());
    let near = day.is_some_and(|day| day < today.saturating_add(KEY_DAYS_MIN.days()));
    if near {
        Finding::warn("key-ends", what, mend)
    } else {
        Finding::note("key-ends", what, mend)
    }
}

/// Apps without which nothing works, with their titles and a model of each.
const NEEDED: [(&str, &str, &str); 2] = [
    ("account", "Invoicing", "account.move"),
    ("stock", "Inventory", "stock.picking"),
];

/// Apps that change what Odoo does with what we ask.
const MATTER: [&str; 6] = [
    "account_accountant",
    "mrp",
    "point_of_sale",
    "sale_management",
    "stock_account",
    "l10n_us",
];

/// The installed apps that matter here.
pub(super) async fn apps(ask: &Ask<'_>, findings: &mut Vec<Finding>) -> Vec<String> {
    let names: Vec<&str> = NEEDED.iter().map(|(name, ..)| *name).chain(MATTER).collect();
    let domain = json!([["name", "in", names], ["state", "=", "installed"]]);
    let listed = ask.search("ir.module.module", domain, &["name"]).await;
    let Ok(rows) = listed else {
        // a user who may not see the list of apps still learns of a missing one from its first model
        for (name, title, model) in NEEDED {
            if ask.may(model, "read").await.is_ok_and(|known| known.is_none()) {
                findings.push(module_missing(name, title));
            }
        }
        return Vec::new();
    };
    let mut apps: Vec<String> = rows
        .iter()
        .filter_map(|row| text_of(&row["name"]).map(str::to_owned))
        .collect();
    apps.sort_unstable();
    for (name, title, _) in NEEDED {
        if !apps.iter().any(|app| app == name) {
            findings.push(module_missing(name, title));
        }
    }
    apps
}

fn module_missing(name: &str, title: &str) -> Finding {
    let what = format!("the app {title} ({name}) is not installed");
    Finding::stop("module-missing", what, format!("install {title} in Odoo's Apps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_ends_soon_is_a_warning_and_a_later_end_is_good_to_know() {
        let today = jiff::civil::date(2026, 11, 20);
        let of = |ends: &str| key_ends(&json!("till"), ends, today).severity;
        assert_eq!(of("2026-12-01 00:00:00"), Severity::Warn);
        assert_eq!(of("2027-06-01 00:00:00"), Severity::Note);
        assert_eq!(of("some day"), Severity::Note);
    }
}
