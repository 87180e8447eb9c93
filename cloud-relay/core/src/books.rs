//! The books of a store-day: a ledger derived from its records ([`target`]), and postings, each the balanced
//! difference between what the ledger says and what was posted before ([`posting`]). Nothing is ever edited: a late
//! sale, a resolved exception or a corrected mapping makes a further posting with only the difference.
//!
//! Every line knows the records that it came from, and every ticket the lines that it went to.

mod drawer;
mod forgotten;
mod held;
mod included;
mod ledger;
mod parts;
mod posting;
mod ticket;
mod trade;

pub use drawer::{DrawerTotals, over_short};
pub use ledger::{BooksError, Contribution, Ledger, LedgerLine, LineKey, TaxKey};
pub use parts::{Parts, parts};
pub(crate) use posting::take_off;
pub use posting::{Posting, Provenance, Unbalanced, posting};
pub use ticket::target;
pub(crate) use trade::card_brand;
