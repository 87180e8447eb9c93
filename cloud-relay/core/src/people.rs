//! People at the pages: who may see and do what, and where. Money and machines are apart: who runs boxes sees no sales,
//! who reads sales shuts no box out, and who gives rights has neither by that.

mod scope;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tillwire_proto::{StoreId, TenantId};

pub use scope::Scope;
pub use words::{Login, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN, UnfitPassword, check_password};

use crate::exception::OwnerRole;

/// What somebody is to the retailer. A person may be several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks at sales.
    Viewer,
    /// Sales audit: makes days whole.
    Auditor,
    /// Keeps the books and what goes to which account.
    Accountant,
    /// Runs the boxes in the stores.
    StoreIt,
    /// Guards card data and who comes in.
    Security,
    /// Gives people their rights.
    Admin,
}

/// Something that not everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See sales: amounts, store-days, entries, stock, exceptions.
    Sales,
    /// See captured bytes.
    Bytes,
    /// See devices and how they are.
    Fleet,
    /// Invite, accept, refuse and shut out devices.
    Devices,
    /// Resolve exceptions and try again.
    Exceptions,
    /// Sign a held day, say that a store was closed, take signatures back.
    Sign,
    /// Change what goes to which account.
    Mapping,
    /// Read the audit log.
    Audit,
    /// Invite people, give and take their roles.
    People,
}

impl Role {
    /// Every role, in the order in which people read them.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Auditor,
        Self::Accountant,
        Self::StoreIt,
        Self::Security,
        Self::Admin,
    ];

    /// Lower-case word, as databases and command lines write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Accountant => "accountant",
            Self::StoreIt => "store-it",
            Self::Security => "security",
            Self::Admin => "admin",
        }
    }

    /// What it is for, in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Viewer => "sees sales and devices",
            Self::Auditor => "sees sales down to the bytes, works exceptions, signs days",
            Self::Accountant => {
                "sees sales down to the bytes, works exceptions, signs days, changes the mapping"
            }
            Self::StoreIt => "sees devices, accepts and shuts them out, works their exceptions; no sales",
            Self::Security => "sees devices, shuts them out, reads the audit log; no sales",
            Self::Admin => "invites people, gives roles, reads the audit log; no sales",
        }
    }

    /// What it may.
    #[must_use]
    pub const fn rights(self) -> &'static [Right] {
        use Right::{Audit, Bytes, Devices, Exceptions, Fleet, Mapping, People, Sales, Sign};
        match self {
            Self::Viewer => &[Sales, Fleet],
            Self::Auditor => &[Sales, Bytes, Fleet, Exceptions, Sign, Audit],
            Self::Accountant => &[Sales, Bytes, Exceptions, Sign, Mapping],
            Self::StoreIt => &[Fleet, Devices, Exceptions],
            Self::Security => &[Fleet, Devices, Exceptions, Audit],
            Self::Admin => &[Fleet, People, Audit],
        }
    }

    /// The desks whose exceptions it sees besides what [`Right::Sales`] shows.
    const fn desks(self) -> &'static [OwnerRole] {
        match self {
            Self::StoreIt => &[OwnerRole::Operations],
            Self::Security => &[OwnerRole::Security, OwnerRole::Operations],
            Self::Viewer | Self::Auditor | Self::Accountant | Self::Admin => &[],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found role {0:?}, wanted viewer, auditor, accountant, store-it, security or admin")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let known = Self::ALL.into_iter().find(|role| role.name() == text);
        known.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Somebody with a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What they sign in with, and what the log calls them.
    pub login: Login,
    /// What people call them.
    pub name: String,
    /// What they are.
    pub roles: BTreeSet<Role>,
    /// Where.
    pub scope: Scope,
}

impl Person {
    /// Whether any of their roles has this right. What concerns the relay as a whole takes somebody for all stores.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        if matches!(right, Right::Audit | Right::People) && self.scope != Scope::Everything {
            return false;
        }
        self.roles.iter().any(|role| role.rights().contains(&right))
    }

    /// Whether they have this right over this store.
    #[must_use]
    pub fn may_at(&self, right: Right, tenant: &TenantId, store: &StoreId) -> bool {
        self.may(right) && self.scope.covers(tenant, store)
    }

    /// Whether they have this right over this store, or over all stores where none is named.
    #[must_use]
    pub fn may_over(&self, right: Right, place: Option<(&TenantId, &StoreId)>) -> bool {
        match place {
            Some((tenant, store)) => self.may_at(right, tenant, store),
            None => self.may(right) && self.scope == Scope::Everything,
        }
    }

    /// What they see.
    #[must_use]
    pub fn sight(&self) -> Sight {
        let desks = if self.may(Right::Sales) {
            OwnerRole::ALL.into_iter().collect()
        } else {
            self.roles.iter().flat_map(|role| role.desks()).copied().collect()
        };
        Sight {
            scope: self.scope.clone(),
            sales: self.may(Right::Sales),
            bytes: self.may(Right::Bytes),
            desks,
        }
    }
}

/// What a page may show to whoever looks at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sight {
    /// Stores.
    pub scope: Scope,
    /// Amounts and what they are made of.
    pub sales: bool,
    /// Captured bytes.
    pub bytes: bool,
    /// Exceptions of these desks.
    pub desks: BTreeSet<OwnerRole>,
}

impl Sight {
    /// Of pages without a login: everything.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            scope: Scope::Everything,
            sales: true,
            bytes: true,
            desks: OwnerRole::ALL.into_iter().collect(),
        }
    }

    /// Whether a store is in sight.
    #[must_use]
    pub fn covers(&self, tenant: &TenantId, store: &StoreId) -> bool {
        self.scope.covers(tenant, store)
    }

    /// Whether a store's sales are in sight.
    #[must_use]
    pub fn sales_of(&self, tenant: &TenantId, store: &StoreId) -> bool {
        self.sales && self.covers(tenant, store)
    }
}

/// Why a person may not decide on what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The same person asked for it.
    #[error("you asked for this yourself; it needs a second person")]
    SamePerson,
    /// They lack the right, or it is not their store.
    #[error("your roles do not allow this for this store")]
    NoRight,
}

/// Four eyes: whether `second` may allow what `first` asked for.
///
/// # Errors
/// [`NotAllowed`].
pub fn second_pair_of_eyes(
    first: &Login,
    second: &Person,
    right: Right,
    place: Option<(&TenantId, &StoreId)>,
) -> Result<(), NotAllowed> {
    if *first == second.login {
        return Err(NotAllowed::SamePerson);
    }
    if second.may_over(right, place) {
        Ok(())
    } else {
        Err(NotAllowed::NoRight)
    }
}
