//! What people decide: sign, reopen, resolve, try again, add a missing row. The command line and the pages both end
//! here, so that a decision means the same wherever it is made; each is written down with who made it.
//!
//! At the pages nobody signs a held day, takes signatures back or changes the mapping alone: [`four_eyes`]. The command
//! line works for whoever administers the relay's machine, and is not asked for a second person.

pub mod fix;
pub mod four_eyes;

use std::sync::Arc;

use anyhow::{Result, bail};
use rusqlite::params;
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::exception::{CauseKey, Decision, ExceptionKind};
use tillwire_relay_core::odoo::EffectState;
use tillwire_relay_core::settings::RelaySettings;

use crate::store::effects::{self, Effects};
use crate::store::exceptions::{self, Filter, StoredException};
use crate::store::{Store, StoreError, Unit, audit, days};
use crate::understand::Understanding;

/// The log's word for it.
const TRIED: &str = "tried again";

/// Who decides, why, and when.
#[derive(Debug, Clone)]
pub struct Signatory {
    /// Their name in the log.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// A store-day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOf {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day.
    pub day: BusinessDay,
}

/// Which exceptions of a day are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// All that hold the day now.
    All,
    /// These, by number, each of which must still be open.
    These(Vec<i64>),
}

/// Lets a held day go on as it is. What comes later holds it again. Returns what was signed, in words.
///
/// # Errors
/// When nothing is left to sign, or one of the chosen is open no longer.
pub fn sign(
    unit: &mut Unit<'_>,
    of: &DayOf,
    which: &Signed,
    decision: Decision,
    who: &Signatory,
) -> Result<Vec<String>, StoreError> {
    let open = exceptions::list(unit.db, &of_day(of))?;
    let chosen: Vec<&StoredException> = match which {
        Signed::All => open
            .iter()
            .filter(|one| one.draft.waits_for_signature())
            .collect(),
        Signed::These(ids) => {
            let find = |id: &i64| {
                let words =
                    || StoreError::refused(format!("exception {id} is not open for this day (any more)"));
                open.iter().find(|one| one.id == *id).ok_or_else(words)
            };
            ids.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    let mut signed = Vec::new();
    for one in chosen {
        put_signature(unit, of, &one.draft.cause, decision, who)?;
        exceptions::close(
            unit,
            one.id,
            &who.by,
            &format!("signed: {}", who.reason),
            who.now_ms,
        )?;
        signed.push(format!("{}: {}", one.id, one.draft.title));
    }
    if signed.is_empty() {
        return Err(StoreError::refused(
            "nothing holds this day that could be signed; `day show` says what it waits for",
        ));
    }
    let words = format!(
        "{}/{} {}: {}; {}",
        of.tenant,
        of.store,
        of.day,
        signed.join("; "),
        who.reason
    );
    audit(unit, &who.by, "day signed", &words, who.now_ms)?;
    days::touch(unit, &of.tenant, &of.store, of.day, who.now_ms)?;
    Ok(signed)
}

/// What is open of a day.
fn of_day(of: &DayOf) -> Filter {
    Filter {
        store: Some((of.tenant.clone(), of.store.clone())),
        day: Some(of.day),
        ..Filter::default()
    }
}

fn put_signature(
    unit: &Unit<'_>,
    of: &DayOf,
    cause: &CauseKey,
    decision: Decision,
    who: &Signatory,
) -> Result<(), StoreError> {
    let json = serde_json::to_string(&decision)
        .map_err(|error| StoreError::refused(format!("decision: {error}")))?;
    unit.db.execute(
        "INSERT INTO signatures (tenant, store, day, cause, decision, by, reason, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            of.tenant.as_str(),
            of.store.as_str(),
            of.day.days_since_epoch(),
            cause.as_str(),
            json,
            who.by,
            who.reason,
            who.now_ms
        ],
    )?;
    Ok(())
}

/// Takes back what was signed for a day. Returns how many signatures.
///
/// # Errors
/// When nobody has signed it.
pub fn reopen(unit: &mut Unit<'_>, of: &DayOf, who: &Signatory) -> Result<usize, StoreError> {
    let (tenant, store, day) = (of.tenant.as_str(), of.store.as_str(), of.day.days_since_epoch());
    let count = unit.db.execute(
        "UPDATE signatures SET withdrawn_ms = ?4, withdrawn_by = ?5 \
         WHERE tenant = ?1 AND store = ?2 AND day = ?3 AND withdrawn_ms IS NULL",
        params![tenant, store, day, who.now_ms, who.by],
    )?;
    if count == 0 {
        return Err(StoreError::refused("nobody has signed this day"));
    }
    // what a person's signature had closed is found again by the next look
    unit.db.execute(
        "UPDATE exceptions SET resolved_by = 'relay' WHERE tenant = ?1 AND store = ?2 AND day = ?3 \
         AND resolved_ms IS NOT NULL AND resolution LIKE 'signed: %'",
        params![tenant, store, day],
    )?;
    let words = format!("{}/{} {}: {}", of.tenant, of.store, of.day, who.reason);
    audit(unit, &who.by, "day reopened", &words, who.now_ms)?;
    days::touch(unit, &of.tenant, &of.store, of.day, who.now_ms)?;
    Ok(count)
}

/// Says that a store did not open on a day that is over.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn closed(unit: &mut Unit<'_>, of: &DayOf, who: &Signatory) -> Result<(), StoreError> {
    days::ensure(unit, &of.tenant, &of.store, of.day, who.now_ms)?;
    // where the calendar says that it trades, nobody misses the day any more
    let missing = CauseKey::new(ExceptionKind::DayMissing, &[]);
    put_signature(unit, of, &missing, Decision::GoOn, who)?;
    for one in exceptions::list(unit.db, &of_day(of))? {
        if one.draft.kind == ExceptionKind::DayMissing {
            let words = format!("the store did not open: {}", who.reason);
            exceptions::close(unit, one.id, &who.by, &words, who.now_ms)?;
        }
    }
    let words = format!("{}/{} {}: {}", of.tenant, of.store, of.day, who.reason);
    audit(unit, &who.by, "store closed that day", &words, who.now_ms)
}

