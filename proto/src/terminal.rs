//! A payment as the terminal tells it: the second witness of a card tender.

use serde::{Deserialize, Serialize};

use crate::card::CardFacts;
use crate::day::LocalTime;
use crate::ids::{RegisterId, StoreId, TerminalId};
use crate::money::Amount;
use crate::text::{Code, Note, Operator, TicketNumber};

/// What the POS asked the terminal to do. Only commands that move money make a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PaymentCommand {
    /// Take money.
    Sale,
    /// Give money back.
    Refund,
    /// Take an earlier payment back before settlement.
    Void,
    /// Take back a payment whose outcome is unknown.
    Reversal,
    /// Add a tip to an earlier payment.
    TipAdjust,
    /// Reserve money.
    PreAuth,
    /// Take reserved money.
    AuthCompletion,
    /// Let reserved money go.
    DeletePreAuth,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Approved in full.
    Approved,
    /// Approved for less than was asked.
    Partial,
    /// Refused by the issuer or gateway.
    Declined,
    /// Given up at the terminal or till.
    Cancelled,
    /// Failed for a technical reason.
    Error,
    /// Approved offline and stored in the terminal, to be forwarded later.
    Stored,
}

/// What the terminal answered to one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalPayment {
    /// Where.
    pub store: StoreId,
    /// The register that the terminal belongs to.
    pub register: RegisterId,
    /// Which terminal.
    pub terminal: TerminalId,
    /// What was asked.
    pub command: PaymentCommand,
    /// How it ended.
    pub outcome: Outcome,
    /// Asked for, where the request was seen.
    pub requested: Option<Amount>,
    /// Approved, zero when nothing was.
    pub approved: Amount,
    /// Of which tip.
    pub tip: Option<Amount>,
    /// Of which tax.
    pub tax: Option<Amount>,
    /// Of which cash back.
    pub cash_back: Option<Amount>,
    /// Of which surcharge.
    pub surcharge: Option<Amount>,
    /// The card.
    pub card: Option<CardFacts>,
    /// The invoice number that the POS sent along; usually the ticket number.
    pub invoice: Option<TicketNumber>,
    /// The POS's number of the request (UPA `requestId`).
    pub request: Option<Code>,
    /// The terminal's own number of the payment (UPA `tranNo`).
    pub terminal_number: Option<Code>,
    /// The terminal's batch.
    pub batch: Option<Code>,
    /// The terminal's number of an offline approval.
    pub offline_number: Option<Code>,
    /// Who was at the till.
    pub operator: Option<Operator>,
    /// The terminal's clock at its answer.
    pub at: Option<LocalTime>,
    /// The terminal's words about a failure.
    pub message: Option<Note>,
    /// What an EMV receipt prints.
    pub emv: Option<EmvReceipt>,
}

/// The chip data that a receipt prints (EMV Book 4); nothing else of the chip is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmvReceipt {
    /// Tag 4F or 9F06: application id, hexadecimal.
    pub application: Option<Code>,
    /// Tag 50: application label.
    pub label: Option<Code>,
    /// Tag 95: terminal verification results, hexadecimal.
    pub tvr: Option<Code>,
    /// Tag 9B: transaction status, hexadecimal.
    pub tsi: Option<Code>,
    /// Tag 9F26: cryptogram, hexadecimal.
    pub cryptogram: Option<Code>,
    /// Tag 9F34: cardholder verification, hexadecimal.
    pub verification: Option<Code>,
}
