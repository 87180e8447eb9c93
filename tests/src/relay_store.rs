//! The relay's database as an auditor reads it: read-only, from the messages that devices signed, with nothing but the
//! published wire format. What the relay itself concluded from them is not looked at here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OpenFlags};
use tillwire_proto::{
    AttachmentBundle, Batch, BusinessDay, Digest, Envelope, Fact, Observation, RecordNumber, SegmentHeader,
    SegmentId, Transaction, UP_LEN_MAX, chain, decode_header, decode_observation,
};

/// Everything that a relay holds.
#[derive(Debug, Default)]
pub struct Held {
    /// By segment.
    pub segments: BTreeMap<SegmentId, Segment>,
}

/// One segment as held.
#[derive(Debug)]
pub struct Segment {
    /// Its header's bytes.
    pub header: Vec<u8>,
    /// The relay says that it holds everything from 1 to here.
    pub through: u64,
    /// The relay says that this is the chain's hash there.
    pub head: Digest,
    /// The records' bodies by number; the first version of each.
    pub bodies: BTreeMap<u64, Vec<u8>>,
    /// Numbers that came with two contents.
    pub doubled: Vec<u64>,
}

/// What the relay says about one store-day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRow {
    /// The store.
    pub store: String,
    /// The day.
    pub day: BusinessDay,
    /// Its state's word.
    pub state: String,
    /// Sales, returns and exchanges that count.
    pub trades: i64,
    /// Lines after discounts before tax, in cents.
    pub net: i64,
    /// Taxes, in cents.
    pub tax: i64,
    /// Postings so far.
    pub revision: i64,
}

/// An open exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its kind's word.
    pub kind: String,
    /// Its store.
    pub store: String,
    /// What it is about.
    pub cause: String,
    /// All of it, JSON.
    pub draft: String,
}

fn open(database: &Path) -> anyhow::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags);
    let db = db.with_context(|| format!("open the relay's database {}", database.display()))?;
    db.busy_timeout(std::time::Duration::from_secs(10))
        .context("set a timeout")?;
    Ok(db)
}

impl Held {
    /// Reads everything.
    ///
    /// # Errors
    /// When the database cannot be read, or a stored message cannot be taken apart.
    pub fn read(database: &Path) -> anyhow::Result<Self> {
        let db = open(database)?;
        let mut held = Self::default();
        let mut rows = db.prepare("SELECT segment, header, through, head FROM segments")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let id = SegmentId::from_slice(&row.get::<_, Vec<u8>>(0)?)
                .context("a segment id of another length")?;
            let through: i64 = row.get(2)?;
            let head = Digest::from_slice(&row.get::<_, Vec<u8>>(3)?).context("a hash of another length")?;
            let segment = Segment {
                header: row.get(1)?,
                through: u64::try_from(through).context("a negative record number")?,
                head,
                bodies: BTreeMap::new(),
                doubled: Vec::new(),
            };
            held.segments.insert(id, segment);
        }
        let mut rows = db.prepare("SELECT sealed FROM batches ORDER BY id")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            held.add(&row.get::<_, Vec<u8>>(0)?)?;
        }
        Ok(held)
    }

    fn add(&mut self, sealed: &[u8]) -> anyhow::Result<()> {
        let envelope = Envelope::open(sealed, UP_LEN_MAX).context("open a stored message")?;
        let batch: Batch = envelope.decode().context("decode a stored batch")?;
        let run = batch.unpack().context("unpack a stored batch")?;
        let segment = self
            .segments
            .get_mut(&batch.segment)
            .context("a batch of an unknown segment")?;
        for (number, body) in (batch.first.0..).zip(run.bodies) {
            match segment.bodies.get(&number) {
                Some(known) if *known != body => segment.doubled.push(number),
                Some(_) => {}
                None => {
                    segment.bodies.insert(number, body);
                }
            }
        }
        Ok(())
    }

    /// Every observation that decodes, in order of segment and number.
    pub fn observations(&self) -> impl Iterator<Item = (SegmentId, u64, Observation)> {
        let of = |(id, segment): (&SegmentId, &Segment)| {
            let id = *id;
            let decoded = segment
                .bodies
                .iter()
                .filter_map(|(n, body)| Some((*n, decode_observation(body).ok()?)));
            decoded
                .map(move |(n, observation)| (id, n, observation))
                .collect::<Vec<_>>()
        };
        self.segments.iter().flat_map(of)
    }

    /// Every transaction of every witness.
    #[must_use]
    pub fn transactions(&self) -> Vec<Transaction> {
        let transaction = |(_, _, observation): (_, _, Observation)| match observation.fact {
            Fact::Transaction(transaction) => Some(*transaction),
            _ => None,
        };
        self.observations().filter_map(transaction).collect()
    }
}

