//! Opens store-days by the trading calendar: a day of which nothing comes is there all the same, is found over, and is missed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::params;
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};

use crate::events::RelayEvent;
use crate::store::{Store, StoreError, Unit};

/// Days that are opened late, after the relay was away or when a store's hours are first said: a week. What is older is
/// named by the month's list.
const LATE_DAYS: i32 = 7;

/// Through which day each store's days have been opened.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<BTreeMap<(TenantId, StoreId), BusinessDay>>);

impl Opened {
    /// Opens every day whose opening time has passed, of stores that have sold before. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`]; days that were not opened are the next time.
    pub(super) async fn open(
        &self,
        store: &Store,
        settings: &RelaySettings,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let mut due_days = Vec::new();
        for settings in settings.iter().filter(|settings| settings.trading.is_some()) {
            let place = (settings.tenant.clone(), settings.store.clone());
            let days = due(settings, self.through(&place), now_ms);
            due_days.extend(days.into_iter().map(|day| (place.clone(), day)));
        }
        if due_days.is_empty() {
            return Ok(0);
        }
        // one commit for all: whole chains open at nine
        let (opened, count) = store
            .write(move |unit| {
                let mut count = 0;
                for (place, day) in &due_days {
                    count += usize::from(begin(unit, place, *day, now_ms)?);
                }
                Ok((due_days, count))
            })
            .await?;
        // oldest first, so that each store's last day stays
        let mut through = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        through.extend(opened);
        Ok(count)
    }

    fn through(&self, place: &(TenantId, StoreId)) -> Option<BusinessDay> {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(place).copied()
    }
}

/// Makes a day's row where there is none; a store that has never sold is not missed. Returns whether it did.
fn begin(
    unit: &mut Unit<'_>,
    (tenant, store): &(TenantId, StoreId),
    day: BusinessDay,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let fresh = unit
        .db
        .prepare_cached(
            "INSERT INTO store_days (tenant, store, day, changed_ms) SELECT ?1, ?2, ?3, ?4 \
             WHERE EXISTS (SELECT 1 FROM store_days WHERE tenant = ?1 AND store = ?2 AND day < ?3) \
             ON CONFLICT (tenant, store, day) DO NOTHING",
        )?
        .execute(params![
            tenant.as_str(),
            store.as_str(),
            day.days_since_epoch(),
            now_ms
        ])?;
    if fresh > 0 {
        unit.tell(RelayEvent::Day {
            tenant: tenant.clone(),
            store: store.clone(),
            day,
        });
    }
    Ok(fresh > 0)
}

/// Trading days after `through` that have begun, oldest first.
fn due(settings: &StoreSettings, through: Option<BusinessDay>, now_ms: i64) -> Vec<BusinessDay> {
    let today = settings.day_at_ms(now_ms).days_since_epoch();
    let first = through.map_or(today - LATE_DAYS, |through| through.days_since_epoch() + 1);
    (first.max(today - LATE_DAYS)..=today)
        .filter_map(BusinessDay::from_days)
        .filter(|day| {
            settings
                .hours_ms(*day)
                .is_some_and(|(opens_ms, _)| opens_ms <= now_ms)
        })
        .collect()
}
