//! The journal's shell: SQLite, one writer thread, readers beside it.
//!
//! The contract is the text at the head of [`tillwire_agent_core::journal`]; the rules are decided there. Here is how
//! its bytes lie in one SQLite file (tables in `journal/open.rs`) and when they are synced: write-ahead log,
//! `synchronous=FULL`, one commit per group of at most 256 appends. The writer holds nothing per record in memory.
//!
//! It does not understand what it keeps beyond what closing a day needs, and it does not talk to the relay.

mod check;
mod days;
mod disk;
mod handle;
mod lane;
mod marks;
mod open;
mod plans;
mod prepare;
mod read;
mod work;
mod writer;

pub use check::{Report, Shown};
pub use disk::EXIT_IO;
pub use handle::{AppendError, Appending, Journal, Sink, Taken};
pub use lane::Origin;
pub use marks::Receipted;
pub use open::{OpenOptions, database, lock, make_folder};
pub use read::{Bodies, KeptAttachment, Reader, Segment};
pub use writer::Progress;
