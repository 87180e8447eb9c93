//! The mapping file: read, checked against the stores, and every error with its line.

use std::path::{Path, PathBuf};

use tillwire_relay_core::settings::{MappingDraft, SettingsError};
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::raw::{line, syntax};

/// A mapping file as it was read. Whether it fits the stores is checked where it is laid over their own tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFile {
    /// What errors call it: its path, or where else it comes from.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub draft: MappingDraft,
}

impl MappingFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] with file and line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::NoMapping {
            path: PathBuf::from(path),
            why: e.to_string(),
        })?;
        Self::read(text, &path.display().to_string())
    }

    /// Reads a text that errors call `name`.
    ///
    /// # Errors
    /// [`ConfigError`] with file and line.
    pub fn read(text: String, name: &str) -> Result<Self, ConfigError> {
        let draft = toml::from_str(&text).map_err(|e| syntax(&text, name, &e))?;
        Ok(Self {
            name: name.to_owned(),
            text,
            draft,
        })
    }

    /// An error of its rows with its place.
    #[must_use]
    pub fn wrong(&self, error: SettingsError) -> ConfigError {
        let at = DeTable::parse(&self.text)
            .ok()
            .and_then(|table| offset(table.get_ref(), &error.key));
        ConfigError::Value {
            place: format!("{}:{}", self.name, at.map_or(1, |at| line(&self.text, at))),
            key: error.key,
            found: error.found,
            wanted: error.wanted,
        }
    }
}

/// Where the key of a path stands, or what of the path is there. Keys have points in them (`card.visa`), so the longest
/// that fits is followed first.
fn offset(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let mut keys: Vec<_> = table
        .iter()
        .filter_map(|(key, value)| Some((key, value, rest(path, key.get_ref())?)))
        .collect();
    keys.sort_by_key(|(key, ..)| std::cmp::Reverse(key.get_ref().len()));
    let (key, value, rest) = keys.first()?;
    let deeper = rest.and_then(|rest| match value.get_ref() {
        DeValue::Table(inner) => offset(inner, rest),
        DeValue::Array(items) => items.iter().find_map(|item| numbered(item.get_ref(), rest)),
        _ => None,
    });
    deeper.or(Some(key.span().start))
}

/// In a list of tables, the one with the number that the path goes on with.
fn numbered(item: &DeValue<'_>, path: &str) -> Option<usize> {
    let DeValue::Table(table) = item else { return None };
    let (number, at) = table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::Integer(number) if key.get_ref() == "number" => Some((number.to_string(), key.span().start)),
        _ => None,
    })?;
    match rest(path, &number)? {
        Some(rest) => offset(table, rest).or(Some(at)),
        None => Some(at),
    }
}

/// What follows a key on a path; `None` when the path does not begin with it.
#[expect(
    clippy::option_option,
    reason = "not on the path, at its end, or before more of it"
)]
fn rest<'p>(path: &'p str, key: &str) -> Option<Option<&'p str>> {
    let rest = path.strip_prefix(key)?;
    if rest.is_empty() {
        return Some(None);
    }
    rest.strip_prefix('.').map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[[version]]
number = 2
effective = "2026-11-01"
author = "anna"
[version.all.tender]
"card.visa" = "101 711"
[[version]]
number = 3
effective = "2026-11-05"
author = "anna"
[version.store."acme/s01"]
tip = "230 002"
"#;

    #[test]
    fn a_wrong_row_is_found_by_version_table_and_key() {
        let file = MappingFile::read(TEXT.to_owned(), "mapping.toml").unwrap();
        let place = |key: &str| {
            let error = SettingsError {
                key: key.to_owned(),
                found: String::new(),
                wanted: String::new(),
            };
            match file.wrong(error) {
                ConfigError::Value { place, .. } => place,
                other => panic!("{other}"),
            }
        };
        assert_eq!(place("version.2.all.tender.card.visa"), "mapping.toml:6");
        assert_eq!(place("version.3.store.acme/s01.tip"), "mapping.toml:12");
        assert_eq!(
            place("version.3.all.tender.cash"),
            "mapping.toml:8",
            "what is not there: its version"
        );
        assert_eq!(place("version.3.author"), "mapping.toml:10");
    }
}
