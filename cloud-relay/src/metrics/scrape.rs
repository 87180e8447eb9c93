//! The figures that the store knows, read at each scrape so that they cannot drift from it.

use super::{StateLabel, StoreLabel};
use crate::store::{Store, StoreError};

/// Reads the figures that the store knows into the metrics.
///
/// # Errors
/// [`StoreError`] of the read.
pub async fn scrape(store: &Store) -> Result<(), StoreError> {
    type Counts = Vec<(String, i64)>;
    let (days, exceptions, effects, backlog, behind) = store
        .read(|db| {
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
            Ok((days, exceptions, effects, backlog, last - crate::understand::position(db)?))
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
    metrics.not_understood.set(behind);
    Ok(())
}
