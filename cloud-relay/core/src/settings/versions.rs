//! Versions of a mapping: each with the business day from which it holds, who wrote it and why. A version says only
//! what changes; its rows lie over those of the versions before it, and what it does not name stays. A day uses the
//! versions that are in force on it, whenever it is looked at.
//!
//! The `accounts` table of a store's own settings is version 1 and holds from the beginning. A mapping file adds to it,
//! or, where stores have no such table, has everything.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tillwire_proto::{BusinessDay, Currency, StoreId, TenantId};

use super::accounts::AccountsDraft;
use super::code::AccountCode;
use super::mapping::layer::Layer;
use super::{Mapping, Scope, SettingsError};

/// The number of the version that a store's own table is.
pub const OWN_TABLE: u32 = 1;

/// A mapping file as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingDraft {
    /// Its versions, in any order.
    #[serde(default, rename = "version")]
    pub versions: Vec<VersionDraft>,
}

/// One version as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionDraft {
    /// Its number, each once; 1 is the table in the stores' own settings where they have one.
    pub number: u32,
    /// The first business day that it holds for. Example: `"2026-11-01"`.
    pub effective: BusinessDay,
    /// Who wrote it.
    pub author: String,
    /// Why. Default: nothing.
    #[serde(default)]
    pub note: String,
    /// What it says for all stores.
    #[serde(default)]
    pub all: AccountsDraft,
    /// What it says for one store, by `TENANT/STORE`; lies over `all`.
    #[serde(default)]
    pub store: BTreeMap<String, AccountsDraft>,
}

/// What is known about a version beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Its number.
    pub number: u32,
    /// The first business day that it holds for; `None` from the beginning.
    pub effective: Option<BusinessDay>,
    /// Who wrote it.
    pub author: String,
    /// Why.
    pub note: String,
}

/// A store's mapping as one version leaves it.
#[derive(Debug, Clone)]
pub struct Version {
    /// Which version.
    pub info: VersionInfo,
    /// The rows that hold.
    pub mapping: Mapping,
}

/// All versions of one store's mapping, by the day from which they hold, then by number. At least one.
#[derive(Debug, Clone)]
pub struct Mappings {
    first: Version,
    later: Vec<Version>,
}

impl Mappings {
    /// The versions of a store from its own table and a mapping file.
    ///
    /// # Errors
    /// [`SettingsError`] under the key's path in the store's table (`odoo.accounts…`) or in the file (`version.N…`).
    pub(super) fn of(
        (tenant, store): (&TenantId, &StoreId),
        own: &AccountsDraft,
        file: Option<&MappingDraft>,
    ) -> Result<Self, SettingsError> {
        let name = format!("{tenant}/{store}");
        let mut versions: Vec<&VersionDraft> = file.iter().flat_map(|file| &file.versions).collect();
        versions.sort_by_key(|version| (version.effective, version.number));
        let mut layers = Vec::new();
        let mut all = Vec::new();
        // without any file the own table is checked even when it is empty, so that what it lacks is named
        if *own != AccountsDraft::default() || versions.is_empty() {
            layers.push(Layer {
                version: OWN_TABLE,
                scope: Scope::Store,
                rows: own,
                path: "odoo.accounts".to_owned(),
            });
            all.push(Version {
                info: VersionInfo {
                    number: OWN_TABLE,
                    effective: None,
                    author: "configuration".to_owned(),
                    note: "the accounts table of the store's own settings".to_owned(),
                },
                mapping: Mapping::build(OWN_TABLE, &layers)?,
            });
        }
        for version in versions {
            layers.extend(version.layers(&name));
            all.push(Version {
                info: version.info(),
                mapping: Mapping::build(version.number, &layers)?,
            });
        }
        let mut all = all.into_iter();
        let first = all
            .next()
            .ok_or_else(|| SettingsError::new("odoo.accounts", "", "a table of accounts"))?;
        Ok(Self {
            first,
            later: all.collect(),
        })
    }

    /// The version that holds on a business day. Before the first one holds, it is the first.
    #[must_use]
    pub fn on(&self, day: BusinessDay) -> &Version {
        let holds = |version: &&Version| version.info.effective.is_none_or(|from| from <= day);
        self.later.iter().rev().find(holds).unwrap_or(&self.first)
    }

