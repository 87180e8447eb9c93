//! Admission: may these records be stored? Looks at identity, limits, chain and duplicates, never inside a body:
//! bytes are stored first and understood later, so that a record nobody can read blocks nobody.

use std::collections::BTreeMap;

use tillwire_proto::{
    Batch, DeviceId, Digest, LaneId, Predecessor, RecordNumber, SegmentHeader, SegmentId, StoreId, TenantId,
    chain, decode_header,
};

/// What the relay holds of a segment, as far as a batch needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentKnown {
    /// The segment's lane.
    pub lane: LaneId,
    /// The device that writes it.
    pub device: DeviceId,
    /// Everything from 1 to here is stored.
    pub through: RecordNumber,
    /// Chain hash at `through`.
    pub head: Digest,
    /// Chain hashes of stored records from the batch's `first - 1` to its last, as far as stored. Number 0 is the
    /// header's hash.
    pub hashes: BTreeMap<RecordNumber, Digest>,
}

/// Who sends, as TLS and the relay's own tables say. Claims in the payload are compared with it and never believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    /// The retailer in the certificate.
    pub tenant: TenantId,
    /// The device in the certificate.
    pub device: DeviceId,
    /// The store that the device serves.
    pub store: StoreId,
    /// The lanes that are leased to it, each with the generation of the lease; empty when the device may open
    /// lanes of its own.
    pub lanes: BTreeMap<LaneId, u32>,
}

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Store the records from this index of the batch on; the ones before are stored already and equal.
    Store {
        /// Index of the first new record in the batch.
        from_index: usize,
        /// The segment's header, when this batch is the first of it.
        header: Option<Box<SegmentHeader>>,
    },
    /// Everything in it is stored already and equal: give a receipt again.
    AlreadyStored,
    /// It starts after what is stored: ask for the records from here.
    Want {
        /// First record that is missing.
        from: RecordNumber,
    },
    /// This number is stored with another hash: keep both, quarantine the lane, alarm.
    Fork {
        /// The first number that differs.
        number: RecordNumber,
    },
    /// It does not continue what is stored.
    ChainMismatch {
        /// The number whose hash was compared.
        number: RecordNumber,
        /// As stored.
        stored: Digest,
        /// As the batch says.
        stated: Digest,
    },
    /// The header is not this device's.
    Identity(IdentityError),
}

/// Why a segment header is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The header's bytes are not a header.
    #[error("segment header cannot be decoded: {0}")]
    Undecodable(String),
    /// A name in the header is not the one that the certificate or the relay's table has.
    #[error("segment header names {what} {found}, wanted {wanted}")]
    Other {
        /// Which name.
        what: &'static str,
        /// As in the header or the batch.
        found: String,
        /// As known here.
        wanted: String,
    },
    /// The lane is leased to another device.
    #[error("lane {lane} is not leased to this device; give it the lane, or mend the agent's configuration")]
    NotLeased {
        /// The lane.
        lane: LaneId,
    },
    /// The header claims a later lease than was given.
    #[error("lane {lane} has lease generation {found} in the header, wanted at most {wanted}")]
    Generation {
        /// The lane.
        lane: LaneId,
        /// As in the header.
        found: u32,
        /// As given.
        wanted: u32,
    },
}

/// Decides what to do with a batch whose own packing, limits and chain are right ([`Batch::hashes`], which are handed in).
///
/// An unknown segment must start with its header, and the header must be this device's.
#[must_use]
pub fn admit(
    known: Option<&SegmentKnown>,
    batch: &Batch,
    hashes: &[Digest],
    device: &DeviceFacts,
) -> Admission {
    match known {
        Some(known) if known.device != device.device => Admission::Identity(IdentityError::Other {
            what: "device",
            found: device.device.to_string(),
            wanted: known.device.to_string(),
        }),
        Some(known) => continue_segment(known, batch, hashes),
        None => open_segment(batch, device),
    }
}

fn open_segment(batch: &Batch, device: &DeviceFacts) -> Admission {
    let (RecordNumber(1), Some(bytes)) = (batch.first, &batch.header) else {
        return Admission::Want {
            from: RecordNumber(1),
        };
    };
    match check_header(&bytes.0, batch.segment, device) {
        Ok(header) => Admission::Store {
            from_index: 0,
            header: Some(Box::new(header)),
        },
        Err(error) => Admission::Identity(error),
    }
}

fn continue_segment(known: &SegmentKnown, batch: &Batch, hashes: &[Digest]) -> Admission {
    let next = known.through.next();
    if batch.first > next {
        return Admission::Want { from: next };
    }
    if let Some(fork) = first_difference(known, batch, hashes) {
        return fork;
    }
    if batch.last_number() <= known.through {
        return Admission::AlreadyStored;
    }
    let held = next.0 - batch.first.0;
    Admission::Store {
        from_index: usize::try_from(held).unwrap_or(usize::MAX),
        header: None,
    }
}

