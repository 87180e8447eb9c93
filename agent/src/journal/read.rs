//! Reading the journal beside its writer: for the uplink, for `status` and for people.

use std::ops::RangeInclusive;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_agent_core::journal::Head;
use tillwire_proto::{Digest, LaneId, RecordNumber, SegmentId};
use zstd::bulk::Decompressor;

use super::open::{database, open_reader, row_id, row_number};

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(crate) db: Connection,
}

/// One segment as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Local number: the order of age.
    pub no: i64,
    /// Its id.
    pub id: SegmentId,
    /// Its lane.
    pub lane: LaneId,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// Deleted up to here, and the chain hash there; the header when nothing is deleted.
    pub pruned: Head,
    /// The newest record, deleted or not.
    pub last: Head,
    /// The relay holds everything up to here.
    pub receipted: RecordNumber,
    /// Number of the newest attachment.
    pub attachments: u64,
    /// The relay holds attachments up to this one.
    pub attached: u64,
    /// True when the relay was seen to hold more of it than this disk.
    pub rolled_back: bool,
}

impl Segment {
    /// Records that no receipt covers yet.
    #[must_use]
    pub const fn backlog(&self) -> u64 {
        self.last.number.0.saturating_sub(self.receipted.0)
    }
}

/// Contiguous bodies of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bodies {
    /// Number of the first.
    pub first: RecordNumber,
    /// Chain hash before it.
    pub previous: Digest,
    /// The bodies.
    pub bodies: Vec<Vec<u8>>,
}

/// An attachment as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAttachment {
    /// Its number in the segment.
    pub number: u64,
    /// SHA-256 of the bytes, unpacked.
    pub digest: Digest,
    /// Their length.
    pub len: u32,
    /// The bytes, packed with zstd.
    pub packed: Vec<u8>,
}

impl KeptAttachment {
    /// The bytes as they were captured; `None` when the disk has changed them.
    #[must_use]
    pub fn unpack(&self, unpacker: &mut Decompressor<'_>) -> Option<Vec<u8>> {
        let plain = unpacker.decompress(&self.packed, self.len as usize).ok()?;
        (Digest::of(&plain) == self.digest).then_some(plain)
    }
}

impl Reader {
    /// Opens the journal of a state directory.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn open(state_dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            db: open_reader(&database(state_dir))?,
        })
    }

    /// Every segment that still has something to send, to keep or to name, oldest first: all with records on disk,
    /// and the newest of each lane.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segments(&self) -> anyhow::Result<Vec<Segment>> {
        segments(&self.db)
    }

    /// The segment with an id.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segment(&self, id: SegmentId) -> anyhow::Result<Option<Segment>> {
        let sql = format!("{SEGMENT_SQL} WHERE id = ?");
        let row = self
            .db
            .prepare_cached(&sql)?
            .query_row([id.as_bytes()], SegmentRow::read)
            .optional()?;
        row.map(|row| row.complete(&self.db)).transpose()
    }

    /// Reads bodies from `from` on: at most `count_max` records, and at most `len_max` bytes unless the first alone
    /// is larger. `None` when that record is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn bodies(
        &self,
        no: i64,
        from: RecordNumber,
        count_max: usize,
        len_max: usize,
    ) -> anyhow::Result<Option<Bodies>> {
        let Some(previous) = self.hash(no, RecordNumber(from.0.saturating_sub(1)))? else {
            return Ok(None);
        };
        let sql = "SELECT id, body FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?";
        let mut statement = self.db.prepare_cached(sql)?;
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![row_id(no, from.0), row_id(no + 1, 0), limit])?;
        let (mut bodies, mut len) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let expected = from.0 + bodies.len() as u64;
            let body = row.get_ref(1)?.as_blob()?;
            len += body.len();
            if row_number(row.get(0)?) != expected || (len > len_max && !bodies.is_empty()) {
                break;
            }
            bodies.push(body.to_vec());
        }
        Ok((!bodies.is_empty()).then_some(Bodies {
            first: from,
            previous,
            bodies,
        }))
    }

    /// The chain hash at a number; at 0 the header's, where deletion stopped the one kept there.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn hash(&self, no: i64, number: RecordNumber) -> anyhow::Result<Option<Digest>> {
        let sql = "SELECT hash FROM records WHERE id = ?";
        let stored = self
            .db
            .prepare_cached(sql)?
            .query_row([row_id(no, number.0)], |row| digest(row, 0))
            .optional()?;
        if stored.is_some() {
            return Ok(stored);
        }
        let sql = "SELECT pruned, pruned_hash, header FROM segments WHERE no = ?";
        let mark = self
            .db
            .prepare_cached(sql)?
            .query_row([no], |row| {
                Ok((
                    row.get::<_, i64>(0)?.unsigned_abs(),
                    digest(row, 1)?,
                    row.get::<_, Vec<u8>>(2)?,
                ))
            })
            .optional()?;
        Ok(mark.and_then(|(pruned, hash, header)| match number.0 {
            n if n == pruned => Some(hash),
            0 => Some(tillwire_proto::chain::header_hash(&header)),
            _ => None,
        }))
    }

    /// Attachments of a segment from number `from` through `through`, as far as they are on disk: at most `count_max`, and
    /// at most `len_max` bytes unpacked unless the first alone is larger.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn attachments(
        &self,
        no: i64,
        range: RangeInclusive<u64>,
        count_max: usize,
        len_max: usize,
    ) -> anyhow::Result<Vec<KeptAttachment>> {
        let sql =
            "SELECT id, digest, len, packed FROM attachments WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?";
        let mut statement = self.db.prepare_cached(sql)?;
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![
            row_id(no, *range.start()),
            row_id(no, *range.end()),
            limit
        ])?;
        let (mut kept, mut len) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let attachment = KeptAttachment {
                number: row_number(row.get(0)?),
                digest: digest(row, 1)?,
                len: row.get(2)?,
                packed: row.get(3)?,
            };
            len += attachment.len as usize;
            if len > len_max && !kept.is_empty() {
                break;
            }
            kept.push(attachment);
        }
        Ok(kept)
    }

    /// The relay that was heard last: its id and generation.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn relay(&self) -> anyhow::Result<Option<(tillwire_proto::RelayId, u32)>> {
        let found = self
            .db
            .query_row("SELECT id, generation FROM relay LIMIT 1", [], |row| {
                Ok((tillwire_proto::RelayId(row.get(0)?), row.get(1)?))
            });
        Ok(found.optional()?)
    }
}

