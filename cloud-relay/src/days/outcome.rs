//! Writing down what an assessment found, in one transaction.

use tillwire_proto::{Amount, MoneyError};
use tillwire_relay_core::books::{self, Posting, posting};
use tillwire_relay_core::odoo::{Effect, EffectKind, EffectState, JournalEntry, Payload};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::store_day::{DayAssessment, DayState};

use super::{Assessed, stock};
use crate::store::days::{self, DayRow, Found};
use crate::store::effects::{self, NewEffect, StoredEffect};
use crate::store::exceptions::{self, Source};
use crate::store::{StoreError, Unit, parts, recovery};

pub(super) fn commit(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    movement: &stock::Plan,
    now_ms: i64,
) -> Result<(), StoreError> {
    let assessment = &assessed.assessment;
    // what came from elsewhere stays elsewhere's
    let own: Vec<_> = assessment
        .exceptions
        .iter()
        .filter(|draft| !assessed.facts.alarms.contains(draft))
        .cloned()
        .collect();
    for draft in &own {
        let draft = draft.clone().on(row.day);
        exceptions::raise(unit, Source::Day, &draft, now_ms)?;
    }
    exceptions::settle(
        unit,
        Source::Day,
        &row.tenant,
        &row.store,
        Some(row.day),
        &own,
        now_ms,
    )?;
    let mut effects = effects::of_day(unit.db, &row.tenant, &row.store, row.day)?;
    if assessment.state == DayState::Balanced && post(unit, row, settings, assessment, &effects, now_ms)? {
        effects = effects::of_day(unit.db, &row.tenant, &row.store, row.day)?;
    }
    let again_ms = stock::commit(unit, row, settings, &assessment.stock, movement, now_ms)?;
    let mut found =
        summary(assessed, settings, &effects, row, now_ms).map_err(|e| StoreError::refused(e.to_string()))?;
    found.due_ms = found.due_ms.into_iter().chain(again_ms).min();
    days::assessed(unit, row, &found, now_ms)
}

/// Intends the posting that takes the books from what was posted to what they should be. True when there is one.
fn post(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessment: &DayAssessment,
    effects: &[StoredEffect],
    now_ms: i64,
) -> Result<bool, StoreError> {
    // what Odoo holds of this day is not known yet: the poster reads it back, and then the day is looked at again
    if recovery::is_pending(unit.db, EffectKind::JournalEntry, &row.tenant, &row.store)? {
        return Ok(false);
    }
    let mut already = Vec::new();
    for stored in entries(effects) {
        let posting: Posting = serde_json::from_str(&stored.source)
            .map_err(|e| StoreError::refused(format!("posting of {}: {e}", stored.effect.key)))?;
        already.push(posting);
    }
    let next = posting(&row.tenant, &row.store, row.day, &assessment.ledger, &already)
        .map_err(|e| StoreError::refused(format!("books of {} {}: {e}", row.store, row.day)))?;
    let Some(next) = next else { return Ok(false) };
    let new = NewEffect {
        effect: Effect::intend(Payload::JournalEntry(JournalEntry::of(&next))),
        company: effects::company(&row.tenant, &settings.odoo.company),
        tenant: row.tenant.clone(),
        store: row.store.clone(),
        day: Some(row.day),
        batch: None,
        source: serde_json::to_string(&next).map_err(|e| StoreError::refused(e.to_string()))?,
    };
    let told = parts::told(unit.db, &row.tenant, &row.store, row.day)?;
    let made = books::parts(&next, assessment.ledger.contributions(), &told)
        .map_err(|e| StoreError::refused(format!("parts of {} {}: {e}", row.store, row.day)))?;
    let fresh = effects::intend(unit, &new, now_ms)?;
    if fresh {
        parts::put(unit, new.effect.key.as_str(), &made)?;
    }
    Ok(fresh)
}

fn entries(effects: &[StoredEffect]) -> impl Iterator<Item = &StoredEffect> {
    effects
        .iter()
        .filter(|stored| stored.effect.payload.kind() == EffectKind::JournalEntry)
}

fn summary(
    assessed: &Assessed,
    settings: &StoreSettings,
    effects: &[StoredEffect],
    row: &DayRow,
    now_ms: i64,
) -> Result<Found, MoneyError> {
    let assessment = &assessed.assessment;
    let total = &assessment.total;
    let drawers = assessment
        .registers
        .iter()
        .filter_map(|register| register.drawer.as_ref()?.over_short);
    let posted = entries(effects).count();
    Ok(Found {
        state: state_word(assessment.state, effects).to_owned(),
        due_ms: due(settings, row, assessment.state, now_ms),
        revision: u32::try_from(posted).unwrap_or(u32::MAX),
        trades: total.trades,
        net: total.net,
        tax: total.tax,
        total: Amount::sum(
            [total.net, total.tax, total.tip, total.rounding],
            settings.currency,
        )?,
        over_short: Amount::sum(drawers, settings.currency)?,
        blockers: u32::try_from(assessment.blockers.len()).unwrap_or(u32::MAX),
    })
}

/// The word for lists: what the core says, and `Posted` once every entry of the day is in Odoo and equal.
pub(crate) fn state_word(state: DayState, effects: &[StoredEffect]) -> &'static str {
    match state {
        DayState::Open => "Open",
        DayState::Closing => "Closing",
        DayState::Complete => "Complete",
        DayState::Balanced => {
            let mut entries = entries(effects).peekable();
            let all =
                entries.peek().is_some() && entries.all(|stored| stored.effect.state == EffectState::Done);
            if all { "Posted" } else { "Balanced" }
        }
    }
}

/// The next moment at which time alone changes the day. A trading day with stock to move is looked at as it changes.
fn due(settings: &StoreSettings, row: &DayRow, state: DayState, now_ms: i64) -> Option<i64> {
    if state == DayState::Balanced {
        return None;
    }
    [settings.day_ends_ms(row.day), settings.grace_ends_ms(row.day)]
        .into_iter()
        .find(|at| *at > now_ms)
}
