//! Movements of stock, in batches small enough that the shelf follows the till and large enough that Odoo is not
//! asked for every bottle.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use tillwire_proto::{BusinessDay, Quantity, Sku};
use tillwire_relay_core::exception::ExceptionDraft;
use tillwire_relay_core::odoo::{Effect, EffectKind, LockDates, Payload, Picking, ResolvedStock};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::stock::{
    Goods, ItemRule, StockDelta, StockRules, StockTarget, delta, differing, moved,
};
use tillwire_relay_core::store_day::DayState;

use super::second::Check;
use super::{Assessed, Pace};
use crate::store::days::DayRow;
use crate::store::effects::{self, NewEffect, StoredEffect};
use crate::store::exceptions::{self, Source};
use crate::store::{Store, StoreError, Unit, recovery};

/// Who knows what a store's Odoo has, and which days are closed there.
pub trait Stockroom: Send + Sync + 'static {
    /// The store's places with those of `goods` that are one product there, and their lots; `None` while that cannot be
    /// known, and then nothing is moved.
    fn resolve(
        &self,
        store: &StoreSettings,
        goods: &BTreeSet<Goods>,
    ) -> impl Future<Output = Option<ResolvedStock>> + Send;

    /// Which days are closed in the store's company; `None` while that cannot be known, and then nothing is posted.
    /// Where there is no Odoo, no day is closed.
    fn locks(&self, _store: &StoreSettings) -> impl Future<Output = Option<LockDates>> + Send {
        std::future::ready(Some(LockDates::default()))
    }
}

/// No Odoo is configured: stock waits.
#[derive(Debug, Clone, Copy)]
pub struct NoStock;

impl Stockroom for NoStock {
    async fn resolve(&self, _: &StoreSettings, _: &BTreeSet<Goods>) -> Option<ResolvedStock> {
        None
    }
}

/// What is to be done about stock, as far as it could be known before the transaction.
#[derive(Debug)]
pub(super) enum Plan {
    /// All of it has been asked for.
    Nothing,
    /// Not before this time, milliseconds since 1970.
    Later(i64),
    /// Now.
    Move(Box<ResolvedStock>),
}

impl Plan {
    /// True when something is to be moved now.
    pub(super) const fn is_due(&self) -> bool {
        matches!(self, Self::Move(_))
    }
}

/// How soon items that Odoo does not know, or an Odoo that does not answer, are asked for again, in milliseconds.
const ASK_AGAIN_MS: i64 = 60_000;

/// What an item of the till is in Odoo, by the mapping of its day.
fn rule(settings: &StoreSettings, day: BusinessDay) -> impl Fn(&Sku) -> ItemRule {
    let mapping = settings.mapping_on(day);
    |sku| mapping.product(sku).into()
}

/// Goods of a day of which more or less was moved than should have been.
pub(crate) fn differing_of(
    settings: &StoreSettings,
    day: BusinessDay,
    target: &StockTarget,
    moved: &BTreeMap<Goods, Quantity>,
) -> BTreeSet<Goods> {
    differing(target, moved, &rule(settings, day))
}

/// What is left to move of a day, by what is known of its goods.
pub(crate) fn left(
    row: &DayRow,
    settings: &StoreSettings,
    target: &StockTarget,
    moved: &BTreeMap<Goods, Quantity>,
    resolved: &ResolvedStock,
) -> StockDelta {
    let rules = StockRules {
        tenant: &row.tenant,
        store: &row.store,
        day: row.day,
        item: &rule(settings, row.day),
        below_zero: settings.below_zero,
    };
    delta(&rules, target, moved, resolved)
}

