//! Laying the tables of versions over each other: a later row replaces an earlier one of the same key, and everything
//! that is not named stays as it was.

use std::collections::BTreeMap;

use tillwire_proto::{Currency, Jurisdiction, Rate, Sku};

use super::row::{AccountRow, Factor, ProductRow, Row, RowId, Scope, Target};
use super::{EXEMPT, Mapping};
use crate::settings::accounts::{AccountsDraft, ProductDraft, RowDraft};
use crate::settings::{AccountCode, SettingsError, code};

/// One table to lay over what is there.
pub(in crate::settings) struct Layer<'a> {
    /// The number of its version.
    pub version: u32,
    /// Whose it is.
    pub scope: Scope,
    /// What it says.
    pub rows: &'a AccountsDraft,
    /// The table's own path, for errors.
    pub path: String,
}

/// What may stand on a row beside its account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Tender,
    Tax,
    /// Income and expense.
    Result,
    /// Owned and owed.
    Balance,
}

impl Mapping {
    /// Lays tables over each other, the first at the bottom.
    pub(in crate::settings) fn build(version: u32, layers: &[Layer<'_>]) -> Result<Self, SettingsError> {
        let mut mapping = Self {
            version,
            rows: BTreeMap::new(),
        };
        for layer in layers {
            layer.lay(&mut mapping.rows)?;
        }
        let path = layers.last().map_or("", |layer| layer.path.as_str());
        for (key, wanted) in [
            ("tender.cash", "the account of cash"),
            ("revenue", "the account of revenue"),
        ] {
            if !mapping.rows.contains_key(key) {
                return Err(SettingsError::new(&format!("{path}.{key}"), "", wanted));
            }
        }
        Ok(mapping)
    }
}

impl Layer<'_> {
    fn lay(&self, rows: &mut BTreeMap<String, Row>) -> Result<(), SettingsError> {
        for key in &self.rows.remove {
            if rows.remove(key).is_none() {
                let wanted = "the key of a row that is there before this version, such as tender.card.visa";
                return Err(SettingsError::new(&format!("{}.remove", self.path), key, wanted));
            }
        }
        for (key, class, draft) in self.accounts() {
            let path = format!("{}.{key}", self.path);
            let key = canonical(&path, key)?;
            let target = Target::Account(account(&path, class, draft)?);
            rows.insert(key.clone(), self.row(key, target));
        }
        for (key, draft) in &self.rows.product {
            let path = format!("{}.product.{key}", self.path);
            let key = format!("product.{key}");
            let target = Target::Product(product(&path, &key, draft)?);
            rows.insert(key.clone(), self.row(key, target));
        }
        for (key, name) in [("analytic", &self.rows.analytic), (EXEMPT, &self.rows.tax_exempt)] {
            if let Some(name) = name {
                let target = Target::Name(code::name(&format!("{}.{key}", self.path), name)?);
                rows.insert(key.to_owned(), self.row(key.to_owned(), target));
            }
        }
        Ok(())
    }

    fn row(&self, key: String, target: Target) -> Row {
        let id = RowId {
            key,
            version: self.version,
            scope: self.scope,
        };
        Row { id, target }
    }

