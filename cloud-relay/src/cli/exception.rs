//! `exception`: list, show, retry, resolve.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::fix::Fix;
use super::suggest;
use super::{Common, Place, moment, open, print_json};
use crate::config::Config;
use crate::desk::{self, Signatory, Tried};
use crate::mapping::InForce;
use crate::store::exceptions::{self, Filter, StoredException};
use crate::store::{Store, records};
use crate::understand::Understanding;

#[derive(Debug, Subcommand)]
pub(super) enum ExceptionCommand {
    /// Open exceptions, newest first.
    List {
        /// Resolved ones too.
        #[arg(long)]
        all: bool,
        /// Only of this store (TENANT/STORE).
        #[arg(long)]
        store: Option<Place>,
    },
    /// One exception with its records and the bytes behind them.
    Show {
        /// Its number.
        id: i64,
        /// Of a missing row: ask Odoo too for names that resemble it.
        #[arg(long)]
        odoo: bool,
    },
    /// Write the missing row of the mapping, and let every ticket with the same cause go.
    Fix(Fix),
    /// Try again after the cause was mended: what Odoo refused, what did not decode, what had no account or item.
    Retry {
        /// Its number; without one, everything that did not decode is tried.
        id: Option<i64>,
    },
    /// Seen, and nothing more to do. One that holds a day is signed instead (`day sign`).
    Resolve {
        /// Its number.
        id: i64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn act(common: &Common, command: ExceptionCommand) -> Result<()> {
    let (config, store, in_force) = open(common).await?;
    match command {
        ExceptionCommand::List { all, store: of } => list(common, &store, all, of).await,
        ExceptionCommand::Show { id, odoo } => show(common, (&config, &store, &in_force), id, odoo).await,
        ExceptionCommand::Fix(fix) => {
            let one = find(&store, fix.id).await?;
            super::fix::act(common, (&config, &store, &in_force), &one, fix).await
        }
        ExceptionCommand::Retry { id: None } => {
            let mended = Understanding::new(store.clone(), Arc::new(config.stores))
                .again()
                .await?;
            println!("{mended} batches are understood now");
            Ok(())
        }
        ExceptionCommand::Retry { id: Some(id) } => {
            let one = find(&store, id).await?;
            match desk::retry(&store, Arc::new(config.stores), &one, &common.by).await? {
                Tried::Understood(mended) => println!("{mended} batches are understood now"),
                Tried::Effects(keys) => {
                    for key in keys {
                        println!("{key} is tried again");
                    }
                    println!("the day is looked at again");
                }
            }
            Ok(())
        }
        ExceptionCommand::Resolve { id, reason } => resolve(common, &store, id, reason).await,
    }
}

async fn find(store: &Store, id: i64) -> Result<StoredException> {
    store
        .read(move |db| exceptions::get(db, id))
        .await?
        .with_context(|| format!("there is no exception {id}"))
}

/// An exception as scripts read it.
pub(super) fn shown(one: &StoredException) -> Value {
    let draft = &one.draft;
    json!({
        "id": one.id, "kind": draft.kind, "cause": draft.cause, "tenant": draft.tenant, "store": draft.store,
        "day": draft.day, "register": draft.register, "title": draft.title, "detail": draft.detail,
        "owner": draft.kind.owner(), "at_risk": draft.at_risk.map(|amount| amount.to_string()),
        "records": draft.records.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "actions": draft.kind.actions(), "holds": draft.kind.holds(), "opened": moment(one.opened_ms),
        "seen": moment(one.seen_ms),
        "resolved": one.resolved.as_ref().map(|(at, by, words)| json!({ "at": moment(*at), "by": by, "words": words })),
    })
}

async fn list(common: &Common, store: &Store, all: bool, of: Option<Place>) -> Result<()> {
    let filter = Filter {
        resolved: all,
        store: of.map(|of| (of.tenant, of.store)),
        ..Filter::default()
    };
    let found = store.read(move |db| exceptions::list(db, &filter)).await?;
    if common.json {
        return print_json(&found.iter().map(shown).collect::<Vec<_>>());
    }
    for one in &found {
        let draft = &one.draft;
        let day = draft.day.map_or_else(String::new, |day| format!(" {day}"));
        let risk = draft
            .at_risk
            .map_or_else(String::new, |amount| format!("  {amount}"));
        let state = if one.resolved.is_some() { " (resolved)" } else { "" };
        println!(
            "{:>5}  {}/{}{day}  {}{risk}{state}",
            one.id, draft.tenant, draft.store, draft.title
        );
        println!("       {}", draft.detail);
    }
    if found.is_empty() {
        println!("nothing needs you");
    }
    Ok(())
}

async fn show(
    common: &Common,
    (config, store, in_force): (&Config, &Store, &InForce),
    id: i64,
    odoo: bool,
) -> Result<()> {
    let one = find(store, id).await?;
    let there = if odoo {
        suggest::in_odoo(config, store, in_force, &one.draft).await?
    } else {
        Vec::new()
    };
    let suggestions = suggest::of(&one.draft, &config.stores, &there);
    let ids = one.draft.records.clone();
    let tenant = one.draft.tenant.clone();
    let bytes: Vec<Value> = store
        .read(move |db| {
            let mut all = Vec::new();
            for id in ids {
                if let Some(found) = records::captured(db, &tenant, id)? {
                    all.push(json!({
                        "record": id.to_string(), "hash": found.hash, "body": data_encoding::HEXLOWER.encode(&found.body),
                        "captured": found.bytes.as_deref().map(String::from_utf8_lossy),
                    }));
                }
            }
            Ok(all)
        })
        .await?;
    if common.json {
        let mut value = shown(&one);
        value["bytes"] = Value::Array(bytes);
        value["suggestions"] = json!(suggestions);
        return print_json(&value);
    }
    println!("{}: {}", one.id, one.draft.title);
    println!("{}", one.draft.detail);
    for suggestion in &suggestions {
        println!(
            "  maybe {} ({} of 100): {}",
            suggestion.target, suggestion.score, suggestion.why
        );
    }
    if one.draft.missing_row().is_some() && one.resolved.is_none() {
        println!("`tillwire-relay exception fix {id} --to CODE` shows what a row for it would do");
    }
    println!(
        "owner {:?}, open since {}",
        one.draft.kind.owner(),
        moment(one.opened_ms)
    );
    for record in bytes {
        println!("\nrecord {}", record["record"].as_str().unwrap_or_default());
        match record["captured"].as_str() {
            Some(text) => println!("{text}"),
            None => println!("(no captured bytes here; the record's own: {})", record["body"]),
        }
    }
    if let Some((at, by, words)) = &one.resolved {
        println!("resolved {} by {by}: {words}", moment(*at));
    }
    Ok(())
}

async fn resolve(common: &Common, store: &Store, id: i64, reason: String) -> Result<()> {
    let one = find(store, id).await?;
    let who = Signatory {
        by: common.by.clone(),
        reason,
        now_ms: store.clock().now_ms(),
    };
    desk::resolve(store, &one, who).await?;
    println!("resolved {id}");
    Ok(())
}