/// Bytes of the messages that brought records, each as its device signed it.
///
/// # Errors
/// When the database cannot be read.
pub fn record_bytes(database: &Path) -> anyhow::Result<u64> {
    let sum: i64 = open(database)?.query_row(
        "SELECT coalesce(sum(length(sealed)), 0) FROM batches",
        [],
        |row| row.get(0),
    )?;
    u64::try_from(sum).context("a negative length")
}

/// The digest of everything captured that can be read back: each computed from the bytes.
///
/// # Errors
/// When the database cannot be read, or what it keeps cannot be unpacked.
pub fn captured(database: &Path) -> anyhow::Result<BTreeSet<Digest>> {
    let db = open(database)?;
    let mut found = BTreeSet::new();
    let mut rows = db.prepare("SELECT sealed FROM attachment_bundles")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(0)?;
        let bundle: AttachmentBundle = Envelope::open(&sealed, UP_LEN_MAX)?.decode()?;
        found.extend(bundle.unpack()?.parts.into_iter().map(|(digest, _)| digest));
    }
    let mut rows = db.prepare("SELECT len, packed FROM attachments")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let plain = zstd::bulk::decompress(&row.get::<_, Vec<u8>>(1)?, row.get(0)?)?;
        found.insert(Digest::of(&plain));
    }
    Ok(found)
}

impl Segment {
    /// Its header, decoded.
    ///
    /// # Errors
    /// When it does not decode.
    pub fn read_header(&self) -> anyhow::Result<SegmentHeader> {
        decode_header(&self.header).context("decode a segment header")
    }

    /// Computes the chain anew.
    ///
    /// # Errors
    /// At the first number that is missing, and when the hash is not the one that the relay holds.
    pub fn verify(&self, id: SegmentId) -> anyhow::Result<()> {
        let start = chain::header_hash(&self.header);
        for (expected, number) in (1..=self.through).zip(self.bodies.keys()) {
            ensure!(expected == *number, "segment {id}: record {expected} is missing");
        }
        let found = self.bodies.len() as u64;
        ensure!(
            found == self.through,
            "segment {id}: found {found} records, wanted {}",
            self.through
        );
        ensure!(
            self.doubled.is_empty(),
            "segment {id}: records {:?} have two contents",
            self.doubled
        );
        let bodies = self.bodies.values().map(Vec::as_slice);
        let last = chain::run_hashes(id, RecordNumber(1), start, bodies)
            .last()
            .unwrap_or(start);
        ensure!(
            last == self.head,
            "segment {id}: the chain arrives at {last}, the relay holds {}",
            self.head
        );
        Ok(())
    }
}

/// What the relay says about its days.
///
/// # Errors
/// When the database cannot be read.
pub fn days(database: &Path) -> anyhow::Result<Vec<DayRow>> {
    let db = open(database)?;
    let query = "SELECT store, day, state, trades, net_minor, tax_minor, revision FROM store_days ORDER BY store, day";
    let mut rows = db.prepare(query)?;
    let rows = rows.query_map([], |row| {
        Ok(DayRow {
            store: row.get(0)?,
            day: BusinessDay::from_days(row.get(1)?).unwrap_or(jiff::civil::Date::MIN.into()),
            state: row.get(2)?,
            trades: row.get(3)?,
            net: row.get(4)?,
            tax: row.get(5)?,
            revision: row.get(6)?,
        })
    })?;
    rows.collect::<Result<_, _>>().context("read the days")
}

/// What waits for a person.
///
/// # Errors
/// When the database cannot be read.
pub fn open_exceptions(database: &Path) -> anyhow::Result<Vec<Open>> {
    let db = open(database)?;
    let query = "SELECT kind, store, cause, draft FROM exceptions WHERE resolved_ms IS NULL ORDER BY id";
    let mut rows = db.prepare(query)?;
    let rows = rows.query_map([], |row| {
        Ok(Open {
            kind: row.get(0)?,
            store: row.get(1)?,
            cause: row.get(2)?,
            draft: row.get(3)?,
        })
    })?;
    rows.collect::<Result<_, _>>().context("read the exceptions")
}

/// Whether an older copy of the database was ever put in place.
///
/// # Errors
/// When the database cannot be read.
pub fn was_restored(database: &Path) -> anyhow::Result<bool> {
    let db = open(database)?;
    let query = "SELECT count(*) FROM meta WHERE key = 'recovering'";
    let count: i64 = db
        .query_row(query, [], |row| row.get(0))
        .context("read the notes")?;
    Ok(count > 0)
}

/// How many effects are in each state.
///
/// # Errors
/// When the database cannot be read.
pub fn effects(database: &Path) -> anyhow::Result<BTreeMap<String, i64>> {
    let db = open(database)?;
    let mut rows = db.prepare("SELECT state, count(*) FROM effects GROUP BY state")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<_, _>>().context("read the effects")
}
