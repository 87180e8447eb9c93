//! A month of store-days.

use rusqlite::Connection;
use tillwire_proto::{Amount, TenantId};
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::settings::RelaySettings;

use super::summary::day_state;
use crate::dashboard::view::{CalendarDay, CalendarStore, CalendarView};
use crate::store::{StoreError, days};

/// Stores on one page.
const STORES_SHOWN: usize = 100;

/// The calendar; `None` when the relay serves no such retailer. Without a month, the one of today.
pub(super) fn calendar(
    db: &Connection,
    (settings, sight): (&RelaySettings, &Sight),
    tenant: &TenantId,
    (month, page): (Option<Month>, usize),
    now_ms: i64,
) -> Result<Option<CalendarView>, StoreError> {
    let in_sight = || {
        settings
            .iter()
            .filter(|store| sight.sales_of(&store.tenant, &store.store))
    };
    let mut tenants: Vec<TenantId> = in_sight().map(|store| store.tenant.clone()).collect();
    tenants.sort();
    tenants.dedup();
    let of_tenant: Vec<_> = in_sight().filter(|store| store.tenant == *tenant).collect();
    let Some(today) = of_tenant.iter().map(|store| store.day_at_ms(now_ms)).max() else {
        return Ok(None);
    };
    let month = month.unwrap_or_else(|| Month::of(today));
    let mut of_page = of_tenant;
    of_page.sort_by(|one, other| (&one.name, &one.store).cmp(&(&other.name, &other.store)));
    let count = of_page.len();
    let pages = count.div_ceil(STORES_SHOWN);
    let page = page.clamp(1, pages.max(1));
    let of_page = of_page
        .into_iter()
        .skip((page - 1) * STORES_SHOWN)
        .take(STORES_SHOWN);
    let stores = of_page
        .map(|store| {
            let of_store = (tenant, &store.store);
            let rows = days::between(db, of_store, month.first(), month.last())?;
            Ok(CalendarStore {
                store: store.store.clone(),
                name: store.name.clone(),
                net: sum(rows.iter().filter_map(|row| row.net)),
                closed: month
                    .days()
                    .filter(|day| store.trades_on(*day) == Some(false))
                    .collect(),
                days: rows.iter().map(cell).collect(),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Some(CalendarView {
        tenant: tenant.clone(),
        tenants,
        month,
        today,
        stores,
        count,
        page: (page, pages),
    }))
}

fn cell(row: &days::DayRow) -> CalendarDay {
    CalendarDay {
        day: row.day,
        state: day_state(&row.state, row.blockers),
        tickets: row.trades,
        net: row.net,
        blockers: row.blockers,
    }
}

/// `None` without amounts, or where they are in several currencies: such a sum says nothing.
fn sum(amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    let mut sum: Option<Amount> = None;
    for amount in amounts {
        sum = Some(match sum {
            None => amount,
            Some(sum) => sum.checked_add(amount).ok()?,
        });
    }
    sum
}
