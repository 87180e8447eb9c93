//! The open segment of one lane: begun with its header, continued record by record.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, params};
use tillwire_agent_core::journal::{Broken, Head, Verifier};
use tillwire_proto::{
    BootId, Currency, DeviceId, Digest, Fact, LaneId, Predecessor, RecordNumber, SegmentHeader, SegmentId,
    Stamp, StoreId, Tally, TenantId, Version, decode_observation, encode_header,
};

use super::days::Days;
use super::open::{row_id, row_number};
use super::plans::Plans;
use super::prepare::Prepared;
use super::read::{digest, segment_id};
use crate::clock::Clock;

/// Perpetual totals are written down after so many records; at most so many are added up again at start.
const TOTAL_EVERY: u64 = 256;

/// Who writes, for the headers of the segments that this start begins.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The store's currency, of the perpetual totals.
    pub currency: Currency,
    /// This installation.
    pub device: DeviceId,
    /// The generation of each lane's lease, as the relay said; 1 for a lane that is not named.
    pub generations: BTreeMap<LaneId, u32>,
    /// The agent's version.
    pub version: Version,
    /// SHA-256 of the configuration in force.
    pub config: Digest,
    /// The operating system's boot.
    pub boot: BootId,
}

/// A lane's open segment as of the last commit.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) lane: LaneId,
    /// Local number, given with the first record.
    pub(crate) no: Option<i64>,
    pub(crate) head: Head,
    pub(crate) attachments: u64,
    pub(crate) days: Days,
    header: Arc<[u8]>,
    totals: Tally,
    totalled: u64,
}

impl Lane {
    /// Reads where the lane ended on disk and prepares the header of a segment that goes on from there. Nothing is
    /// written yet.
    pub(crate) fn begin(
        db: &Connection,
        origin: &Origin,
        lane: &LaneId,
        clock: &Clock,
        stamp: Stamp,
    ) -> anyhow::Result<Self> {
        let end = End::read(db, lane, origin.currency)?;
        let segment = SegmentId(clock.fresh());
        let header = SegmentHeader {
            tenant: origin.tenant.clone(),
            store: origin.store.clone(),
            lane: lane.clone(),
            device: origin.device.clone(),
            generation: origin.generations.get(lane).copied().unwrap_or(1),
            segment,
            version: origin.version.clone(),
            config: origin.config,
            boot: origin.boot,
            stamp,
            predecessor: end.predecessor,
            grand_total: Some(end.totals.clone()),
        };
        let header = encode_header(&header).context("cannot encode a segment header")?;
        Ok(Self {
            lane: lane.clone(),
            no: None,
            head: Head::of_header(segment, &header),
            attachments: 0,
            days: Days::default(),
            header: header.into(),
            totals: end.totals,
            totalled: 0,
        })
    }

