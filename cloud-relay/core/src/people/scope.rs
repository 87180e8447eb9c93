//! Which stores somebody has to do with.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tillwire_proto::{NameError, StoreId, TenantId};

/// Stores: all, those of some retailers, or single ones. Written `*`, or `acme, oak/s01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every store, also one that is added later.
    Everything,
    /// These; a part without a store means every store of that retailer.
    Of(BTreeSet<(TenantId, Option<StoreId>)>),
}

impl Scope {
    /// Whether this store belongs to it.
    #[must_use]
    pub fn covers(&self, tenant: &TenantId, store: &StoreId) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(parts) => {
                let of_tenant = parts.iter().filter(|(t, _)| t == tenant);
                of_tenant
                    .into_iter()
                    .any(|(_, s)| s.as_ref().is_none_or(|s| s == store))
            }
        }
    }

    /// Whether any store of this retailer belongs to it.
    #[must_use]
    pub fn touches(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(parts) => parts.iter().any(|(t, _)| t == tenant),
        }
    }

    /// Whether everything that the other covers belongs to this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Of(_), Self::Everything) => false,
            (Self::Of(own), Self::Of(parts)) => parts
                .iter()
                .all(|part| own.contains(part) || own.contains(&(part.0.clone(), None))),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Of(parts) => {
                for (i, (tenant, store)) in parts.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    match store {
                        Some(store) => write!(f, "{comma}{tenant}/{store}")?,
                        None => write!(f, "{comma}{tenant}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// It names nothing.
    #[error("found no store, wanted * for all, a retailer (acme) or a store (acme/s01), with commas between")]
    Nothing,
    /// A name is none.
    #[error("found {part:?}: {why}")]
    Name {
        /// The part.
        part: String,
        /// What is wrong with it.
        why: String,
    },
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let parts: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        if parts.is_empty() {
            return Err(ScopeError::Nothing);
        }
        if parts.contains(&"*") {
            return Ok(Self::Everything);
        }
        let parse = |part: &&str| -> Result<_, NameError> {
            Ok(match part.split_once('/') {
                Some((tenant, store)) => (TenantId::new(tenant)?, Some(StoreId::new(store)?)),
                None => (TenantId::new(part)?, None),
            })
        };
        let name = |part: &&str| {
            parse(part).map_err(|error| ScopeError::Name {
                part: (*part).to_owned(),
                why: error.to_string(),
            })
        };
        Ok(Self::Of(parts.iter().map(name).collect::<Result<_, _>>()?))
    }
}
