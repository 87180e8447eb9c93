//! Writes a store-day's evidence to a file that anybody can check: see [`tillwire_verifier::export`], which reads it.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use rusqlite::{Connection, params};
use tillwire_proto::{BusinessDay, RecordNumber, StoreId, TenantId};
use tillwire_relay_core::books::Posting;
use tillwire_relay_core::odoo::{Direction, Payload};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_verifier::export::FORM;
use tillwire_verifier::told::Told;

use crate::days::{self as stage, decision_of};
use crate::store::records::{self, SegmentRow};
use crate::store::{StoreError, days, devices, effects};

pub use tillwire_verifier::export::{Line, Verdict, verify};

/// The lines of a store-day.
///
/// # Errors
/// [`StoreError::Refused`] when nothing is known of the day.
pub fn day(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    settings: &StoreSettings,
    now_ms: i64,
) -> Result<Vec<Line>, StoreError> {
    let Some(row) = days::get(db, tenant, store, day)? else {
        return Err(StoreError::refused(format!(
            "nothing is known of {tenant}/{store} on {day}"
        )));
    };
    let mut lines = vec![Line::Export {
        form: FORM,
        tenant: tenant.clone(),
        store: store.clone(),
        day,
        made_ms: now_ms,
    }];
    let mut told = Told::new(store, day);
    let mut segments: BTreeMap<i64, RecordNumber> = segments_of(db, row.id)?.into_iter().collect();
    lines.push(Line::Settings {
        store: (*settings.written.store).clone(),
        mapping: settings.written.mapping.as_deref().cloned(),
    });
    lines.extend(decisions(db, &row)?);
    for (id, last) in stage::segments_behind(db, &row, settings)? {
        let there = segments.entry(id).or_insert(last);
        *there = last.max(*there);
    }
    for (id, last) in segments {
        segment(db, &records::segment_at(db, id)?, last, &mut lines, &mut told)?;
    }
    lines.push(stated(db, tenant, store, day)?);
    let sums = told.sums().map_err(|e| StoreError::refused(e.to_string()))?;
    lines.push(Line::Totals {
        trades: sums.trades,
        records: told.records,
        net: sums.net,
        tax: sums.tax,
    });
    Ok(lines)
}

/// The day's segments, each with its last record that was filed under the day.
fn segments_of(db: &Connection, day: i64) -> Result<Vec<(i64, RecordNumber)>, StoreError> {
    let sql = "SELECT b.segment, max(b.last) FROM day_batches d JOIN batches b ON b.id = d.batch \
               WHERE d.store_day = ?1 GROUP BY b.segment ORDER BY b.segment";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map(params![day], |row| Ok((row.get(0)?, RecordNumber(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn segment(
    db: &Connection,
    row: &SegmentRow,
    last: RecordNumber,
    lines: &mut Vec<Line>,
    told: &mut Told,
) -> Result<(), StoreError> {
    let device = devices::get(db, &row.tenant, &row.device)?
        .ok_or_else(|| StoreError::refused(format!("device {}/{} is gone", row.tenant, row.device)))?;
    lines.push(Line::Segment {
        segment: row.segment,
        device: row.device.clone(),
        public_key: BASE64.encode(&device.public_key),
        header: BASE64.encode(&row.header),
    });
    for batch in records::range(db, row.id, RecordNumber(1), last)? {
        for record in records::records(&batch)? {
            told.add(&record.body);
        }
        lines.push(Line::Message {
            segment: row.segment,
            first: batch.first,
            last: batch.last,
            received_ms: batch.received_ms,
            message: BASE64.encode(&batch.sealed),
        });
    }
    Ok(())
}

/// What people decided about the day.
fn decisions(db: &Connection, row: &days::DayRow) -> Result<Vec<Line>, StoreError> {
    let signed = stage::signatures(db, row)?.into_iter();
    Ok(signed
        .map(|signature| Line::Decision {
            decision: decision_of(&signature),
            by: signature.by,
            at_ms: signature.at_ms,
            reason: signature.reason,
        })
        .collect())
}

/// What the day's effects post and move.
fn stated(db: &Connection, tenant: &TenantId, store: &StoreId, day: BusinessDay) -> Result<Line, StoreError> {
    let (mut books, mut stock) = (BTreeMap::new(), BTreeMap::new());
    for stored in effects::of_day(db, tenant, store, day)? {
        if let Payload::Picking(picking) = &stored.effect.payload {
            let sign = if picking.direction == Direction::Out {
                1
            } else {
                -1
            };
            for line in picking.sold() {
                *stock.entry(line.sku.to_string()).or_default() += sign * line.quantity.millionths();
            }
        } else if let Ok(posting) = serde_json::from_str::<Posting>(&stored.source) {
            for (key, line) in posting.lines() {
                *books.entry(key.account.to_string()).or_default() += line.amount.minor();
            }
        }
    }
    books.retain(|_, minor: &mut i64| *minor != 0);
    stock.retain(|_, millionths: &mut i64| *millionths != 0);
    Ok(Line::Stated { books, stock })
}

#[cfg(test)]
mod tests;
