//! The PAX dialect: what passes between a POS and a PAX terminal, as Heartland's public SDKs write and read it, over
//! TCP, over a serial line, and inside HTTP requests.
//!
//! Bytes become frames ([`Framer`]), frames become messages of fields and members, and request and answer together
//! become one [`TerminalPayment`](tillwire_proto::TerminalPayment), joined by the reference that the POS gives
//! ([`Exchange`]). Card data is replaced by its place in the message, for a PAX request may hold a keyed card number and
//! its answer names holder and expiry; then the tripwire looks at what is left. A sender that hears nothing sends the
//! same frame again, up to three times: the same answer is one payment.
//!
//! Credit, debit, EBT and gift redemptions are payments. Batch closes and uploads of the offline store are
//! [`TerminalReport`](tillwire_proto::TerminalReport)s. Loyalty, cash and checks move no card money and pass.

mod exchange;
mod frame;
mod message;
mod payment;
mod report;

pub use exchange::Exchange;
pub use frame::{FRAME_LEN_MAX, Framed, Framer};