/// Compares the batch with what is stored: its predecessor first, then record by record.
fn first_difference(known: &SegmentKnown, batch: &Batch, hashes: &[Digest]) -> Option<Admission> {
    let stored_at = |number: RecordNumber| {
        if number == known.through {
            Some(known.head)
        } else {
            known.hashes.get(&number).copied()
        }
    };
    let before = RecordNumber(batch.first.0 - 1);
    if let Some(stored) = stored_at(before).filter(|stored| *stored != batch.previous) {
        let stated = batch.previous;
        return Some(Admission::ChainMismatch {
            number: before,
            stored,
            stated,
        });
    }
    let mut number = batch.first;
    for hash in hashes {
        if number > known.through {
            return None;
        }
        if stored_at(number).is_none_or(|stored| stored != *hash) {
            return Some(Admission::Fork { number });
        }
        number = number.next();
    }
    None
}

/// Checks that a segment header belongs to the device that sends it.
///
/// # Errors
/// [`IdentityError`] names what was found and what was wanted.
pub fn check_header(
    bytes: &[u8],
    segment: SegmentId,
    device: &DeviceFacts,
) -> Result<SegmentHeader, IdentityError> {
    let header = decode_header(bytes).map_err(|e| IdentityError::Undecodable(e.to_string()))?;
    let same = |what, found: String, wanted: String| {
        if found == wanted {
            Ok(())
        } else {
            Err(IdentityError::Other { what, found, wanted })
        }
    };
    same("tenant", header.tenant.to_string(), device.tenant.to_string())?;
    same("device", header.device.to_string(), device.device.to_string())?;
    same("store", header.store.to_string(), device.store.to_string())?;
    same("segment", header.segment.to_string(), segment.to_string())?;
    check_lease(&header, device)?;
    Ok(header)
}

fn check_lease(header: &SegmentHeader, device: &DeviceFacts) -> Result<(), IdentityError> {
    if device.lanes.is_empty() {
        return Ok(());
    }
    let lane = header.lane.clone();
    match device.lanes.get(&lane) {
        None => Err(IdentityError::NotLeased { lane }),
        Some(wanted) if header.generation > *wanted => Err(IdentityError::Generation {
            lane,
            found: header.generation,
            wanted: *wanted,
        }),
        Some(_) => Ok(()),
    }
}

/// The header's hash, which the chain starts from.
#[must_use]
pub fn header_hash(bytes: &[u8]) -> Digest {
    chain::header_hash(bytes)
}

/// A segment of a lane as the relay holds it, for the graph of predecessors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentNode {
    /// The segment.
    pub segment: SegmentId,
    /// What its header says it follows.
    pub predecessor: Option<Predecessor>,
    /// The newest record stored of it.
    pub through: RecordNumber,
    /// Chain hash there.
    pub head: Digest,
    /// True when it sent records after its sibling's header had arrived.
    pub still_speaks: bool,
}

/// What a new header tells about the lane's disk. Nothing is lost in any case; each is an alarm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lineage {
    /// It follows the end of the segment before it, or is the lane's first.
    InLine,
    /// It knows no predecessor though the lane has segments: a new or wiped disk.
    NewDisk,
    /// Its predecessor is not known here: its records have not arrived yet, or it is a foreign disk.
    UnknownPredecessor(SegmentId),
    /// It found less on disk than the relay holds: the disk lost records that are safe here.
    TailLost {
        /// The segment that lost its tail.
        segment: SegmentId,
        /// Newest record that the disk still had.
        found: RecordNumber,
        /// Newest record that is stored here.
        stored: RecordNumber,
    },
    /// Another segment follows the same predecessor, and it is silent: a disk went back to an older state.
    RolledBack(SegmentId),
    /// Another segment follows the same predecessor, and it still speaks: one disk in two boxes.
    Cloned(SegmentId),
}

/// Places a segment among the lane's other segments.
#[must_use]
pub fn lineage(new: &SegmentNode, others: &[SegmentNode]) -> Lineage {
    let others: Vec<&SegmentNode> = others.iter().filter(|o| o.segment != new.segment).collect();
    let Some(predecessor) = new.predecessor else {
        return if others.is_empty() {
            Lineage::InLine
        } else {
            Lineage::NewDisk
        };
    };
    let siblings = || {
        others
            .iter()
            .filter(|o| o.predecessor.is_some_and(|p| p.segment == predecessor.segment))
    };
    if let Some(twin) = siblings().find(|o| o.still_speaks) {
        return Lineage::Cloned(twin.segment);
    }
    if let Some(twin) = siblings().next() {
        return Lineage::RolledBack(twin.segment);
    }
    match others.iter().find(|o| o.segment == predecessor.segment) {
        None => Lineage::UnknownPredecessor(predecessor.segment),
        Some(before) if before.through > predecessor.number => Lineage::TailLost {
            segment: before.segment,
            found: predecessor.number,
            stored: before.through,
        },
        Some(_) => Lineage::InLine,
    }
}
