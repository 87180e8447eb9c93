//! Observation and record: what capture understood from bytes, and the same once journaled and numbered.

use serde::{Deserialize, Serialize};

use crate::day::{BusinessDay, Stamp};
use crate::ids::{BootId, DeviceId, Digest, LaneId, RecordNumber, RegisterId, SegmentId, StoreId, TenantId};
use crate::printed::Printed;
use crate::report::{Screen, TerminalReport};
use crate::tally::Tally;
use crate::terminal::TerminalPayment;
use crate::text::{Code, Note, Version};
use crate::transaction::Transaction;

/// Whose account a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Witness {
    /// The POS told us (HTTP push).
    PosPush,
    /// The payment terminal's line was tapped.
    Terminal,
    /// The receipt printer's line was tapped.
    Printer,
    /// A file in a watched folder.
    File,
    /// The POS's cloud was asked.
    CloudPoll,
    /// The agent itself: notices and closes.
    Agent,
}

/// One observation. Its bytes are a record's body; they are never changed and never deleted one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Whose account.
    pub witness: Witness,
    /// The box's clocks at capture.
    pub stamp: Stamp,
    /// The bytes it was understood from, after the tripwire.
    pub attachment: Option<AttachmentRef>,
    /// How many pieces of card data the tripwire replaced in those bytes.
    pub redacted: u32,
    /// What was understood.
    pub fact: Fact,
}

/// Where the captured bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttachmentRef {
    /// SHA-256 of the bytes as kept: after the tripwire, before compression.
    pub digest: Digest,
    /// Their length in bytes.
    pub len: u32,
}

/// What was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// Something happened at a register.
    Transaction(Box<Transaction>),
    /// A terminal answered.
    Terminal(Box<TerminalPayment>),
    /// Bytes that were not understood or not accepted; kept to be looked at and parsed again.
    Unreadable(Unreadable),
    /// Something about the agent that a person should know.
    Notice(Notice),
    /// The agent's account of a register's day, for the relay to compare with its own.
    Close(CloseRecord),
    /// A receipt went to the printer.
    Printed(Box<Printed>),
    /// A terminal reported what it holds.
    Report(Box<TerminalReport>),
    /// A till's screen told what it shows.
    Screen(Box<Screen>),
}

/// Bytes that did not become a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// A stable word for the cause: `malformed`, `oversized`, `does-not-add-up`, `wrong-currency` ...
    pub reason: Code,
    /// What was found and what was wanted.
    pub detail: Note,
    /// The register it came from, where that is known.
    pub register: Option<RegisterId>,
}

/// What the agent has to say about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// Card data was replaced in captured bytes.
    CardData,
    /// The disk is too full: sources were told busy.
    DiskFull,
    /// Capture goes on after a full disk.
    DiskFreed,
    /// The wall clock is far from the relay's or jumped.
    Clock,
    /// A source went silent or came back.
    Source,
    /// The journal found itself rolled back to an older state.
    RolledBack,
    /// Captured bytes on the disk are not what their digest says any more.
    Rotten,
}

/// A notice with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What about.
    pub kind: NoticeKind,
    /// In words, with figures.
    pub text: Note,
}

/// One register's day as the agent journaled it, on one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRecord {
    /// Where.
    pub store: StoreId,
    /// Which register.
    pub register: RegisterId,
    /// Which business day.
    pub day: BusinessDay,
    /// The records that hold this register's transactions of that day: per segment of this lane the first and the
    /// last number that count towards `tally`.
    pub spans: Vec<Span>,
    /// Counts and sums over those records.
    pub tally: Tally,
}

/// A stretch of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The segment.
    pub segment: SegmentId,
    /// First record of the day in it.
    pub first: RecordNumber,
    /// Last record of the day in it.
    pub last: RecordNumber,
    /// Chain hash of the last one.
    pub head: Digest,
}

/// The first thing a process start writes on a lane; its hash is the chain's `h_0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The lane.
    pub lane: LaneId,
    /// The device.
    pub device: DeviceId,
    /// Raised by the relay each time the lane is given to another device.
    pub generation: u32,
    /// This segment.
    pub segment: SegmentId,
    /// The agent's version.
    pub version: Version,
    /// SHA-256 of the configuration in force, so that a change shows.
    pub config: Digest,
    /// The boot it started in.
    pub boot: BootId,
    /// The clocks at start.
    pub stamp: Stamp,
    /// Where the lane's previous segment ended, as found on disk; `None` on a new disk.
    pub predecessor: Option<Predecessor>,
    /// Perpetual totals of the lane up to here; never reset.
    pub grand_total: Option<Tally>,
}

/// The end of an earlier segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// The segment.
    pub segment: SegmentId,
    /// Its last record.
    pub number: RecordNumber,
    /// Chain hash of that record.
    pub hash: Digest,
}
