#![doc = include_str!("../README.md")]

mod books;
mod cards;
pub mod export;
mod included;
mod mapping;
mod settings;
mod tickets;
pub mod told;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tillwire_proto::{BusinessDay, BusinessKey, Fact, Observation, RecordNumber, SegmentId};

use books::Audit;
use settings::Store;

/// Whole cents. In 128 bits no day's sum of 64-bit amounts goes beyond.
pub type Cents = i128;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The segment.
    pub segment: SegmentId,
    /// The number in it.
    pub number: RecordNumber,
}

/// A record as a device wrote it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it stands.
    pub place: Place,
    /// When the relay stored it, in milliseconds since 1970: what a terminal's clock is judged by.
    pub received_ms: i64,
    /// What it says.
    pub observation: &'a Observation,
}

/// What a person decided about one exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The exception's cause.
    pub cause: String,
    /// Of two contents of one ticket, the one in this record is right.
    pub uses: Option<Place>,
}

/// Everything that a store-day is computed from.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The business day.
    pub day: BusinessDay,
    /// The store's settings as the retailer wrote them.
    pub settings: &'a Value,
    /// The retailer's mapping file as written, where there is one.
    pub mapping: Option<&'a Value>,
    /// The day's records, and those of other days that its tickets lead to.
    pub records: Vec<Record<'a>>,
    /// What people decided, in order.
    pub decisions: Vec<Decision>,
}

/// What a day comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Debits less credits per account, in cents; none of nothing.
    pub books: BTreeMap<String, Cents>,
    /// What left the store less what came back, per item, in millionths of a piece; none of nothing.
    pub stock: BTreeMap<String, i128>,
    /// Tickets that are in neither, each with its reason.
    pub left_out: BTreeMap<BusinessKey, String>,
}

impl Figures {
    fn book<'s>(&mut self, entries: impl IntoIterator<Item = (&'s str, Cents)>) {
        for (account, cents) in entries {
            match self.books.get_mut(account) {
                Some(sum) => *sum += cents,
                None => {
                    self.books.insert(account.to_owned(), cents);
                }
            }
        }
    }
}

/// Adds a store-day up.
///
/// # Errors
/// When the settings are not understood: then nothing is vouched for.
pub fn figures(mut evidence: Evidence<'_>) -> Result<Figures, String> {
    let store = Store::read(&evidence)?;
    evidence.records.retain(|record| match &record.observation.fact {
        Fact::Transaction(told) => told.key.store == store.id,
        Fact::Terminal(said) => said.store == store.id,
        _ => false,
    });
    evidence.records.sort_by_key(|record| record.place);
    evidence.records.dedup_by_key(|record| record.place);
    let tickets = tickets::count(&evidence);
    let cards = cards::join(&evidence, &store, &tickets);
    let audit = Audit {
        store: &store,
        cards: &cards,
        decisions: &evidence.decisions,
    };
    Ok(audit.figures(&tickets.today))
}
