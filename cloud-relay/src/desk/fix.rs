//! A missing row of the mapping, written as a new version for every store of the company, so that everything with the
//! same cause goes with it.

use anyhow::{Context, Result, ensure};
use tillwire_proto::BusinessDay;
use tillwire_relay_core::settings::{OWN_TABLE, RelaySettings, StoreSettings};

use crate::config::{Config, MappingFile};
use crate::store::exceptions::StoredException;
use crate::store::{Store, mappings};

/// What the missing row is to say.
#[derive(Debug, Clone)]
pub struct Row {
    /// The account's code, or of goods the internal reference in Odoo.
    pub to: String,
    /// Of a tax: its name in Odoo.
    pub odoo_tax: Option<String>,
    /// From this business day on; the exception's when none is said.
    pub from: Option<BusinessDay>,
}

/// A mapping with one more version.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The text before.
    pub before: String,
    /// The version that is added, as one would write it.
    pub added: String,
    /// The whole.
    pub file: MappingFile,
    /// The stores with it.
    pub then: RelaySettings,
    /// The mapping in force on which it is built.
    pub after: Option<i64>,
}

/// The mapping in force, with the row that an exception misses.
///
/// # Errors
/// When the exception misses none, or the new row does not fit; with what was found.
pub async fn fixed(
    config_text: Option<&str>,
    store: &Store,
    now: &RelaySettings,
    one: &StoredException,
    row: &Row,
    author: &str,
) -> Result<Fixed> {
    let draft = &one.draft;
    let key = draft.missing_row().with_context(|| {
        format!(
            "exception {} is not about a missing row of the mapping ({})",
            one.id, draft.kind
        )
    })?;
    let newest = store.read(mappings::newest).await?;
    let after = newest.as_ref().map(|newest| newest.id);
    let before = newest
        .map(|newest| newest.text)
        .or_else(|| config_text.map(str::to_owned))
        .unwrap_or_default();
    let own = now
        .store(&draft.tenant, &draft.store)
        .with_context(|| format!("no [[store]] {}/{} is configured", draft.tenant, draft.store))?;
    let version = VersionText {
        number: next_number(now),
        effective: row
            .from
            .or(draft.day)
            .context("say --from which business day it holds")?,
        author,
        note: &format!("exception {}: {}", one.id, draft.cause),
        row: &RowText {
            key: &key,
            to: &row.to,
            odoo_tax: row.odoo_tax.as_deref(),
        },
        stores: of_company(now, own),
    };
    let added = version.text()?;
    let file = MappingFile::read(
        format!("{}{added}", spaced(&before)),
        "the mapping with the new version",
    )?;
    let then = now
        .with_mapping(Some(&file.draft))
        .map_err(|error| file.wrong(error))?;
    Ok(Fixed {
        before,
        added,
        file,
        then,
        after,
    })
}

/// The configured file follows what was put in force, unless somebody is at work in it: then its name is returned.
///
/// # Errors
/// When the file cannot be written.
pub fn write_back(config: &Config, fixed: &Fixed) -> Result<Option<String>> {
    let Some(file) = &config.mapping else {
        return Ok(None);
    };
    if file.text != fixed.before {
        return Ok(Some(file.name.clone()));
    }
    let new = format!("{}.new", file.name);
    std::fs::write(&new, &fixed.file.text).with_context(|| format!("cannot write {new}"))?;
    std::fs::rename(&new, &file.name).with_context(|| format!("cannot replace {}", file.name))?;
    Ok(None)
}

fn next_number(now: &RelaySettings) -> u32 {
    let versions = now.iter().flat_map(|store| store.odoo.mappings.iter());
    versions
        .map(|version| version.info.number)
        .max()
        .unwrap_or(OWN_TABLE)
        .saturating_add(1)
}

/// The stores that a row is written for: those of the same company; none when that is all of them.
fn of_company(now: &RelaySettings, own: &StoreSettings) -> Vec<String> {
    let same = |store: &&StoreSettings| store.tenant == own.tenant && store.odoo.company == own.odoo.company;
    let all = now.iter().count();
    let stores: Vec<String> = now
        .iter()
        .filter(same)
        .map(|store| format!("{}/{}", store.tenant, store.store))
        .collect();
    if stores.len() == all { Vec::new() } else { stores }
}

fn spaced(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() {
        String::new()
    } else {
        format!("{text}\n\n")
    }
}

struct RowText<'a> {
    key: &'a str,
    to: &'a str,
    odoo_tax: Option<&'a str>,
}

struct VersionText<'a> {
    number: u32,
    effective: BusinessDay,
    author: &'a str,
    note: &'a str,
    row: &'a RowText<'a>,
    stores: Vec<String>,
}

impl VersionText<'_> {
    /// The version as one would write it.
    fn text(&self) -> Result<String> {
        let mut text = format!(
            "[[version]]\nnumber = {}\neffective = {}\nauthor = {}\nnote = {}\n",
            self.number,
            quoted(&self.effective.to_string()),
            quoted(self.author),
            quoted(self.note)
        );
        let tables = if self.stores.is_empty() {
            vec!["version.all".to_owned()]
        } else {
            let store = |store: &String| format!("version.store.{}", quoted(store));
            self.stores.iter().map(store).collect()
        };
        for table in tables {
            text.push_str(&self.row.text(&table)?);
        }
        Ok(text)
    }
}

impl RowText<'_> {
    fn text(&self, table: &str) -> Result<String> {
        let to = match self.odoo_tax {
            Some(tax) => {
                ensure!(
                    self.key.starts_with("tax."),
                    "only a tax has --odoo-tax, this is {}",
                    self.key
                );
                format!("{{ account = {}, odoo_tax = {} }}", quoted(self.to), quoted(tax))
            }
            None => quoted(self.to),
        };
        Ok(match self.key.split_once('.') {
            Some((inner, key)) => format!("\n[{table}.{inner}]\n{} = {to}\n", quoted(key)),
            None => format!("\n[{table}]\n{} = {to}\n", self.key),
        })
    }
}

/// A text as TOML writes it, key or value.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
