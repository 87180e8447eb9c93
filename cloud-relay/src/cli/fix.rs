//! `exception fix`: writes the row that is missing, as a new version of the mapping, and shows first what it does. All
//! exceptions of the same cause go with it, in every store of the company.

use anyhow::{Context, Result, ensure};
use clap::Args;
use tillwire_proto::BusinessDay;
use tillwire_relay_core::settings::{OWN_TABLE, RelaySettings, StoreSettings};

use super::{Common, mapping};
use crate::config::{Config, MappingFile};
use crate::mapping::InForce;
use crate::store::exceptions::StoredException;
use crate::store::{Store, mappings};

#[derive(Debug, Args)]
pub(super) struct Fix {
    /// The exception's number.
    pub(super) id: i64,
    /// The account's code, or of goods the internal reference in Odoo.
    #[arg(long, value_name = "CODE")]
    to: String,
    /// Of a tax: its name in Odoo.
    #[arg(long, value_name = "NAME")]
    odoo_tax: Option<String>,
    /// From this business day on. Default: the exception's.
    #[arg(long, value_name = "DAY")]
    from: Option<BusinessDay>,
    /// Put it in force. Without this, only what it would do is shown.
    #[arg(long)]
    apply: bool,
}

pub(super) async fn act(
    common: &Common,
    (config, store, in_force): (&Config, &Store, &InForce),
    one: &StoredException,
    fix: Fix,
) -> Result<()> {
    let draft = &one.draft;
    let key = draft.missing_row().with_context(|| {
        format!(
            "exception {} is not about a missing row of the mapping ({})",
            one.id, draft.kind
        )
    })?;
    let now = in_force.now();
    let newest = store.read(mappings::newest).await?.map(|newest| newest.text);
    let before = newest
        .or_else(|| config.mapping.as_ref().map(|file| file.text.clone()))
        .unwrap_or_default();
    let own = now
        .store(&draft.tenant, &draft.store)
        .with_context(|| format!("no [[store]] {}/{} is configured", draft.tenant, draft.store))?;
    let version = VersionText {
        number: next_number(&now),
        effective: fix
            .from
            .or(draft.day)
            .context("say --from which business day it holds")?,
        author: &common.by,
        note: &format!("exception {}: {}", one.id, draft.cause),
        row: &Row {
            key: &key,
            to: &fix.to,
            odoo_tax: fix.odoo_tax.as_deref(),
        },
        stores: of_company(&now, own),
    };
    let text = format!("{}{}", spaced(&before), version.text()?);
    let file = MappingFile::read(text, "the mapping with the new version")?;
    let then = mapping::laid(&now, &file)?;
    if !common.json {
        println!("{}", version.text()?.trim_start());
    }
    mapping::preview(common, store, in_force, then).await?;
    if !fix.apply {
        if !common.json {
            println!("nothing is changed yet; the same with --apply puts it in force");
        }
        return Ok(());
    }
    mapping::apply(common, store, in_force, &file, format!("exception {}", one.id)).await?;
    write_back(config, &before, &file.text)
}

/// The configured file follows, unless somebody is at work in it.
fn write_back(config: &Config, before: &str, text: &str) -> Result<()> {
    let Some(file) = &config.mapping else {
        return Ok(());
    };
    if file.text != before {
        println!(
            "{} was edited meanwhile and is left alone; add the version above to it",
            file.name
        );
        return Ok(());
    }
    let new = format!("{}.new", file.name);
    std::fs::write(&new, text).with_context(|| format!("cannot write {new}"))?;
    std::fs::rename(&new, &file.name).with_context(|| format!("cannot replace {}", file.name))
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

struct Row<'a> {
    key: &'a str,
    to: &'a str,
    odoo_tax: Option<&'a str>,
}

struct VersionText<'a> {
    number: u32,
    effective: BusinessDay,
    author: &'a str,
    note: &'a str,
    row: &'a Row<'a>,
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

impl Row<'_> {
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
