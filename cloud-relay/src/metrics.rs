//! What `/metrics` shows, in OpenMetrics text. Counters count where things happen; figures that the store knows
//! (backlogs, days, exceptions, effects) are read from it at each scrape, so that they cannot drift from it.

mod scrape;

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use scrape::scrape;

/// Content type of the page.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A refusal's reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// Such as `Fork`.
    pub reason: String,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StoreLabel {
    /// The retailer.
    pub tenant: String,
    /// The store.
    pub store: String,
}

/// A state of days or effects, or a kind of exception.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StateLabel {
    /// Its word.
    pub state: String,
}

/// All of the relay's figures.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Records stored.
    pub records: Counter,
    /// Batches stored.
    pub batches: Counter,
    /// Batches that were there already.
    pub duplicates: Counter,
    /// Attachments completed.
    pub attachments: Counter,
    /// Receipts signed.
    pub receipts: Counter,
    /// Messages refused, by reason.
    pub refusals: Family<ReasonLabel, Counter>,
    /// Devices connected.
    pub connections: Gauge<i64, AtomicI64>,
    /// Time from taking up a group to the end of its commit, in seconds.
    pub commit_seconds: Histogram,
    /// Batches stored whose contents are not yet understood.
    pub not_understood: Gauge<i64, AtomicI64>,
    /// Records that the agents of a store still hold back, as they last said.
    pub backlog: Family<StoreLabel, Gauge<i64, AtomicI64>>,
    /// For how many days each store holds out without the relay: its box that runs dry first.
    pub holds_out: Family<StoreLabel, Gauge<i64, AtomicI64>>,
    /// Store-days by state.
    pub days: Family<StateLabel, Gauge<i64, AtomicI64>>,
    /// Open exceptions by kind.
    pub exceptions: Family<StateLabel, Gauge<i64, AtomicI64>>,
    /// Effects by state.
    pub effects: Family<StateLabel, Gauge<i64, AtomicI64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tillwire_relay"),
            records: Counter::<u64, AtomicU64>::default(),
            batches: Counter::default(),
            duplicates: Counter::default(),
            attachments: Counter::default(),
            receipts: Counter::default(),
            refusals: Family::default(),
            connections: Gauge::default(),
            // 0.1 ms to 3.3 s: from a fast disk to one that is dying
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            not_understood: Gauge::default(),
            backlog: Family::default(),
            holds_out: Family::default(),
            days: Family::default(),
            exceptions: Family::default(),
            effects: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::new();
        // writing to a String does not fail
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("records", "Records stored", self.records.clone());
        registry.register("batches", "Batches stored", self.batches.clone());
        registry.register(
            "duplicates",
            "Batches that were stored already",
            self.duplicates.clone(),
        );
        registry.register("attachments", "Attachments completed", self.attachments.clone());
        registry.register("receipts", "Receipts signed", self.receipts.clone());
        registry.register("refusals", "Messages refused, by reason", self.refusals.clone());
        registry.register("connections", "Devices connected", self.connections.clone());
        registry.register(
            "commit_seconds",
            "Time of a group commit",
            self.commit_seconds.clone(),
        );
        registry.register(
            "not_understood",
            "Batches not yet decoded",
            self.not_understood.clone(),
        );
        registry.register("backlog", "Records that agents hold back", self.backlog.clone());
        registry.register(
            "holds_out_days",
            "Days that a store takes sales and can come back, without the relay",
            self.holds_out.clone(),
        );
        registry.register("days", "Store-days by state", self.days.clone());
        registry.register("exceptions", "Open exceptions by kind", self.exceptions.clone());
        registry.register("effects", "Effects by state", self.effects.clone());
    }
}

#[cfg(test)]
mod tests;
