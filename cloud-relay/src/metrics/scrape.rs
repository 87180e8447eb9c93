//! The figures that the store knows, read at each scrape so that they cannot drift from it.

use std::collections::BTreeMap;

use super::{StateLabel, StoreLabel};
use crate::store::{Store, StoreError, devices};

/// Reads the figures that the store knows into the metrics.
///
/// # Errors
/// [`StoreError`] of the read.
pub async fn scrape(store: &Store) -> Result<(), StoreError> {
    type Counts = Vec<(String, i64)>;
    let now_ms = store.clock().now_ms();
    let (days, exceptions, effects, backlog, holds_out, behind) = store
        .read(move |db| {
            let counts = |sql: &str| -> Result<Counts, StoreError> {
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            };
            let days = counts("SELECT state, count(*) FROM store_days GROUP BY state")?;
            let exceptions =
                counts("SELECT kind, count(*) FROM exceptions WHERE resolved_ms IS NULL GROUP BY kind")?;
            let effects = counts("SELECT state, count(*) FROM effects GROUP BY state")?;
            let backlog = counts(
                "SELECT tenant || '/' || store, sum(coalesce(backlog, 0)) FROM devices WHERE state = 'active' \
                 GROUP BY tenant, store",
            )?;
            let last: i64 = db.query_row("SELECT coalesce(max(id), 0) FROM batches", [], |row| row.get(0))?;
            let mut holds_out = BTreeMap::new();
            for device in devices::list(db)?.into_iter().filter(|device| device.revoked.is_none()) {
                if let Some(fuel) = device.hello.as_ref().and_then(|hello| hello.fuel(now_ms)) {
                    let place = (device.tenant.to_string(), device.store.to_string());
                    let least = holds_out.entry(place).or_insert(fuel.days);
                    *least = fuel.days.min(*least);
                }
            }
            let behind = last - crate::understand::position(db)?;
            Ok((days, exceptions, effects, backlog, holds_out, behind))
        })
        .await?;
    let metrics = store.metrics();
    // kinds that are gone have to show zero, not their last figure
    for (family, counts) in [
        (&metrics.days, days),
        (&metrics.exceptions, exceptions),
        (&metrics.effects, effects),
    ] {
        family.clear();
        for (state, count) in counts {
            family.get_or_create(&StateLabel { state }).set(count);
        }
    }
    metrics.backlog.clear();
    for (place, records) in backlog {
        if let Some((tenant, store)) = place.split_once('/') {
            let label = StoreLabel {
                tenant: tenant.to_owned(),
                store: store.to_owned(),
            };
            metrics.backlog.get_or_create(&label).set(records);
        }
    }
    metrics.holds_out.clear();
    for ((tenant, store), days) in holds_out {
        let label = StoreLabel { tenant, store };
        metrics.holds_out.get_or_create(&label).set(days.into());
    }
    metrics.not_understood.set(behind);
    Ok(())
}
