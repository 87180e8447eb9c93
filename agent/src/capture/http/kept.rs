//! The last bytes that were kept without becoming a transaction, by digest: pushed again they are the same record.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tillwire_proto::{Digest, Fact};

use crate::journal::Taken;

/// How many are remembered. A till repeats its last mistake, not its thousandth.
const KEPT_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<VecDeque<(Digest, Fact, Taken)>>);

impl Kept {
    /// The record that holds these bytes for the same reason.
    pub(super) fn find(&self, digest: &Digest, fact: &Fact) -> Option<Taken> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(other, why, _)| other == digest && why == fact);
        found.map(|(_, _, taken)| Taken {
            already: true,
            ..*taken
        })
    }

    pub(super) fn add(&self, digest: Digest, fact: Fact, taken: Taken) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((digest, fact, taken));
    }
}
