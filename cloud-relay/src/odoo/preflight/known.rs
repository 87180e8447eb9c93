//! What is known beside the settings when Odoo is looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use tillwire_proto::{BusinessDay, Currency, Sku, StoreId};

/// What the relay's own records say about a company's stores. The default knows nothing and asks less.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Today, UTC.
    pub today: Date,
    /// Item numbers of goods that were sold lately.
    pub sold: BTreeSet<Sku>,
    /// Other currencies that were taken for them.
    pub foreign: BTreeSet<Currency>,
    /// Business days with trades that are not posted yet, by store.
    pub unposted: BTreeMap<StoreId, BTreeSet<BusinessDay>>,
}

impl Known {
    /// The date of a moment, in milliseconds since 1970, UTC.
    #[must_use]
    pub fn date(now_ms: i64) -> Date {
        let utc = jiff::tz::TimeZone::UTC;
        jiff::Timestamp::from_millisecond(now_ms)
            .map_or_else(|_| Date::default(), |at| at.to_zoned(utc).date())
    }
}
