//! Which Odoo is being played: the three major versions, and the few facts that depend on nothing else.

use std::fmt;

/// A major version of Odoo (community), as it answered in the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OdooVersion {
    V17,
    V18,
    V19,
}

impl OdooVersion {
    /// Every version the simulator plays, oldest first.
    pub const ALL: [Self; 3] = [Self::V17, Self::V18, Self::V19];

    /// The major number, as in `server_version_info[0]`.
    #[must_use]
    pub fn major(self) -> u64 {
        match self {
            Self::V17 => 17,
            Self::V18 => 18,
            Self::V19 => 19,
        }
    }

    /// What `server_version` says: a nightly build on 18, a plain tree elsewhere.
    #[must_use]
    pub fn server_version(self) -> &'static str {
        match self {
            Self::V17 => "17.0",
            Self::V18 => "18.0-20250506",
            Self::V19 => "19.0",
        }
    }

    /// `error.code` of a JSON-RPC error.
    #[must_use]
    pub fn error_code(self) -> i64 {
        if self == Self::V19 { 0 } else { 200 }
    }

    /// The last digit, which is how `fields.tsv` names a version.
    pub(crate) fn digit(self) -> char {
        match self {
            Self::V17 => '7',
            Self::V18 => '8',
            Self::V19 => '9',
        }
    }
}

impl fmt::Display for OdooVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.0", self.major())
    }
}
