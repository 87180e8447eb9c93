//! The other messages: hello both ways, receipts, wants, refusals, and attachments.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::day::Stamp;
use crate::ids::{Digest, LaneId, RecordNumber, RelayId, SegmentId};
use crate::text::{Note, Version};

/// Most segments in one hello; an agent with more sends several.
pub const HELLO_SEGMENTS_MAX: usize = 200;

/// Most bytes of a packed attachment in one message.
pub const CHUNK_LEN_MAX: usize = 48 * 1024;

/// Largest attachment, unpacked. Matches the largest request that a local source may send.
pub const ATTACHMENT_LEN_MAX: usize = 1024 * 1024;

/// Agent to relay on connect: what I have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHello {
    /// The agent's version.
    pub version: Version,
    /// The agent's clocks now.
    pub stamp: Stamp,
    /// Segments of which anything is kept, oldest first.
    pub segments: Vec<SegmentState>,
    /// True when a further hello follows.
    pub more: bool,
    /// How the agent is doing.
    pub health: AgentHealth,
}

/// One segment on the agent's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentState {
    /// Its lane.
    pub lane: LaneId,
    /// The segment.
    pub segment: SegmentId,
    /// Oldest record kept; one more than `last` when all were pruned.
    pub first_kept: RecordNumber,
    /// Newest record.
    pub last: RecordNumber,
    /// Chain hash of the newest record.
    pub hash: Digest,
}

/// What a fleet view shows of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHealth {
    /// Records not yet receipted.
    pub backlog: u64,
    /// Attachments not yet receipted.
    pub attachments: u64,
    /// Used part of the disk, in percent.
    pub disk_percent: u8,
    /// For how many more trading days the disk takes sales without the relay; `None` before a day's size is known.
    pub buffer_days: Option<u16>,
    /// When the device certificate ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub certificate_ends_ms: i64,
    /// In a word: `ok`, or the worst thing that is wrong.
    pub state: Note,
}

/// Relay to agent: what I have of the segments that you named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayHello {
    /// Which installation of the relay speaks.
    pub relay: RelayId,
    /// Raised when the relay's store is restored or taken over; an agent refuses a lower one than it has seen.
    pub generation: u32,
    /// The relay's wall clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// Marks for the segments of the agent's hello, in its order.
    pub marks: Vec<Mark>,
}

/// How far the relay holds a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The segment.
    pub segment: SegmentId,
    /// Everything from 1 to here is stored; 0 when nothing is.
    pub through: RecordNumber,
    /// Chain hash at `through`; `None` when nothing is stored.
    pub hash: Option<Digest>,
}

/// Relay to agent: records 1 to `through` of a segment are on the relay's stable storage. Cumulative: losing one is
/// harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which installation of the relay speaks.
    pub relay: RelayId,
    /// The relay's generation.
    pub generation: u32,
    /// The lane.
    pub lane: LaneId,
    /// The segment.
    pub segment: SegmentId,
    /// Everything up to here is safe.
    pub through: RecordNumber,
    /// Chain hash of that record; an agent believes a receipt only when it equals its own.
    pub hash: Digest,
    /// The relay's wall clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

/// Relay to agent: send this segment again from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The segment.
    pub segment: SegmentId,
    /// First record that is missing.
    pub from: RecordNumber,
}

/// Why the relay does not accept a message. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RefusalReason {
    /// The envelope or the body could not be read.
    Malformed,
    /// The signature does not belong to this device.
    Signature,
    /// The segment header names another device, tenant or lane than this device has.
    Identity,
    /// Same number, other hash: both versions are kept and a person looks.
    Fork,
    /// The chain does not fit what the relay holds.
    Chain,
    /// The relay cannot store now; wait and send again.
    Busy,
}

/// Relay to agent: not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The segment, where the message named one.
    pub segment: Option<SegmentId>,
    /// Why.
    pub reason: RefusalReason,
    /// In words.
    pub detail: Note,
    /// Wait this long before sending again, in milliseconds.
    pub retry_after_ms: u32,
}

/// Agent to relay: a piece of an attachment. Idempotent and resumable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentChunk {
    /// SHA-256 of the whole, unpacked.
    pub digest: Digest,
    /// Length of the whole, unpacked.
    pub len: u32,
    /// Length of the whole, packed with zstd.
    pub packed_len: u32,
    /// Where this piece starts in the packed bytes.
    pub offset: u32,
    /// The piece.
    pub bytes: Blob,
}

/// Relay to agent: how much of an attachment is on stable storage, or that a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentReceipt {
    /// Which attachment, or which bundle (`AttachmentBundle::name`).
    pub digest: Digest,
    /// Packed bytes held from the start; the next piece starts here.
    pub have: u32,
    /// True when the whole is there and its digest was checked; a bundle is stored whole or not at all.
    pub complete: bool,
}
