//! What Heartland Retail's tickets mean in one store, checked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use jiff::tz::TimeZone;
use tillwire_proto::{BusinessDay, Currency, LocalTime, RegisterId, StoreId, TenderKind};

/// A cut-off that is not in the night.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the day's cut-off is {found}, wanted 00:00 to 12:00")]
pub struct CutoffError {
    /// As found.
    pub found: civil::Time,
}

/// How Heartland Retail tickets map to this store.
#[derive(Debug, Clone)]
pub struct HeartlandRetailSettings {
    /// The store.
    pub store: StoreId,
    /// The currency that its tickets are in; Heartland tickets do not name one.
    pub currency: Currency,
    /// `station_id` to register. A ticket of another station is refused.
    pub registers: BTreeMap<String, RegisterId>,
    /// The store's `location_id`s; a ticket of another location is refused. Empty means any.
    pub locations: BTreeSet<String>,
    /// `payment_type_id` to tender, for the retailer's own payment types. What is not here and not built in becomes
    /// [`TenderKind::Other`].
    pub tenders: BTreeMap<String, TenderKind>,
    /// Which day a sale after midnight belongs to, and the store's clock.
    pub time: TimeRules,
}

/// The store's day.
#[derive(Debug, Clone)]
pub struct TimeRules {
    cutoff: civil::Time,
    zone: Option<TimeZone>,
}

impl TimeRules {
    /// The day ends at midnight; no zone.
    #[must_use]
    pub const fn midnight() -> Self {
        Self {
            cutoff: civil::Time::midnight(),
            zone: None,
        }
    }

    /// Sales before `cutoff` belong to the day before. `zone` is only asked for tickets that carry no local time
    /// (voided before they were completed).
    ///
    /// # Errors
    /// [`CutoffError`] for a cut-off in the afternoon.
    pub fn new(cutoff: civil::Time, zone: Option<TimeZone>) -> Result<Self, CutoffError> {
        if cutoff > civil::time(12, 0, 0, 0) {
            return Err(CutoffError { found: cutoff });
        }
        Ok(Self { cutoff, zone })
    }

    /// The business day of a moment on the store's clock.
    #[must_use]
    pub fn day(&self, at: LocalTime) -> BusinessDay {
        let early = at.civil().time() < self.cutoff;
        let yesterday = early.then(|| at.date().date().yesterday().ok()).flatten();
        yesterday.map_or(at.date(), BusinessDay::from)
    }

    /// A moment in universal time on the store's clock, where the zone is known.
    #[must_use]
    pub fn local(&self, at: jiff::Timestamp) -> Option<LocalTime> {
        let zone = self.zone.clone()?;
        Some(LocalTime::from_civil(at.to_zoned(zone).datetime()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_before_the_cutoff_is_yesterdays() {
        let rules = TimeRules::new(civil::time(4, 0, 0, 0), None).unwrap();
        let day = |text: &str| rules.day(text.parse().unwrap()).to_string();
        assert_eq!(day("2026-11-14T03:59:59"), "2026-11-13");
        assert_eq!(day("2026-11-14T04:00:00"), "2026-11-14");
        assert_eq!(day("2026-03-01T00:30:00"), "2026-02-28");
        assert_eq!(
            TimeRules::midnight()
                .day("2026-11-14T00:00:00".parse().unwrap())
                .to_string(),
            "2026-11-14"
        );
        assert!(TimeRules::new(civil::time(18, 0, 0, 0), None).is_err());
    }
}
