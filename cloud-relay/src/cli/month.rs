//! `month`: what keeps a month from being closed.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};
use tillwire_proto::TenantId;
use tillwire_relay_core::closing::{Blocker, Month};
use tillwire_relay_core::settings::StoreSettings;

use super::{Common, Place, open, print_json};
use crate::closing::look;

#[derive(Debug, Subcommand)]
pub(super) enum MonthCommand {
    /// What keeps a month open, store by store, worst first. Exit code 1 when something does.
    Show {
        /// TENANT, or one store as TENANT/STORE.
        #[arg(value_parser = whose)]
        whose: Whose,
        /// The month, such as 2026-11.
        month: Month,
    },
}

/// A retailer's stores, or one of them.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// All of the retailer's.
    All(TenantId),
    /// One.
    One(Place),
}

fn whose(text: &str) -> Result<Whose> {
    if text.contains('/') {
        Ok(Whose::One(text.parse()?))
    } else {
        Ok(Whose::All(text.parse()?))
    }
}

impl Whose {
    fn has(&self, store: &StoreSettings) -> bool {
        match self {
            Self::All(tenant) => store.tenant == *tenant,
            Self::One(place) => store.tenant == place.tenant && store.store == place.store,
        }
    }
}

pub(super) async fn act(common: &Common, command: MonthCommand) -> Result<ExitCode> {
    let MonthCommand::Show { whose, month } = command;
    let (config, store, _) = open(common).await?;
    let stores: Vec<StoreSettings> = config
        .stores
        .iter()
        .filter(|one| whose.has(one))
        .cloned()
        .collect();
    stores
        .first()
        .context("no such store is configured; `day list` shows the stores that are")?;
    let now_ms = store.clock().now_ms();
    let found: Vec<(StoreSettings, Vec<Blocker>)> = store
        .read(move |db| {
            let looked = stores.into_iter().map(|settings| {
                let blockers = look(db, &settings, month, now_ms)?;
                Ok((settings, blockers))
            });
            looked.collect()
        })
        .await?;
    let open = found
        .iter()
        .any(|(_, blockers)| blockers.iter().any(|blocker| blocker.stops));
    if common.json {
        let rows: Vec<Value> = found
            .iter()
            .map(|(store, blockers)| {
                json!({
                    "tenant": store.tenant, "store": store.store, "month": month,
                    "can_close": !blockers.iter().any(|blocker| blocker.stops),
                    "blockers": blockers.iter().map(shown).collect::<Vec<_>>(),
                })
            })
            .collect();
        print_json(&rows)?;
    } else {
        for (store, blockers) in &found {
            print(store, month, blockers);
        }
    }
    Ok(if open {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn shown(blocker: &Blocker) -> Value {
    json!({
        "kind": blocker.kind, "stops": blocker.stops, "day": blocker.day, "what": blocker.what,
        "mend": blocker.mend, "at_risk": blocker.at_risk.map(|amount| amount.to_string()),
    })
}

fn print(store: &StoreSettings, month: Month, blockers: &[Blocker]) {
    let stops = blockers.iter().filter(|blocker| blocker.stops).count();
    let verdict = match stops {
        0 => "nothing keeps it open".to_owned(),
        1 => "1 thing keeps it open".to_owned(),
        several => format!("{several} things keep it open"),
    };
    println!("{}/{} {month}: {verdict}", store.tenant, store.store);
    for blocker in blockers {
        let day = blocker
            .day
            .map_or_else(|| month.to_string(), |day| day.to_string());
        let risk = blocker
            .at_risk
            .map_or_else(String::new, |amount| format!("  ({amount})"));
        let mark = if blocker.stops { "!" } else { " " };
        println!("  {mark} {day}  {}{risk}", blocker.what);
        println!("                {}", blocker.mend);
    }
}
