//! What was written, with the place of each value.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};
use toml::de::{DeTable, DeValue};

use crate::cloud::Account;
use crate::cloud::settings::{AccountDraft, Wrong};

use super::{ConfigError, FIELDS, Field, MappingFile};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// Every value as text, with where it came from. Not checked yet.
#[derive(Debug, Clone)]
pub struct Resolved {
    values: BTreeMap<&'static str, (Option<String>, Origin)>,
}

impl Resolved {
    pub(super) fn new(
        text: &str,
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut written = written(text, name)?;
        let values = FIELDS.iter().map(|field| {
            let default = || (field.default.map(str::to_owned), Origin::Default);
            let file = written.remove(field.key).map(|(value, line)| {
                (
                    Some(value),
                    Origin::File {
                        name: name.to_owned(),
                        line,
                    },
                )
            });
            let variable_name = field.variable();
            let over = variable(&variable_name).map(|value| (Some(value), Origin::Variable(variable_name)));
            (field.key, over.or(file).unwrap_or_else(default))
        });
        Ok(Self {
            values: values.collect(),
        })
    }

    /// Each field with its value and where that came from, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, Option<&str>, &Origin)> {
        FIELDS.iter().filter_map(|field| {
            let (value, origin) = self.values.get(field.key)?;
            Some((field, value.as_deref(), origin))
        })
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&str> {
        self.values.get(key)?.0.as_deref()
    }

    pub(super) fn list(&self, key: &'static str) -> Vec<String> {
        let text = self.text(key).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn parse<T: FromStr>(&self, key: &'static str, wanted: &str) -> Result<T, ConfigError> {
        self.text(key)
            .unwrap_or_default()
            .parse()
            .map_err(|_| self.wrong(key, wanted))
    }

    pub(super) fn number(&self, key: &'static str, min: usize, max: usize) -> Result<usize, ConfigError> {
        let wanted = format!("a whole number from {min} to {max}");
        let number: usize = self.parse(key, &wanted)?;
        if (min..=max).contains(&number) {
            Ok(number)
        } else {
            Err(self.wrong(key, &wanted))
        }
    }

    pub(super) fn seconds(&self, key: &'static str, min: usize, max: usize) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number(key, min, max)? as u64))
    }

    pub(super) fn wrong(&self, key: &'static str, wanted: &str) -> ConfigError {
        let origin = self
            .values
            .get(key)
            .map_or(Origin::Default, |(_, origin)| origin.clone());
        ConfigError::Value {
            place: origin.to_string(),
            key: key.to_owned(),
            found: self.text(key).unwrap_or_default().to_owned(),
            wanted: wanted.to_owned(),
        }
    }
}

/// Values of the file by key, with their lines.
fn written(text: &str, name: &str) -> Result<BTreeMap<String, (String, usize)>, ConfigError> {
    let table = DeTable::parse(text).map_err(|e| syntax(text, name, &e))?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let line = line(text, key.span().start);
        let top = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Array(_) if matches!(top, "store" | "heartland") => {}
            DeValue::Table(section) => {
                for (inner, value) in section {
                    let key = format!("{top}.{}", inner.get_ref());
                    take(
                        &mut values,
                        text,
                        name,
                        key,
                        value.get_ref(),
                        self::line(text, inner.span().start),
                    )?;
                }
            }
            value => take(&mut values, text, name, top.to_owned(), value, line)?,
        }
    }
    Ok(values)
}

fn take(
    values: &mut BTreeMap<String, (String, usize)>,
    text: &str,
    name: &str,
    key: String,
    value: &DeValue<'_>,
    line: usize,
) -> Result<(), ConfigError> {
    let place = format!("{name}:{line}");
    if !FIELDS.iter().any(|field| field.key == key) {
        let known: Vec<&str> = FIELDS.iter().map(|field| field.key).collect();
        let known = format!("{}, or a [[store]] or [[heartland]] table", known.join(", "));
        return Err(ConfigError::UnknownKey {
            place,
            found: key,
            known,
        });
    }
    let plain = match value {
        DeValue::String(value) => value.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Integer(value) => value.to_string(),
        _ => {
            let found = text
                .lines()
                .nth(line.saturating_sub(1))
                .unwrap_or_default()
                .trim()
                .to_owned();
            return Err(ConfigError::Value {
                place,
                key,
                found,
                wanted: "a text, a whole number, true or false".into(),
            });
        }
    };
    values.insert(key, (plain, line));
    Ok(())
}

#[derive(Deserialize)]
struct Stores {
    #[serde(default)]
    store: Vec<toml::Spanned<StoreDraft>>,
}

/// The `[[store]]` tables, checked, with the mapping file laid over them.
pub(super) fn stores(
    text: &str,
    name: &str,
    mapping: Option<&MappingFile>,
) -> Result<RelaySettings, ConfigError> {
    let stores: Stores = toml::from_str(text).map_err(|e| syntax(text, name, &e))?;
    let mut checked = Vec::with_capacity(stores.store.len());
    let wrong = |line: usize, error: tillwire_relay_core::settings::SettingsError| ConfigError::Value {
        place: format!("{name}:{line}"),
        key: format!("store.{}", error.key),
        found: error.found,
        wanted: error.wanted,
    };
    for draft in stores.store {
        let table = line(text, draft.span().start);
        let store = draft.get_ref().check_with(mapping.map(|mapping| &mapping.draft));
        checked.push(store.map_err(|error| match mapping {
            Some(mapping) if error.key.starts_with("version.") => mapping.wrong(error),
            _ => wrong(line_of_key(text, table, &error.key), error),
        })?);
    }
    let stores = RelaySettings::new(checked).map_err(|error| wrong(1, error))?;
    match mapping {
        Some(mapping) => stores
            .with_mapping(Some(&mapping.draft))
            .map_err(|error| mapping.wrong(error)),
        None => Ok(stores),
    }
}

#[derive(Deserialize)]
struct Accounts {
    #[serde(default)]
    heartland: Vec<toml::Spanned<AccountDraft>>,
}

/// The `[[heartland]]` tables, checked against the stores.
pub(super) fn accounts(text: &str, name: &str, stores: &RelaySettings) -> Result<Vec<Account>, ConfigError> {
    let accounts: Accounts = toml::from_str(text).map_err(|e| syntax(text, name, &e))?;
    let checked = accounts.heartland.iter().map(|draft| {
        draft
            .get_ref()
            .check(stores)
            .map_err(|Wrong(key, found, wanted)| {
                let table = line(text, draft.span().start);
                ConfigError::Value {
                    place: format!("{name}:{}", line_of_key(text, table, &key)),
                    key: format!("heartland.{key}"),
                    found,
                    wanted,
                }
            })
    });
    checked.collect()
}

/// The line of a store's key: the first after the table's start whose key is the last part of the path.
fn line_of_key(text: &str, table: usize, path: &str) -> usize {
    let last = path.rsplit('.').next().unwrap_or(path);
    let found = text
        .lines()
        .enumerate()
        .skip(table.saturating_sub(1))
        .find(|(_, line)| {
            line.split('=')
                .next()
                .is_some_and(|key| key.trim().trim_matches('"') == last)
        });
    found.map_or(table, |(index, _)| index + 1)
}

pub(super) fn syntax(text: &str, name: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(1, |span| line(text, span.start));
    ConfigError::Syntax {
        place: format!("{name}:{at}"),
        what: error.message().to_owned(),
    }
}

pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}
