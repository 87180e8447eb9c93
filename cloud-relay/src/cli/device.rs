//! `device`: invite, list, accept, refuse, revoke.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde::Serialize;
use tillwire_proto::{DeviceId, Digest, StoreId, TenantId, enrol};

use super::{Common, moment, open, print_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::enrol::{Enrolment, Enrolments, RelayFacts};
use crate::pki::Pki;
use crate::run;
use crate::store::Store;
use crate::store::devices::{self, DeviceRow};

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Make a one-time code for a box. It is shown once and good for a day.
    Invite {
        /// The retailer.
        #[arg(long)]
        tenant: TenantId,
        /// The store that the box will stand in.
        #[arg(long)]
        store: StoreId,
        /// What the box will be called.
        #[arg(long)]
        device: DeviceId,
    },
    /// Boxes that wait for a yes, and boxes that have one.
    List,
    /// Say yes to a box that waits, after comparing its fingerprint with the one on its screen.
    Accept {
        /// The six groups that both screens show, or the first digits of the fingerprint that only one has.
        fingerprint: String,
    },
    /// Say no to a box that waits.
    Refuse {
        /// As for accept.
        fingerprint: String,
        /// What the person at the box will read.
        #[arg(long, default_value = "refused by the operator")]
        reason: String,
    },
    /// Shut a box out. A live connection is cut within five seconds; what it sent before stays.
    Revoke {
        /// TENANT/DEVICE
        device: String,
    },
}

pub(super) async fn act(common: &Common, command: DeviceCommand) -> Result<()> {
    let (config, store, _) = open(common).await?;
    match command {
        DeviceCommand::Invite {
            tenant,
            store: place,
            device,
        } => {
            if config.stores.store(&tenant, &place).is_none() {
                bail!("no [[store]] {tenant}/{place} is configured; add it first");
            }
            let code = rules(&config, &store)?
                .invite(&tenant, &place, &device, &common.by)
                .await?;
            if common.json {
                return print_json(&serde_json::json!({ "code": code.to_string(), "device": device }));
            }
            println!("{code}\n");
            println!(
                "On the box, within a day: tillwire-agent enroll --relay https://{} --code CODE",
                enrol_at(&config)
            );
            Ok(())
        }
        DeviceCommand::List => list(common, &config, &store).await,
        DeviceCommand::Accept { fingerprint } => {
            let rules = rules(&config, &store)?;
            let waiting = one_of(&rules.waiting().await?, &fingerprint)?;
            rules.accept(waiting.fingerprint, &common.by).await?;
            println!(
                "accepted {}/{} for store {}",
                waiting.tenant, waiting.device, waiting.store
            );
            Ok(())
        }
        DeviceCommand::Refuse { fingerprint, reason } => {
            let rules = rules(&config, &store)?;
            let waiting = one_of(&rules.waiting().await?, &fingerprint)?;
            rules.refuse(waiting.fingerprint, &common.by, &reason).await?;
            println!("refused {}/{}", waiting.tenant, waiting.device);
            Ok(())
        }
        DeviceCommand::Revoke { device } => revoke(common, &store, &device).await,
    }
}

fn enrol_at(config: &Config) -> String {
    let address = config.mqtt.address.as_str();
    let told = address.rsplit_once(':').map_or(address, |(name, _)| name);
    // through a broker devices are told its name, and they enrol here
    let own = config.mqtt.names.first().filter(|_| config.broker.is_some());
    let name = own.map_or(told, String::as_str);
    format!("{name}:{}", config.enrol_listen.port())
}

fn rules(config: &Config, store: &Store) -> Result<Enrolments<Store>> {
    let pki = Arc::new(Pki::open(&run::keys(config))?);
    let facts = RelayFacts {
        mqtt: config.mqtt.address.clone(),
        relay: store.relay(),
    };
    Ok(Enrolments::new(
        Arc::new(store.clone()),
        pki,
        facts,
        Clock::system(),
    ))
}

/// The box that waits under what a person typed: the groups that both screens show, or the beginning of the
/// fingerprint's digits.
fn one_of(waiting: &[Enrolment], typed: &str) -> Result<Enrolment> {
    let plain = |text: &str| {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase()
    };
    let typed_plain = plain(typed);
    let fits = |one: &&Enrolment| {
        let digits = one.fingerprint.to_string();
        plain(&enrol::key_groups(&one.fingerprint)) == typed_plain
            || (typed_plain.len() >= 8 && digits.starts_with(&typed_plain))
    };
    let found: Vec<&Enrolment> = waiting.iter().filter(fits).collect();
    match found[..] {
        [one] => Ok(one.clone()),
        [] => bail!(
            "no box waits under {typed:?}, wanted the six groups of `device list`, or at least 8 digits of its fingerprint"
        ),
        _ => bail!("more than one box waits under {typed:?}, wanted more digits"),
    }
}