    /// Writes one record, before its first the header. In memory only what the caller's transaction will commit.
    pub(crate) fn write(
        &mut self,
        (db, plans): (&Connection, &mut Plans<'_>),
        prepared: &Prepared,
    ) -> rusqlite::Result<(i64, RecordNumber)> {
        let no = match self.no {
            Some(no) => no,
            None => self.write_header(db)?,
        };
        let head = self.head.after(&prepared.body);
        plans.record.execute(params![
            row_id(no, head.number.0),
            head.hash.as_bytes(),
            prepared.body
        ])?;
        if let Some(attachment) = &prepared.attachment {
            self.attachments += 1;
            plans.attachment.execute(params![
                row_id(no, self.attachments),
                row_id(no, head.number.0),
                attachment.reference.digest.as_bytes(),
                attachment.reference.len,
                attachment.packed
            ])?;
        }
        self.head = head;
        if let Some(transaction) = prepared.transaction() {
            // Another currency cannot be added; capture refuses it long before.
            let _ = self.totals.add(transaction);
        }
        if head.number.0 - self.totalled >= TOTAL_EVERY {
            self.write_totals(db)?;
        }
        Ok((no, head.number))
    }

    fn write_header(&mut self, db: &Connection) -> rusqlite::Result<i64> {
        let sql =
            "INSERT INTO segments (id, lane, header, pruned, pruned_hash, totals) VALUES (?, ?, ?, 0, ?, ?)";
        db.prepare_cached(sql)?.execute(params![
            self.head.segment.as_bytes(),
            self.lane.as_str(),
            &*self.header,
            self.head.hash.as_bytes(),
            tally_text(&self.totals)
        ])?;
        let no = db.last_insert_rowid();
        self.no = Some(no);
        Ok(no)
    }

    /// Writes down the perpetual totals up to the newest record.
    pub(crate) fn write_totals(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let Some(no) = self.no.filter(|_| self.totalled < self.head.number.0) else {
            return Ok(());
        };
        self.totalled = self.head.number.0;
        db.prepare_cached("UPDATE segments SET totalled = ?, totals = ? WHERE no = ?")?
            .execute(params![
                i64::try_from(self.totalled).unwrap_or(i64::MAX),
                tally_text(&self.totals),
                no
            ])?;
        Ok(())
    }
}

/// Where a lane ended, as found on disk.
struct End {
    predecessor: Option<Predecessor>,
    totals: Tally,
}

impl End {
    fn read(db: &Connection, lane: &LaneId, currency: Currency) -> anyhow::Result<Self> {
        let sql = "SELECT no, id, pruned, pruned_hash, totalled, totals FROM segments WHERE lane = ? ORDER BY no DESC LIMIT 1";
        let found = db
            .query_row(sql, [lane.as_str()], |row| {
                let pruned = Head {
                    segment: segment_id(row, 1)?,
                    number: RecordNumber(row.get::<_, i64>(2)?.unsigned_abs()),
                    hash: digest(row, 3)?,
                };
                Ok((
                    row.get::<_, i64>(0)?,
                    pruned,
                    row.get::<_, i64>(4)?.unsigned_abs(),
                    row.get::<_, String>(5)?,
                ))
            })
            .optional()?;
        let Some((no, pruned, totalled, totals)) = found else {
            return Ok(Self {
                predecessor: None,
                totals: Tally::new(currency),
            });
        };
        let totals = serde_json::from_str(&totals).context("cannot read the lane's perpetual totals")?;
        let mut end = Self {
            predecessor: None,
            totals,
        };
        let head = end.replay(db, no, pruned, totalled)?;
        end.predecessor = Some(Predecessor {
            segment: head.segment,
            number: head.number,
            hash: head.hash,
        });
        Ok(end)
    }

    /// Adds up what the written totals have not seen, checking the chain on the way.
    fn replay(&mut self, db: &Connection, no: i64, pruned: Head, totalled: u64) -> anyhow::Result<Head> {
        let start = if totalled <= pruned.number.0 {
            pruned
        } else {
            let hash = db.query_row(
                "SELECT hash FROM records WHERE id = ?",
                [row_id(no, totalled)],
                |row| digest(row, 0),
            );
            Head {
                number: RecordNumber(totalled),
                hash: hash.optional()?.unwrap_or(pruned.hash),
                ..pruned
            }
        };
        let mut verifier = Verifier::new(start);
        let mut rows =
            db.prepare("SELECT id, hash, body FROM records WHERE id > ? AND id < ? ORDER BY id")?;
        let mut rows = rows.query([row_id(no, start.number.0), row_id(no + 1, 0)])?;
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(2)?;
            let number = RecordNumber(row_number(row.get(0)?));
            if let Err(broken) = verifier.check(number, digest(row, 1)?, &body) {
                return newest_on_disk(db, no, pruned, &broken);
            }
            if let Ok(observation) = decode_observation(&body)
                && let Fact::Transaction(transaction) = observation.fact
            {
                let _ = self.totals.add(&transaction);
            }
        }
        Ok(verifier.head())
    }
}

/// A chain that does not hold is told and kept: the new segment names the newest record as it stands on the disk, and
/// `journal verify` and the relay show where the break is. Capture goes on.
fn newest_on_disk(db: &Connection, no: i64, pruned: Head, broken: &Broken) -> anyhow::Result<Head> {
    tracing::error!(%broken, "the journal's chain is broken; run `tillwire-agent journal verify`");
    let sql = "SELECT id, hash FROM records WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1";
    let newest = db
        .query_row(sql, [row_id(no, 0), row_id(no + 1, 0)], |row| {
            Ok((row_number(row.get(0)?), digest(row, 1)?))
        })
        .optional()?;
    Ok(newest.map_or(pruned, |(number, hash)| Head {
        number: RecordNumber(number),
        hash,
        ..pruned
    }))
}

fn tally_text(tally: &Tally) -> String {
    serde_json::to_string(tally).expect("a tally is plain data")
}
