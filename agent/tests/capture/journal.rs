//! A journal in memory that can be told to misbehave.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tillwire_agent::journal::{AppendError, Appending, Sink, Taken};
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Fact, RecordNumber, SegmentId};

/// What the next appends do instead of succeeding.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// The disk is full.
    Busy,
    /// The process dies before the commit: the caller never hears of it.
    Never,
    /// Stopping.
    Stopped,
    /// Larger than a record may be.
    TooLarge,
}

/// Keeps captured facts with the moment of their commit.
#[derive(Debug, Default)]
pub struct Journal {
    records: Mutex<Vec<(Captured, Instant)>>,
    troubles: Mutex<VecDeque<Trouble>>,
    /// How long a commit takes.
    slow: Mutex<Duration>,
}

impl Journal {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn expect_trouble(&self, troubles: &[Trouble]) {
        self.troubles.lock().expect("no panic").extend(troubles);
    }

    pub fn be_slow(&self, slow: Duration) {
        *self.slow.lock().expect("no panic") = slow;
    }

    pub fn records(&self) -> Vec<Captured> {
        self.records
            .lock()
            .expect("no panic")
            .iter()
            .map(|(captured, _)| captured.clone())
            .collect()
    }

    pub fn commits(&self) -> Vec<Instant> {
        self.records
            .lock()
            .expect("no panic")
            .iter()
            .map(|(_, at)| *at)
            .collect()
    }

    /// Waits until so many facts are journaled.
    pub async fn wait_for(&self, count: usize) -> Vec<Captured> {
        for _ in 0..2000 {
            let records = self.records();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{count} facts were wanted, found {:#?}", self.records());
    }

    pub fn reasons(&self) -> Vec<String> {
        self.records().iter().filter_map(reason).collect()
    }
}

/// The reason of an unreadable fact.
pub fn reason(captured: &Captured) -> Option<String> {
    match &captured.fact {
        Fact::Unreadable(unreadable) => Some(unreadable.reason.to_string()),
        _ => None,
    }
}

impl Sink for Journal {
    fn append(&self, captured: Captured) -> Appending<'_> {
        Box::pin(async move {
            let trouble = self.troubles.lock().expect("no panic").pop_front();
            match trouble {
                Some(Trouble::Busy) => return Err(AppendError::Busy),
                Some(Trouble::Stopped) => return Err(AppendError::Stopped),
                Some(Trouble::TooLarge) => {
                    return Err(AppendError::TooLarge {
                        what: "record",
                        found: 2,
                        wanted: 1,
                    });
                }
                Some(Trouble::Never) => std::future::pending().await,
                None => {}
            }
            let slow = *self.slow.lock().expect("no panic");
            tokio::time::sleep(slow).await;
            let mut records = self.records.lock().expect("no panic");
            let before = records.iter().position(|(other, _)| other.fact == captured.fact);
            let already = before.filter(|_| matches!(captured.fact, Fact::Transaction(_)));
            if already.is_none() {
                records.push((captured, Instant::now()));
            }
            let number = RecordNumber(already.map_or(records.len(), |at| at + 1) as u64);
            Ok(Taken {
                segment: SegmentId([7; 16]),
                number,
                already: already.is_some(),
            })
        })
    }
}
