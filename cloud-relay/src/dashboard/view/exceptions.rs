//! Open exceptions, grouped by what is wrong.

use tillwire_proto::{StoreId, TenantId};

use super::{Chip, ExceptionRow, RecordLink};

/// The exceptions page.
#[derive(Debug, Clone)]
pub struct ExceptionsView {
    /// What is asked for.
    pub filter: ExceptionFilter,
    /// Everybody's desks with open exceptions on them, and how many.
    pub owners: Vec<(&'static str, usize)>,
    /// Money at risk over all that is shown, as text.
    pub at_risk: String,
    /// Kinds, the most urgent first.
    pub groups: Vec<ExceptionGroup>,
    /// True when there are more than the page shows.
    pub more: bool,
}

/// Which exceptions the page is asked for. What is absent asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// Of this desk (`finance`).
    pub owner: Option<String>,
    /// Of this kind (`unknown-sku`).
    pub kind: Option<String>,
    /// Of this retailer.
    pub tenant: Option<TenantId>,
}

/// All open exceptions of one kind.
#[derive(Debug, Clone)]
pub struct ExceptionGroup {
    /// Its stable word.
    pub kind: &'static str,
    /// What is wrong, in words.
    pub title: &'static str,
    /// How urgent, with the word for what it holds.
    pub state: Chip,
    /// Whose desk.
    pub owner: &'static str,
    /// Money at risk, as text.
    pub at_risk: String,
    /// Since when the oldest is open.
    pub since_ms: i64,
    /// Whether trying again may help.
    pub can_retry: bool,
    /// Whether a person may close them; what holds its day is signed on the day's page instead.
    pub can_close: bool,
    /// How many there are; the page may list fewer.
    pub count: usize,
    /// The exceptions, most money first.
    pub rows: Vec<ExceptionRow>,
}

/// One exception in full.
#[derive(Debug, Clone)]
pub struct ExceptionView {
    /// Its row.
    pub row: ExceptionRow,
    /// What it keeps from going on, in words.
    pub holds: &'static str,
    /// Its retailer and store.
    pub place: (TenantId, StoreId),
    /// Whether it holds its day until somebody signs.
    pub holds_day: bool,
    /// The row of the mapping that it misses.
    pub missing_row: Option<String>,
    /// Whether trying again may help.
    pub can_retry: bool,
    /// The page of its day, where it belongs to one.
    pub day_path: Option<String>,
    /// When it was last found to be so.
    pub seen_ms: i64,
    /// What may be done: what it does, and the command that does it.
    pub actions: Vec<(&'static str, String)>,
    /// The records to look at.
    pub records: Vec<RecordLink>,
    /// When, by whom and with which words it was closed.
    pub resolved: Option<(i64, String, String)>,
}
