//! `settlement`: import, list, show, open, find.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use rusqlite::Connection;
use serde_json::{Value, json};
use tillwire_proto::{Amount, BusinessDay, StoreId, TenantId};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};
use tillwire_relay_core::settlement::{CardTender, SettlementLine, open_of};

use super::{Common, Place, open, print_json};
use crate::settlement::{Imported, import, work};
use crate::store::effects::{self, StoredEffect};
use crate::store::settlement::{self as rows, Lines, StoredDeposit, StoredLine};
use crate::store::{Store, StoreError};

#[derive(Debug, Subcommand)]
pub(super) enum SettlementCommand {
    /// Take a processor's report: GP-API JSON, Portico XML or CSV; whole, or not at all. The same file again changes
    /// nothing.
    Import {
        /// The file.
        file: PathBuf,
        /// Whose it is; needed where several retailers are configured.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Deposits, newest first: where each is, and its entry in Odoo.
    List,
    /// One deposit: its lines, the tender of each and by which rule, and its entries.
    Show {
        /// The processor's name of it.
        deposit: String,
    },
    /// What clearing still holds: per day and brand, how much, since when and why.
    Open {
        /// Only of this store (TENANT/STORE).
        #[arg(long)]
        store: Option<Place>,
    },
    /// A card payment by approval code, gateway number or ticket number: its ticket, deposit and documents in Odoo.
    Find {
        /// The code or number.
        code: String,
    },
}

pub(super) async fn act(common: &Common, command: SettlementCommand) -> Result<()> {
    let (config, store, _) = open(common).await?;
    let stores = &config.stores;
    match command {
        SettlementCommand::Import { file, tenant } => take(common, &store, stores, tenant, &file).await,
        SettlementCommand::List => list(common, &store, stores).await,
        SettlementCommand::Show { deposit } => show(common, &store, stores, deposit).await,
        SettlementCommand::Open { store: of } => open_money(common, &store, stores, of).await,
        SettlementCommand::Find { code } => find(common, &store, stores, code).await,
    }
}

async fn take(
    common: &Common,
    store: &Store,
    stores: &RelaySettings,
    tenant: Option<TenantId>,
    file: &Path,
) -> Result<()> {
    let tenants: BTreeSet<&TenantId> = stores.iter().map(|store| &store.tenant).collect();
    let tenant = match (tenant, tenants.len()) {
        (Some(tenant), _) => tenant,
        (None, 1) => stores
            .iter()
            .next()
            .context("no [[store]] is configured")?
            .tenant
            .clone(),
        (None, _) => bail!(
            "{} retailers are configured; say whose report it is with --tenant",
            tenants.len()
        ),
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let imported = import(store, stores, &tenant, (file, &bytes), &common.by).await;
    let imported = imported.with_context(|| {
        format!(
            "{} was not taken; wanted a report as GP-API JSON, Portico XML or CSV",
            file.display()
        )
    })?;
    // a running relay would do this within a second; without one it is done now
    work(store, stores).await?;
    if common.json {
        return print_json(&imported);
    }
    let Imported {
        known_file,
        new,
        further,
        known,
    } = imported;
    if known_file {
        println!("this file was imported before; nothing changed");
    } else {
        println!("{new} new, {further} gone further, {known} known");
    }
    Ok(())
}

/// A deposit with everything around it.
struct Around {
    settings: StoreSettings,
    stored: StoredDeposit,
    lines: Vec<StoredLine>,
    entries: Vec<StoredEffect>,
}

async fn around(store: &Store, stores: &RelaySettings, only: Option<String>) -> Result<Vec<Around>> {
    let stores = stores.clone();
    let read = move |db: &Connection| {
        let tenants: BTreeSet<TenantId> = stores.iter().map(|store| store.tenant.clone()).collect();
        let mut all = Vec::new();
        for tenant in &tenants {
            for stored in rows::deposits(db, Some(tenant), None)? {
                let wanted = only
                    .as_ref()
                    .is_none_or(|name| name == stored.deposit.id.as_str());
                let settings = stores.store(tenant, &stored.store).filter(|_| wanted).cloned();
                let Some(settings) = settings else { continue };
                let lines = rows::lines(db, tenant, &stored.store, Lines::InDeposit(&stored.deposit))?;
                let entries = effects::of_deposit(db, tenant, &stored.store, stored.deposit.id.as_str())?;
                all.push(Around {
                    settings,
                    stored,
                    lines,
                    entries,
                });
            }
        }
        Ok(all)
    };
    Ok(store.read(read).await?)
}

/// Where a deposit is, in a word or the reason why it is not there.
fn place_of(around: &Around) -> String {
    match (&around.stored.held, around.entries.last()) {
        (Some(held), _) => format!("held: {held}"),
        (None, Some(entry)) => effects::word(entry.effect.state).to_owned(),
        (None, None) => "on its way".to_owned(),
    }
}

fn names(entries: &[StoredEffect]) -> Vec<String> {
    let shown = |entry: &StoredEffect| {
        entry
            .odoo_name
            .clone()
            .unwrap_or_else(|| entry.effect.key.as_str().to_owned())
    };
    entries.iter().map(shown).collect()
}

async fn list(common: &Common, store: &Store, stores: &RelaySettings) -> Result<()> {
    let all = around(store, stores, None).await?;
    if common.json {
        return print_json(&all.iter().map(as_json).collect::<Vec<_>>());
    }
    for one in &all {
        let deposit = &one.stored.deposit;
        println!(
            "{}  {}  {}/{}  {}  fees {}  {} lines  {}  {}",
            deposit.date,
            deposit.id,
            one.settings.tenant,
            one.settings.store,
            deposit.amount,
            deposit.fees,
            one.lines.len(),
            place_of(one),
            names(&one.entries).join(", ")
        );
    }
    if all.is_empty() {
        println!("no deposit was imported");
    }
    Ok(())
}

fn as_json(around: &Around) -> Value {
    let deposit = &around.stored.deposit;
    json!({
        "tenant": around.settings.tenant, "store": around.settings.store, "deposit": deposit.id,
        "merchant": deposit.merchant, "date": deposit.date, "status": deposit.status,
        "amount": deposit.amount.to_string(), "fees": deposit.fees.to_string(), "state": place_of(around),
        "held": around.stored.held, "odoo": names(&around.entries),
        "lines": around.lines.iter().map(line_json).collect::<Vec<_>>(),
    })
}

fn line_json(stored: &StoredLine) -> Value {
    let line = &stored.line;
    json!({
        "id": line.id, "kind": line.kind, "progress": line.progress, "amount": line.amount.to_string(),
        "invoice": line.invoice, "auth_code": line.auth_code, "last4": line.last4, "brand": line.brand.name(),
        "ticket": stored.matched.as_ref().map(|m| m.tender.ticket.ticket.clone()),
        "day": stored.matched.as_ref().map(|m| m.tender.ticket.day),
        "rule": stored.matched.as_ref().map(|m| m.rule.name()),
    })
}

async fn show(common: &Common, store: &Store, stores: &RelaySettings, deposit: String) -> Result<()> {
    let all = around(store, stores, Some(deposit.clone())).await?;
    if all.is_empty() {
        bail!("there is no deposit {deposit}; `settlement list` lists them");
    }
    if common.json {
        return print_json(&all.iter().map(as_json).collect::<Vec<_>>());
    }
    for one in &all {
        let found = &one.stored.deposit;
        println!(
            "deposit {} of {}/{}, {}",
            found.id, one.settings.tenant, one.settings.store, found.date
        );
        println!(
            "{} at the bank, fees {}, {}",
            found.amount,
            found.fees,
            found.status.word()
        );
        println!("{}  {}", place_of(one), names(&one.entries).join(", "));
        for stored in &one.lines {
            println!("  {}", line_in_words(stored));
        }
    }
    Ok(())
}

fn line_in_words(stored: &StoredLine) -> String {
    let line = &stored.line;
    let about = stored.matched.as_ref().map_or_else(
        || "fits no card tender".to_owned(),
        |m| {
            format!(
                "ticket {} of {} by {}",
                m.tender.ticket.ticket,
                m.tender.ticket.day,
                m.rule.name()
            )
        },
    );
    format!(
        "{:<10} {:<24} {:>12}  {about}",
        line.kind.name(),
        line.id.as_str(),
        line.amount.to_string()
    )
}

/// Open money of a store's days, summed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bucket {
    place: (TenantId, StoreId),
    day: BusinessDay,
    brand: &'static str,
    why: &'static str,
}

async fn open_money(common: &Common, store: &Store, stores: &RelaySettings, of: Option<Place>) -> Result<()> {
    let wanted: Vec<StoreSettings> = stores
        .iter()
        .filter(|store| {
            of.as_ref()
                .is_none_or(|of| of.tenant == store.tenant && of.store == store.store)
        })
        .cloned()
        .collect();
    let now_ms = store.clock().now_ms();
    let today: BTreeMap<(TenantId, StoreId), BusinessDay> = wanted
        .iter()
        .map(|store| {
            (
                (store.tenant.clone(), store.store.clone()),
                store.day_at_ms(now_ms),
            )
        })
        .collect();
    let buckets = store.read(move |db| buckets(db, &wanted)).await?;
    let age = |bucket: &Bucket| today[&bucket.place].days_since_epoch() - bucket.day.days_since_epoch();
    if common.json {
        let shown = |(bucket, amount): (&Bucket, &Amount)| {
            json!({
                "tenant": bucket.place.0, "store": bucket.place.1, "day": bucket.day, "brand": bucket.brand,
                "amount": amount.to_string(), "why": bucket.why, "age_days": age(bucket),
            })
        };
        return print_json(&buckets.iter().map(shown).collect::<Vec<_>>());
    }
    for (bucket, amount) in &buckets {
        let (tenant, store) = &bucket.place;
        println!(
            "{}  {tenant}/{store}  card {:<12} {:>14}  {} days  {}",
            bucket.day,
            bucket.brand,
            amount.to_string(),
            age(bucket),
            bucket.why
        );
    }
    if buckets.is_empty() {
        println!("nothing is open in clearing");
    }
    Ok(())
}

fn buckets(db: &Connection, stores: &[StoreSettings]) -> Result<BTreeMap<Bucket, Amount>, StoreError> {
    let mut all: BTreeMap<Bucket, Amount> = BTreeMap::new();
    for settings in stores {
        let (tenant, store) = (&settings.tenant, &settings.store);
        let mut add = |day, brand, why, amount: Amount| {
            let bucket = Bucket {
                place: (tenant.clone(), store.clone()),
                day,
                brand,
                why,
            };
            let sum = all.entry(bucket).or_insert(Amount::zero(amount.currency()));
            *sum = sum
                .checked_add(amount)
                .map_err(|e| StoreError::refused(e.to_string()))?;
            Ok::<(), StoreError>(())
        };
        for day in rows::tender_days(db, tenant, store)? {
            let tenders = rows::tenders_of_day(db, tenant, store, day)?;
            let lines = matched(rows::lines(db, tenant, store, Lines::OfDay(day))?);
            for open in open_of(&tenders, &lines).map_err(|e| StoreError::refused(e.to_string()))? {
                add(day, open.brand.name(), open.cause.name(), open.amount)?;
            }
        }
        for stored in rows::lines(db, tenant, store, Lines::Open)? {
            let line = &stored.line;
            if let (true, Some(day)) = (line.is_funded(), line.date) {
                let taken = Amount::new(line.signed_minor(), line.amount.currency()).checked_neg();
                let taken = taken.map_err(|e| StoreError::refused(e.to_string()))?;
                add(day, line.brand.name(), "settled without a ticket", taken)?;
            }
        }
    }
    all.retain(|_, amount| !amount.is_zero());
    Ok(all)
}

fn matched(lines: Vec<StoredLine>) -> Vec<(SettlementLine, tillwire_relay_core::settlement::Matched)> {
    lines
        .into_iter()
        .filter_map(|stored| Some((stored.line, stored.matched?)))
        .collect()
}

async fn find(common: &Common, store: &Store, stores: &RelaySettings, code: String) -> Result<()> {
    let stores = stores.clone();
    let wanted = code.clone();
    let found: Vec<Value> = store
        .read(move |db| {
            let mut all = Vec::new();
            for settings in stores.iter() {
                let (tenant, store) = (&settings.tenant, &settings.store);
                for card in rows::tenders_like(db, tenant, store, &wanted)? {
                    if is_called(&card, &wanted) {
                        all.push(payment_json(db, settings, &card)?);
                    }
                }
            }
            Ok(all)
        })
        .await?;
    if common.json {
        return print_json(&found);
    }
    for one in &found {
        println!("{}", serde_json::to_string_pretty(one)?);
    }
    if found.is_empty() {
        println!("no booked card tender is called {code}");
    }
    Ok(())
}

fn is_called(card: &CardTender, name: &str) -> bool {
    card.auth_codes.iter().any(|code| code.as_str() == name)
        || card.references.iter().any(|reference| reference.as_str() == name)
        || card.numbers.iter().any(|number| number.as_str() == name)
}

fn payment_json(db: &Connection, settings: &StoreSettings, card: &CardTender) -> Result<Value, StoreError> {
    let (tenant, store, day) = (&settings.tenant, &settings.store, card.tender.ticket.day);
    let documents = effects::of_day(db, tenant, store, day)?;
    let lines: Vec<StoredLine> = rows::lines(db, tenant, store, Lines::OfDay(day))?
        .into_iter()
        .filter(|stored| stored.matched.as_ref().is_some_and(|m| m.tender == card.tender))
        .collect();
    let mut deposits = Vec::new();
    for deposit in lines.iter().filter_map(|stored| stored.line.deposit.as_ref()) {
        let entries = effects::of_deposit(db, tenant, store, deposit.as_str())?;
        deposits.push(json!({ "deposit": deposit, "odoo": names(&entries) }));
    }
    Ok(json!({
        "tenant": tenant, "store": store, "day": day, "register": card.tender.ticket.register,
        "ticket": card.tender.ticket.ticket, "amount": card.amount.to_string(), "brand": card.brand.name(),
        "clearing": card.account, "auth_codes": card.auth_codes, "references": card.references,
        "records": card.records.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "day_in_odoo": names(&documents), "lines": lines.iter().map(line_json).collect::<Vec<_>>(),
        "deposits": deposits,
    }))
}
