//! Names and numbers of things: one type each, so that a store can never stand where a register belongs.
//!
//! Names are chosen by people (tenant, store, register, lane) or made at enrolment (device). They travel in
//! MQTT topics and file names, so their alphabet is narrow: lower-case letters, digits, `-` and `_`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name, in bytes. Keeps every MQTT topic below the 256 bytes that the endpoint accepts.
pub const NAME_LEN_MAX: usize = 48;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {found:?} as {what}, wanted 1 to {NAME_LEN_MAX} characters of lower-case letters, digits, '-' and '_'"
)]
pub struct NameError {
    what: &'static str,
    found: String,
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks the alphabet and the length.
            ///
            /// # Errors
            /// [`NameError`] names what was found and what is allowed.
            pub fn new(text: &str) -> Result<Self, NameError> {
                if is_name(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(NameError { what: $what, found: text.chars().take(64).collect() })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($type), self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The retailer.
    TenantId, "tenant"
);
name!(
    /// One location, with its own time zone, currency, Odoo company and warehouse.
    StoreId, "store"
);
name!(
    /// One till position in a store.
    RegisterId, "register"
);
name!(
    /// One capture point in a store. Business identity: outlives any box.
    LaneId, "lane"
);
name!(
    /// One agent installation with one key pair.
    DeviceId, "device"
);
name!(
    /// One payment terminal, as the store's configuration names it.
    TerminalId, "terminal"
);

macro_rules! bytes_id {
    ($(#[$doc:meta])* $type:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub [u8; $len]);

        impl $type {
            /// Reads the lower-case hexadecimal form.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
                bytes.try_into().ok().map(Self)
            }

            /// Reads exactly the bytes, as a database returns them.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    Self::from_hex(&text).ok_or_else(|| {
                        serde::de::Error::custom(format!(
                            "found {text:?}, wanted {} hexadecimal digits",
                            2 * $len
                        ))
                    })
                } else {
                    <[u8; $len]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

bytes_id!(
    /// The records that one process start wrote on one lane: 128 random bits, made by the shell at start.
    SegmentId, 16
);
bytes_id!(
    /// One boot of the device's operating system (on Linux `/proc/sys/kernel/random/boot_id`).
    BootId, 16
);
bytes_id!(
    /// One installation of the relay's database; changes when the relay is set up anew.
    RelayId, 16
);
bytes_id!(
    /// A SHA-256 digest: of a record in its chain, of a header, of an attachment.
    Digest, 32
);

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Self(out)
    }
}

/// A record's number in its segment: dense from 1. Zero stands for the segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordNumber(pub u64);

impl RecordNumber {
    /// The header's place, before the first record.
    pub const HEADER: Self = Self(0);

    /// The number after this one.
    ///
    /// # Panics
    /// Only after 2^64 records, which no till reaches.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
