//! Settlement: takes processors' reports, joins their lines to the card tenders of days, books deposits, and names what
//! fits nowhere. What is decided is the core's; this moves rows.
//!
//! A report is stored in one unit of work. Its consequences follow behind the commit, from the command line at once and
//! from a running relay within a second, and again whenever the tenders of a day change.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::odoo::{Effect, Payload};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};
use tillwire_relay_core::settlement::{
    CardTender, DepositHeld, DepositPosting, LineSource, ProcessorId, Read, SettlementLine, deposit_posting,
    match_lines, read,
};

use crate::store::effects::{self, NewEffect, StoredEffect};
use crate::store::exceptions::{self, Source};
use crate::store::settlement::{self as rows, Lines, NewReport, Put, StoredDeposit, StoredLine};
use crate::store::{Store, StoreError, Unit, audit, days};

/// Days within which a card tender is looked for. Deposits come after a few.
const SETTLES_WITHIN_DAYS: i32 = 60;

/// Days within which a payment may be disputed: card networks allow up to 540.
const DISPUTED_WITHIN_DAYS: i32 = 540;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Imported {
    /// The same file was imported before: nothing else was done.
    pub known_file: bool,
    /// Lines and deposits that were not known.
    pub new: usize,
    /// Those that go further than what was known.
    pub further: usize,
    /// Those that say nothing new.
    pub known: usize,
}

impl Imported {
    const fn count(&mut self, put: Put) {
        match put {
            Put::New => self.new += 1,
            Put::Further => self.further += 1,
            Put::Known => self.known += 1,
        }
    }
}

/// Takes a report, whole or not at all.
///
/// # Errors
/// In words: what cannot be read, whose it is not, or what contradicts an earlier report. Nothing of it is stored then.
pub async fn import(
    store: &Store,
    settings: &RelaySettings,
    tenant: &TenantId,
    (file, bytes): (&Path, &[u8]),
    by: &str,
) -> Result<Imported> {
    let read = read(bytes)?;
    let owners = owners(settings, tenant, &read)?;
    let name = file
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (tenant, by, now_ms) = (tenant.clone(), by.to_owned(), store.clock().now_ms());
    let imported = store.write(move |unit| put(unit, &tenant, &owners, &read, (&name, &by), now_ms));
    Ok(imported.await?)
}

type Owners = std::collections::BTreeMap<ProcessorId, StoreId>;

/// The stores that the report's merchant numbers belong to, whose currency its amounts must be in.
fn owners(settings: &RelaySettings, tenant: &TenantId, read: &Read) -> Result<Owners> {
    let lines = read.report.lines.iter().map(|line| (&line.merchant, line.amount));
    let deposits = read
        .report
        .deposits
        .iter()
        .map(|deposit| (&deposit.merchant, deposit.amount));
    let mut owners = Owners::new();
    for (merchant, amount) in lines.chain(deposits) {
        let store = settings.of_merchant(tenant, merchant).with_context(|| {
            format!(
                "merchant {merchant} belongs to no store of {tenant}; add it to `merchants` of the [[store]]"
            )
        })?;
        ensure!(
            store.currency == amount.currency(),
            "found {} for merchant {merchant}, wanted {}, the currency of store {}",
            amount.currency().code(),
            store.currency.code(),
            store.store
        );
        owners.insert(merchant.clone(), store.store.clone());
    }
    Ok(owners)
}

fn put(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    owners: &Owners,
    read: &Read,
    (name, by): (&str, &str),
    now_ms: i64,
) -> Result<Imported, StoreError> {
    let report = NewReport {
        tenant,
        name,
        digest: read.digest,
        bytes: &read.bytes,
        counts: (read.report.lines.len(), read.report.deposits.len()),
        by,
    };
    let mut imported = Imported::default();
    let Some(report) = rows::add_report(unit, &report, now_ms)? else {
        imported.known_file = true;
        return Ok(imported);
    };
    // deposits first, so that their lines find them
    for deposit in &read.report.deposits {
        let put = rows::put_deposit(unit, (tenant, &owners[&deposit.merchant]), deposit, report)?;
        imported.count(put);
    }
    for line in &read.report.lines {
        let put = rows::put_line(unit, (tenant, &owners[&line.merchant]), line, report)?;
        imported.count(put);
    }
    for store in owners.values() {
        rows::touch(unit, tenant, store)?;
    }
    audit(unit, by, "settlement import", &format!("{tenant} {name}"), now_ms)?;
    Ok(imported)
}

