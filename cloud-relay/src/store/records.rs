//! Segments and batches: storing what was admitted, and reading records back, each time along their chain.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{
    Batch, DeviceId, Digest, Envelope, LaneId, Mark, RecordNumber, Run, SIGNATURE_LEN, SegmentHeader,
    SegmentId, StoreId, TenantId, UP_LEN_MAX, chain, decode_observation,
};
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::ingest::SegmentKnown;

use super::{StoreError, Unit};

/// A segment's row, as admission and receipts need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// Row number.
    pub id: i64,
    /// The segment.
    pub segment: SegmentId,
    /// Whose.
    pub tenant: TenantId,
    /// The store that its header names.
    pub store: StoreId,
    /// The lane.
    pub lane: LaneId,
    /// Who writes it.
    pub device: DeviceId,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// Everything from 1 to here is held.
    pub through: RecordNumber,
    /// Chain hash there.
    pub head: Digest,
    /// The newest record that the agent said it has.
    pub announced: Option<RecordNumber>,
    /// When another version of a held record came in, milliseconds since 1970.
    pub forked_ms: Option<i64>,
    /// First and last time that something of it was stored.
    pub first_ms: i64,
    /// See `first_ms`.
    pub last_ms: i64,
}

/// A batch as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its place in the log.
    pub id: i64,
    /// Row number of its segment.
    pub segment: i64,
    /// First record that it added.
    pub first: RecordNumber,
    /// Its last record.
    pub last: RecordNumber,
    /// When it was stored, milliseconds since 1970.
    pub received_ms: i64,
    /// The message as the device signed it.
    pub sealed: Vec<u8>,
}

/// One record, checked along its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub number: RecordNumber,
    /// Its chain hash.
    pub hash: Digest,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A segment by its id.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn segment(db: &Connection, segment: SegmentId) -> Result<Option<SegmentRow>, StoreError> {
    let sql = format!("{SEGMENT} WHERE s.segment = ?1");
    Ok(db
        .prepare_cached(&sql)?
        .query_row([segment.as_bytes()], read_segment)
        .optional()?)
}

/// A segment by its row number.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn segment_at(db: &Connection, id: i64) -> Result<SegmentRow, StoreError> {
    let sql = format!("{SEGMENT} WHERE s.id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], read_segment)?)
}

/// All segments of a lane, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_lane(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    lane: &LaneId,
) -> Result<Vec<SegmentRow>, StoreError> {
    let sql = format!("{SEGMENT} WHERE s.tenant = ?1 AND s.store = ?2 AND s.lane = ?3 ORDER BY s.id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([tenant.as_str(), store.as_str(), lane.as_str()], read_segment)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What admission has to know of a batch's segment. Hashes of stored records are computed only when the batch brings
/// records that are stored already.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn known(db: &Connection, batch: &Batch) -> Result<Option<(SegmentRow, SegmentKnown)>, StoreError> {
    let Some(row) = segment(db, batch.segment)? else {
        return Ok(None);
    };
    let mut known = SegmentKnown {
        lane: row.lane.clone(),
        device: row.device.clone(),
        through: row.through,
        head: row.head,
        hashes: std::iter::once((RecordNumber::HEADER, chain::header_hash(&row.header))).collect(),
    };
    if batch.first <= row.through {
        let before = RecordNumber(batch.first.0.saturating_sub(1).max(1));
        for stored in range(db, row.id, before, batch.last_number())? {
            known.hashes.extend(
                records(&stored)?
                    .into_iter()
                    .map(|record| (record.number, record.hash)),
            );
        }
    }
    Ok(Some((row, known)))
}

/// Opens a segment with its header, holding nothing yet.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn open(
    unit: &Unit<'_>,
    device: i64,
    header: &SegmentHeader,
    bytes: &[u8],
    now_ms: i64,
) -> Result<i64, StoreError> {
    unit.db
        .prepare_cached(
            "INSERT INTO segments (segment, device, tenant, store, lane, header, predecessor, predecessor_n, through, \
             head, first_ms, last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?10)",
        )?
        .execute(params![
            header.segment.as_bytes(),
            device,
            header.tenant.as_str(),
            header.store.as_str(),
            header.lane.as_str(),
            bytes,
            header.predecessor.as_ref().map(|p| p.segment.as_bytes().to_vec()),
            header.predecessor.map(|p| p.number.0),
            chain::header_hash(bytes).as_bytes(),
            now_ms
        ])?;
    Ok(unit.db.last_insert_rowid())
}

