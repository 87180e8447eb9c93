//! One row of a mapping: what it points at, and which table of which version it stands in, so that every cent can name
//! the row that chose its account.

use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Quantity, QuantityError, Sku, Unit};

use crate::settings::AccountCode;

/// Which table of a version a row stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The table for all stores.
    All,
    /// The store's own table.
    Store,
}

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId {
    /// Its key, such as `tender.card.visa`.
    pub key: String,
    /// The number of its version.
    pub version: u32,
    /// In which table.
    pub scope: Scope,
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.scope {
            Scope::All => "",
            Scope::Store => " for this store",
        };
        write!(f, "{} of version {}{whose}", self.key, self.version)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Where it stands.
    pub id: RowId,
    /// What it points at.
    pub target: Target,
}

/// What a row points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// An account.
    Account(AccountRow),
    /// A product.
    Product(ProductRow),
    /// Something else that Odoo has by name: an analytic account, or the tax of goods without tax.
    Name(String),
}

/// An account, and what goes with it on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// Its code.
    pub account: AccountCode,
    /// The tax's name in Odoo.
    pub odoo_tax: Option<String>,
    /// Code of the journal that payments are registered in.
    pub journal: Option<String>,
    /// Its own analytic account.
    pub analytic: Option<String>,
    /// True of income and expense, which the store's analytic account is for; false of what is owned and owed.
    pub result: bool,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductRow {
    /// Its internal reference in Odoo.
    pub code: Sku,
    /// Units in Odoo for one at the till.
    pub factor: Factor,
    /// Its category.
    pub category: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(row) => {
                write!(f, "{}", row.account)?;
                for (what, name) in [
                    ("tax", &row.odoo_tax),
                    ("journal", &row.journal),
                    ("analytic", &row.analytic),
                ] {
                    if let Some(name) = name {
                        write!(f, ", {what} {name}")?;
                    }
                }
                Ok(())
            }
            Self::Product(row) => {
                write!(f, "{}", row.code)?;
                if row.factor != Factor::ONE {
                    write!(f, " times {}", row.factor)?;
                }
                row.category
                    .as_ref()
                    .map_or(Ok(()), |category| write!(f, ", category {category}"))
            }
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Units in Odoo for one at the till, exact to a millionth and more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Factor(i64);

impl Factor {
    /// As many there as here.
    pub const ONE: Self = Self(1_000_000);

    /// Reads a decimal number more than zero; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let millionths = Quantity::parse(text, Unit::Each).ok()?.millionths();
        (millionths > 0).then_some(Self(millionths))
    }

    /// A quantity of the till in Odoo's units. `Ok(None)` when that is not exact to a millionth.
    ///
    /// # Errors
    /// [`QuantityError::Overflow`] beyond 64 bits.
    pub fn times(self, quantity: Quantity) -> Result<Option<Quantity>, QuantityError> {
        let product = i128::from(quantity.millionths()) * i128::from(self.0);
        if product % 1_000_000 != 0 {
            return Ok(None);
        }
        let millionths = i64::try_from(product / 1_000_000).map_err(|_| QuantityError::Overflow)?;
        Ok(Some(Quantity::from_millionths(millionths, quantity.unit())))
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Quantity::from_millionths(self.0, Unit::Each).decimal())
    }
}
