#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod batch;
mod blob;
mod bundle;
mod card;
pub mod chain;
mod day;
mod decimal;
pub mod enrol;
mod envelope;
mod ids;
mod messages;
mod money;
mod packing;
pub mod pan;
mod printed;
mod quantity;
mod record;
mod report;
mod tally;
mod terminal;
mod text;
mod topic;
mod transaction;
mod verify;
pub mod version;

pub use batch::{BODY_LEN_MAX, Batch, BatchError, RECORDS_MAX, Run, UNPACKED_LEN_MAX};
pub use blob::Blob;
pub use bundle::{AttachmentBundle, BUNDLE_LEN_MAX, BUNDLED_MAX, BundleError, Bundled};
pub use card::{
    AuthCode, CardBrand, CardFacts, EntryMode, Last4, ProcessorReference, ReferenceError, TokenFingerprint,
};
pub use day::{BusinessDay, DayError, LocalTime, Stamp};
pub use envelope::{
    DOWN_LEN_MAX, Envelope, EnvelopeError, HEAD_LEN, Kind, SIGNATURE_LEN, Sign, UP_LEN_MAX, seal,
};
pub use ids::{
    BootId, DeviceId, Digest, LaneId, NAME_LEN_MAX, NameError, RecordNumber, RegisterId, RelayId, SegmentId,
    StoreId, TenantId, TerminalId,
};
pub use messages::{
    ATTACHMENT_LEN_MAX, AgentHealth, AgentHello, AttachmentChunk, AttachmentReceipt, CHUNK_LEN_MAX,
    HELLO_SEGMENTS_MAX, Mark, Receipt, Refusal, RefusalReason, RelayHello, SegmentState, Want,
};
pub use money::{Amount, Currency, MoneyError, Rounding};
pub use packing::Packing;
pub use printed::{Printed, PrintedAmount, PrintedLine, PrintedTax, PrintedTender};
pub use quantity::{QUANTITY_SCALE, Quantity, QuantityError, Rate, Unit};
pub use record::{
    AttachmentRef, CloseRecord, Fact, Notice, NoticeKind, Observation, Predecessor, SegmentHeader, Span,
    Unreadable, Witness,
};
pub use report::{ReportEntry, ReportKind, ReportState, Screen, ScreenState, TerminalReport};
pub use tally::{Tally, TenderTotal, is_trade};
pub use terminal::{EmvReceipt, Outcome, PaymentCommand, TerminalPayment};
pub use text::{
    Code, Description, Jurisdiction, Note, Operator, PosId, Sku, TextError, TicketNumber, Version,
};
pub use topic::{Direction, Topic, TopicError};
pub use transaction::{
    Body, BusinessKey, Change, Counted, Customer, Discount, DrawerMovement, Line, LineKind, OriginalTicket,
    Prices, TaxLine, Tender, TenderKind, TenderState, TillCount, Tip, Totals, Trade, Transaction,
    TransactionKind, Void,
};
pub use verify::Discrepancy;

use serde::Serialize;

/// More than nearly every record's body has.
const ROOM_LEN: usize = 2048;

/// Encodes an observation as a record's body.
///
/// # Errors
/// Only for a value that postcard cannot hold, which no observation is; kept as a result so that nothing panics.
pub fn encode_observation(observation: &Observation) -> Result<Vec<u8>, postcard::Error> {
    encode(observation)
}

/// Encodes into room that needs no growing, and copies once: most of an encoder's time is a growing vector's.
fn encode(value: &impl Serialize) -> Result<Vec<u8>, postcard::Error> {
    let mut room = [0; ROOM_LEN];
    match postcard::to_slice(value, &mut room) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(postcard::Error::SerializeBufferFull) => postcard::to_stdvec(value),
        Err(error) => Err(error),
    }
}

/// Encodes a transaction by itself: what tells whether two are the same.
///
/// # Errors
/// As [`encode_observation`].
pub fn encode_transaction(transaction: &Transaction) -> Result<Vec<u8>, postcard::Error> {
    encode(transaction)
}

/// Decodes a record's body. Bytes after the last known field are a newer minor version's and are left alone.
///
/// # Errors
/// The decoder's words; the caller keeps the bytes and raises an exception.
pub fn decode_observation(body: &[u8]) -> Result<Observation, postcard::Error> {
    postcard::take_from_bytes(body).map(|(observation, _rest)| observation)
}

/// Encodes a segment header, whose bytes the chain starts from.
///
/// # Errors
/// As [`encode_observation`].
pub fn encode_header(header: &SegmentHeader) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(header)
}

/// Decodes a segment header.
///
/// # Errors
/// The decoder's words.
pub fn decode_header(header: &[u8]) -> Result<SegmentHeader, postcard::Error> {
    postcard::take_from_bytes(header).map(|(header, _rest)| header)
}