/// Looks at the settlement of every store where something changed.
///
/// # Errors
/// [`StoreError`]; what was not looked at keeps waiting.
pub async fn work(store: &Store, settings: &RelaySettings) -> Result<(), StoreError> {
    let due = store.read(rows::due).await?;
    for (tenant, place, seen) in due {
        let Some(settings) = settings.store(&tenant, &place).cloned() else {
            continue;
        };
        let now_ms = store.clock().now_ms();
        store
            .write(move |unit| {
                look(unit, &settings, now_ms)?;
                rows::looked_at(unit, &settings.tenant, &settings.store, seen)
            })
            .await?;
    }
    Ok(())
}

fn look(unit: &mut Unit<'_>, settings: &StoreSettings, now_ms: i64) -> Result<(), StoreError> {
    let open = join(unit, settings, now_ms)?;
    let mut found: Vec<ExceptionDraft> = open.iter().map(|line| unmatched(settings, line)).collect();
    for deposit in rows::deposits(unit.db, Some(&settings.tenant), Some(&settings.store))? {
        let held = book(unit, settings, &deposit, now_ms)?;
        rows::booked(
            unit,
            deposit.id,
            held.as_ref().map(ToString::to_string).as_deref(),
        )?;
        found.extend(held.map(|held| held_back(settings, &deposit, &held)));
    }
    for draft in &found {
        exceptions::raise(unit, Source::Settlement, draft, now_ms)?;
    }
    let (tenant, store) = (&settings.tenant, &settings.store);
    exceptions::settle(unit, Source::Settlement, tenant, store, None, &found, now_ms)
}

/// Joins lines to tenders, has the tenders' days looked at again, and returns the lines that moved money and fit nowhere.
fn join(
    unit: &mut Unit<'_>,
    settings: &StoreSettings,
    now_ms: i64,
) -> Result<Vec<SettlementLine>, StoreError> {
    let (tenant, store) = (&settings.tenant, &settings.store);
    let open = rows::lines(unit.db, tenant, store, Lines::Open)?;
    let (mut left, mut touched) = (Vec::new(), std::collections::BTreeSet::new());
    if open.is_empty() {
        return Ok(left);
    }
    let since = |days: i32| {
        let today = settings.day_at_ms(now_ms);
        tillwire_proto::BusinessDay::from_days(today.days_since_epoch() - days).unwrap_or(today)
    };
    let tenders = rows::free_tenders(unit.db, tenant, store, since(SETTLES_WITHIN_DAYS))?;
    let disputes = open.iter().any(|stored| stored.line.kind.is_dispute());
    let reach = if disputes {
        DISPUTED_WITHIN_DAYS
    } else {
        SETTLES_WITHIN_DAYS
    };
    let joined: Vec<_> = rows::lines(unit.db, tenant, store, Lines::Matched(since(reach)))?
        .into_iter()
        .filter_map(|stored| Some((stored.line, stored.matched?)))
        .collect();
    let lines: Vec<SettlementLine> = open.iter().map(|stored| stored.line.clone()).collect();
    let found = match_lines(&lines, &tenders, &joined);
    for (place, stored) in open.iter().enumerate() {
        match found.get(&place) {
            Some(matched) => {
                rows::join(unit, tenant, stored, matched)?;
                touched.insert(matched.tender.ticket.day);
            }
            None if is_money(stored) => left.push(stored.line.clone()),
            None => {}
        }
    }
    for day in touched {
        days::touch(unit, tenant, store, day, now_ms)?;
    }
    Ok(left)
}

/// A line that moved the merchant's money: it must belong to something.
const fn is_money(stored: &StoredLine) -> bool {
    let line = &stored.line;
    line.is_funded() || (line.progress.moves_money() && matches!(line.source, LineSource::Gateway))
}

