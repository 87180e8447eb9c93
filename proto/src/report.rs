//! What a terminal says about payments that are over: its offline store, its batch, its end of day.

use serde::{Deserialize, Serialize};

use crate::card::CardFacts;
use crate::day::LocalTime;
use crate::ids::{RegisterId, StoreId, TerminalId};
use crate::money::Amount;
use crate::terminal::PaymentCommand;
use crate::text::{Code, Note, PosId, TicketNumber};

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReportKind {
    /// What stands in the terminal's offline store.
    Stored,
    /// What was sent on from the offline store.
    Forwarded,
    /// What a batch holds.
    Batch,
    /// A batch that was closed.
    EndOfDay,
}

/// What became of a payment that a report names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReportState {
    /// Approved offline, not yet sent on.
    Pending,
    /// Sent on and approved.
    Approved,
    /// Sent on and refused: the money will not come.
    Declined,
    /// Could not be sent on for a technical reason.
    Failed,
    /// Taken back.
    Voided,
    /// In the batch.
    InBatch,
}

/// A terminal's own report. Its entries are statements about payments, not payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalReport {
    /// Where.
    pub store: StoreId,
    /// The register that the terminal belongs to.
    pub register: RegisterId,
    /// Which terminal.
    pub terminal: TerminalId,
    /// Which report.
    pub kind: ReportKind,
    /// False when the terminal said that it could not do it.
    pub succeeded: bool,
    /// The terminal's batch.
    pub batch: Option<Code>,
    /// The terminal's clock.
    pub at: Option<LocalTime>,
    /// How many payments the terminal counts.
    pub count: Option<u32>,
    /// What they come to.
    pub total: Option<Amount>,
    /// The payments, where the report names them.
    pub entries: Vec<ReportEntry>,
    /// The terminal's words about a failure.
    pub message: Option<Note>,
}

/// One payment in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportEntry {
    /// What became of it.
    pub state: ReportState,
    /// What had been asked.
    pub command: Option<PaymentCommand>,
    /// What it comes to, tip included; absent where the report does not say.
    pub amount: Option<Amount>,
    /// Of which tip.
    pub tip: Option<Amount>,
    /// The card with the gateway's reference, where it has one by now.
    pub card: Option<CardFacts>,
    /// The invoice number that the POS sent along.
    pub invoice: Option<TicketNumber>,
    /// The terminal's own number of the payment.
    pub terminal_number: Option<Code>,
    /// The terminal's number of the offline approval.
    pub offline_number: Option<Code>,
    /// When it was paid.
    pub at: Option<LocalTime>,
}

/// What a till's screen shows, as the POS's own extension page tells it while a sale goes on. It is a hint which
/// ticket is meant, never a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// Where.
    pub store: StoreId,
    /// Which register.
    pub register: RegisterId,
    /// The POS's id of the ticket on the screen.
    pub pos_id: Option<PosId>,
    /// Its number, where it has one by now.
    pub ticket: Option<TicketNumber>,
    /// What the screen says of it.
    pub state: ScreenState,
    /// What it comes to at this moment.
    pub total: Option<Amount>,
    /// The till's clock.
    pub at: Option<LocalTime>,
}

/// What a screen says of its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScreenState {
    /// Being rung up or paid.
    Open,
    /// Paid.
    Completed,
    /// The page was left.
    Left,
}