/// Asks the stockroom when a movement is due.
pub(super) async fn plan<R: Stockroom>(
    store: &Store,
    stockroom: &R,
    pace: &Pace,
    row: &DayRow,
    settings: &StoreSettings,
    assessed: &Assessed,
    now_ms: i64,
) -> Result<Plan, StoreError> {
    let target = &assessed.assessment.stock;
    let day = row.clone();
    let there = store
        .read(move |db| {
            let pending = recovery::is_pending(db, EffectKind::Picking, &day.tenant, &day.store)?;
            Ok((!pending).then_some(pickings_of(db, &day)?))
        })
        .await?;
    // what Odoo has moved is not known yet: the poster reads it back, and then the day is looked at again
    let Some(there) = there else {
        return Ok(Plan::Later(now_ms.saturating_add(ASK_AGAIN_MS)));
    };
    let moved =
        moved(there.iter().map(|(_, picking)| picking)).map_err(|e| StoreError::refused(e.to_string()))?;
    let open = differing_of(settings, row.day, target, &moved);
    if open.is_empty() {
        return Ok(Plan::Nothing);
    }
    let last_ms = there.iter().map(|(stored, _)| stored.created_ms).max();
    let every_ms = i64::try_from(pace.stock_every.as_millis()).unwrap_or(i64::MAX);
    let due_ms = last_ms.map_or(now_ms, |last| last.saturating_add(every_ms));
    let over = assessed.assessment.state != DayState::Open;
    if due_ms > now_ms && !over && open.len() < pace.stock_lines {
        return Ok(Plan::Later(due_ms));
    }
    let resolved = stockroom.resolve(settings, &open).await;
    Ok(
        resolved.map_or(Plan::Later(now_ms.saturating_add(ASK_AGAIN_MS)), |resolved| {
            Plan::Move(Box::new(resolved))
        }),
    )
}

/// Intends the movements, against what is there now. Returns when to look again.
pub(super) fn commit(
    unit: &mut Unit<'_>,
    row: &DayRow,
    settings: &StoreSettings,
    target: &StockTarget,
    plan: &Plan,
    check: &mut Check<'_>,
    now_ms: i64,
) -> Result<Option<i64>, StoreError> {
    let resolved = match plan {
        Plan::Later(at_ms) => return Ok(Some(*at_ms)),
        Plan::Nothing => {
            exceptions::settle(
                unit,
                Source::Stock,
                &row.tenant,
                &row.store,
                Some(row.day),
                &[],
                now_ms,
            )?;
            return Ok(None);
        }
        Plan::Move(resolved) => resolved,
    };
    if !check.allows_stock(target) {
        return Ok(None);
    }
    let there = pickings_of(unit.db, row)?;
    let moved =
        moved(there.iter().map(|(_, picking)| picking)).map_err(|e| StoreError::refused(e.to_string()))?;
    let delta = left(row, settings, target, &moved, resolved);
    let held: Vec<ExceptionDraft> = delta.held.iter().map(|held| held.draft.clone()).collect();
    for draft in &held {
        exceptions::raise(unit, Source::Stock, draft, now_ms)?;
    }
    // a note stays until somebody has seen it, or the stock is above zero again
    for note in &delta.notes {
        exceptions::raise(unit, Source::Odoo, note, now_ms)?;
    }
    exceptions::settle(
        unit,
        Source::Stock,
        &row.tenant,
        &row.store,
        Some(row.day),
        &held,
        now_ms,
    )?;
    let mut number = last_number(unit, row)?;
    for batch in &delta.batches {
        number += 1;
        let picking = batch.picking(&row.tenant, &row.store, row.day, number);
        let new = NewEffect {
            effect: Effect::intend(Payload::Picking(picking)),
            company: effects::company(&row.tenant, &settings.odoo.company),
            tenant: row.tenant.clone(),
            store: row.store.clone(),
            day: Some(row.day),
            batch: Some(number),
            source: "{}".to_owned(),
        };
        effects::intend(unit, &new, now_ms)?;
    }
    Ok((!delta.held.is_empty()).then_some(now_ms.saturating_add(ASK_AGAIN_MS)))
}

/// The source of a movement that was read back from Odoo.
pub(crate) const READ_BACK: &str = r#"{"provenance":"odoo"}"#;

pub(crate) fn pickings_of(
    db: &rusqlite::Connection,
    row: &DayRow,
) -> Result<Vec<(StoredEffect, Picking)>, StoreError> {
    let effects = effects::of_day(db, &row.tenant, &row.store, row.day)?;
    Ok(effects
        .into_iter()
        .filter_map(|stored| match stored.effect.payload.clone() {
            Payload::Picking(picking) => Some((stored, picking)),
            Payload::JournalEntry(_)
            | Payload::Contact(_)
            | Payload::Invoice(_)
            | Payload::Reconciliation(_) => None,
        })
        .collect())
}

fn last_number(unit: &Unit<'_>, row: &DayRow) -> Result<u64, StoreError> {
    Ok(unit
        .db
        .prepare_cached("SELECT coalesce(max(batch), 0) FROM effects WHERE tenant = ?1 AND store = ?2")?
        .query_row([row.tenant.as_str(), row.store.as_str()], |row| row.get(0))?)
}
