//! `mapping`: check, show, diff, preview, apply.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use tillwire_proto::BusinessDay;
use tillwire_relay_core::settings::{Mapping, Mappings, RelaySettings, StoreSettings, Target};

use super::{Common, Place, counted, moment, open, print_json};
use crate::config::{Config, MappingFile};
use crate::mapping::{self, InForce, StorePreview};
use crate::store::{Store, mappings};

#[derive(Debug, Subcommand)]
pub(super) enum MappingCommand {
    /// Check a file against the configured stores. Without one, the configured file.
    Check {
        /// The file.
        file: Option<PathBuf>,
    },
    /// The rows in force, with the version of each.
    Show {
        /// Only of this store (TENANT/STORE).
        #[arg(long)]
        store: Option<Place>,
        /// On this business day. Default: the newest version.
        #[arg(long)]
        day: Option<BusinessDay>,
        /// The mapping file that was put in force, as it was written.
        #[arg(long)]
        text: bool,
    },
    /// The rows that a file changes, per store and day from which on.
    Diff {
        /// The file.
        file: PathBuf,
    },
    /// What a file would do to the days that are there: tickets that would be booked, postings that would be amended,
    /// sums per account, exceptions that would go. Changes nothing.
    Preview {
        /// The file.
        file: PathBuf,
    },
    /// Put a file in force, after showing what it does. A running relay takes it up by itself.
    Apply {
        /// The file.
        file: PathBuf,
        /// Why; goes into the records.
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn act(common: &Common, command: MappingCommand) -> Result<()> {
    let (config, store, in_force) = open(common).await?;
    let now = in_force.now();
    match command {
        MappingCommand::Check { file } => check(&config, &store, &now, file.as_deref()).await,
        MappingCommand::Show { text: true, .. } => {
            let newest = store.read(mappings::newest).await?;
            let configured = config.mapping.as_ref().map(|file| file.text.clone());
            let text = newest.map(|newest| newest.text).or(configured);
            print!("{}", text.context("no mapping file was ever put in force")?);
            Ok(())
        }
        MappingCommand::Show { store: of, day, .. } => show(common, &store, &now, of.as_ref(), day).await,
        MappingCommand::Diff { file } => diff(common, &now, &laid(&now, &MappingFile::load(&file)?)?),
        MappingCommand::Preview { file } => {
            let then = laid(&now, &MappingFile::load(&file)?)?;
            preview(common, &store, &in_force, then).await.map(drop)
        }
        MappingCommand::Apply { file, reason } => {
            let file = MappingFile::load(&file)?;
            preview(common, &store, &in_force, laid(&now, &file)?).await?;
            apply(common, &store, &in_force, &file, reason).await
        }
    }
}

/// The stores with a file's rows.
pub(super) fn laid(now: &RelaySettings, file: &MappingFile) -> Result<RelaySettings> {
    Ok(now
        .with_mapping(Some(&file.draft))
        .map_err(|error| file.wrong(error))?)
}

async fn check(config: &Config, store: &Store, now: &RelaySettings, file: Option<&Path>) -> Result<()> {
    let file = match (file, &config.mapping) {
        (Some(file), _) => MappingFile::load(file)?,
        (None, Some(configured)) => configured.clone(),
        (None, None) => bail!("no mapping_file is configured; name a file"),
    };
    laid(now, &file)?;
    let text = file.text.clone();
    let newest = store.read(mappings::newest).await?;
    let state = match newest {
        Some(newest) if newest.text == text => "it is in force",
        _ => "it is not in force; see `mapping preview` and `mapping apply`",
    };
    println!(
        "{}: {} fit {}; {state}",
        file.name,
        counted(file.draft.versions.len(), "version"),
        counted(now.iter().count(), "store")
    );
    Ok(())
}

async fn show(
    common: &Common,
    store: &Store,
    now: &RelaySettings,
    of: Option<&Place>,
    day: Option<BusinessDay>,
) -> Result<()> {
    let (newest, uses) = store
        .read(|db| Ok((mappings::newest(db)?, mappings::uses(db)?)))
        .await?;
    let wanted =
        |store: &&StoreSettings| of.is_none_or(|of| (&of.tenant, &of.store) == (&store.tenant, &store.store));
    let mut all = Vec::new();
    for store in now.iter().filter(wanted) {
        let versions = &store.odoo.mappings;
        let version = match day {
            Some(day) => versions.on(day),
            None => versions.newest(),
        };
        let used = uses.iter().find(|used| {
            (&used.tenant, &used.store, used.version) == (&store.tenant, &store.store, version.info.number)
        });
        let rows: Vec<Value> = version
            .mapping
            .rows()
            .map(|row| json!({ "key": row.id.key, "target": row.target.to_string(), "version": row.id.version, "scope": row.id.scope }))
            .collect();
        all.push(json!({
            "store": name(store), "version": version.info, "digest": version.mapping.digest().to_string(),
            "first_used": used.map(|used| json!({ "day": used.first_day, "at": moment(used.first_ms) })), "rows": rows,
        }));
    }
    if common.json {
        return print_json(&json!({
            "in_force": newest.map(|newest| json!({ "by": newest.by, "reason": newest.reason, "at": moment(newest.at_ms) })),
            "stores": all,
        }));
    }
    if let Some(newest) = newest {
        println!(
            "put in force {} by {}: {}",
            moment(newest.at_ms),
            newest.by,
            newest.reason
        );
    }
    for store in &all {
        let text = |value: &Value| value.as_str().unwrap_or("the beginning").to_owned();
        let info = &store["version"];
        println!(
            "{}: version {} by {}, from {}",
            text(&store["store"]),
            info["number"],
            text(&info["author"]),
            text(&info["effective"])
        );
        for row in store["rows"].as_array().into_iter().flatten() {
            println!(
                "  {:<36} {:<28} version {}",
                text(&row["key"]),
                text(&row["target"]),
                row["version"]
            );
        }
    }
    Ok(())
}

fn name(store: &StoreSettings) -> String {
    format!("{}/{}", store.tenant, store.store)
}

/// Per key what it points at and what it would.
type Changes = BTreeMap<String, (Option<Target>, Option<Target>)>;

fn changes(now: &Mapping, then: &Mapping) -> Changes {
    let keys = now.rows().chain(then.rows()).map(|row| &row.id.key);
    let target = |mapping: &Mapping, key: &str| mapping.row(key).map(|row| row.target.clone());
    keys.map(|key| (key.clone(), (target(now, key), target(then, key))))
        .filter(|(_, (now, then))| now != then)
        .collect()
}

/// The changes of a store's versions, from each day on which they are others than before it.
fn steps(now: &Mappings, then: &Mappings) -> Vec<(Option<BusinessDay>, Changes)> {
    let mut starts: Vec<Option<BusinessDay>> = now
        .iter()
        .chain(then.iter())
        .map(|version| version.info.effective)
        .chain([None])
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut steps: Vec<(Option<BusinessDay>, Changes)> = Vec::new();
    for start in starts {
        let day = start.unwrap_or(BusinessDay::from(jiff::civil::Date::MIN));
        let changes = changes(&now.on(day).mapping, &then.on(day).mapping);
        if steps
            .last()
            .map_or(!changes.is_empty(), |(_, last)| *last != changes)
        {
            steps.push((start, changes));
        }
    }
    steps
}

fn diff(common: &Common, now: &RelaySettings, then: &RelaySettings) -> Result<()> {
    let mut all = Vec::new();
    for store in now.iter() {
        let Some(other) = then.store(&store.tenant, &store.store) else {
            continue;
        };
        for (from, changes) in steps(&store.odoo.mappings, &other.odoo.mappings) {
            for (key, (was, is)) in changes {
                all.push(json!({
                    "store": name(store), "from": from, "key": key,
                    "was": was.map(|target| target.to_string()), "is": is.map(|target| target.to_string()),
                }));
            }
        }
    }
    if common.json {
        return print_json(&all);
    }
    for one in &all {
        let text = |key: &str, none: &'static str| one[key].as_str().unwrap_or(none).to_owned();
        println!(
            "{} from {}: {} {} -> {}",
            text("store", ""),
            text("from", "the beginning"),
            text("key", ""),
            text("was", "(nothing)"),
            text("is", "(nothing)")
        );
    }
    if all.is_empty() {
        println!("nothing changes");
    }
    Ok(())
}

/// Shows what another mapping would do.
pub(super) async fn preview(
    common: &Common,
    store: &Store,
    in_force: &InForce,
    then: RelaySettings,
) -> Result<Vec<StorePreview>> {
    let (now, now_ms) = (in_force.now(), store.clock().now_ms());
    let all = store
        .read(move |db| mapping::preview(db, &now, &then, now_ms))
        .await?;
    if common.json {
        print_json(&all)?;
        return Ok(all);
    }
    for one in &all {
        print_one(one);
    }
    if all.is_empty() {
        println!("no day is booked otherwise");
    }
    Ok(all)
}

fn print_one(one: &StorePreview) {
    let from = one
        .from
        .map_or_else(|| "the beginning".to_owned(), |day| day.to_string());
    let tickets = one.tickets;
    println!(
        "{} from {from}, {}: posts {}, amends {}, skips {} already right",
        one.store,
        counted(one.days, "day"),
        tickets.posts,
        tickets.amends,
        tickets.skips
    );
    if tickets.waits > 0 {
        println!("  {} stay held", tickets.waits);
    }
    if tickets.holds > 0 {
        println!("  HOLDS {} that are booked now", tickets.holds);
    }
    if !one.revisions.is_empty() {
        let days: Vec<String> = one.revisions.iter().map(ToString::to_string).collect();
        println!(
            "  {} posted days get a further revision: {}",
            days.len(),
            days.join(", ")
        );
    }
    for version in &one.changed_versions {
        println!(
            "  version {version} was posted with and has other rows now; a new version would keep what was"
        );
    }
    for (cause, count) in &one.clears {
        println!("  clears {count} of {cause}");
    }
    for (cause, count) in &one.raises {
        println!("  raises {count} of {cause}");
    }
    for (account, (was, is)) in &one.accounts {
        println!(
            "  {account:<12} {:>16} -> {:>16}",
            was.to_string(),
            is.to_string()
        );
    }
}

/// Puts a mapping in force.
pub(super) async fn apply(
    common: &Common,
    store: &Store,
    in_force: &InForce,
    file: &MappingFile,
    reason: String,
) -> Result<()> {
    let stores = mapping::put(store, in_force, file, &common.by, reason).await?;
    if !common.json {
        let stores = counted(stores, "store");
        println!("in force: {stores} booked otherwise from then on; a running relay looks at their days now");
    }
    Ok(())
}
