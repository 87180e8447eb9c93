//! From a balanced day to the effects that make Odoo agree. Which postings are due is decided against the effects that
//! are there in the same transaction, so that no two assessments can both intend one. On which day each is dated is
//! decided by Odoo's lock dates, which are asked for before, and by the retailer's policy.

use tillwire_relay_core::books::{self, Posting, postings};
use tillwire_relay_core::exception::{ExceptionDraft, ExceptionKind};
use tillwire_relay_core::odoo::{
    Effect, EffectKey, EffectKind, Lock, LockDates, Locked, Payload, Planned, Planning, Standing, plan,
};
use tillwire_relay_core::settings::{LatePolicy, StoreSettings};
use tillwire_relay_core::store_day::DayState;

use super::second::Check;
use super::{Assessed, Stockroom};
use crate::store::days::DayRow;
use crate::store::effects::{self, NewEffect, StoredEffect};
use crate::store::{Store, StoreError, Unit, mappings, parts, recovery};

/// How soon an Odoo that does not tell its lock dates is asked again, in milliseconds.
const ASK_AGAIN_MS: i64 = 5_000;

/// What is known about locks before the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    /// Nothing was due, so Odoo was not asked.
    NotAsked,
    /// Odoo did not say.
    Unknown,
    /// What is locked.
    Known(LockDates),
}

/// Asks for lock dates when something is to be posted.
pub(super) async fn calendar<R: Stockroom>(
    store: &Store,
    stockroom: &R,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
) -> Result<Calendar, StoreError> {
    if assessed.assessment.state != DayState::Balanced {
        return Ok(Calendar::NotAsked);
    }
    let place = row.clone();
    let effects = store
        .read(move |db| {
            let pending = recovery::is_pending(db, EffectKind::JournalEntry, &place.tenant, &place.store)?;
            let there = effects::of_day(db, &place.tenant, &place.store, place.day)?;
            Ok((!pending).then_some(there))
        })
        .await?;
    // what Odoo holds of this day is not known yet: the poster reads it back, and then the day is looked at again
    let Some(effects) = effects else {
        return Ok(Calendar::NotAsked);
    };
    if due(row, settings, assessed, &effects)?.is_empty() {
        return Ok(Calendar::NotAsked);
    }
    Ok(stockroom
        .locks(settings)
        .await
        .map_or(Calendar::Unknown, Calendar::Known))
}

/// What a balanced day asks for.
#[derive(Debug, Default)]
pub(super) struct Decided {
    planned: Vec<Planned>,
    /// Why it waits for a person.
    pub(super) held: Option<ExceptionDraft>,
    /// When to look again, in milliseconds since 1970.
    pub(super) again_ms: Option<i64>,
}

/// Decides what takes the books from what was posted to what they should be; nothing where the second calculation says
/// otherwise.
pub(super) fn decide(
    unit: &Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    calendar: Calendar,
    check: &mut Check<'_>,
    now_ms: i64,
) -> Result<Decided, StoreError> {
    let nothing = Decided::default();
    if assessed.assessment.state != DayState::Balanced
        || recovery::is_pending(unit.db, EffectKind::JournalEntry, &row.tenant, &row.store)?
    {
        return Ok(nothing);
    }
    let effects = effects::of_day(unit.db, &row.tenant, &row.store, row.day)?;
    let due = due(row, settings, assessed, &effects)?;
    if !due.is_empty() && !check.allows_books(already(&effects)?.iter().chain(&due)) {
        return Ok(nothing);
    }
    let locks = match calendar {
        Calendar::Known(locks) => locks,
        Calendar::NotAsked if due.is_empty() => LockDates::default(),
        // something became due since Odoo could have been asked, or Odoo did not say
        Calendar::NotAsked | Calendar::Unknown => {
            return Ok(Decided {
                again_ms: Some(now_ms.saturating_add(ASK_AGAIN_MS)),
                ..nothing
            });
        }
    };
    let held = held(row, settings, assessed, &due, locks);
    if held.is_some() {
        return Ok(Decided { held, ..nothing });
    }
    let invoices = settings.odoo.invoices.as_ref();
    let planning = Planning {
        customers: assessed.assessment.ledger.customers(),
        receivable: invoices.map(|invoices| &invoices.receivable),
        standing: &standing(&effects)?,
    };
    let dated = |posting: &Posting| lock_of(posting, locks).map_or(posting.day(), |lock| lock.open_day());
    let planned = plan(&due, planning, dated).map_err(|e| wrong(row, &e))?;
    Ok(Decided { planned, ..nothing })
}