async fn revoke(common: &Common, store: &Store, text: &str) -> Result<()> {
    let (tenant, device) = text
        .split_once('/')
        .with_context(|| format!("found {text:?}, wanted TENANT/DEVICE such as acme/box-s01"))?;
    let (tenant, device) = (TenantId::new(tenant)?, DeviceId::new(device)?);
    let (by, now_ms) = (common.by.clone(), store.clock().now_ms());
    let done = store
        .write(move |unit| devices::revoke(unit, &tenant, &device, &by, now_ms))
        .await?;
    if !done {
        bail!("no active device {text}");
    }
    println!("revoked {text}; a live connection is cut within five seconds");
    Ok(())
}

#[derive(Serialize)]
struct Waiting {
    tenant: TenantId,
    store: StoreId,
    device: DeviceId,
    fingerprint: Digest,
    groups: String,
    asked: String,
}

#[derive(Serialize)]
struct Shown {
    tenant: TenantId,
    store: StoreId,
    device: DeviceId,
    fingerprint: Digest,
    state: &'static str,
    accepted: String,
    accepted_by: String,
    revoked: Option<String>,
    last_seen: Option<String>,
    version: Option<String>,
    backlog: Option<u64>,
    attachments: Option<u64>,
    disk_percent: Option<u8>,
    holds_out_days: Option<u32>,
    holds_out_limit: Option<String>,
    clock_offset_ms: Option<i64>,
    health: Option<String>,
}

impl Shown {
    fn of(row: DeviceRow, now_ms: i64) -> Self {
        let hello = row.hello.as_ref();
        let fuel = hello.and_then(|hello| hello.fuel(now_ms));
        Self {
            state: if row.revoked.is_some() {
                "revoked"
            } else {
                "active"
            },
            accepted: moment(row.accepted.0),
            accepted_by: row.accepted.1.clone(),
            revoked: row.revoked.as_ref().map(|(at, _)| moment(*at)),
            last_seen: row.last_seen_ms.map(moment),
            version: hello.map(|hello| hello.version.clone()),
            backlog: hello.map(|hello| hello.backlog),
            attachments: hello.map(|hello| hello.attachments),
            disk_percent: hello.map(|hello| hello.disk_percent),
            holds_out_days: fuel.map(|fuel| fuel.days),
            holds_out_limit: fuel.map(|fuel| fuel.limit.to_string()),
            clock_offset_ms: hello.map(|hello| hello.clock_offset_ms),
            health: hello.map(|hello| hello.state.clone()),
            tenant: row.tenant,
            store: row.store,
            device: row.device,
            fingerprint: row.fingerprint,
        }
    }
}

async fn list(common: &Common, config: &Config, store: &Store) -> Result<()> {
    let waiting: Vec<Waiting> = rules(config, store)?
        .waiting()
        .await?
        .into_iter()
        .map(|one| Waiting {
            groups: enrol::key_groups(&one.fingerprint),
            asked: moment(one.asked_ms),
            tenant: one.tenant,
            store: one.store,
            device: one.device,
            fingerprint: one.fingerprint,
        })
        .collect();
    let now_ms = store.clock().now_ms();
    let all: Vec<Shown> = store
        .read(devices::list)
        .await?
        .into_iter()
        .map(|row| Shown::of(row, now_ms))
        .collect();
    if common.json {
        return print_json(&serde_json::json!({ "waiting": waiting, "devices": all }));
    }
    for one in &waiting {
        println!(
            "waiting  {}/{}  store {}  asked {}",
            one.tenant, one.device, one.store, one.asked
        );
        println!("         compare with the box's screen: {}", one.groups);
        println!("         then: tillwire-relay device accept {}", one.groups);
    }
    for one in &all {
        let seen = one.last_seen.as_deref().unwrap_or("never");
        let health = one.health.as_deref().unwrap_or("-");
        let fuel = one.holds_out_days.zip(one.holds_out_limit.as_ref());
        let fuel = fuel.map_or_else(String::new, |(days, limit)| {
            format!("  holds out {days} days ({limit})")
        });
        println!(
            "{:<8} {}/{}  store {}  seen {seen}  backlog {}{fuel}  {health}",
            one.state,
            one.tenant,
            one.device,
            one.store,
            one.backlog.unwrap_or(0)
        );
    }
    if waiting.is_empty() && all.is_empty() {
        println!("no devices; `tillwire-relay device invite` makes a code for one");
    }
    Ok(())
}
