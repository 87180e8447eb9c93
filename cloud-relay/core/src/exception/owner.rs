//! Whose desk an exception lands on.

use serde::{Deserialize, Serialize};

/// Whose desk it lands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerRole {
    /// The store's manager.
    Store,
    /// Sales audit and accounting.
    Finance,
    /// Who keeps items and mappings.
    Catalogue,
    /// Who runs boxes and servers.
    Operations,
    /// Who guards card data.
    Security,
}

impl OwnerRole {
    /// Every desk.
    pub const ALL: [Self; 5] = [
        Self::Store,
        Self::Finance,
        Self::Catalogue,
        Self::Operations,
        Self::Security,
    ];
}
