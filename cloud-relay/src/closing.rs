//! Gathers what closing a month depends on, for the command line and the page. The core's `closing` decides what of it
//! keeps the month open.

use rusqlite::Connection;
use tillwire_proto::{Amount, BusinessDay, MoneyError};
use tillwire_relay_core::books::Posting;
use tillwire_relay_core::closing::{
    Blocker, Month, MonthDay, MonthEffect, MonthException, MonthFacts, blockers,
};
use tillwire_relay_core::odoo::{Difference, EffectState};
use tillwire_relay_core::settings::{AccountCode, StoreSettings};
use tillwire_relay_core::store_day::DayState;

use crate::store::effects::{self, StoredEffect};
use crate::store::exceptions::{self, Filter};
use crate::store::{StoreError, days};

/// Days before the month that tell on which weekdays the store sells.
const BEFORE: i32 = 28;

/// What keeps a store's month open, worst first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn look(
    db: &Connection,
    settings: &StoreSettings,
    month: Month,
    now_ms: i64,
) -> Result<Vec<Blocker>, StoreError> {
    let facts = gather(db, settings, month)?;
    Ok(blockers(month, &facts, settings.day_at_ms(now_ms)))
}

fn gather(db: &Connection, settings: &StoreSettings, month: Month) -> Result<MonthFacts, StoreError> {
    let (tenant, store) = (&settings.tenant, &settings.store);
    let since = month.first().days_since_epoch() - BEFORE;
    let rows = days::list(db, Some((tenant, store)), BusinessDay::from_days(since), u32::MAX)?;
    let closed = month.days().filter(|day| settings.trades_on(*day) == Some(false));
    let mut facts = MonthFacts {
        closed: closed.collect(),
        ..MonthFacts::default()
    };
    let mut suspense = None;
    for row in rows.into_iter().filter(|row| row.day <= month.last()) {
        facts.days.push(MonthDay {
            day: row.day,
            state: state(&row.state),
            posted: matches!(row.state.as_str(), "Posted" | "Settled"),
            trades: row.trades,
            net: row.net,
        });
        if !month.contains(row.day) {
            continue;
        }
        let asked = effects::of_day(db, tenant, store, row.day)?;
        facts
            .effects
            .extend(asked.iter().filter_map(|stored| open(stored, row.day)));
        if let Some(to) = settings.mapping_on(row.day).suspense() {
            let on_it = asked.iter().map(|stored| booked_to(stored, to.account));
            for amount in on_it.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                let (_, sum) = suspense.unwrap_or((to.account.clone(), Amount::zero(amount.currency())));
                suspense = Some((to.account.clone(), sum.checked_add(amount).map_err(too_large)?));
            }
        }
    }
    facts.suspense = suspense.filter(|(_, sum)| !sum.is_zero());
    facts.exceptions = exceptions_of(db, settings, month)?;
    Ok(facts)
}

/// The core's word for the list's word.
fn state(word: &str) -> DayState {
    match word {
        "Balanced" | "Posted" | "Settled" => DayState::Balanced,
        "Complete" => DayState::Complete,
        "Closing" => DayState::Closing,
        _ => DayState::Open,
    }
}

/// An effect that is not simply done.
fn open(stored: &StoredEffect, day: BusinessDay) -> Option<MonthEffect> {
    let effect = &stored.effect;
    let booked_on = effect.differences.iter().find_map(|difference| match difference {
        Difference::Date { found, .. } => Some(found.clone()),
        _ => None,
    });
    (effect.state != EffectState::Done || booked_on.is_some()).then(|| MonthEffect {
        key: effect.key.to_string(),
        day,
        state: effect.state,
        booked_on,
        reason: effect.refused.clone().or_else(|| effect.reason.clone()),
        total: effect.payload.worth(),
    })
}

/// What an effect's posting puts on an account.
fn booked_to(stored: &StoredEffect, account: &AccountCode) -> Result<Option<Amount>, StoreError> {
    // what was not made from a posting puts nothing anywhere
    let Ok(posting) = serde_json::from_str::<Posting>(&stored.source) else {
        return Ok(None);
    };
    let on_it = posting.lines().filter(|(key, _)| key.account == *account);
    let mut sum = None;
    for (_, line) in on_it {
        let before = sum.unwrap_or(Amount::zero(line.amount.currency()));
        sum = Some(before.checked_add(line.amount).map_err(too_large)?);
    }
    Ok(sum)
}

fn too_large(error: MoneyError) -> StoreError {
    StoreError::refused(error.to_string())
}

fn exceptions_of(
    db: &Connection,
    settings: &StoreSettings,
    month: Month,
) -> Result<Vec<MonthException>, StoreError> {
    let filter = Filter {
        store: Some((settings.tenant.clone(), settings.store.clone())),
        ..Filter::default()
    };
    let all = exceptions::list(db, &filter)?.into_iter();
    Ok(all
        .filter_map(|stored| {
            let day = stored.draft.day.filter(|day| month.contains(*day))?;
            Some(MonthException {
                id: stored.id,
                kind: stored.draft.kind,
                day,
                detail: stored.draft.detail,
                at_risk: stored.draft.at_risk,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests;
