//! Measurements: each budget's goal beside the figure of this run, and beside the physical limit of the same run on
//! the same disk. Nothing here is compared with a number from another machine.

#![allow(clippy::print_stdout, reason = "a table for people")]

pub(crate) mod backlog;
mod books;
mod capture;
mod compare;
mod decode;
mod figures;
mod fleet;
mod floor;
mod line;
mod pages;
pub(crate) mod sales;
mod tap;

use anyhow::{Context as _, Result, bail};
use figures::Table;

/// One measurement: its name and what runs it.
type Part = (&'static str, fn(&mut Table) -> Result<()>);

const PARTS: [Part; 9] = [
    ("capture", capture::run),
    ("line", line::run),
    ("backlog", backlog::run),
    ("books", books::run),
    ("tap", tap::run),
    ("pages", pages::run),
    ("compare", compare::run),
    ("fleet", fleet::run),
    ("decode", decode::run),
];

/// Runs one part, or all, and prints the table.
///
/// # Errors
/// For a name that is no part, and when a part could not be measured.
pub fn run(name: Option<&str>) -> Result<()> {
    let chosen: Vec<&Part> = PARTS
        .iter()
        .filter(|(known, _)| name.is_none_or(|name| name == *known))
        .collect();
    if chosen.is_empty() {
        let known: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        bail!(
            "found bench {:?}, wanted one of {}",
            name.unwrap_or_default(),
            known.join(", ")
        );
    }
    let mut table = Table::default();
    for (name, part) in chosen {
        println!("measuring {name} ...");
        part(&mut table).with_context(|| format!("bench {name}"))?;
    }
    table.print();
    Ok(())
}

/// A fresh folder on the disk that the build is on: `/tmp` may be memory, which has no sync to measure.
fn workdir() -> Result<tempfile::TempDir> {
    let base = std::env::current_exe()?
        .parent()
        .context("a program lies in a folder")?
        .join("bench-data");
    std::fs::create_dir_all(&base)?;
    Ok(tempfile::tempdir_in(base)?)
}
