//! What is known about one store-day: every record that bears on it, grouped by what it is about. Grouping never
//! depends on the order in which records arrived, and never on a clock.

mod gather;
mod versions;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{
    BusinessDay, BusinessKey, CloseRecord, Digest, LaneId, Notice, Observation, OriginalTicket, Printed,
    RecordNumber, RegisterId, Screen, SegmentId, StoreId, TenantId, TerminalPayment, TerminalReport,
    TicketNumber, Transaction, TransactionKind, Unreadable, Witness,
};

use crate::exception::ExceptionDraft;
use crate::settlement::{Matched, SettlementLine};

pub use gather::home_day;
pub(crate) use gather::{Newest, void_day};
pub use versions::same_business;

/// A record's place: which segment, which number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordId {
    /// The segment.
    pub segment: SegmentId,
    /// The number in it.
    pub number: RecordNumber,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.segment, self.number)
    }
}

/// A stored record, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Where it stands.
    pub id: RecordId,
    /// Its chain hash.
    pub hash: Digest,
    /// The lane it came on.
    pub lane: LaneId,
    /// When the relay stored it, in milliseconds since 1970-01-01T00:00:00Z. A note.
    pub received_ms: i64,
    /// What it says.
    pub observation: Observation,
}

/// One witness's account of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The record.
    pub record: RecordId,
    /// Its lane.
    pub lane: LaneId,
    /// Whose account.
    pub witness: Witness,
    /// The box's wall clock at capture, in milliseconds; compared with nothing but the same box's clock.
    pub wall_ms: i64,
    /// When the relay stored it, in milliseconds since 1970-01-01T00:00:00Z. A note.
    pub received_ms: i64,
}

/// One content of a transaction, and everyone who told it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The content, as its best witness tells it.
    pub transaction: Transaction,
    /// Who told it, in order of records.
    pub sightings: Vec<Sighting>,
}

impl Version {
    /// Its records.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.sightings.iter().map(|sighting| sighting.record)
    }
}

/// All that is known under one business key. More than one version is a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The versions, the best witnessed first.
    pub versions: Vec<Version>,
}

/// A terminal's answer with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its record.
    pub record: RecordId,
    /// The box's wall clock at capture, in milliseconds.
    pub wall_ms: i64,
    /// When the relay stored it, in milliseconds since 1970-01-01T00:00:00Z.
    pub received_ms: i64,
    /// The business day it belongs to when no ticket claims it.
    pub home: BusinessDay,
    /// What the terminal said.
    pub payment: TerminalPayment,
}

/// A printed receipt with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Print {
    /// Its record.
    pub record: RecordId,
    /// The box's wall clock at capture, in milliseconds.
    pub wall_ms: i64,
    /// When the relay stored it, in milliseconds since 1970-01-01T00:00:00Z.
    pub received_ms: i64,
    /// The business day that its clock says.
    pub home: BusinessDay,
    /// What the paper says.
    pub printed: Printed,
}

/// A terminal's report with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Its record.
    pub record: RecordId,
    /// The business day that it was made on.
    pub home: BusinessDay,
    /// What the terminal said.
    pub report: TerminalReport,
}

/// What a till's screen showed, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its record.
    pub record: RecordId,
    /// The box's wall clock at capture, in milliseconds.
    pub wall_ms: i64,
    /// What it showed.
    pub screen: Screen,
}

/// A close record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Its record.
    pub record: RecordId,
    /// Its lane.
    pub lane: LaneId,
    /// What the agent said.
    pub close: CloseRecord,
}

/// Bytes that the agent could not read, with their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Their record.
    pub record: RecordId,
    /// What the agent said about them.
    pub unreadable: Unreadable,
}

/// A notice with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its record.
    pub record: RecordId,
    /// Its lane.
    pub lane: LaneId,
    /// What the agent said.
    pub notice: Notice,
}

/// How far the relay holds a segment and how far its agent says it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentProgress {
    /// Everything from 1 to here is stored.
    pub through: RecordNumber,
    /// The newest record that the agent's hello named, if it named one.
    pub announced: Option<RecordNumber>,
}

/// Everything that bears on one store-day. Made by [`DayFacts::gather`].
#[derive(Debug, Clone)]
pub struct DayFacts {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day.
    pub day: BusinessDay,
    /// The day's transactions.
    pub transactions: BTreeMap<BusinessKey, Known>,
    /// Transactions of other days that help to understand this one: what voids name, neighbours' tickets.
    pub others: BTreeMap<BusinessKey, Known>,
    /// Terminals' answers of this day and its neighbours.
    pub payments: Vec<Payment>,
    /// Receipts printed on this day and its neighbours.
    pub printed: Vec<Print>,
    /// Terminals' reports of this day and its neighbours.
    pub reports: Vec<Reported>,
    /// What screens showed on this day and its neighbours.
    pub screens: Vec<Shown>,
    /// The day's close records, all of them.
    pub closes: Vec<Close>,
    /// The day's records with a hash each, to compare spans with.
    pub hashes: BTreeMap<RecordId, Digest>,
    /// Bytes that could not be read.
    pub unread: Vec<Unread>,
    /// What agents had to say on this day.
    pub notices: Vec<Told>,
    /// The progress of the segments that hold this day's records; filled in by the caller.
    pub segments: BTreeMap<SegmentId, SegmentProgress>,
    /// Exceptions found elsewhere that bear on this day: forks, clones, undecodable records; filled in by the caller.
    pub alarms: Vec<ExceptionDraft>,
    /// What the processor reported of this day's card tenders; filled in by the caller.
    pub settlement: Vec<(SettlementLine, Matched)>,
}

/// A ticket of another day that this day's voids name. The caller looks it up and gathers again with what it found,
/// including other voids that name the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The register that the void was rung up at; POS systems number per register.
    pub register: RegisterId,
    /// What it names.
    pub original: OriginalTicket,
}

/// A business key without its revision: what two revisions share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKey {
    /// At which register.
    pub register: RegisterId,
    /// The day it is booked under.
    pub day: BusinessDay,
    /// The number on the ticket.
    pub ticket: TicketNumber,
    /// What happened.
    pub kind: TransactionKind,
}

impl From<&BusinessKey> for TicketKey {
    fn from(key: &BusinessKey) -> Self {
        Self {
            register: key.register.clone(),
            day: key.day,
            ticket: key.ticket.clone(),
            kind: key.kind,
        }
    }
}
