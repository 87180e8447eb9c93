//! The line of segments on a lane: each header names where the one before ended, as found on disk. What does not fit
//! is an alarm of its own; nothing is lost in any case.

use rusqlite::Connection;
use tillwire_proto::decode_header;
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::ingest::{Lineage, SegmentNode, lineage};

use crate::store::StoreError;
use crate::store::records::{self, BatchRow, SegmentRow};

/// Looks at a segment when it begins, and at its youngest sibling when it goes on although that one has begun.
pub(super) fn alarms(
    db: &Connection,
    segment: &SegmentRow,
    batch: &BatchRow,
) -> Result<Option<ExceptionDraft>, StoreError> {
    let new = if batch.first.0 == 1 {
        segment.clone()
    } else {
        match youngest_sibling(db, segment)? {
            Some(sibling) if sibling.first_ms < batch.received_ms => sibling,
            _ => return Ok(None),
        }
    };
    let rows = records::of_lane(db, &new.tenant, &new.store, &new.lane)?;
    let nodes: Vec<SegmentNode> = rows
        .iter()
        .filter(|row| row.id <= new.id)
        .map(|row| node(row, new.first_ms))
        .collect();
    let at = nodes.iter().find(|node| node.segment == new.segment);
    Ok(at.and_then(|at| draft(&new, &lineage(at, &nodes))))
}

fn node(row: &SegmentRow, began_ms: i64) -> SegmentNode {
    // decoded at admission; one that does not decode now names no predecessor
    let predecessor = decode_header(&row.header)
        .ok()
        .and_then(|header| header.predecessor);
    SegmentNode {
        segment: row.segment,
        predecessor,
        through: row.through,
        head: row.head,
        still_speaks: row.last_ms > began_ms,
    }
}

fn youngest_sibling(db: &Connection, segment: &SegmentRow) -> Result<Option<SegmentRow>, StoreError> {
    let id: Option<i64> = db
        .prepare_cached(
            "SELECT max(other.id) FROM segments mine JOIN segments other \
             ON other.predecessor = mine.predecessor AND other.id > mine.id WHERE mine.id = ?1",
        )?
        .query_row([segment.id], |row| row.get(0))?;
    id.map(|id| records::segment_at(db, id)).transpose()
}

fn draft(segment: &SegmentRow, found: &Lineage) -> Option<ExceptionDraft> {
    let (kind, about, detail) = match found {
        Lineage::InLine | Lineage::NewDisk | Lineage::UnknownPredecessor(_) => return None,
        Lineage::TailLost {
            segment: lost,
            found,
            stored,
        } => (
            ExceptionKind::TailLost,
            lost.to_string(),
            format!(
                "lane {} found record {found} as the last of segment {lost} on its disk, {stored} are safe here; \
                 nothing is missing, but the disk confirmed what it did not keep: replace it",
                segment.lane
            ),
        ),
        Lineage::RolledBack(sibling) => (
            ExceptionKind::RolledBack,
            segment.segment.to_string(),
            format!(
                "segment {} of lane {} follows the same record as segment {sibling} did: the disk went back to an \
                 older state (a restored image?); the records of both are kept and count by their tickets",
                segment.segment, segment.lane
            ),
        ),
        Lineage::Cloned(sibling) => (
            ExceptionKind::Clone,
            segment.lane.to_string(),
            format!(
                "segments {} and {sibling} of lane {} follow the same record and both go on: one disk in two boxes; \
                 find the second box and enrol it anew",
                segment.segment, segment.lane
            ),
        ),
    };
    let cause = CauseKey::new(kind, &[&about]);
    Some(ExceptionDraft::new(
        kind,
        &segment.tenant,
        &segment.store,
        cause,
        detail,
    ))
}