    /// Every row that points at an account, with its key.
    fn accounts(&self) -> Vec<(String, Class, &RowDraft)> {
        let rows = self.rows;
        let single = [
            ("revenue", Class::Result, &rows.revenue),
            ("returns", Class::Result, &rows.returns),
            ("shipping", Class::Result, &rows.shipping),
            ("fee", Class::Result, &rows.fee),
            ("gift_card", Class::Balance, &rows.gift_card),
            ("store_credit", Class::Balance, &rows.store_credit),
            ("tip", Class::Balance, &rows.tip),
            ("discount", Class::Result, &rows.discount),
            ("rounding", Class::Result, &rows.rounding),
            ("cash_over", Class::Result, &rows.cash_over),
            ("cash_short", Class::Result, &rows.cash_short),
            ("safe", Class::Balance, &rows.safe),
            ("suspense", Class::Balance, &rows.suspense),
            ("settlement.bank", Class::Balance, &rows.settlement.bank),
            ("settlement.fee", Class::Result, &rows.settlement.fee),
            (
                "settlement.chargeback",
                Class::Balance,
                &rows.settlement.chargeback,
            ),
            ("settlement.reserve", Class::Balance, &rows.settlement.reserve),
        ];
        let tables = [
            ("tender", Class::Tender, &rows.tender),
            ("tax", Class::Tax, &rows.tax),
            ("category", Class::Result, &rows.category),
            ("discount_reason", Class::Result, &rows.discount_reason),
            ("paid_in", Class::Result, &rows.paid_in),
            ("paid_out", Class::Result, &rows.paid_out),
        ];
        let single = single
            .into_iter()
            .filter_map(|(key, class, row)| Some((key.to_owned(), class, row.as_ref()?)));
        let tables = tables.into_iter().flat_map(|(table, class, rows)| {
            rows.iter()
                .map(move |(key, row)| (format!("{table}.{key}"), class, row))
        });
        let registers = rows.register.iter().flat_map(|(register, own)| {
            let own = [("cash_over", &own.cash_over), ("cash_short", &own.cash_short)];
            own.into_iter().filter_map(move |(key, row)| {
                Some((format!("register.{register}.{key}"), Class::Result, row.as_ref()?))
            })
        });
        single.chain(tables).chain(registers).collect()
    }
}

/// The key as it is looked up: a tax's rate without needless zeros.
fn canonical(path: &str, key: String) -> Result<String, SettingsError> {
    let Some(tax) = key.strip_prefix("tax.") else {
        return Ok(key);
    };
    let (name, rate) = match tax.rsplit_once('@').map(|(name, rate)| (name, Rate::parse(rate))) {
        Some((name, Ok(rate))) => (name, Some(rate)),
        Some((_, Err(_))) => {
            let wanted = "a jurisdiction, or jurisdiction@0.0825";
            return Err(SettingsError::new(path, tax, wanted));
        }
        None => (tax, None),
    };
    let jurisdiction = Jurisdiction::new(name)
        .map_err(|_| SettingsError::new(path, name, "a jurisdiction of at most 64 characters"))?;
    Ok(super::tax_key(&jurisdiction, rate))
}

fn account(path: &str, class: Class, draft: &RowDraft) -> Result<AccountRow, SettingsError> {
    let only = |key: &str, name: &Option<String>, on: Class, wanted: &str| {
        let path = format!("{path}.{key}");
        match name {
            Some(name) if class == on => code::name(&path, name).map(Some),
            Some(name) => Err(SettingsError::new(&path, name, wanted)),
            None => Ok(None),
        }
    };
    Ok(AccountRow {
        account: AccountCode::new(&draft.account).map_err(|error| error.under(path))?,
        odoo_tax: only(
            "odoo_tax",
            &draft.odoo_tax,
            Class::Tax,
            "no odoo_tax: only a tax has one",
        )?,
        journal: only(
            "journal",
            &draft.journal,
            Class::Tender,
            "no journal: only a tender has one",
        )?,
        analytic: only(
            "analytic",
            &draft.analytic,
            Class::Result,
            "no analytic account: only income and expense have one",
        )?,
        result: class == Class::Result,
    })
}

fn product(path: &str, key: &str, draft: &ProductDraft) -> Result<ProductRow, SettingsError> {
    let own = key.strip_prefix("product.").unwrap_or(key);
    let code = draft.code.as_deref().unwrap_or(own);
    let wanted = "an internal reference of at most 64 characters";
    let code = Sku::new(code).map_err(|_| SettingsError::new(path, code, wanted))?;
    let factor = match draft.factor.as_deref() {
        None => Factor::ONE,
        Some(text) => Factor::parse(text).ok_or_else(|| {
            let wanted = "a number more than zero such as 12 or 0.5";
            SettingsError::new(&format!("{path}.factor"), text, wanted)
        })?,
    };
    let category = draft
        .category
        .as_ref()
        .map(|category| code::name(&format!("{path}.category"), category))
        .transpose()?;
    Ok(ProductRow {
        code,
        factor,
        category,
    })
}

/// True of a key such as `tender.cash.CAD`.
pub(super) fn names_currency(key: &str) -> Option<Currency> {
    Currency::from_code(key.strip_prefix("tender.")?.rsplit_once('.')?.1).ok()
}
