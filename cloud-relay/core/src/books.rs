//! The books of a store-day: a ledger derived from its records ([`target`]), and postings, each the balanced
//! set of lines that takes one document of the day from what was posted to what the ledger says ([`postings`]). Nothing is
//! ever edited: a late sale, a resolved exception or a corrected mapping makes a further posting.
//!
//! Every line knows the records that it came from, and every ticket the lines that it went to.

mod document;
mod drawer;
mod forgotten;
mod held;
mod included;
mod ledger;
mod parts;
mod posting;
mod preview;
mod revision;
mod ticket;
mod trade;

pub use document::{Document, Partner};
pub use drawer::{DrawerTotals, over_short};
pub use ledger::{BooksError, Contribution, Ledger, LedgerLine, LineKey, TaxKey};
pub use parts::{Parts, parts};
pub use posting::{Posting, Provenance, Unbalanced};
pub use preview::{Counts, DayPreview, preview};
pub use revision::postings;
pub(crate) use revision::take_off;
pub use ticket::target;
pub(crate) use trade::card_brand;
