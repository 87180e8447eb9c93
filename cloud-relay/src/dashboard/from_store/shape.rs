//! A day beside its other days.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use rusqlite::Connection;
use tillwire_proto::{BusinessDay, RegisterId};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::shape::{DayShape, band, limits};

use crate::dashboard::view::{DrawerView, HoursView};
use crate::store::days::DayRow;
use crate::store::{StoreError, days};

/// Weeks that make the usual band, and how far back a drawer is shown.
const WEEKS: i32 = 8;

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
