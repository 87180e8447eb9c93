//! Why the store did not do what it was asked.

use rusqlite::ErrorCode;

/// Why a write or a read failed. Errors of the disk never arrive here: they end the process (see [`super::writer`]).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the limit set for the database, is full. Nothing was stored; the sender keeps what it has.
    #[error(
        "the database cannot grow: the disk or its page limit is full; free some space, nothing is lost meanwhile"
    )]
    Full,
    /// The relay is stopping.
    #[error("the store is closed")]
    Closed,
    /// Another poster holds the company now; what this one wanted to write is void.
    #[error("lease {name} with fence {held} was taken over; stop and let the newer holder go on")]
    Fenced {
        /// Name of the lease.
        name: String,
        /// Fence of the one that came too late.
        held: u64,
    },
    /// What was asked does not fit what is stored; the words say why.
    #[error("{0}")]
    Refused(String),
    /// A statement failed for a reason that is our mistake.
    #[error("database statement failed: {0}")]
    Statement(rusqlite::Error),
    /// The disk failed under a write. Seen only by tests that replace the ending of the process.
    #[error("the disk failed under the database: {0}")]
    Disk(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Disk(error)
            }
            _ => Self::Statement(error),
        }
    }
}

impl StoreError {
    /// A refusal in words.
    pub(crate) fn refused(words: impl Into<String>) -> Self {
        Self::Refused(words.into())
    }
}
