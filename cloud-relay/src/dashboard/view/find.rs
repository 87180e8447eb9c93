//! What goes by a name.

use super::{Chip, RecordLink};

/// What was found.
#[derive(Debug, Clone)]
pub struct FindView {
    /// What was asked.
    pub words: String,
    /// Documents in Odoo.
    pub documents: Vec<DocumentHit>,
    /// Records.
    pub records: Vec<RecordHit>,
    /// True when there are more records than the page shows.
    pub more: bool,
}

/// A document in Odoo that goes by the name.
#[derive(Debug, Clone)]
pub struct DocumentHit {
    /// Its external id.
    pub key: String,
    /// Its name there.
    pub name: Option<String>,
    /// Whether it has a page of its own.
    pub has_page: bool,
    /// What it is.
    pub kind: String,
    /// Where it stands.
    pub state: Chip,
    /// Store and day.
    pub place: String,
}

/// A record that goes by the name.
#[derive(Debug, Clone)]
pub struct RecordHit {
    /// The record.
    pub record: RecordLink,
    /// What the name is one of.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The store.
    pub place: String,
}
