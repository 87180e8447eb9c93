//! `day explain`: where each cent comes from and where it went.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tillwire_relay_core::books::Contribution;

use super::{Common, print_json};
use crate::days::Assessed;
use crate::explain::{Explained, WentTo, explain, named};
use crate::store::Store;
use crate::store::effects;

/// What of it is wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Only {
    /// A ticket number.
    pub(super) ticket: Option<String>,
    /// An account's code.
    pub(super) account: Option<String>,
}

impl Only {
    pub(super) fn wants(&self, part: &Contribution) -> bool {
        let ticket = self.ticket.as_deref();
        ticket.is_none_or(|ticket| part.ticket.ticket.as_str() == ticket)
            && self.wants_account(part.line.account.as_str())
    }

    fn wants_account(&self, code: &str) -> bool {
        self.account.as_deref().is_none_or(|wanted| wanted == code)
    }
}

/// One entry of Odoo, by its name there or by its key, down to tickets and records.
pub(super) async fn entry(common: &Common, store: &Store, name: &str, only: &Only) -> Result<()> {
    let wanted = name.to_owned();
    let found = store
        .read(move |db| {
            let effect = named(db, &wanted)?;
            let explained = effect.clone().map(|effect| explain(db, effect)).transpose()?;
            Ok((effect, explained.flatten()))
        })
        .await?;
    let explained = match found {
        (None, _) => {
            bail!("found no entry {name:?}; wanted its name in Odoo, or its key as `day show` prints it")
        }
        (Some(effect), None) => bail!(
            "{name} is a {}, which moves no money",
            effects::kind_word(effect.effect.payload.kind())
        ),
        (Some(_), Some(explained)) => explained,
    };
    if common.json {
        return print_json(&entry_json(&explained, only));
    }
    let effect = &explained.effect;
    println!(
        "{} {} of {}/{} {}, {}",
        effect.odoo_name.as_deref().unwrap_or("(no name yet)"),
        effect.effect.key,
        effect.tenant,
        effect.store,
        effect.day.map_or_else(String::new, |day| day.to_string()),
        effects::word(effect.effect.state),
    );
    for line in explained
        .lines
        .iter()
        .filter(|line| only.wants_account(line.key.account.as_str()))
    {
        println!("{} {} {}", line.key.account, line.key.label, line.amount);
        for part in line.parts.iter().filter(|part| only.wants(part)) {
            print_part(part);
        }
        if let Some(rest) = line.rest {
            println!(
                "  {:>16}  read back from Odoo after this relay had lost it; no ticket was kept there",
                rest.to_string()
            );
        }
    }
    Ok(())
}

fn print_part(part: &Contribution) {
    let name = format!(
        "{} {} {}",
        part.ticket.register,
        part.ticket.kind.name(),
        part.ticket.ticket
    );
    println!(
        "  {:>16}  {name}, mapped by {}",
        part.amount.to_string(),
        part.row
    );
    for record in &part.records {
        println!("  {:16}  record {record}", "");
    }
}

fn records(part: &Contribution) -> Vec<String> {
    part.records.iter().map(ToString::to_string).collect()
}

fn part_json(part: &Contribution) -> Value {
    json!({
        "account": part.line.account, "label": part.line.label, "amount": part.amount.decimal(),
        "register": part.ticket.register, "ticket": part.ticket.ticket, "kind": part.ticket.kind.name(),
        "day": part.ticket.day, "mapping": part.row, "records": records(part),
    })
}

fn entry_json(explained: &Explained, only: &Only) -> Value {
    let effect = &explained.effect;
    let lines = explained
        .lines
        .iter()
        .filter(|line| only.wants_account(line.key.account.as_str()));
    let lines: Vec<Value> = lines
        .map(|line| {
            json!({
                "account": line.key.account, "label": line.key.label, "amount": line.amount.decimal(),
                "tickets": line.parts.iter().filter(|part| only.wants(part)).map(part_json).collect::<Vec<_>>(),
                "without_ticket": line.rest.map(|rest| rest.decimal()),
            })
        })
        .collect();
    json!({
        "key": effect.effect.key, "odoo_name": effect.odoo_name, "odoo_id": effect.effect.document,
        "state": effects::word(effect.effect.state), "tenant": effect.tenant, "store": effect.store, "day": effect.day,
        "lines": lines,
    })
}

/// A day's ledger as it stands, and where what is asked for went in Odoo.
pub(super) fn day(common: &Common, seen: &Assessed, went: &[WentTo], only: &Only) -> Result<()> {
    let ledger = &seen.assessment.ledger;
    let parts: Vec<_> = ledger
        .contributions()
        .iter()
        .filter(|part| only.wants(part))
        .collect();
    if common.json {
        let posted = |went: &WentTo| {
            let mut value = part_json(&went.part);
            value["entry"] = json!(went.effect);
            value["odoo_name"] = json!(went.odoo_name);
            value
        };
        return print_json(&json!({
            "ledger": parts.iter().map(|part| part_json(part)).collect::<Vec<_>>(),
            "posted": went.iter().map(posted).collect::<Vec<_>>(),
        }));
    }
    for (key, line) in ledger.lines() {
        let mine: Vec<_> = parts.iter().filter(|part| part.line == *key).collect();
        if mine.is_empty() {
            continue;
        }
        println!("{} {} {}", key.account, key.label, line.amount);
        for part in mine {
            print_part(part);
        }
    }
    for (key, causes) in ledger.held_tickets() {
        let causes: Vec<&str> = causes.iter().map(|cause| cause.as_str()).collect();
        println!(
            "held out: {} {} ({})",
            key.register,
            key.ticket,
            causes.join(", ")
        );
    }
    // of a whole day this would repeat every line; of one ticket or account it is what was asked for
    if only.ticket.is_some() || only.account.is_some() {
        for went in went {
            println!(
                "posted: {} {} {} {} ({})",
                went.part.amount,
                went.part.line.account,
                went.part.line.label,
                went.odoo_name.as_deref().unwrap_or("not in Odoo yet"),
                went.effect
            );
        }
    }
    Ok(())
}

/// What `day explain` was asked about.
pub(super) fn place<P, D>(store: Option<P>, day: Option<D>) -> Result<(P, D)> {
    store
        .zip(day)
        .context("say which store and day (TENANT/STORE 2026-11-14), or which entry (--entry NAME)")
}
