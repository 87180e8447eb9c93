//! The log of what people did: a chain in which each entry's hash covers the one before, so that an entry that was
//! changed, removed, added or moved afterwards is found ([`check`]).
//!
//! A chain alone does not tell when its newest end was cut off. For that somebody outside keeps a head: every export
//! carries one, signed, and a later log must still hold it.

use serde::{Deserialize, Serialize};
use tillwire_proto::Digest;

/// Sets these hashes apart from every other use of SHA-256 here.
const LABEL: &[u8] = b"tillwire audit log v1";

/// Sets the signature over a head apart from every other use of the relay's receipt key.
const HEAD_LABEL: &[u8] = b"tillwire audit head v1";

/// The hash before the first entry.
pub const START: Digest = Digest([0; 32]);

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number, from 1 without a gap.
    pub number: u64,
    /// When, in milliseconds since 1970 by the relay's clock.
    pub at_ms: i64,
    /// Who: a person's login, or the part of the relay that acts by itself.
    pub who: String,
    /// What kind of thing it was, in words.
    pub what: String,
    /// On what, and why.
    pub detail: String,
}

impl AuditEntry {
    /// SHA-256 over the label, the previous hash and every field, each text with its length before it.
    #[must_use]
    pub fn hash(&self, previous: Digest) -> Digest {
        let mut bytes = Vec::with_capacity(128 + self.detail.len());
        bytes.extend_from_slice(LABEL);
        bytes.extend_from_slice(&previous.0);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.at_ms.to_be_bytes());
        for text in [&self.who, &self.what, &self.detail] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Digest::of(&bytes)
    }
}

/// The newest end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last entry's number; zero for an empty log.
    pub number: u64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// Of a log without entries.
    pub const EMPTY: Self = Self {
        number: 0,
        hash: START,
    };

    /// What is signed when it leaves the relay.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        [HEAD_LABEL, &self.number.to_be_bytes(), &self.hash.0].concat()
    }
}

/// Where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, or one is there twice.
    #[error("found entry {found} after entry {after}, wanted {}: an entry was removed or put in", after + 1)]
    Number {
        /// The entry that was found.
        found: u64,
        /// The one before it.
        after: u64,
    },
    /// An entry does not have the hash that it was written with.
    #[error("entry {number} does not have its hash: it or one before it was changed")]
    Hash {
        /// The entry.
        number: u64,
    },
}

/// Follows a chain from an end that is trusted ([`Head::EMPTY`] for the beginning). Returns the new end.
///
/// # Errors
/// The first entry at which it does not hold.
pub fn check(from: Head, entries: impl IntoIterator<Item = (AuditEntry, Digest)>) -> Result<Head, Broken> {
    let mut head = from;
    for (entry, hash) in entries {
        if entry.number != head.number + 1 {
            return Err(Broken::Number {
                found: entry.number,
                after: head.number,
            });
        }
        if entry.hash(head.hash) != hash {
            return Err(Broken::Hash { number: entry.number });
        }
        head = Head {
            number: entry.number,
            hash,
        };
    }
    Ok(head)
}
