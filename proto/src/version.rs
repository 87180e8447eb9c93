//! Versions of the protocol and what a side may assume.
//!
//! A major version changes what is already there; the relay accepts its own and the two before it. A minor version
//! only adds fields at the end of a message's body: an older reader keeps the bytes that it does not know, because
//! hashes and signatures are over bytes as sent.

/// Major version written by this code.
pub const MAJOR: u8 = 1;

/// Minor version written by this code.
pub const MINOR: u8 = 0;

/// Oldest major version that this code reads.
pub const MAJOR_MIN: u8 = 1;

/// True when a message of that major version can be read.
#[must_use]
pub const fn readable(major: u8) -> bool {
    major >= MAJOR_MIN && major <= MAJOR
}
