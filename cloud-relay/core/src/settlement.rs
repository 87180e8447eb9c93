//! Settlement: what the processor says became of card payments, read from its reports, matched to the tenders that
//! the books put into clearing accounts, and booked per deposit so that clearing nets out, or says what is open.
//!
//! ```text
//! report ─ read ─▶ lines and deposits ─ match_lines ─▶ tender per line ─ deposit_target ─▶ entry of the deposit
//!                                                                     └ open_of ─▶ what clearing still holds, and why
//! ```
//!
//! A report is taken whole or not at all. Nothing of a card but brand and last four digits is kept of it.

mod clean;
mod csv;
mod deposit;
mod facts;
mod gp_api;
mod line;
mod matching;
mod open;
mod portico;
mod read;
mod tender;

pub use deposit::{Booked, DepositHeld, DepositPosting, deposit_posting};
pub use facts::facts_of_line;
pub use line::{Contradiction, Deposit, LineKind, LineSource, ProcessorId, Progress, SettlementLine, Stated};
pub use matching::{Matched, SettleRule, match_lines};
pub use open::{Open, OpenCause, open_of};
pub use read::{Read, Report, ReportError, read};
pub use tender::{CardTender, card_tenders};
