//! Files in a watched folder: what one file says, all of it or nothing. A file with one row that cannot be read counts
//! for nothing, because half a file looks like a whole one to whoever sent it.
//!
//! - [`Format::JsonLines`]: Heartland Retail tickets, one a line;
//! - [`Format::Csv`]: a row per item, with the retailer's own column names; rows of one ticket stand together;
//! - [`Format::Naxml`]: a Conexxus POSJournal of sales and refunds (fuel and convenience stores).
//!
//! The bytes have passed the tripwire before; what a record keeps is the part of the file that tells it.

mod csv;
mod naxml;
mod trade;

use std::collections::BTreeMap;

use tillwire_capture::heartland_retail::read_ticket;
use tillwire_proto::{RegisterId, TenderKind, Transaction};

use super::settings::HeartlandRetailSettings;

/// Longest file, in bytes. A day of a busy store as CSV is some megabytes.
pub const FILE_LEN_MAX: u64 = 64 * 1024 * 1024;

/// What the files of a folder are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Heartland Retail tickets, one a line.
    JsonLines,
    /// A row per item.
    Csv(Box<CsvSettings>),
    /// A Conexxus POSJournal.
    Naxml,
}

impl Format {
    /// Its word in configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JsonLines => "json-lines",
            Self::Csv(_) => "csv",
            Self::Naxml => "naxml",
        }
    }
}

/// What the columns of a CSV file are called, and what it does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvSettings {
    /// Field to column name, as in the file's first row.
    pub columns: BTreeMap<Column, String>,
    /// Between columns.
    pub delimiter: u8,
    /// The register of tickets whose rows name none.
    pub register: Option<RegisterId>,
    /// How tickets without a tender column were paid.
    pub tender: TenderKind,
}

/// A field that a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Ticket number. Required.
    Ticket,
    /// When it was completed, on the store's clock: `2026-11-14T10:32:48` or with a space. Required.
    CompletedAt,
    /// Item number. Required.
    Sku,
    /// How many; negative comes back. Required.
    Quantity,
    /// Price of one after discounts. Required.
    UnitPrice,
    /// Price of one before discounts.
    OriginalPrice,
    /// What the receipt calls it.
    Description,
    /// Department or category.
    Department,
    /// Lot or serial number.
    Serial,
    /// Tax of the whole ticket; the same on each of its rows.
    Tax,
    /// The POS's number of the till position.
    Station,
    /// How it was paid: the POS's word, mapped by `heartland.tenders`.
    Tender,
    /// The cashier.
    Operator,
}

impl Column {
    /// Every field with its word in configuration.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Ticket, "ticket"),
        (Self::CompletedAt, "completed_at"),
        (Self::Sku, "sku"),
        (Self::Quantity, "quantity"),
        (Self::UnitPrice, "unit_price"),
        (Self::OriginalPrice, "original_price"),
        (Self::Description, "description"),
        (Self::Department, "department"),
        (Self::Serial, "serial"),
        (Self::Tax, "tax"),
        (Self::Station, "station"),
        (Self::Tender, "tender"),
        (Self::Operator, "operator"),
    ];

    /// Those without which a file says too little.
    pub const REQUIRED: [Self; 5] = [
        Self::Ticket,
        Self::CompletedAt,
        Self::Sku,
        Self::Quantity,
        Self::UnitPrice,
    ];

    /// Its word in configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(column, _)| *column == self);
        found.map_or("", |(_, name)| name)
    }

    /// The field of that word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, word)| *word == name);
        found.map(|(column, _)| column)
    }
}

/// A ticket of a file, with the part of the file that tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The ticket.
    pub transaction: Transaction,
    /// Its rows, its line, its event.
    pub raw: Vec<u8>,
}

/// Why a file counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {words}")]
pub struct FileError {
    /// `line 7`, `event 912`, `the file`.
    pub place: String,
    /// What was found and what was wanted.
    pub words: String,
}

impl FileError {
    pub(super) fn at(place: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            words: words.into(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first thing in it that cannot be taken, with its place.
pub fn read(format: &Format, bytes: &[u8], retail: &HeartlandRetailSettings) -> Result<Vec<Told>, FileError> {
    match format {
        Format::JsonLines => json_lines(bytes, retail),
        Format::Csv(settings) => csv::read(bytes, settings, retail),
        Format::Naxml => naxml::read(bytes, retail),
    }
}

fn json_lines(bytes: &[u8], retail: &HeartlandRetailSettings) -> Result<Vec<Told>, FileError> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    said.map(|(index, line)| {
        let place = || format!("line {}", index + 1);
        let line = line.trim_ascii();
        match read_ticket(line, retail) {
            Ok(transaction) => Ok(Told {
                transaction,
                raw: line.to_vec(),
            }),
            Err(refused) => Err(FileError::at(place(), refused.to_string())),
        }
    })
    .collect()
}
