//! `[[folder]]`: files of tickets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use tillwire_agent_core::capture::folder::{Column, CsvSettings, Format};
use tillwire_agent_core::capture::settings::FolderSettings;
use tillwire_proto::{LaneId, RegisterId};

/// As written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Folder {
    lane: LaneId,
    path: PathBuf,
    /// `json-lines`, `csv` or `naxml`.
    format: String,
    /// Only files whose name ends so.
    ending: Option<String>,
    /// So long a file must stand unchanged, in seconds.
    settle_s: Option<u64>,
    csv: Option<Csv>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Csv {
    /// Field to column name.
    columns: BTreeMap<String, String>,
    delimiter: Option<String>,
    register: Option<RegisterId>,
    tender: Option<String>,
}

/// The folder's settings.
pub(super) fn settings(raw: Folder) -> anyhow::Result<FolderSettings> {
    let lane = raw.lane.clone();
    format(&raw.format, raw.csv)
        .map(|format| FolderSettings {
            lane: raw.lane,
            folder: raw.path,
            format,
            ending: raw.ending.map(|ending| ending.to_ascii_lowercase()),
            settle: Duration::from_secs(raw.settle_s.unwrap_or(3)),
        })
        .with_context(|| format!("folder {lane}"))
}

fn format(name: &str, csv: Option<Csv>) -> anyhow::Result<Format> {
    match (name, csv) {
        ("json-lines", None) => Ok(Format::JsonLines),
        ("naxml", None) => Ok(Format::Naxml),
        ("csv", Some(csv)) => Ok(Format::Csv(Box::new(csv_settings(csv)?))),
        ("csv", None) => bail!("csv: found nothing, wanted a table with the names of its columns"),
        ("json-lines" | "naxml", Some(_)) => bail!("csv: found a table, wanted none with format {name:?}"),
        (other, _) => bail!("format: found {other:?}, wanted json-lines, csv or naxml"),
    }
}

fn csv_settings(raw: Csv) -> anyhow::Result<CsvSettings> {
    let mut columns = BTreeMap::new();
    for (field, name) in raw.columns {
        let known: Vec<&str> = Column::ALL.into_iter().map(|(_, word)| word).collect();
        let column = Column::named(&field).ok_or_else(|| {
            anyhow!(
                "csv.columns: found field {field:?}, wanted one of: {}",
                known.join(", ")
            )
        })?;
        columns.insert(column, name);
    }
    let missing = Column::REQUIRED
        .into_iter()
        .find(|column| !columns.contains_key(column));
    if let Some(missing) = missing {
        bail!(
            "csv.columns: {} is missing; name the column that holds it",
            missing.name()
        );
    }
    let delimiter = match raw.delimiter.as_deref().map(str::as_bytes) {
        None => b',',
        Some([byte]) if byte.is_ascii() => *byte,
        Some(other) => bail!(
            "csv.delimiter: found {:?}, wanted one character",
            String::from_utf8_lossy(other)
        ),
    };
    Ok(CsvSettings {
        columns,
        delimiter,
        register: raw.register,
        tender: raw
            .tender
            .as_deref()
            .unwrap_or("cash")
            .parse()
            .context("csv.tender")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FolderSettings, String> {
        let raw: Folder = toml::from_str(&format!("lane = \"files\"\npath = \"/f\"\n{text}"))
            .map_err(|error| error.to_string())?;
        settings(raw).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_named_with_what_is_wanted() {
        let columns =
            "ticket = \"T\", completed_at = \"D\", sku = \"I\", quantity = \"Q\", unit_price = \"P\"";
        let cases = [
            (
                "format = \"xlsx\"".to_owned(),
                "found \"xlsx\", wanted json-lines, csv or naxml",
            ),
            (
                "format = \"csv\"".to_owned(),
                "wanted a table with the names of its columns",
            ),
            (
                "format = \"naxml\"\ncsv = { columns = {} }".to_owned(),
                "wanted none with format",
            ),
            (
                "format = \"csv\"\ncsv = { columns = { ticket = \"T\" } }".to_owned(),
                "completed_at is missing",
            ),
            (
                format!("format = \"csv\"\ncsv = {{ columns = {{ {columns}, colour = \"C\" }} }}"),
                "found field \"colour\"",
            ),
            (
                format!("format = \"csv\"\ncsv = {{ columns = {{ {columns} }}, delimiter = \"tab\" }}"),
                "wanted one character",
            ),
        ];
        for (text, words) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.contains(words) && error.contains("folder files"), "{error}");
        }
        let good = read(&format!(
            "format = \"csv\"\ncsv = {{ columns = {{ {columns} }}, delimiter = \";\" }}"
        ));
        assert!(matches!(good.unwrap().format, Format::Csv(csv) if csv.delimiter == b';'));
    }
}