/// Closes an exception that holds nothing: seen, and nothing more to do.
///
/// # Errors
/// When it holds its day (that is signed instead), or was closed before; by whom is said.
pub async fn resolve(store: &Store, one: &StoredException, who: Signatory) -> Result<()> {
    let id = one.id;
    if one.draft.kind.holds_day() && one.draft.day.is_some() {
        bail!("exception {id} holds its day; `tillwire-relay day sign` lets the day go on");
    }
    store
        .write(move |unit| {
            if !exceptions::close(unit, id, &who.by, &who.reason, who.now_ms)? {
                let resolved = exceptions::get(unit.db, id)?.and_then(|one| one.resolved);
                let by = resolved.map_or_else(|| "somebody".to_owned(), |(_, by, _)| by);
                return Err(StoreError::refused(format!(
                    "exception {id} was resolved before, by {by}"
                )));
            }
            let words = format!("{id}: {}", who.reason);
            audit(unit, &who.by, "exception resolved", &words, who.now_ms)
        })
        .await?;
    Ok(())
}

/// What trying again did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// So many batches that were set aside are understood now.
    Understood(usize),
    /// These effects, by their keys, go to Odoo again; the day is looked at again.
    Effects(Vec<String>),
}

/// Looks again at what an exception is about: what did not decode is decoded again, effects that Odoo refused are tried
/// again.
///
/// # Errors
/// [`StoreError`] of the write.
pub async fn retry(
    store: &Store,
    settings: Arc<RelaySettings>,
    one: &StoredException,
    by: &str,
) -> Result<Tried> {
    let draft = one.draft.clone();
    if draft.kind == ExceptionKind::Undecodable {
        let mended = Understanding::new(store.clone(), settings).again().await?;
        let words = format!("{}: {mended} batches are understood now", one.id);
        let (by, now_ms) = (by.to_owned(), store.clock().now_ms());
        store
            .write(move |unit| audit(unit, &by, TRIED, &words, now_ms))
            .await?;
        return Ok(Tried::Understood(mended));
    }
    let mut rejected = Vec::new();
    let effects = Effects::of(store.clone());
    if matches!(
        draft.kind,
        ExceptionKind::OdooRejected | ExceptionKind::OdooChanged
    ) {
        let (tenant, place, cause) = (draft.tenant.clone(), draft.store.clone(), draft.cause.clone());
        rejected = store
            .read(move |db| effects::rejected(db, &tenant, &place))
            .await?
            .into_iter()
            .filter(|stored| cause.as_str().contains(stored.effect.key.as_str()))
            .collect();
    }
    let mut tried = Vec::new();
    for stored in &rejected {
        debug_assert_eq!(stored.effect.state, EffectState::Rejected);
        effects.retry(stored.effect.key.as_str(), None).await?;
        tried.push(stored.effect.key.to_string());
    }
    let (id, by, now_ms) = (one.id, by.to_owned(), store.clock().now_ms());
    let words = if tried.is_empty() {
        id.to_string()
    } else {
        format!("{id}: {}", tried.join(", "))
    };
    store
        .write(move |unit| {
            audit(unit, &by, TRIED, &words, now_ms)?;
            match draft.day {
                Some(day) => days::touch(unit, &draft.tenant, &draft.store, day, now_ms),
                None => days::touch_all(unit, Some((&draft.tenant, &draft.store))),
            }
        })
        .await?;
    Ok(Tried::Effects(tried))
}
