//! Counters of one endpoint's calls, for `/metrics` and for the day's budget of calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Live counters. Only ever grow; relaxed order, since nothing is decided by them.
#[derive(Debug, Default)]
pub struct Counters {
    calls: AtomicU64,
    no_answer: AtomicU64,
    error_status: AtomicU64,
    milliseconds: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// Requests sent, logins and version questions included.
    pub calls: u64,
    /// Of these, ended without a whole answer.
    pub no_answer: u64,
    /// Of these, answered with a status other than 2xx.
    pub error_status: u64,
    /// Time spent waiting for answers.
    pub milliseconds: u64,
    /// Bodies sent.
    pub sent_bytes: u64,
    /// Bodies received.
    pub received_bytes: u64,
}

impl Counters {
    pub(super) fn sent(&self, bytes: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, took: Duration, status: Option<u16>, bytes: usize) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        match status {
            None => {
                self.no_answer.fetch_add(1, Ordering::Relaxed);
            }
            Some(status) if !(200..300).contains(&status) => {
                self.error_status.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {}
        }
    }

    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> CallCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallCounts {
            calls: read(&self.calls),
            no_answer: read(&self.no_answer),
            error_status: read(&self.error_status),
            milliseconds: read(&self.milliseconds),
            sent_bytes: read(&self.sent_bytes),
            received_bytes: read(&self.received_bytes),
        }
    }
}
