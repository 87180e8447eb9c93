//! The chain's two uses: going on from the newest record, and checking what is on disk from the oldest.

use tillwire_proto::{Digest, RecordNumber, SegmentId, chain};

/// The newest record of a segment; number 0 is its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The segment.
    pub segment: SegmentId,
    /// The record.
    pub number: RecordNumber,
    /// Its chain hash.
    pub hash: Digest,
}

impl Head {
    /// The head of a segment that has nothing but its header.
    #[must_use]
    pub fn of_header(segment: SegmentId, header: &[u8]) -> Self {
        Self {
            segment,
            number: RecordNumber::HEADER,
            hash: chain::header_hash(header),
        }
    }

    /// The head after one more body.
    #[must_use]
    pub fn after(self, body: &[u8]) -> Self {
        let number = self.number.next();
        let hash = chain::record_hash(self.segment, number, self.hash, body);
        Self {
            segment: self.segment,
            number,
            hash,
        }
    }
}

/// Where a chain on disk does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A number is missing or out of order.
    #[error("segment {segment}: found record {found}, wanted {wanted}")]
    Hole {
        /// The segment.
        segment: SegmentId,
        /// The number on disk.
        found: RecordNumber,
        /// The number that should follow.
        wanted: RecordNumber,
    },
    /// A body is not the one that was written.
    #[error("segment {segment}: record {number} hashes to {computed}, its stored hash is {stored}")]
    Changed {
        /// The segment.
        segment: SegmentId,
        /// The record.
        number: RecordNumber,
        /// From the body.
        computed: Digest,
        /// As stored.
        stored: Digest,
    },
}

/// Recomputes a segment's chain, record by record.
#[derive(Debug, Clone, Copy)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// Starts after `head`: the header, or the mark that pruning left.
    #[must_use]
    pub const fn new(head: Head) -> Self {
        Self { head }
    }

    /// Checks the next record.
    ///
    /// # Errors
    /// [`Broken`] names the first record that does not fit.
    pub fn check(&mut self, number: RecordNumber, stored: Digest, body: &[u8]) -> Result<(), Broken> {
        let segment = self.head.segment;
        let next = self.head.after(body);
        if number != next.number {
            return Err(Broken::Hole {
                segment,
                found: number,
                wanted: next.number,
            });
        }
        if stored != next.hash {
            return Err(Broken::Changed {
                segment,
                number,
                computed: next.hash,
                stored,
            });
        }
        self.head = next;
        Ok(())
    }

    /// The newest record checked so far.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(bodies: &[Vec<u8>]) -> (Head, Vec<(RecordNumber, Digest, Vec<u8>)>) {
        let start = Head::of_header(SegmentId([7; 16]), b"header");
        let mut head = start;
        let records = bodies
            .iter()
            .map(|body| {
                head = head.after(body);
                (head.number, head.hash, body.clone())
            })
            .collect();
        (start, records)
    }

    fn verify(start: Head, records: &[(RecordNumber, Digest, Vec<u8>)]) -> Result<Head, Broken> {
        let mut verifier = Verifier::new(start);
        for (number, hash, body) in records {
            verifier.check(*number, *hash, body)?;
        }
        Ok(verifier.head())
    }

    proptest! {
        #[test]
        fn every_change_of_a_written_chain_is_found(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 2..12),
            at in any::<prop::sample::Index>(),
            what in 0..3,
        ) {
            let (start, mut records) = records(&bodies);
            prop_assert_eq!(verify(start, &records).unwrap().number.0, bodies.len() as u64);
            let at = at.index(records.len() - 1);
            match what {
                0 => records[at].2[0] ^= 1,
                1 => { records.remove(at); }
                _ => records.swap(at, at + 1),
            }
            prop_assert!(verify(start, &records).is_err());
        }
    }
}