/// Commits the intents.
pub(super) fn intend(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    decided: Decided,
    now_ms: i64,
) -> Result<(), StoreError> {
    if decided.planned.iter().any(|planned| planned.posting.is_some()) {
        let version = settings.odoo.mappings.on(row.day);
        mappings::used(unit, (&row.tenant, &row.store), row.day, version, now_ms)?;
    }
    for Planned { payload, posting } in decided.planned {
        let contact = matches!(payload, Payload::Contact(_));
        // a contact is made once, under whatever name the customer had then
        if contact && effects::get(unit.db, payload.key().as_str())?.is_some() {
            continue;
        }
        let source = posting
            .as_ref()
            .map_or_else(|| Ok("{}".to_owned()), serde_json::to_string);
        let new = NewEffect {
            effect: Effect::intend(payload),
            company: effects::company(&row.tenant, &settings.odoo.company),
            tenant: row.tenant.clone(),
            store: row.store.clone(),
            day: (!contact).then_some(row.day),
            batch: None,
            source: source.map_err(|e| StoreError::refused(e.to_string()))?,
        };
        let made = posting
            .as_ref()
            .map(|posting| made_of(unit, row, assessed, posting));
        let made = made.transpose()?;
        if effects::intend(unit, &new, now_ms)?
            && let Some(made) = made
        {
            parts::put(unit, new.effect.key.as_str(), &made)?;
        }
    }
    Ok(())
}

/// The tickets behind a posting's lines. Of one that takes another back they are the other's.
fn made_of(
    unit: &Unit<'_>,
    row: &DayRow,
    assessed: &Assessed,
    posting: &Posting,
) -> Result<books::Parts, StoreError> {
    let wrong = |why| StoreError::refused(format!("parts of {} {}: {why}", row.store, row.day));
    let Some(revision) = posting.reverses() else {
        let told = parts::told(unit.db, &row.tenant, &row.store, row.day)?;
        return books::parts(posting, assessed.assessment.ledger.contributions(), &told).map_err(wrong);
    };
    let reversed = EffectKey::document(&row.tenant, &row.store, row.day, posting.document(), revision);
    let told = parts::get(unit.db, reversed.as_str())?.unwrap_or_default().of;
    books::parts(posting, &[], &told).map_err(wrong)
}

fn due(
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    effects: &[StoredEffect],
) -> Result<Vec<Posting>, StoreError> {
    let already = already(effects)?;
    let (ledger, corrections) = (&assessed.assessment.ledger, settings.odoo.corrections);
    postings(&row.tenant, &row.store, row.day, ledger, &already, corrections).map_err(|e| wrong(row, &e))
}

/// The postings of a day so far.
///
/// # Errors
/// [`StoreError`] when one cannot be read.
pub(crate) fn already(effects: &[StoredEffect]) -> Result<Vec<Posting>, StoreError> {
    Ok(posted(effects)?.into_iter().map(|(_, posting)| posting).collect())
}

fn posted(effects: &[StoredEffect]) -> Result<Vec<(&Payload, Posting)>, StoreError> {
    let of_books = effects.iter().filter(|stored| {
        let kind = stored.effect.payload.kind();
        matches!(kind, EffectKind::JournalEntry | EffectKind::Invoice)
    });
    of_books
        .map(|stored| {
            let posting = serde_json::from_str(&stored.source)
                .map_err(|e| StoreError::refused(format!("posting of {}: {e}", stored.effect.key)))?;
            Ok((&stored.effect.payload, posting))
        })
        .collect()
}

fn standing(effects: &[StoredEffect]) -> Result<Standing<'_>, StoreError> {
    let payloads = effects.iter().map(|stored| &stored.effect.payload);
    Ok(Standing {
        documents: posted(effects)?,
        paid: payloads
            .filter_map(|payload| match payload {
                Payload::Reconciliation(paid) => Some(paid),
                _ => None,
            })
            .collect(),
    })
}

fn lock_of(posting: &Posting, locks: LockDates) -> Option<Lock> {
    locks.closing(
        posting.day(),
        Locked {
            in_sales: posting.document().is_invoice(),
            taxed: posting
                .lines()
                .any(|(key, _)| key.tax.is_some() || !key.taxed_by.is_empty()),
        },
    )
}

/// An exception where the retailer wants locked days to wait, and nobody has signed this lock on.
fn held(
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    due: &[Posting],
    locks: LockDates,
) -> Option<ExceptionDraft> {
    if settings.odoo.late != LatePolicy::Hold {
        return None;
    }
    let (posting, lock) = due
        .iter()
        .find_map(|posting| Some((posting, lock_of(posting, locks)?)))?;
    let (document, revision) = (posting.document().label(), posting.revision());
    let kind = ExceptionKind::LockedPeriod;
    let figures: [&dyn std::fmt::Display; 5] = [
        &row.day,
        &document,
        &revision,
        &posting.total().minor(),
        &lock.until,
    ];
    let cause = ExceptionDraft::held_posting(&figures);
    if assessed
        .signatures
        .iter()
        .any(|signature| signature.cause == cause)
    {
        return None;
    }
    let detail = format!(
        "{} has {} to post, but Odoo's {} closes it up to {}; sign it on to have it booked on {}, or open the \
         period in Odoo",
        row.day,
        posting.total(),
        lock.field,
        lock.until,
        lock.open_day()
    );
    let draft = ExceptionDraft::new(kind, &row.tenant, &row.store, cause, detail).on(row.day);
    Some(draft.risking(posting.total()).seen_in(posting.records()))
}

fn wrong(row: &DayRow, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::refused(format!("books of {} {}: {why}", row.store, row.day))
}