/// Stores a batch from `first` on and advances the mark: the two belong together, and nothing else does either.
///
/// # Errors
/// [`StoreError`] of the write; [`StoreError::Refused`] when it would leave a hole, which admission never lets pass.
pub fn append(
    unit: &Unit<'_>,
    segment: i64,
    first: RecordNumber,
    batch: &Batch,
    sealed: &[u8],
    now_ms: i64,
) -> Result<i64, StoreError> {
    let last = batch.last_number();
    let advanced = unit
        .db
        .prepare_cached(
            "UPDATE segments SET through = ?2, head = ?3, last_ms = ?4 WHERE id = ?1 AND through = ?5 - 1",
        )?
        .execute(params![segment, last.0, batch.last.as_bytes(), now_ms, first.0])?;
    if advanced != 1 {
        return Err(StoreError::refused(format!(
            "records {first} to {last} would leave a hole"
        )));
    }
    unit.db
        .prepare_cached(
            "INSERT INTO batches (segment, first, last, received_ms, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![segment, first.0, last.0, now_ms, sealed])?;
    Ok(unit.db.last_insert_rowid())
}

/// Keeps a message that was not admitted, where a person can see it. The same message is kept once.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn quarantine(
    unit: &Unit<'_>,
    device: i64,
    batch: &Batch,
    reason: &str,
    sealed: &[u8],
    now_ms: i64,
) -> Result<(), StoreError> {
    let held: u32 = unit
        .db
        .prepare_cached("SELECT count(*) FROM quarantine WHERE device = ?1")?
        .query_row([device], |row| row.get(0))?;
    if held >= QUARANTINE_MAX {
        return Ok(());
    }
    unit.db
        .prepare_cached(
            "INSERT OR IGNORE INTO quarantine (digest, segment, first, last, device, reason, received_ms, sealed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            // without the signature, which differs each time the same message is signed
            Digest::of(&sealed[..sealed.len().saturating_sub(SIGNATURE_LEN)]).as_bytes(),
            batch.segment.as_bytes(),
            batch.first.0,
            batch.last_number().0,
            device,
            reason,
            now_ms,
            sealed
        ])?;
    Ok(())
}

/// Messages kept of one device. Enough to see what is wrong; a device that goes on sending them fills no disk.
const QUARANTINE_MAX: u32 = 1000;

/// Marks a segment as forked. True the first time.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn mark_forked(unit: &Unit<'_>, segment: i64, now_ms: i64) -> Result<bool, StoreError> {
    let changed = unit
        .db
        .prepare_cached("UPDATE segments SET forked_ms = ?2 WHERE id = ?1 AND forked_ms IS NULL")?
        .execute([segment, now_ms])?;
    Ok(changed > 0)
}

/// Notes how far the agent says that a segment goes.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn announce(
    unit: &Unit<'_>,
    segment: SegmentId,
    device: i64,
    last: RecordNumber,
) -> Result<(), StoreError> {
    unit.db
        .prepare_cached("UPDATE segments SET announced = ?3 WHERE segment = ?1 AND device = ?2")?
        .execute(params![segment.as_bytes(), device, last.0])?;
    Ok(())
}

/// How far a segment is held, for a hello; only of the device's own segments.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn mark(db: &Connection, device: i64, segment: SegmentId) -> Result<Mark, StoreError> {
    let held: Option<(u64, Digest)> = db
        .prepare_cached("SELECT through, head FROM segments WHERE segment = ?1 AND device = ?2")?
        .query_row(params![segment.as_bytes(), device], |row| {
            Ok((row.get(0)?, super::bytes(row, 1, Digest::from_slice, "a digest")?))
        })
        .optional()?;
    Ok(match held {
        Some((through, head)) if through > 0 => Mark {
            segment,
            through: RecordNumber(through),
            hash: Some(head),
        },
        _ => Mark {
            segment,
            through: RecordNumber::HEADER,
            hash: None,
        },
    })
}

