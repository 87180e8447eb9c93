//! A batch: contiguous records `[first ..= first + count - 1]` of one segment, self-contained, at most 64 KiB.
//!
//! Bodies travel packed: each as length (four bytes, most significant first) and bytes, one after the other, then
//! perhaps zstd. What was hashed are the bodies as they come out of the packing, byte for byte.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::chain;
use crate::ids::{Digest, RecordNumber, SegmentId};
use crate::packing::Packing;

/// Most bytes that a batch may unpack to; a batch that says more is refused before anything is allocated.
pub const UNPACKED_LEN_MAX: usize = 512 * 1024;

/// Most records in a batch.
pub const RECORDS_MAX: usize = 4096;

/// Largest body of one record, so that any record fits a batch alone.
pub const BODY_LEN_MAX: usize = 48 * 1024;

/// Records on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Their segment.
    pub segment: SegmentId,
    /// The segment header's bytes; always there when `first` is 1.
    pub header: Option<Blob>,
    /// Number of the first record.
    pub first: RecordNumber,
    /// How many.
    pub count: u32,
    /// Chain hash before the first record (`h_{first-1}`).
    pub previous: Digest,
    /// Chain hash of the last record.
    pub last: Digest,
    /// How `bodies` is packed.
    pub packing: Packing,
    /// Length of `bodies` when unpacked.
    pub unpacked_len: u32,
    /// The bodies.
    pub bodies: Blob,
}

/// Why a batch is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A limit.
    #[error("{what} is {found}, wanted {wanted}")]
    Limit {
        /// Which figure.
        what: &'static str,
        /// As found.
        found: u64,
        /// As allowed.
        wanted: String,
    },
    /// The packed bytes do not unpack.
    #[error("bodies do not unpack: {0}")]
    Unpack(String),
    /// The chain does not arrive at the hash that the batch names.
    #[error("chain of record {number} is {computed}, wanted {stated}")]
    Chain {
        /// Last record.
        number: RecordNumber,
        /// As stated in the batch.
        stated: Digest,
        /// As computed from the bodies.
        computed: Digest,
    },
    /// The header does not hash to the chain's start.
    #[error("segment header hashes to {computed}, wanted {stated}")]
    Header {
        /// `previous` of the batch.
        stated: Digest,
        /// As computed.
        computed: Digest,
    },
    /// The first batch of a segment came without its header.
    #[error("batch starts the segment but brings no header")]
    NoHeader,
}

/// A batch whose packing, limits and chain are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Record bodies, in order.
    pub bodies: Vec<Vec<u8>>,
    /// Their chain hashes, in order.
    pub hashes: Vec<Digest>,
}

impl Batch {
    /// Packs records. The caller sees to it that the result fits a message; [`Batch::bodies`]' length tells.
    ///
    /// # Panics
    /// When `bodies` is empty: a batch of nothing says nothing.
    #[must_use]
    pub fn pack(
        segment: SegmentId,
        header: Option<Vec<u8>>,
        first: RecordNumber,
        previous: Digest,
        bodies: &[impl AsRef<[u8]>],
    ) -> Self {
        assert!(!bodies.is_empty(), "a batch holds at least one record");
        let hashes = chain::run_hashes(segment, first, previous, bodies.iter().map(AsRef::as_ref));
        let last = hashes.last().unwrap_or(previous);
        let plain = join(bodies);
        let unpacked_len = u32::try_from(plain.len()).unwrap_or(u32::MAX);
        let (packing, packed) = Packing::ZstdFacts1.smallest(plain);
        let count = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
        let header = header.map(Blob);
        Self {
            segment,
            header,
            first,
            count,
            previous,
            last,
            packing,
            unpacked_len,
            bodies: Blob(packed),
        }
    }

    /// Number of the last record.
    #[must_use]
    pub fn last_number(&self) -> RecordNumber {
        RecordNumber(
            self.first
                .0
                .saturating_add(u64::from(self.count))
                .saturating_sub(1),
        )
    }