fn unmatched(settings: &StoreSettings, line: &SettlementLine) -> ExceptionDraft {
    let kind = ExceptionKind::SettlementUnmatched;
    let cause = CauseKey::new(kind, &[&line.merchant, &line.kind.name(), &line.id]);
    let named = [
        line.invoice.as_ref().map(|invoice| format!("invoice {invoice}")),
        line.auth_code.as_ref().map(|code| format!("approval {code}")),
        line.last4
            .as_ref()
            .map(|last4| format!("{} ending {last4}", line.brand.name())),
        line.deposit.as_ref().map(|deposit| format!("deposit {deposit}")),
    ];
    let named: Vec<String> = named.into_iter().flatten().collect();
    let detail = format!(
        "processor's {} {} of {} ({}) fits no card tender; look for its ticket, or for who took the card",
        line.kind.name(),
        line.id,
        line.amount,
        named.join(", ")
    );
    ExceptionDraft::new(kind, &settings.tenant, &settings.store, cause, detail).risking(line.amount)
}

/// Intends the entry of a deposit. Returns why it is held, if it is.
fn book(
    unit: &mut Unit<'_>,
    settings: &StoreSettings,
    stored: &StoredDeposit,
    now_ms: i64,
) -> Result<Option<DepositHeld>, StoreError> {
    let (tenant, store, deposit) = (&settings.tenant, &settings.store, &stored.deposit);
    let lines: Vec<(SettlementLine, Option<CardTender>)> =
        rows::lines(unit.db, tenant, store, Lines::InDeposit(deposit))?
            .into_iter()
            .filter(|stored| stored.line.is_funded())
            .map(|stored| {
                let tender = stored
                    .matched
                    .as_ref()
                    .map(|m| rows::tender(unit.db, tenant, store, &m.tender));
                Ok((stored.line, tender.transpose()?.flatten()))
            })
            .collect::<Result<_, StoreError>>()?;
    let booked: Vec<_> = lines
        .iter()
        .map(|(line, tender)| (line, tender.as_ref()))
        .collect();
    let already = posted(&effects::of_deposit(unit.db, tenant, store, deposit.id.as_str())?)?;
    let mapping = settings.mapping_on(deposit.date);
    let next = match deposit_posting((tenant, store), deposit, &booked, mapping, &already) {
        Ok(Some(next)) => next,
        Ok(None) => return Ok(None),
        Err(held) => return Ok(Some(held)),
    };
    let new = NewEffect {
        effect: Effect::intend(Payload::JournalEntry(next.entry())),
        company: effects::company(tenant, &settings.odoo.company),
        tenant: tenant.clone(),
        store: store.clone(),
        day: None,
        batch: None,
        source: serde_json::to_string(&next).map_err(|e| StoreError::refused(e.to_string()))?,
    };
    effects::intend(unit, &new, now_ms)?;
    Ok(None)
}

fn posted(entries: &[StoredEffect]) -> Result<Vec<DepositPosting>, StoreError> {
    let read = |stored: &StoredEffect| {
        serde_json::from_str(&stored.source)
            .map_err(|e| StoreError::refused(format!("posting of {}: {e}", stored.effect.key)))
    };
    entries.iter().map(read).collect()
}

fn held_back(settings: &StoreSettings, stored: &StoredDeposit, held: &DepositHeld) -> ExceptionDraft {
    let deposit = &stored.deposit;
    let kind = match held {
        DepositHeld::Account(_) | DepositHeld::Clearing(_) => ExceptionKind::MissingAccount,
        _ => ExceptionKind::DepositHeld,
    };
    let cause = CauseKey::new(kind, &[&"deposit", &deposit.merchant, &deposit.id]);
    let detail = format!(
        "deposit {} of {} on {}: {held}",
        deposit.id, deposit.amount, deposit.date
    );
    ExceptionDraft::new(kind, &settings.tenant, &settings.store, cause, detail).risking(deposit.amount)
}

#[cfg(test)]
mod tests;
