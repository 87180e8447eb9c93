//! Every posted cent leads to the tickets behind it, and every ticket to what was posted of it. Asks the relay as an auditor
//! does (`day explain --entry`), and holds its answer against Odoo's lines on one side and against the bytes that devices
//! signed on the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tillwire_proto::{Fact, decode_observation};

use crate::cents::decimal;
use crate::odoo_api::{OdooApi, exact, id_of};
use crate::odoo_company::journal_code;
use crate::relay_store::Held;
use crate::world::{Relay, until};

/// How long the relay may take to know an entry.
const PATIENCE: Duration = Duration::from_secs(30);

/// Store, register and number of a ticket.
pub type Name = (String, String, String);

/// What the relay's explanations come to.
#[derive(Debug, Default)]
struct Told {
    tickets: BTreeSet<Name>,
    wrong: Vec<String>,
    /// Some entry was read back from Odoo, which keeps no tickets: only after an older copy was put in place.
    read_back: bool,
}

/// What is wrong. `sold` are the tickets that count, and so must be in some entry.
///
/// # Errors
/// Odoo's or the relay's own words.
pub async fn check(
    odoo: &OdooApi,
    relay: &Relay,
    held: &Held,
    stores: usize,
    sold: &BTreeSet<Name>,
) -> anyhow::Result<Vec<String>> {
    let mut told = Told::default();
    for (key, lines) in entries(odoo, stores).await? {
        // after an older copy was put in place the relay first reads back what it asked of Odoo
        let asked = async || Ok(relay.ask(&["day", "explain", "--entry", &key]).await.ok());
        let explained = until(&format!("the relay explains {key}"), PATIENCE, asked).await?;
        told.entry(&key, &lines, &explained, held);
    }
    if told.read_back {
        anyhow::ensure!(
            relay.was_restored()?,
            "an entry has lost its tickets, though no older copy of the database was put in place"
        );
        return Ok(told.wrong);
    }
    let silent = sold.difference(&told.tickets);
    let silent = silent.map(|(store, register, number)| {
        format!("unexplained: ticket {number} of {store}/{register} counts, but no entry names it")
    });
    told.wrong.extend(silent);
    Ok(told.wrong)
}

/// Of each entry of ours its external id and, per account code, debits less credits in cents.
async fn entries(odoo: &OdooApi, stores: usize) -> anyhow::Result<BTreeMap<String, BTreeMap<String, i64>>> {
    let journals: Vec<_> = (0..stores).map(journal_code).collect();
    let domain = json!([["journal_id.code", "in", journals], ["state", "=", "posted"]]);
    let moves = odoo.search("account.move", domain, &["id"]).await?;
    let ids: Vec<i64> = moves.iter().filter_map(|row| row["id"].as_i64()).collect();
    let domain = json!([
        ["module", "=", "tillwire"],
        ["model", "=", "account.move"],
        ["res_id", "in", ids]
    ]);
    let names = odoo.search("ir.model.data", domain, &["name", "res_id"]).await?;
    let accounts = odoo.search("account.account", json!([]), &["code"]).await?;
    let code_of = |id: i64| {
        let row = accounts.iter().find(|row| row["id"].as_i64() == Some(id))?;
        row["code"].as_str().map(str::to_owned)
    };
    let mut entries = BTreeMap::new();
    for name in names {
        let domain = json!([["move_id", "=", name["res_id"]]]);
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for line in odoo
            .search("account.move.line", domain, &["account_id", "debit", "credit"])
            .await?
        {
            let account = id_of(&line["account_id"])
                .and_then(code_of)
                .context("a line without an account")?;
            *sums.entry(account).or_default() += exact(&line["debit"], 2) - exact(&line["credit"], 2);
        }
        sums.retain(|_, sum| *sum != 0);
        entries.insert(
            format!("tillwire.{}", name["name"].as_str().unwrap_or_default()),
            sums,
        );
    }
    Ok(entries)
}

impl Told {
    fn entry(&mut self, key: &str, odoo: &BTreeMap<String, i64>, explained: &Value, held: &Held) {
        let store = explained["store"].as_str().unwrap_or_default();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for line in explained["lines"].as_array().into_iter().flatten() {
            let (account, amount) = (
                line["account"].as_str().unwrap_or_default(),
                cents(&line["amount"]),
            );
            *sums.entry(account.to_owned()).or_default() += amount;
            let parts = line["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
            let explained: i64 = parts.iter().map(|part| cents(&part["amount"])).sum();
            let rest = cents(&line["without_ticket"]);
            self.read_back |= rest != 0;
            if explained + rest != amount {
                let (found, wanted) = (decimal(explained + rest), decimal(amount));
                self.wrong.push(format!(
                    "unexplained: {key} has {wanted} on {account}, its tickets give {found}"
                ));
            }
            for part in parts {
                self.part(key, store, part, held);
            }
        }
        sums.retain(|_, sum| *sum != 0);
        if sums != *odoo {
            self.wrong.push(format!(
                "unexplained: {key} is {odoo:?} in Odoo, the relay explains {sums:?}"
            ));
        }
    }

    /// A part names its ticket and records that tell it, which devices signed.
    fn part(&mut self, key: &str, store: &str, part: &Value, held: &Held) {
        let text = |field: &str| part[field].as_str().unwrap_or_default().to_owned();
        let (register, ticket) = (text("register"), text("ticket"));
        let records: Vec<&str> = part["records"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let told = records.iter().any(|record| tells(held, record, &ticket));
        if !told || part["mapping"]["key"].as_str().is_none_or(str::is_empty) {
            self.wrong.push(format!(
                "unexplained: {key} names {register} {ticket}, but {part} leads nowhere"
            ));
        }
        self.tickets.insert((store.to_owned(), register, ticket));
    }
}

/// Whether a record is held and tells of the ticket.
fn tells(held: &Held, record: &str, ticket: &str) -> bool {
    let found = record.split_once('/').and_then(|(segment, number)| {
        let (_, segment) = held.segments.iter().find(|(id, _)| id.to_string() == segment)?;
        segment.bodies.get(&number.parse().ok()?)
    });
    found
        .and_then(|body| decode_observation(body).ok())
        .is_some_and(|observation| match observation.fact {
            Fact::Transaction(transaction) => transaction.key.ticket.as_str() == ticket,
            _ => false,
        })
}

/// `"-12.30"` as cents; nothing of what is not there.
fn cents(value: &Value) -> i64 {
    let digits = value.as_str().unwrap_or("0").replace('.', "");
    digits.parse().unwrap_or(0)
}