const SEGMENT_SQL: &str =
    "SELECT no, id, lane, header, pruned, pruned_hash, receipted, attached, rolled_back FROM segments";

/// The columns of a segment, before its newest record is looked up.
struct SegmentRow {
    segment: Segment,
}

impl SegmentRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let lane: String = row.get(2)?;
        let lane = LaneId::new(&lane).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(e))
        })?;
        let pruned = Head {
            segment: segment_id(row, 1)?,
            number: RecordNumber(row.get::<_, i64>(4)?.unsigned_abs()),
            hash: digest(row, 5)?,
        };
        Ok(Self {
            segment: Segment {
                no: row.get(0)?,
                id: pruned.segment,
                lane,
                header: row.get(3)?,
                pruned,
                last: pruned,
                receipted: RecordNumber(row.get::<_, i64>(6)?.unsigned_abs()),
                attachments: 0,
                attached: row.get::<_, i64>(7)?.unsigned_abs(),
                rolled_back: row.get(8)?,
            },
        })
    }

    fn complete(self, db: &Connection) -> anyhow::Result<Segment> {
        let mut segment = self.segment;
        let range = [row_id(segment.no, 0), row_id(segment.no + 1, 0)];
        let sql = "SELECT id, hash FROM records WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1";
        let newest = db
            .prepare_cached(sql)?
            .query_row(range, |row| Ok((row_number(row.get(0)?), digest(row, 1)?)));
        if let Some((number, hash)) = newest.optional()? {
            segment.last = Head {
                number: RecordNumber(number),
                hash,
                ..segment.last
            };
        }
        let sql = "SELECT max(id) FROM attachments WHERE id > ? AND id < ?";
        let newest: Option<i64> = db.prepare_cached(sql)?.query_row(range, |row| row.get(0))?;
        segment.attachments = newest.map_or(segment.attached, row_number);
        Ok(segment)
    }
}

pub(crate) fn segments(db: &Connection) -> anyhow::Result<Vec<Segment>> {
    let mut statement = db.prepare(&format!("{SEGMENT_SQL} ORDER BY no"))?;
    let rows = statement
        .query_map([], SegmentRow::read)?
        .collect::<Result<Vec<_>, _>>()?;
    let all = rows
        .into_iter()
        .map(|row| row.complete(db))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let newest: Vec<i64> = all
        .iter()
        .filter(|s| !all.iter().any(|other| other.lane == s.lane && other.no > s.no))
        .map(|s| s.no)
        .collect();
    let useful =
        |s: &Segment| s.last.number > s.pruned.number || s.attachments > s.attached || newest.contains(&s.no);
    Ok(all.into_iter().filter(useful).collect())
}

/// A digest column.
pub(crate) fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest)
}

/// A segment id column.
pub(crate) fn segment_id(row: &Row<'_>, column: usize) -> rusqlite::Result<SegmentId> {
    row.get(column).map(SegmentId)
}
