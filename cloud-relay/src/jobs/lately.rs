//! What the relay itself knows that preflight should look at: which goods were sold lately, and which days are not
//! posted yet.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tillwire_proto::{Body, BusinessDay, Fact, decode_observation};
use tillwire_relay_core::settings::StoreSettings;

use super::link::Company;
use crate::odoo::preflight::Known;
use crate::store::days::{self, DayRow};
use crate::store::records::{self, BatchRow};
use crate::store::{Store, StoreError};

/// Days whose goods count as sold lately.
const DAYS: u32 = 8;

/// Batches of a store that are read for its goods. A batch holds up to some hundred sales, and who sells more than this
/// in a week sells the same goods again.
const BATCHES_MAX: usize = 32;

/// Days back that are looked at for what is not posted yet.
const OPEN_DAYS: u32 = 400;

/// Reads it for the company's stores.
///
/// # Errors
/// [`StoreError`] of the read.
pub(super) async fn known(store: &Store, company: &Company) -> Result<Known, StoreError> {
    let (company, now_ms) = (company.clone(), store.clock().now_ms());
    store
        .read(move |db| {
            let mut known = Known {
                today: Known::date(now_ms),
                ..Known::default()
            };
            for settings in &company.stores {
                let days = days::list(db, Some((&settings.tenant, &settings.store)), None, OPEN_DAYS)?;
                let open = days.iter().filter(|day| day.trades > 0 && day.state != "Posted");
                let open: BTreeSet<BusinessDay> = open.map(|day| day.day).collect();
                if !open.is_empty() {
                    known.unposted.insert(settings.store.clone(), open);
                }
                sold(db, settings, &days, &mut known)?;
            }
            Ok(known)
        })
        .await
}

/// Item numbers on the lines of the newest records, and the currencies that were taken for them.
fn sold(
    db: &Connection,
    settings: &StoreSettings,
    newest_first: &[DayRow],
    known: &mut Known,
) -> Result<(), StoreError> {
    let mut left = BATCHES_MAX;
    for day in newest_first.iter().take(DAYS as usize) {
        let batches = records::of_day(db, day.id)?;
        for batch in batches.iter().rev().take(left) {
            add(batch, settings, known)?;
        }
        left = left.saturating_sub(batches.len());
    }
    Ok(())
}

fn add(batch: &BatchRow, settings: &StoreSettings, known: &mut Known) -> Result<(), StoreError> {
    for record in records::records(batch)? {
        // what does not decode has its own exception
        if let Ok(observation) = decode_observation(&record.body)
            && let Fact::Transaction(transaction) = observation.fact
            && transaction.key.store == settings.store
            && let Body::Trade(trade) = transaction.body
        {
            known
                .sold
                .extend(trade.lines.into_iter().filter_map(|line| line.sku));
            let foreign = trade.tenders.iter().filter_map(|tender| tender.foreign);
            known.foreign.extend(foreign.map(|amount| amount.currency()));
        }
    }
    Ok(())
}
