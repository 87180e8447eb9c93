//! From a balanced day to the effects that make Odoo agree: which postings are due is decided against the effects that
//! are there in the same transaction, so that no two assessments can both intend one.

use tillwire_relay_core::books::{self, Posting, postings};
use tillwire_relay_core::odoo::{Effect, EffectKey, EffectKind, Payload, Planning, plan};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::store_day::DayAssessment;

use super::second::Check;
use crate::store::days::DayRow;
use crate::store::effects::{self, NewEffect, StoredEffect};
use crate::store::{StoreError, Unit, mappings, parts, recovery};

/// Intends what takes the books from what was posted to what they should be. True when there is something.
pub(super) fn intend(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessment: &DayAssessment,
    effects: &[StoredEffect],
    check: &mut Check<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    // what Odoo holds of this day is not known yet: the poster reads it back, and then the day is looked at again
    if recovery::is_pending(unit.db, EffectKind::JournalEntry, &row.tenant, &row.store)? {
        return Ok(false);
    }
    let already = already(effects)?;
    let (tenant, store) = (&row.tenant, &row.store);
    let corrections = settings.odoo.corrections;
    let wrong = |why: String| StoreError::refused(format!("books of {store} {}: {why}", row.day));
    let due = postings(tenant, store, row.day, &assessment.ledger, &already, corrections)
        .map_err(|e| wrong(e.to_string()))?;
    if !due.is_empty() && !check.allows_books(already.iter().chain(&due)) {
        return Ok(false);
    }
    if !due.is_empty() {
        let version = settings.odoo.mappings.on(row.day);
        mappings::used(unit, (tenant, store), row.day, version, now_ms)?;
    }
    let invoices = settings.odoo.invoices.as_ref();
    let planning = Planning {
        customers: assessment.ledger.customers(),
        receivable: invoices.map(|invoices| &invoices.receivable),
    };
    let planned = plan(&due, planning, Posting::day).map_err(|e| wrong(e.to_string()))?;
    let mut any = false;
    for planned in planned {
        let contact = matches!(planned.payload, Payload::Contact(_));
        // a contact is made once, under whatever name the customer had then
        if contact && effects::get(unit.db, planned.payload.key().as_str())?.is_some() {
            continue;
        }
        let posting = planned.posting;
        let source = posting
            .as_ref()
            .map_or_else(|| Ok("{}".to_owned()), serde_json::to_string);
        let new = NewEffect {
            effect: Effect::intend(planned.payload),
            company: effects::company(tenant, &settings.odoo.company),
            tenant: tenant.clone(),
            store: store.clone(),
            day: (!contact).then_some(row.day),
            batch: None,
            source: source.map_err(|e| StoreError::refused(e.to_string()))?,
        };
        let made = posting
            .as_ref()
            .map(|posting| made_of(unit, row, assessment, posting));
        let made = made.transpose()?;
        let fresh = effects::intend(unit, &new, now_ms)?;
        if let Some(made) = made.filter(|_| fresh) {
            parts::put(unit, new.effect.key.as_str(), &made)?;
        }
        any |= fresh;
    }
    Ok(any)
}

/// The tickets behind a posting's lines. Of one that takes another back they are the other's.
fn made_of(
    unit: &Unit<'_>,
    row: &DayRow,
    assessment: &DayAssessment,
    posting: &Posting,
) -> Result<books::Parts, StoreError> {
    let wrong = |why| StoreError::refused(format!("parts of {} {}: {why}", row.store, row.day));
    let Some(revision) = posting.reverses() else {
        let told = parts::told(unit.db, &row.tenant, &row.store, row.day)?;
        return books::parts(posting, assessment.ledger.contributions(), &told).map_err(wrong);
    };
    let reversed = EffectKey::document(&row.tenant, &row.store, row.day, posting.document(), revision);
    let told = parts::get(unit.db, reversed.as_str())?.unwrap_or_default().of;
    books::parts(posting, &[], &told).map_err(wrong)
}

/// The postings of a day so far.
///
/// # Errors
/// [`StoreError`] when one cannot be read.
pub(crate) fn already(effects: &[StoredEffect]) -> Result<Vec<Posting>, StoreError> {
    let posted = effects.iter().filter(|stored| {
        let kind = stored.effect.payload.kind();
        matches!(kind, EffectKind::JournalEntry | EffectKind::Invoice)
    });
    posted
        .map(|stored| {
            serde_json::from_str(&stored.source)
                .map_err(|e| StoreError::refused(format!("posting of {}: {e}", stored.effect.key)))
        })
        .collect()
}
