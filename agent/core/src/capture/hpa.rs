//! The HPA dialect (HeartSIP): what passes between a POS and an HPA terminal, as Heartland's public SDKs write and read
//! it. Two bytes of length, then XML; no acknowledgement below it.
//!
//! Bytes become frames ([`Framer`]), frames become flat messages, and request and answer together become one
//! [`TerminalPayment`](tillwire_proto::TerminalPayment), joined by `RequestId` ([`Exchange`]). Holder, signature and
//! token are taken out by their element's name before the tripwire looks at what is left. Notifications are progress and
//! pass; ends of day, batch closes and the offline store become a
//! [`TerminalReport`](tillwire_proto::TerminalReport): that it was done or why not. Their tables are not read, for no
//! source says what their keys mean.

mod exchange;
mod frame;
mod message;
mod payment;

pub use exchange::Exchange;
pub use frame::{Framed, Framer};
