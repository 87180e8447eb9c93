//! A bundle: whole attachments in one message, packed together. What tills say is alike, so that many are hardly larger than
//! a few, and one signature and one receipt are enough for all.
//!
//! No digest travels: the relay computes each from the bytes, and its receipt names what it computed. A sender that has
//! other digests on its disk does not believe it.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::ids::Digest;
use crate::packing::Packing;

/// Most attachments in a bundle.
pub const BUNDLED_MAX: usize = 256;

/// Most bytes that a bundle may unpack to: who looks at one attachment unpacks its bundle.
pub const BUNDLE_LEN_MAX: usize = 256 * 1024;

const DOMAIN: &[u8] = b"tillwire bundle v1";

/// Agent to relay: whole attachments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentBundle {
    /// Length of each, unpacked, in order.
    pub lens: Vec<u32>,
    /// How `packed` is packed.
    pub packing: Packing,
    /// Their bytes, one after the other.
    pub packed: Blob,
}

/// Why a bundle is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// None, or more than fit.
    #[error("a bundle of {0} attachments, wanted 1 to {BUNDLED_MAX}")]
    Count(usize),
    /// An attachment without bytes.
    #[error("attachment {0} of the bundle is empty, wanted bytes")]
    Empty(usize),
    /// More than a message may unpack to.
    #[error("a bundle of {0} bytes, wanted at most {BUNDLE_LEN_MAX}")]
    TooLong(u64),
    /// The packed bytes are not as long as their lengths say, or not packed.
    #[error("the bundle does not unpack: {0}")]
    Unpack(String),
}

/// A bundle whose lengths are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// All bytes, one attachment after the other.
    pub plain: Vec<u8>,
    /// Of each in order: its digest and where it lies in `plain`.
    pub parts: Vec<(Digest, std::ops::Range<usize>)>,
}

impl AttachmentBundle {
    /// Packs attachments. The caller sees to it that the result fits a message.
    #[must_use]
    pub fn pack(parts: &[impl AsRef<[u8]>]) -> Self {
        let mut plain = Vec::with_capacity(parts.iter().map(|part| part.as_ref().len()).sum());
        for part in parts {
            plain.extend_from_slice(part.as_ref());
        }
        let len = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX);
        let (packing, packed) = Packing::Zstd.smallest(plain);
        Self {
            lens: parts.iter().map(|part| len(part.as_ref())).collect(),
            packing,
            packed: Blob(packed),
        }
    }

    /// Unpacks, and computes the digest of each. Never panics on bytes; nothing is allocated before the limits are checked.
    ///
    /// # Errors
    /// [`BundleError`] names the figure that is wrong.
    pub fn unpack(&self) -> Result<Bundled, BundleError> {
        if self.lens.is_empty() || self.lens.len() > BUNDLED_MAX {
            return Err(BundleError::Count(self.lens.len()));
        }
        if let Some(empty) = self.lens.iter().position(|len| *len == 0) {
            return Err(BundleError::Empty(empty + 1));
        }
        let total: u64 = self.lens.iter().copied().map(u64::from).sum();
        let capacity = usize::try_from(total)
            .ok()
            .filter(|total| *total <= BUNDLE_LEN_MAX)
            .ok_or(BundleError::TooLong(total))?;
        let plain = self
            .packing
            .unpack(&self.packed.0, capacity)
            .map_err(BundleError::Unpack)?;
        let mut parts = Vec::with_capacity(self.lens.len());
        let mut start = 0;
        for len in &self.lens {
            let range = start..start + *len as usize;
            start = range.end;
            parts.push((Digest::of(&plain[range.clone()]), range));
        }
        Ok(Bundled { plain, parts })
    }

    /// What the receipt for a bundle of these attachments names.
    #[must_use]
    pub fn name(digests: impl IntoIterator<Item = Digest>) -> Digest {
        let mut named = DOMAIN.to_vec();
        for digest in digests {
            named.extend_from_slice(digest.as_bytes());
        }
        Digest::of(&named)
    }
}
