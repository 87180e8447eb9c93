//! One batch: admission, storing and the receipt.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use tillwire_proto::{
    Batch, BatchError, Blob, Digest, Kind, LaneId, Receipt, RecordNumber, RefusalReason, Want,
};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::ingest::{Admission, DeviceFacts, admit};

use super::RelayIngest;
use crate::endpoint::{Delivery, DeviceRef, Verdict};
use crate::events::RelayEvent;
use crate::store::devices::DeviceRow;
use crate::store::exceptions::{self, Source};
use crate::store::records::SegmentRow;
use crate::store::{StoreError, Unit, records};

/// A want for one segment is not said again within this time, in milliseconds.
const WANT_PAUSE_MS: i64 = 1000;

/// What became of a batch, once its transaction is committed.
enum Taken {
    /// Held through here; `fresh` records were new.
    Held {
        lane: LaneId,
        through: RecordNumber,
        head: Digest,
        fresh: u64,
    },
    /// It starts after what is held.
    Ahead { from: RecordNumber },
    /// Kept apart.
    Quarantined { reason: RefusalReason, words: String },
}

impl RelayIngest {
    pub(super) async fn take_batch(
        &self,
        who: &DeviceRef,
        device: Arc<DeviceRow>,
        mut batch: Batch,
        payload: Bytes,
    ) -> Verdict {
        let segment = batch.segment;
        let hashes = batch.hashes();
        // what waits for its commit is stored as it came: a second copy of its contents would only fill memory
        batch.bodies = Blob::default();
        let now_ms = self.store.clock().now_ms();
        let day = self
            .settings
            .store(&device.tenant, &device.store)
            .map(|settings| settings.day_at_ms(now_ms));
        let taken = self
            .store
            .write(move |unit| match hashes {
                Ok(hashes) => store_batch(unit, &device, &batch, &hashes, &payload, day, now_ms),
                Err(error) => keep_apart(
                    unit,
                    &device,
                    &batch,
                    reason_of(&error),
                    error.to_string(),
                    &payload,
                    now_ms,
                ),
            })
            .await;
        match taken {
            Ok(Taken::Held {
                lane,
                through,
                head,
                fresh,
            }) => {
                let metrics = self.store.metrics();
                if fresh > 0 {
                    metrics.batches.inc();
                    metrics.records.inc_by(fresh);
                } else {
                    metrics.duplicates.inc();
                }
                metrics.receipts.inc();
                let receipt = Receipt {
                    relay: self.store.relay(),
                    generation: self.store.generation(),
                    lane,
                    segment,
                    through,
                    hash: head,
                    at_ms: now_ms,
                };
                self.send(who, Kind::Receipt, &receipt, Delivery::Plain);
            }
            Ok(Taken::Ahead { from }) => {
                if self.may_want(segment, now_ms) {
                    self.send(who, Kind::Want, &Want { segment, from }, Delivery::Plain);
                }
            }
            Ok(Taken::Quarantined { reason, words }) => self.refuse(who, Some(segment), reason, &words, 0),
            Err(error) => return self.busy(who, Some(segment), &error),
        }
        Verdict::Accepted
    }

    fn may_want(&self, segment: tillwire_proto::SegmentId, now_ms: i64) -> bool {
        let mut wants = self.wants.lock().unwrap_or_else(PoisonError::into_inner);
        wants.retain(|_, at| *at > now_ms - WANT_PAUSE_MS);
        match wants.entry(segment) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(now_ms);
                true
            }
        }
    }
}

const fn reason_of(error: &BatchError) -> RefusalReason {
    match error {
        BatchError::Chain { .. } | BatchError::Header { .. } => RefusalReason::Chain,
        BatchError::Limit { .. } | BatchError::Unpack(_) | BatchError::NoHeader => RefusalReason::Malformed,
    }
}

