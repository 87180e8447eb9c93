//! How bytes inside a message are packed.

use serde::{Deserialize, Serialize};

/// zstd level: 3 packs a till's records nearly as small as 19 and costs a Raspberry Pi microseconds.
const LEVEL: i32 = 3;

/// The shipped dictionary. Its bytes are part of the protocol: a new one gets a new [`Packing`].
const FACTS_1: &[u8] = include_bytes!("../dict/facts-1.dict");

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packing {
    /// As they are.
    Plain,
    /// zstd.
    Zstd,
    /// zstd with the dictionary `facts-1`.
    ZstdFacts1,
}

impl Packing {
    /// Packs; [`Packing::Plain`] where that is smaller. A failure of the compressor only costs bytes.
    pub(crate) fn smallest(self, plain: Vec<u8>) -> (Self, Vec<u8>) {
        let packed =
            zstd::bulk::Compressor::with_dictionary(LEVEL, self.dictionary()).and_then(|mut compressor| {
                compressor.include_contentsize(false)?;
                compressor.include_dictid(false)?;
                compressor.compress(&plain)
            });
        match packed {
            Ok(packed) if self != Self::Plain && packed.len() < plain.len() => (self, packed),
            _ => (Self::Plain, plain),
        }
    }

    /// Unpacks to exactly `len` bytes, or says in words why not. Never allocates more than that.
    pub(crate) fn unpack(self, packed: &[u8], len: usize) -> Result<Vec<u8>, String> {
        let plain = match self {
            Self::Plain => packed.to_vec(),
            Self::Zstd | Self::ZstdFacts1 => zstd::bulk::Decompressor::with_dictionary(self.dictionary())
                .and_then(|mut decompressor| decompressor.decompress(packed, len))
                .map_err(|error| error.to_string())?,
        };
        if plain.len() == len {
            Ok(plain)
        } else {
            Err(format!("found {} bytes, wanted {len}", plain.len()))
        }
    }

    const fn dictionary(self) -> &'static [u8] {
        match self {
            Self::Plain | Self::Zstd => &[],
            Self::ZstdFacts1 => FACTS_1,
        }
    }
}
