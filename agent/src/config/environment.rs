//! Environment variables over the file.

use std::collections::BTreeMap;

use super::keys::{KEYS, Key};

/// Lays environment variables over the file; the variable's name per key that it set.
pub(super) fn override_from(
    env: &dyn Fn(&str) -> Option<String>,
    table: &mut toml::Table,
) -> BTreeMap<&'static str, String> {
    let mut set = BTreeMap::new();
    for key in KEYS {
        let variable = format!("TILLWIRE_{}", key.name.replace('.', "_").to_uppercase());
        let Some(text) = env(&variable) else { continue };
        let (section, name) = key.name.split_once('.').expect("every key has a section");
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.insert(name.to_owned(), value_of(key, &text));
            set.insert(key.name, variable);
        }
    }
    set
}

/// A number, list or table where the key wants one; anything else is a text, also a store that is called 42.
fn value_of(key: &Key, text: &str) -> toml::Value {
    let read = |text: &str| {
        toml::from_str::<toml::Table>(&format!("value = {text}"))
            .ok()?
            .remove("value")
    };
    let is_text = key
        .default
        .is_none_or(|default| read(default).is_none_or(|value| value.is_str()));
    let wants_text = is_text && key.name != "limits.journal_len_max";
    read(text)
        .filter(|_| !wants_text)
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}