    /// The one that holds last.
    #[must_use]
    pub fn newest(&self) -> &Version {
        self.later.last().unwrap_or(&self.first)
    }

    /// From which day on another set of versions books otherwise, if it ever does; `None` inside is from the beginning.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<Option<BusinessDay>> {
        let starts: BTreeSet<Option<BusinessDay>> = self
            .iter()
            .chain(other.iter())
            .map(|version| version.info.effective)
            .chain([None])
            .collect();
        let earliest = BusinessDay::from(jiff::civil::Date::MIN);
        starts.into_iter().find(|start| {
            let day = start.unwrap_or(earliest);
            self.on(day).mapping.digest() != other.on(day).mapping.digest()
        })
    }

    /// All of them, in the order in which they hold.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// Every account that a posting of any day may name, once, for preflight.
    #[must_use]
    pub fn accounts(&self) -> Vec<&AccountCode> {
        self.every(Mapping::accounts)
    }

    /// Every Odoo tax that a posting of any day may name, once.
    #[must_use]
    pub fn odoo_taxes(&self) -> Vec<&str> {
        self.every(Mapping::odoo_taxes)
    }

    /// Every journal that a payment of any day may be registered in, once.
    #[must_use]
    pub fn journals(&self) -> Vec<&str> {
        self.every(Mapping::journals)
    }

    /// Every analytic account that a posting of any day may name, once.
    #[must_use]
    pub fn analytics(&self) -> Vec<&str> {
        self.every(Mapping::analytics)
    }

    /// Every other currency that a tender of any day may be taken in, once.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        self.every(Mapping::currencies)
    }

    fn every<'a, T: Ord>(&'a self, of: impl Fn(&'a Mapping) -> Vec<T>) -> Vec<T> {
        let all: BTreeSet<T> = self.iter().flat_map(|version| of(&version.mapping)).collect();
        all.into_iter().collect()
    }
}

impl VersionDraft {
    fn info(&self) -> VersionInfo {
        VersionInfo {
            number: self.number,
            effective: Some(self.effective),
            author: self.author.clone(),
            note: self.note.clone(),
        }
    }

    fn layers(&self, store: &str) -> Vec<Layer<'_>> {
        let path = format!("version.{}", self.number);
        let all = Layer {
            version: self.number,
            scope: Scope::All,
            rows: &self.all,
            path: format!("{path}.all"),
        };
        let own = self.store.get(store).map(|rows| Layer {
            version: self.number,
            scope: Scope::Store,
            rows,
            path: format!("{path}.store.{store}"),
        });
        std::iter::once(all).chain(own).collect()
    }
}

impl MappingDraft {
    /// Checks what the file says about itself: numbers, authors and stores. Its rows are checked with each store's.
    ///
    /// # Errors
    /// The first [`SettingsError`], with the key's path in the file.
    pub(super) fn check<'a>(
        &self,
        stores: impl Iterator<Item = (&'a TenantId, &'a StoreId)>,
        own_tables: bool,
    ) -> Result<(), SettingsError> {
        let stores: BTreeSet<String> = stores
            .map(|(tenant, store)| format!("{tenant}/{store}"))
            .collect();
        let mut seen = BTreeSet::new();
        for version in &self.versions {
            let path = format!("version.{}", version.number);
            let wrong = |key: &str, found: &str, wanted: &str| {
                Err(SettingsError::new(&format!("{path}.{key}"), found, wanted))
            };
            let number = version.number.to_string();
            if own_tables && version.number <= OWN_TABLE {
                let wanted = "2 or more: version 1 is the accounts table of the stores' own settings";
                return wrong("number", &number, wanted);
            }
            if version.number == 0 || !seen.insert(version.number) {
                return wrong("number", &number, "a number of its own, from 1");
            }
            if version.author.trim().is_empty() {
                return wrong("author", &version.author, "who wrote this version");
            }
            if let Some(found) = version.store.keys().find(|store| !stores.contains(*store)) {
                let known: Vec<&str> = stores.iter().map(String::as_str).collect();
                return wrong(
                    &format!("store.{found}"),
                    found,
                    &format!("one of {}", known.join(", ")),
                );
            }
        }
        Ok(())
    }
}
