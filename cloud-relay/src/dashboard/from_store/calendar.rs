//! A month of store-days.

use rusqlite::Connection;
use tillwire_proto::{Amount, TenantId};
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::settings::RelaySettings;

use super::summary::day_state;
use crate::dashboard::view::{CalendarDay, CalendarStore, CalendarView};
use crate::store::{StoreError, days};

/// The calendar; `None` when the relay serves no such retailer. Without a month, the one of today.
pub(super) fn calendar(
    db: &Connection,
    (settings, sight): (&RelaySettings, &Sight),
    tenant: &TenantId,
    month: Option<Month>,
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
    let rows = days::between(db, tenant, month.first(), month.last())?;
    let mut stores: Vec<CalendarStore> = of_tenant
        .iter()
        .map(|store| {
            let of_store: Vec<_> = rows.iter().filter(|row| row.store == store.store).collect();
            CalendarStore {
                store: store.store.clone(),
                name: store.name.clone(),
                net: sum(of_store.iter().filter_map(|row| row.net)),
                days: of_store.into_iter().map(cell).collect(),
            }
        })
        .collect();
    stores.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Some(CalendarView {
        tenant: tenant.clone(),
        tenants,
        month,
        today,
        stores,
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