/// Batches of a segment that hold any record from `first` to `last`, in order.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn range(
    db: &Connection,
    segment: i64,
    first: RecordNumber,
    last: RecordNumber,
) -> Result<Vec<BatchRow>, StoreError> {
    let sql = format!(
        "{BATCH} WHERE segment = ?1 AND first <= ?3 AND first >= coalesce((SELECT max(first) FROM batches \
         WHERE segment = ?1 AND first <= ?2), 0) ORDER BY first"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![segment, first.0, last.0], read_batch)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Batches after a place in the log, in order.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn after(db: &Connection, id: i64, count_max: u32) -> Result<Vec<BatchRow>, StoreError> {
    let sql = format!("{BATCH} WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![id, count_max], read_batch)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One batch.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn batch(db: &Connection, id: i64) -> Result<BatchRow, StoreError> {
    Ok(db
        .prepare_cached(&format!("{BATCH} WHERE id = ?1"))?
        .query_row([id], read_batch)?)
}

/// Batches that hold records of a store-day.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_day(db: &Connection, day: i64) -> Result<Vec<BatchRow>, StoreError> {
    let sql = format!("{BATCH} WHERE id IN (SELECT batch FROM day_batches WHERE store_day = ?1) ORDER BY id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([day], read_batch)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The message of a stored batch.
///
/// # Errors
/// [`StoreError::Refused`] when the bytes are not what was stored: the disk changed them.
pub fn message(row: &BatchRow) -> Result<Batch, StoreError> {
    let damaged = |what: String| StoreError::refused(format!("batch {} is damaged on disk: {what}", row.id));
    let envelope = Envelope::open(&row.sealed, UP_LEN_MAX).map_err(|e| damaged(e.to_string()))?;
    envelope.decode().map_err(|e| damaged(e.to_string()))
}

/// The records that a stored batch added, with their hashes computed anew.
///
/// # Errors
/// As [`message`].
pub fn records(row: &BatchRow) -> Result<Vec<Record>, StoreError> {
    let batch = message(row)?;
    let run: Run = batch
        .unpack()
        .map_err(|e| StoreError::refused(format!("batch {} is damaged on disk: {e}", row.id)))?;
    let numbers = (batch.first.0..).map(RecordNumber);
    Ok(numbers
        .zip(run.hashes)
        .zip(run.bodies)
        .map(|((number, hash), body)| Record { number, hash, body })
        .filter(|record| record.number >= row.first)
        .collect())
}

/// A record with the bytes that it was understood from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its chain hash.
    pub hash: Digest,
    /// Its own bytes.
    pub body: Vec<u8>,
    /// What was captured, when it has arrived.
    pub bytes: Option<Vec<u8>>,
}

/// One record of a tenant with its captured bytes; `None` when it is not here.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn captured(db: &Connection, tenant: &TenantId, id: RecordId) -> Result<Option<Evidence>, StoreError> {
    let Some(row) = segment(db, id.segment)?.filter(|row| row.tenant == *tenant) else {
        return Ok(None);
    };
    for batch in range(db, row.id, id.number, id.number)? {
        for record in records(&batch)? {
            if record.number != id.number {
                continue;
            }
            let attached = decode_observation(&record.body)
                .ok()
                .and_then(|observation| observation.attachment);
            let bytes = match attached {
                Some(attached) => super::attachments::get(db, tenant, attached.digest)?,
                None => None,
            };
            return Ok(Some(Evidence {
                hash: record.hash,
                body: record.body,
                bytes,
            }));
        }
    }
    Ok(None)
}

const SEGMENT: &str = "SELECT s.id, s.segment, s.tenant, s.store, s.lane, d.device, s.header, s.through, s.head, \
                       s.announced, s.forked_ms, s.first_ms, s.last_ms \
                       FROM segments s JOIN devices d ON d.id = s.device";

fn read_segment(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    let announced: Option<u64> = row.get(9)?;
    Ok(SegmentRow {
        id: row.get(0)?,
        segment: super::bytes(row, 1, SegmentId::from_slice, "a segment id")?,
        tenant: super::column(row, 2, TenantId::new)?,
        store: super::column(row, 3, StoreId::new)?,
        lane: super::column(row, 4, LaneId::new)?,
        device: super::column(row, 5, DeviceId::new)?,
        header: row.get(6)?,
        through: RecordNumber(row.get(7)?),
        head: super::bytes(row, 8, Digest::from_slice, "a digest")?,
        announced: announced.map(RecordNumber),
        forked_ms: row.get(10)?,
        first_ms: row.get(11)?,
        last_ms: row.get(12)?,
    })
}

const BATCH: &str = "SELECT id, segment, first, last, received_ms, sealed FROM batches";

fn read_batch(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        id: row.get(0)?,
        segment: row.get(1)?,
        first: RecordNumber(row.get(2)?),
        last: RecordNumber(row.get(3)?),
        received_ms: row.get(4)?,
        sealed: row.get(5)?,
    })
}
