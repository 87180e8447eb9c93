//! The UPA dialect: what passes between a POS and its payment terminal, as Heartland's public SDKs write and read it.
//!
//! Bytes become frames ([`Framer`]), frames become messages, and request and answer together become one
//! [`TerminalPayment`](tillwire_proto::TerminalPayment) ([`Exchange`]). Card data is replaced inside the framer: no
//! frame leaves it with any. The payment is told when the terminal's answer is seen, not when it says `READY`:
//! money has moved by then, whatever becomes of the line.
//!
//! Reports (`GetSAFReport`, `SendSAF`, `GetBatchDetails`), end of day and deletions from the offline store become a
//! [`TerminalReport`](tillwire_proto::TerminalReport). Everything else that moves no money passes and is forgotten.

mod exchange;
mod frame;
mod message;
mod payment;
mod report;

pub use exchange::Exchange;
pub use frame::{FRAME_LEN_MAX, Framed, Framer, Torn};
