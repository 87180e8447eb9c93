//! # The journal
//!
//! What the store's agent knows and has not yet proved to be elsewhere is here, on one disk that may lose power at
//! any moment. This text is the journal's contract; the rules in this module decide, the shell's module of the same
//! name does it with SQLite.
//!
//! ## Promises
//!
//! 1. A source that was told *taken* has its record on stable storage. A source that was told anything else, or
//!    nothing, may offer again, and the same ticket is journaled once.
//! 2. A record never changes and never moves. A correction is a further record.
//! 3. A record leaves the disk only when the relay has signed that it holds it, and not before its time.
//! 4. What is on the disk can be checked without trusting the program that wrote it: every record is hashed together
//!    with the one before it.
//!
//! ## Bytes
//!
//! One start of the agent writes one *segment* per lane. A segment begins with a header, which names where the lane's
//! previous segment ended *as found on disk*; its records are numbered from 1 without holes, and
//! `h_n = SHA-256(domain ‖ segment ‖ n ‖ h_{n-1} ‖ len ‖ body)`. Numbers of an earlier start are never continued:
//! whatever the disk lost or a restored image brought back, no number ever gets two contents. A record's body is an
//! encoded observation; the bytes it was understood from are kept compressed beside it.
//!
//! ## Write
//!
//! One thread writes. It takes up to 256 waiting appends into one transaction, and only after the commit with its
//! sync has returned does any of them hear *taken*. The number is given inside that transaction. A header is written
//! in the same transaction as its first record, so that a start which captures nothing leaves nothing.
//!
//! A ticket that is offered again with equal content is answered with the record it already has. With other content
//! under the same number it becomes revision n+1 ([`decide`]). A terminal's answer has no ticket number and is
//! never taken for a repetition. After a register's `DayClose`, and after each later transaction of that day,
//! [`close_record`] states what the journal holds of the day.
//!
//! ## Read
//!
//! The uplink reads runs of bodies by number, on a connection of its own; it never makes a writer wait. Nothing is
//! held in memory per record: a backlog of ten million costs what a backlog of ten does.
//!
//! ## Acknowledge
//!
//! A receipt counts when the relay's key signed it *and* its hash equals ours at that number. It is cumulative, so
//! that losing one is harmless; it is written to disk now and then, and always before anything is deleted for it.
//!
//! ## Delete
//!
//! Oldest first, and only what [`prunable`] names: receipted more than 90 days ago *by the relay's own clock*, or
//! receipted at all when the disk is above 85 %; the days that a close may still have to add up are spared until
//! sources would have to wait. The number
//! and hash at which the deletion stopped stay, and so does the chain from there.
//!
//! ## Crash
//!
//! Recovery believes the disk and nothing else. What a commit did not reach is not there and was never called taken.
//! An error of a sync or a read error of the disk ends the process (exit code 74): after a failed sync nobody knows
//! what the disk holds, and asking again would be told a lie; the next start reads what is really there.
//!
//! ## Full disk
//!
//! Above 95 % ([`Space`]: a large disk counts as one of 16 GiB), or when SQLite itself finds no room, the transaction is rolled back and sources hear *busy*
//! ([`Room`]). A reserve file, made at start, is given up then so that the journal can write down that the disk is
//! full and receipts can still be kept. When room is back, capture goes on by itself and the journal says that too.

mod captured;
mod chain;
mod close;
#[cfg(test)]
mod fixture;
mod retention;
mod ticket;

pub use captured::Captured;
pub use chain::{Broken, Head, Verifier};
pub use close::{DayRecord, close_due, close_record};
pub use retention::{Kept, Room, RoomChange, Space, buffer_days, prunable};
pub use ticket::{Content, Decision, Known, REGISTER_DAY_LEN, TicketKey, decide, register_day};
