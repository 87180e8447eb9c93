//! Reading a report: which form it has, and that it is whole.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, Currency, Digest};

use super::line::{Deposit, LineKind, ProcessorId, SettlementLine};
use super::{clean, csv, gp_api, portico};

/// Longest report, in bytes. A year of a busy store is a tenth of it.
const REPORT_LEN_MAX: usize = 32 * 1024 * 1024;

/// A report, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Its lines, in order of names.
    pub lines: Vec<SettlementLine>,
    /// Its deposits, in order of names.
    pub deposits: Vec<Deposit>,
}

/// Why a report is not taken. Nothing of it is kept then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {words}")]
pub struct ReportError {
    /// Where in the report.
    pub at: String,
    /// What was found, what was wanted.
    pub words: String,
}

impl ReportError {
    pub(super) fn new(at: impl Into<String>, words: impl ToString) -> Self {
        Self {
            at: at.into(),
            words: words.to_string(),
        }
    }
}

/// A report with what may be kept of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What it says.
    pub report: Report,
    /// SHA-256 of the bytes as they came: the same file again is the same report.
    pub digest: Digest,
    /// The bytes, with everything of a card but its last four digits taken out.
    pub bytes: Vec<u8>,
}

/// Reads a report: GP-API JSON, Portico XML or the CSV form, told apart by how they begin.
///
/// # Errors
/// [`ReportError`] for the first thing that cannot be read; the report is then not taken at all.
pub fn read(bytes: &[u8]) -> Result<Read, ReportError> {
    if bytes.len() > REPORT_LEN_MAX {
        return Err(ReportError::new(
            "report",
            format!("found {} bytes, wanted at most {REPORT_LEN_MAX}", bytes.len()),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ReportError::new("report", error))?;
    let text = text.trim_start_matches('\u{feff}');
    let cleaned = clean::of(text)?;
    let report = match text.trim_start().bytes().next() {
        Some(b'{' | b'[') => gp_api::read(text)?,
        Some(b'<') => portico::read(text)?,
        Some(_) => csv::read(text)?,
        None => {
            return Err(ReportError::new(
                "report",
                "found nothing, wanted JSON, XML or CSV",
            ));
        }
    };
    Ok(Read {
        report: checked(report)?,
        digest: Digest::of(bytes),
        bytes: cleaned.into_bytes(),
    })
}

/// In order and each once. The same line twice with two contents is no report that can be trusted.
fn checked(mut report: Report) -> Result<Report, ReportError> {
    if report.lines.is_empty() && report.deposits.is_empty() {
        return Err(ReportError::new(
            "report",
            "found no transaction, deposit or dispute",
        ));
    }
    let mut lines: BTreeMap<(ProcessorId, ProcessorId, LineKind), SettlementLine> = BTreeMap::new();
    for line in report.lines.drain(..) {
        let key = (line.merchant.clone(), line.id.clone(), line.kind);
        match lines.get(&key) {
            Some(known) if *known != line => {
                return Err(twice(&format!("{} {}", line.kind.name(), line.id)));
            }
            _ => drop(lines.insert(key, line)),
        }
    }
    let mut deposits: BTreeMap<(ProcessorId, ProcessorId), Deposit> = BTreeMap::new();
    for deposit in report.deposits.drain(..) {
        let key = (deposit.merchant.clone(), deposit.id.clone());
        match deposits.get(&key) {
            Some(known) if *known != deposit => return Err(twice(&format!("deposit {}", deposit.id))),
            _ => drop(deposits.insert(key, deposit)),
        }
    }
    Ok(Report {
        lines: lines.into_values().collect(),
        deposits: deposits.into_values().collect(),
    })
}

fn twice(what: &str) -> ReportError {
    ReportError::new(what, "found twice with two contents, wanted once")
}

/// Whole minor units, positive or nothing.
pub(super) fn minor(at: &str, field: &str, text: &str, currency: Currency) -> Result<Amount, ReportError> {
    let found = text.parse::<i64>().ok().filter(|minor| *minor >= 0);
    found.map(|minor| Amount::new(minor, currency)).ok_or_else(|| {
        ReportError::new(
            at,
            format!(
                "{field} is {:?}, wanted whole minor units of zero or more",
                cut(text)
            ),
        )
    })
}

/// A decimal amount such as `80.00`, positive or nothing.
pub(super) fn decimal(at: &str, field: &str, text: &str, currency: Currency) -> Result<Amount, ReportError> {
    let found = Amount::parse(text, currency).map_err(|e| ReportError::new(at, format!("{field}: {e}")))?;
    if found.is_negative() {
        return Err(ReportError::new(
            at,
            format!("{field} is {found}, wanted zero or more"),
        ));
    }
    Ok(found)
}

pub(super) fn currency(at: &str, code: &str) -> Result<Currency, ReportError> {
    Currency::from_code(code).map_err(|error| ReportError::new(at, error))
}

pub(super) fn id(at: &str, field: &str, text: &str) -> Result<ProcessorId, ReportError> {
    ProcessorId::new(text).map_err(|words| ReportError::new(at, format!("{field}: {words}")))
}

/// At most this much of what was found is repeated.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The day that a date or a moment begins with.
pub(super) fn day(at: &str, field: &str, text: &str) -> Result<tillwire_proto::BusinessDay, ReportError> {
    let date = text.get(..10).unwrap_or(text);
    date.parse().map_err(|_| {
        ReportError::new(
            at,
            format!("{field} is {:?}, wanted a date such as 2026-11-16", cut(text)),
        )
    })
}
