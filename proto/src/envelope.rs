//! The envelope around every message: magic, version, kind, body, signature.
//!
//! ```text
//! offset  size  field
//! 0       2     magic "TW"
//! 2       1     major version
//! 3       1     minor version
//! 4       1     kind (see [`Kind`]; numbers are never reused)
//! 5       n     body, postcard 1.x
//! 5 + n   64    signature over "tillwire envelope v1" ‖ bytes 0 .. 5 + n
//! ```
//!
//! Upwards the signature is ECDSA P-256 with SHA-256, fixed length (r ‖ s), by the device key; downwards it is
//! Ed25519 by the relay's receipt key. No broker in between has to be trusted.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::version;

/// Largest message upwards, in bytes.
pub const UP_LEN_MAX: usize = 64 * 1024;

/// Largest message downwards, in bytes.
pub const DOWN_LEN_MAX: usize = 16 * 1024;

/// Bytes before the body.
pub const HEAD_LEN: usize = 5;

/// Bytes of a signature, both kinds.
pub const SIGNATURE_LEN: usize = 64;

const MAGIC: [u8; 2] = *b"TW";
const DOMAIN: &[u8] = b"tillwire envelope v1";

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Up: records of one segment.
    Batch = 1,
    /// Up: a piece of an attachment.
    Attachment = 2,
    /// Up: what the agent has.
    AgentHello = 3,
    /// Up: whole attachments.
    AttachmentBundle = 4,
    /// Down: what the relay has.
    RelayHello = 129,
    /// Down: records are on the relay's stable storage.
    Receipt = 130,
    /// Down: send again from here.
    Want = 131,
    /// Down: how much of an attachment the relay has.
    AttachmentReceipt = 132,
    /// Down: a message was not accepted, and why.
    Refusal = 133,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Batch,
            2 => Self::Attachment,
            3 => Self::AgentHello,
            4 => Self::AttachmentBundle,
            129 => Self::RelayHello,
            130 => Self::Receipt,
            131 => Self::Want,
            132 => Self::AttachmentReceipt,
            133 => Self::Refusal,
            _ => return None,
        })
    }

    /// True for messages that a device sends.
    #[must_use]
    pub const fn is_up(self) -> bool {
        (self as u8) < 128
    }
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not enough bytes for head and signature.
    #[error("found {0} bytes, wanted at least {min}", min = HEAD_LEN + SIGNATURE_LEN)]
    TooShort(usize),
    /// Over the limit of its direction.
    #[error("found {found} bytes, wanted at most {wanted}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        wanted: usize,
    },
    /// Something else entirely.
    #[error("found first bytes {0:02x?}, wanted the letters TW")]
    Magic([u8; 2]),
    /// A major version that this program does not read.
    #[error("found protocol version {0}.{1}, wanted major version {min} to {max}; update this side", min = version::MAJOR_MIN, max = version::MAJOR)]
    Version(u8, u8),
    /// A kind that this program does not know.
    #[error("found message kind {0}, which this version does not know")]
    Kind(u8),
    /// A body that is not what its kind says.
    #[error("body of {kind:?} does not decode: {detail}")]
    Body {
        /// The kind.
        kind: Kind,
        /// The decoder's words.
        detail: String,
    },
    /// The key in question did not sign these bytes.
    #[error("signature does not verify with the key on file")]
    Signature,
}

/// Makes signatures. The shells hold the keys.
pub trait Sign {
    /// Signature over `message`, which already holds the domain.
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN];
}

/// A message taken apart, not yet believed: check the signature, then decode the body.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// What it is.
    pub kind: Kind,
    /// Minor version of the writer.
    pub minor: u8,
    /// The body's bytes.
    pub body: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes a message apart. `len_max` is [`UP_LEN_MAX`] or [`DOWN_LEN_MAX`]. Never panics on bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what was found and what was wanted.
    pub fn open(bytes: &'a [u8], len_max: usize) -> Result<Self, EnvelopeError> {
        if bytes.len() < HEAD_LEN + SIGNATURE_LEN {
            return Err(EnvelopeError::TooShort(bytes.len()));
        }
        if bytes.len() > len_max {
            return Err(EnvelopeError::TooLong {
                found: bytes.len(),
                wanted: len_max,
            });
        }
        let (signed, signature) = bytes.split_at(bytes.len() - SIGNATURE_LEN);
        let [m0, m1, major, minor, kind, body @ ..] = signed else {
            return Err(EnvelopeError::TooShort(bytes.len()));
        };
        if [*m0, *m1] != MAGIC {
            return Err(EnvelopeError::Magic([*m0, *m1]));
        }
        if !version::readable(*major) {
            return Err(EnvelopeError::Version(*major, *minor));
        }
        let kind = Kind::from_byte(*kind).ok_or(EnvelopeError::Kind(*kind))?;
        Ok(Self {
            kind,
            minor: *minor,
            body,
            signed,
            signature,
        })
    }

    /// Checks a device's signature. `public_key` is the uncompressed P-256 point (65 bytes, SEC 1).
    ///
    /// # Errors
    /// [`EnvelopeError::Signature`].
    pub fn verify_device(&self, public_key: &[u8]) -> Result<(), EnvelopeError> {
        self.verify(&ring::signature::ECDSA_P256_SHA256_FIXED, public_key)
    }

    /// Checks the relay's signature. `public_key` is the Ed25519 key (32 bytes).
    ///
    /// # Errors
    /// [`EnvelopeError::Signature`].
    pub fn verify_relay(&self, public_key: &[u8]) -> Result<(), EnvelopeError> {
        self.verify(&ring::signature::ED25519, public_key)
    }

    fn verify(
        &self,
        algorithm: &'static dyn ring::signature::VerificationAlgorithm,
        key: &[u8],
    ) -> Result<(), EnvelopeError> {
        ring::signature::UnparsedPublicKey::new(algorithm, key)
            .verify(&with_domain(self.signed), self.signature)
            .map_err(|_| EnvelopeError::Signature)
    }

    /// Decodes the body. Bytes after the last known field are tolerated only from a newer minor version.
    ///
    /// # Errors
    /// [`EnvelopeError::Body`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, EnvelopeError> {
        let wrong = |detail: String| EnvelopeError::Body {
            kind: self.kind,
            detail,
        };
        let (value, rest) = postcard::take_from_bytes::<T>(self.body).map_err(|e| wrong(e.to_string()))?;
        let newer = self.minor > version::MINOR;
        if !rest.is_empty() && !newer {
            return Err(wrong(format!("{} bytes follow the last field", rest.len())));
        }
        Ok(value)
    }
}

/// Encodes, signs and seals a message.
///
/// # Errors
/// [`EnvelopeError::TooLong`] when it is over the limit of its direction, [`EnvelopeError::Body`] when it cannot be
/// encoded.
pub fn seal<T: Serialize>(kind: Kind, body: &T, signer: &dyn Sign) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([version::MAJOR, version::MINOR, kind as u8]);
    let mut bytes = postcard::to_extend(body, bytes).map_err(|e| EnvelopeError::Body {
        kind,
        detail: e.to_string(),
    })?;
    let signature = signer.sign(&with_domain(&bytes));
    bytes.extend(signature);
    let wanted = if kind.is_up() { UP_LEN_MAX } else { DOWN_LEN_MAX };
    if bytes.len() > wanted {
        return Err(EnvelopeError::TooLong {
            found: bytes.len(),
            wanted,
        });
    }
    Ok(bytes)
}

fn with_domain(bytes: &[u8]) -> Vec<u8> {
    [DOMAIN, bytes].concat()
}
