//! The journal.

mod handle;

pub use handle::{AppendError, Appending, Sink, Taken};