    /// Unpacks and checks limits, header and chain. Never panics on bytes.
    ///
    /// # Errors
    /// [`BatchError`] names the figure that is wrong.
    pub fn unpack(&self) -> Result<Run, BatchError> {
        let plain = self.plain()?;
        let bodies = split(&plain, self.count as usize)?;
        let hashes = self.chain(&bodies)?;
        let bodies = bodies.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Run { bodies, hashes })
    }

    /// Checks what [`Batch::unpack`] checks, and gives the chain hashes alone: who stores the batch as it came needs no body.
    ///
    /// # Errors
    /// As [`Batch::unpack`].
    pub fn hashes(&self) -> Result<Vec<Digest>, BatchError> {
        let plain = self.plain()?;
        self.chain(&split(&plain, self.count as usize)?)
    }

    /// The bodies' bytes, limits and header checked.
    fn plain(&self) -> Result<Vec<u8>, BatchError> {
        self.check_limits()?;
        self.check_header()?;
        self.packing
            .unpack(&self.bodies.0, self.unpacked_len as usize)
            .map_err(BatchError::Unpack)
    }

    /// The chain over the bodies, which must arrive at the hash that the batch names.
    fn chain(&self, bodies: &[&[u8]]) -> Result<Vec<Digest>, BatchError> {
        let bodies = bodies.iter().copied();
        let hashes: Vec<Digest> =
            chain::run_hashes(self.segment, self.first, self.previous, bodies).collect();
        let computed = hashes.last().copied().unwrap_or(self.previous);
        if computed != self.last {
            return Err(BatchError::Chain {
                number: self.last_number(),
                stated: self.last,
                computed,
            });
        }
        Ok(hashes)
    }

    fn check_limits(&self) -> Result<(), BatchError> {
        let limit = |what, found: u64, wanted: &str| BatchError::Limit {
            what,
            found,
            wanted: wanted.to_owned(),
        };
        if self.first.0 == 0 || self.first.0 > u64::MAX / 2 {
            return Err(limit("first record number", self.first.0, "1 to 2^63"));
        }
        if self.count == 0 || self.count as usize > RECORDS_MAX {
            return Err(limit("record count", self.count.into(), "1 to 4096"));
        }
        if self.unpacked_len as usize > UNPACKED_LEN_MAX {
            return Err(limit(
                "unpacked length",
                self.unpacked_len.into(),
                "at most 512 KiB",
            ));
        }
        Ok(())
    }

    fn check_header(&self) -> Result<(), BatchError> {
        let Some(header) = &self.header else {
            return if self.first.0 == 1 {
                Err(BatchError::NoHeader)
            } else {
                Ok(())
            };
        };
        let computed = chain::header_hash(&header.0);
        if self.first.0 == 1 && computed != self.previous {
            return Err(BatchError::Header {
                stated: self.previous,
                computed,
            });
        }
        Ok(())
    }
}

fn join(bodies: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bodies.iter().map(|b| b.as_ref().len() + 4).sum());
    for body in bodies {
        let body = body.as_ref();
        plain.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend(body);
    }
    plain
}

fn split(plain: &[u8], count: usize) -> Result<Vec<&[u8]>, BatchError> {
    let mut bodies = Vec::with_capacity(count);
    let mut rest = plain;
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        if len > BODY_LEN_MAX || len > after.len() || bodies.len() == count {
            return Err(BatchError::Unpack(format!(
                "body {} says {len} bytes",
                bodies.len() + 1
            )));
        }
        let (body, after) = after.split_at(len);
        bodies.push(body);
        rest = after;
    }
    if rest.is_empty() && bodies.len() == count {
        Ok(bodies)
    } else {
        Err(BatchError::Unpack(format!(
            "found {} bodies, wanted {count}",
            bodies.len()
        )))
    }
}
