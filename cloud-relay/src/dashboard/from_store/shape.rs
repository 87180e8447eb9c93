//! A day beside its other days.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use rusqlite::Connection;
use tillwire_proto::{BusinessDay, RegisterId};
use tillwire_relay_core::facts::DayFacts;
use tillwire_relay_core::odoo::EffectState;
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::shape::{self, DayShape, band, limits};

use crate::dashboard::view::{ArrivalsView, DrawerView, HoursView};
use crate::store::days::DayRow;
use crate::store::effects::StoredEffect;
use crate::store::{StoreError, days};

/// Weeks that make the usual band, and how far back a drawer is shown.
const WEEKS: i32 = 8;

/// When the day's tickets were captured and when they arrived, and when Odoo had it all.
pub(super) fn arrivals(
    facts: &DayFacts,
    effects: &[StoredEffect],
    settings: &StoreSettings,
) -> Option<ArrivalsView> {
    let arrivals = shape::arrivals(facts)?;
    let written = |at_ms: i64| {
        let at = Timestamp::from_millisecond(at_ms).ok()?;
        let local = at.to_zoned(settings.time_zone.clone());
        Some((at_ms, local.strftime("%H:%M").to_string()))
    };
    let is_done = |effect: &&StoredEffect| effect.effect.state == EffectState::Done;
    let done = effects.iter().filter(is_done);
    let posted_ms = done
        .clone()
        .map(|effect| effect.changed_ms)
        .max()
        .filter(|_| done.count() == effects.len());
    let steps = i64::try_from(arrivals.captured.len()).unwrap_or(0);
    let to_ms = arrivals
        .from_ms
        .saturating_add(arrivals.step_ms.saturating_mul(steps));
    let every_ms = arrivals.step_ms.max(match to_ms - arrivals.from_ms {
        ..7_200_000 => 600_000,
        _ => 3_600_000,
    });
    let first = -(-arrivals.from_ms).div_euclid(every_ms);
    let ticks = (first..)
        .map(|tick| tick * every_ms)
        .take_while(|at| *at <= to_ms);
    Some(ArrivalsView {
        clock: ticks.filter_map(written).collect(),
        posted: posted_ms.and_then(written),
        arrivals,
    })
}

/// Sales by hour, and each counted drawer over the weeks.
pub(super) fn beside(
    db: &Connection,
    row: &DayRow,
    settings: &StoreSettings,
) -> Result<(Option<HoursView>, Vec<DrawerView>), StoreError> {
    let date = row.day.date();
    let first = date
        .checked_sub((WEEKS * 7).days())
        .map_or(row.day, BusinessDay::from);
    let all = days::shapes(db, (&row.tenant, &row.store), first, row.day)?;
    let currency = settings.currency;
    let hours = all.iter().find(|(day, _)| *day == row.day).map(|(_, own)| {
        let same: Vec<DayShape> = all
            .iter()
            .filter(|(day, _)| *day < row.day && day.date().weekday() == date.weekday())
            .map(|(_, shape)| shape.clone())
            .collect();
        HoursView {
            currency,
            hours: own.hours.clone(),
            usual: band(&same),
        }
    });
    let mut drawers: BTreeMap<RegisterId, Vec<(BusinessDay, i64)>> = BTreeMap::new();
    for (day, shape) in &all {
        for (register, minor) in &shape.drawers {
            drawers.entry(register.clone()).or_default().push((*day, *minor));
        }
    }
    let drawers = drawers.into_iter().map(|(register, days)| {
        let points: Vec<i64> = days.iter().map(|(_, minor)| *minor).collect();
        // what is usual is said by the days before: a hole must not widen its own limits
        let before = points.split_last().map_or(&[][..], |(_, before)| before);
        DrawerView {
            register: register.to_string(),
            currency,
            limits: limits(before),
            days,
        }
    });
    Ok((
        hours.filter(|hours| hours.hours.iter().any(|hour| hour.tickets > 0)),
        drawers.collect(),
    ))
}
