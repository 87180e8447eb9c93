//! The lane that a cloud's tickets are records of. It goes the way of every device's: sealed with a key of its own, admitted,
//! chained and stored by ingest, so that no second way into the store exists.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tillwire_proto::{
    AttachmentChunk, AttachmentRef, Batch, Blob, BootId, CHUNK_LEN_MAX, DeviceId, Digest, Fact, Kind, LaneId,
    Observation, Predecessor, RecordNumber, SegmentHeader, SegmentId, Stamp, StoreId, TenantId, Version,
    Witness, chain, encode_header, encode_observation, seal,
};

use super::LANE;
use crate::endpoint::{DeviceRef, Verdict};
use crate::ingest::RelayIngest;
use crate::pki::CloudKey;
use crate::store::devices::{self, Local};
use crate::store::{Store, records};

/// A fact with its bytes.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// What was understood.
    pub(super) fact: Fact,
    /// The bytes, after the tripwire; empty when there are none.
    pub(super) raw: Vec<u8>,
    /// Pieces of card data that were replaced in them.
    pub(super) redacted: u32,
}

/// One store's lane.
pub(super) struct Lane {
    store: Store,
    ingest: Arc<RelayIngest>,
    key: Arc<CloudKey>,
    who: DeviceRef,
    header: Vec<u8>,
    segment: SegmentId,
    next: RecordNumber,
    previous: Digest,
}

impl Lane {
    /// Begins a segment, after whatever this lane's last one was.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the system gives no randomness.
    pub(super) async fn open(
        store: &Store,
        ingest: &Arc<RelayIngest>,
        key: &Arc<CloudKey>,
        tenant: &TenantId,
        at: &StoreId,
    ) -> Result<Self> {
        let device: DeviceId = format!("{LANE}-{at}")
            .parse()
            .context("a device's name from the store's")?;
        let local = Local {
            tenant: tenant.clone(),
            device: device.clone(),
            store: at.clone(),
            public_key: key.public_point(),
            fingerprint: key.fingerprint(),
        };
        let now_ms = store.clock().now_ms();
        store
            .write(move |unit| devices::ensure_local(unit, &local, now_ms))
            .await?;
        ingest.registry().refresh(store).await?;
        let lane: LaneId = LANE.parse()?;
        let (of, lane_of) = ((tenant.clone(), at.clone()), lane.clone());
        let last = store
            .read(move |db| records::of_lane(db, &of.0, &of.1, &lane_of))
            .await?;
        let last = last.last().filter(|row| row.through >= RecordNumber::HEADER);
        let predecessor = last.map(|row| Predecessor {
            segment: row.segment,
            number: row.through,
            hash: row.head,
        });
        let segment = SegmentId(random()?);
        let header = encode_header(&SegmentHeader {
            tenant: tenant.clone(),
            store: at.clone(),
            lane,
            device: device.clone(),
            generation: store.generation(),
            segment,
            version: Version::new(env!("CARGO_PKG_VERSION")).context("our own version")?,
            config: Digest([0; 32]),
            boot: BootId(random()?),
            stamp: stamp(store),
            predecessor,
            grand_total: None,
        })
        .context("write a segment's header")?;
        Ok(Self {
            store: store.clone(),
            ingest: Arc::clone(ingest),
            key: Arc::clone(key),
            who: DeviceRef {
                tenant: tenant.clone(),
                device,
            },
            segment,
            next: RecordNumber::HEADER.next(),
            previous: chain::header_hash(&header),
            header,
        })
    }

    /// Makes records of what was heard, bytes first; returns when they are stored.
    ///
    /// # Errors
    /// When the store did not take them; they may then be offered again, as the same or as others.
    pub(super) async fn append(&mut self, heard: &[Heard]) -> Result<()> {
        for one in heard {
            let mut attachment = None;
            if !one.raw.is_empty() {
                self.attach(&one.raw).await?;
                attachment = Some(AttachmentRef {
                    digest: Digest::of(&one.raw),
                    len: u32::try_from(one.raw.len()).context("a ticket of more than 4 GiB")?,
                });
            }
            let body = encode_observation(&Observation {
                witness: Witness::CloudPoll,
                stamp: stamp(&self.store),
                attachment,
                redacted: one.redacted,
                fact: one.fact.clone(),
            })
            .context("write a record")?;
            self.record(&body).await?;
        }
        Ok(())
    }

    async fn record(&mut self, body: &[u8]) -> Result<()> {
        let first = self.next == RecordNumber::HEADER.next();
        let header = first.then(|| self.header.clone());
        let batch = Batch::pack(self.segment, header, self.next, self.previous, &[body]);
        let message = seal(Kind::Batch, &batch, &*self.key).context("seal a record")?;
        if let Verdict::Refused(words) = self.ingest.take(&self.who, Bytes::from(message)).await {
            bail!(
                "{words}; was {} revoked, or is it the name of a box? take it in again, or take [[heartland]] out",
                self.who
            );
        }
        let segment = self.segment;
        let row = self.store.read(move |db| records::segment(db, segment)).await?;
        let held = row.is_some_and(|row| row.through == batch.last_number() && row.head == batch.last);
        ensure!(
            held,
            "the store did not take record {} of the cloud's lane",
            self.next
        );
        (self.next, self.previous) = (self.next.next(), batch.last);
        Ok(())
    }

    async fn attach(&self, raw: &[u8]) -> Result<()> {
        let packed = zstd::bulk::compress(raw, 3).context("pack a ticket's bytes")?;
        for (nth, piece) in packed.chunks(CHUNK_LEN_MAX).enumerate() {
            let chunk = AttachmentChunk {
                digest: Digest::of(raw),
                len: u32::try_from(raw.len())?,
                packed_len: u32::try_from(packed.len())?,
                offset: u32::try_from(nth * CHUNK_LEN_MAX)?,
                bytes: Blob(piece.to_vec()),
            };
            let message = seal(Kind::Attachment, &chunk, &*self.key).context("seal a ticket's bytes")?;
            if let Verdict::Refused(words) = self.ingest.take(&self.who, Bytes::from(message)).await {
                bail!("the bytes of a ticket were not taken: {words}");
            }
        }
        Ok(())
    }
}

fn stamp(store: &Store) -> Stamp {
    Stamp {
        wall_ms: store.clock().now_ms(),
        monotonic_ms: 0,
    }
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .ok()
        .context("the system gives no randomness")?;
    Ok(bytes)
}
