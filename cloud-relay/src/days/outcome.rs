//! Writing down what an assessment found, in one transaction.

use tillwire_proto::{Amount, MoneyError};
use tillwire_relay_core::odoo::{EffectKind, EffectState};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::shape::shape;
use tillwire_relay_core::store_day::DayState;

use super::second::Check;
use super::{Assessed, post, stock};
use crate::store::days::{self, DayRow, Found};
use crate::store::effects::{self, StoredEffect};
use crate::store::exceptions::{self, Source};
use crate::store::{StoreError, Unit, settlement};

/// Every document of the day is in Odoo and equal.
const POSTED: &str = "Posted";

/// And deposits, themselves in Odoo and equal, took every card tender of the day out of clearing.
const SETTLED: &str = "Settled";

/// What could only be asked before the transaction.
pub(super) struct Plans {
    pub(super) movement: stock::Plan,
    pub(super) calendar: post::Calendar,
}

pub(super) fn commit(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    plans: &Plans,
    mut check: Check<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let assessment = &assessed.assessment;
    // what came from elsewhere stays elsewhere's
    let decided = post::decide(unit, row, settings, assessed, plans.calendar, &mut check, now_ms)?;
    let (held, posting_ms) = (decided.held.clone(), decided.again_ms);
    let blocked = held.is_some();
    let own: Vec<_> = assessment
        .exceptions
        .iter()
        .filter(|draft| !assessed.facts.alarms.contains(draft))
        .cloned()
        .chain(held)
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
    post::intend(unit, row, settings, assessed, decided, now_ms)?;
    let effects = effects::of_day(unit.db, &row.tenant, &row.store, row.day)?;
    if assessment.state == DayState::Balanced {
        let place = (&row.tenant, &row.store);
        settlement::put_tenders(unit, place, row.day, &assessment.card_tenders)?;
    }
    let moving_ms = stock::commit(
        unit,
        row,
        settings,
        &assessment.stock,
        &plans.movement,
        &mut check,
        now_ms,
    )?;
    check.tell(unit, now_ms)?;
    let mut found =
        summary(assessed, settings, &effects, row, now_ms).map_err(|e| StoreError::refused(e.to_string()))?;
    found.blockers = found.blockers.saturating_add(u32::from(blocked));
    found.due_ms = found
        .due_ms
        .into_iter()
        .chain(posting_ms)
        .chain(moving_ms)
        .chain(assessment.again_ms)
        .min();
    if found.state == POSTED && assessment.is_settled() && settlement::is_posted(unit.db, row)? {
        SETTLED.clone_into(&mut found.state);
    }
    days::assessed(unit, row, &found, now_ms)
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
        shape: shape(&assessed.facts, &assessment.registers),
    })
}

/// The word for lists: what the core says, and `Posted` once every document of the day is in Odoo and equal.
pub(crate) fn state_word(state: DayState, effects: &[StoredEffect]) -> &'static str {
    match state {
        DayState::Open => "Open",
        DayState::Closing => "Closing",
        DayState::Complete => "Complete",
        DayState::Balanced => {
            let of_books = |stored: &&StoredEffect| stored.effect.payload.kind().is_of_the_books();
            let mut books = effects.iter().filter(of_books).peekable();
            let all = books.peek().is_some() && books.all(|stored| stored.effect.state == EffectState::Done);
            if all { POSTED } else { "Balanced" }
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
