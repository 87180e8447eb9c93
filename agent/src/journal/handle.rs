//! The border between capture and journal: append, and know that it is durable.

use std::future::Future;
use std::pin::Pin;

use tillwire_agent_core::journal::Captured;
use tillwire_proto::{RecordNumber, SegmentId};

/// Where a captured fact now is on stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The segment.
    pub segment: SegmentId,
    /// The record.
    pub number: RecordNumber,
    /// True when the same ticket with the same content was there already; nothing new was written.
    pub already: bool,
}

/// Why a captured fact was not taken. Nothing of it is on disk then, and the source must not be told *taken*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is too full. Tell the source to wait and offer the same again.
    #[error("the journal's disk is full, the source must hold its data; free space on the disk")]
    Busy,
    /// The agent is stopping.
    #[error("the agent is stopping; offer the same again after its next start")]
    Stopped,
    /// Larger than any record or attachment may be; capture journals an `Unreadable` instead.
    #[error("{what} has {found} bytes, at most {wanted} are allowed")]
    TooLarge {
        /// `record` or `attachment`.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        wanted: usize,
    },
}

/// An append under way.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<Taken, AppendError>> + Send + 'a>>;

/// Takes captured facts. Done means: the commit, with its sync, has returned.
pub trait Sink: std::fmt::Debug + Send + Sync + 'static {
    /// Journals one fact. Order of commit is order of the calls on one lane.
    fn append(&self, captured: Captured) -> Appending<'_>;
}