fn store_batch(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    batch: &Batch,
    hashes: &[Digest],
    sealed: &[u8],
    day: Option<tillwire_proto::BusinessDay>,
    now_ms: i64,
) -> Result<Taken, StoreError> {
    let known = records::known(unit.db, batch)?;
    let facts = DeviceFacts {
        tenant: device.tenant.clone(),
        device: device.device.clone(),
        store: device.store.clone(),
        // every lane of its store is open to a device; the header says which
        lanes: std::collections::BTreeMap::new(),
    };
    let admission = admit(known.as_ref().map(|(_, known)| known), batch, hashes, &facts);
    let row = known.map(|(row, _)| row);
    match (admission, row) {
        (Admission::Store { from_index, header }, row) => {
            let (id, lane) = match (row, header) {
                (Some(row), _) => (row.id, row.lane),
                (None, Some(header)) => {
                    let bytes = batch
                        .header
                        .as_ref()
                        .map(|blob| blob.0.as_slice())
                        .unwrap_or_default();
                    (
                        records::open(unit, device.id, &header, bytes, now_ms)?,
                        header.lane,
                    )
                }
                (None, None) => {
                    return Err(StoreError::refused("admission gave no header for a new segment"));
                }
            };
            let first = RecordNumber(batch.first.0 + from_index as u64);
            records::append(unit, id, first, batch, sealed, now_ms)?;
            let fresh = (hashes.len() - from_index) as u64;
            unit.tell(RelayEvent::Stored {
                tenant: device.tenant.clone(),
                store: device.store.clone(),
                records: fresh,
            });
            Ok(Taken::Held {
                lane,
                through: batch.last_number(),
                head: batch.last,
                fresh,
            })
        }
        (Admission::AlreadyStored, Some(row)) => Ok(Taken::Held {
            lane: row.lane,
            through: row.through,
            head: row.head,
            fresh: 0,
        }),
        (Admission::AlreadyStored, None) => {
            Err(StoreError::refused("admission knows a segment that is not there"))
        }
        (Admission::Want { from }, _) => Ok(Taken::Ahead { from }),
        (Admission::Fork { number }, Some(row)) => {
            alarm(unit, device, &row, number, day, now_ms)?;
            let words = format!("record {number} is held with another content; both are kept");
            keep_apart(unit, device, batch, RefusalReason::Fork, words, sealed, now_ms)
        }
        (Admission::Fork { number }, None) => {
            let words = format!("record {number} differs");
            keep_apart(unit, device, batch, RefusalReason::Fork, words, sealed, now_ms)
        }
        (
            Admission::ChainMismatch {
                number,
                stored,
                stated,
            },
            row,
        ) => {
            if let Some(row) = row {
                alarm(unit, device, &row, number, day, now_ms)?;
            }
            let words = format!("record {number} is held with hash {stored}, the batch follows {stated}");
            keep_apart(unit, device, batch, RefusalReason::Chain, words, sealed, now_ms)
        }
        (Admission::Identity(error), _) => keep_apart(
            unit,
            device,
            batch,
            RefusalReason::Identity,
            error.to_string(),
            sealed,
            now_ms,
        ),
    }
}

fn keep_apart(
    unit: &Unit<'_>,
    device: &DeviceRow,
    batch: &Batch,
    reason: RefusalReason,
    words: String,
    sealed: &[u8],
    now_ms: i64,
) -> Result<Taken, StoreError> {
    records::quarantine(unit, device.id, batch, &words, sealed, now_ms)?;
    Ok(Taken::Quarantined { reason, words })
}

/// Two contents under one number. The segment is marked, the day of arrival is held until somebody has looked.
fn alarm(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    row: &SegmentRow,
    number: RecordNumber,
    day: Option<tillwire_proto::BusinessDay>,
    now_ms: i64,
) -> Result<(), StoreError> {
    if !records::mark_forked(unit, row.id, now_ms)? {
        return Ok(());
    }
    let id = RecordId {
        segment: row.segment,
        number,
    };
    let mut draft = ExceptionDraft::new(
        ExceptionKind::Fork,
        &row.tenant,
        &row.store,
        CauseKey::new(ExceptionKind::Fork, &[&id]),
        format!(
            "device {} sent another record {number} of segment {} on lane {} than the one held here; both are kept, \
             the one held counts; look at the box's disk and for a second box",
            device.device, row.segment, row.lane
        ),
    )
    .seen_in([id]);
    draft.day = day;
    if let Some(day) = day {
        crate::store::days::ensure(unit, &row.tenant, &row.store, day, now_ms)?;
    }
    exceptions::raise(unit, Source::Ingest, &draft, now_ms)
}
