//! How a store's day looks beside its other days: sales over the hours against the usual band, each drawer's difference
//! against what that drawer usually does.
//!
//! A shape is small and kept with its day, so that comparing weeks costs nothing. It shows, and decides nothing.

mod arrivals;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Body, RegisterId, TransactionKind};

use crate::facts::DayFacts;
use crate::store_day::RegisterDay;

pub use arrivals::{Arrivals, Way, along, arrivals};

/// Hours of a day.
pub const HOURS: usize = 24;

/// Fewest earlier days of the same weekday that make a band.
const BAND_DAYS_MIN: usize = 3;

/// Fewest points that make limits: fewer say nothing about what is usual.
const POINTS_MIN: usize = 6;

/// Limits of an individuals chart lie at so many hundredths of the mean moving range from the mean (Shewhart's constant for
/// ranges of two).
const LIMIT_PERCENT: i64 = 266;

/// What was sold in one hour of the till's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourSales {
    /// Sales, returns and exchanges.
    pub tickets: u32,
    /// Net, in minor units of the store's currency.
    pub net: i64,
}

/// A day's shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayShape {
    /// By hour of the till's clock, from midnight; empty or [`HOURS`] long.
    pub hours: Vec<HourSales>,
    /// Counted less expected cash of each drawer that was counted, in minor units.
    pub drawers: BTreeMap<RegisterId, i64>,
}

/// The shape of a day as it stands. Conflicting versions of a ticket count by the best witnessed; voids are not taken off.
#[must_use]
pub fn shape(facts: &DayFacts, registers: &[RegisterDay]) -> DayShape {
    let mut hours = vec![HourSales::default(); HOURS];
    for (key, known) in &facts.transactions {
        let Some(version) = known.versions.first() else {
            continue;
        };
        let (Body::Trade(trade), true) = (&version.transaction.body, is_sale(key.kind)) else {
            continue;
        };
        let hour = usize::from(version.transaction.at.civil().hour().unsigned_abs());
        if let Some(sales) = hours.get_mut(hour) {
            sales.tickets = sales.tickets.saturating_add(1);
            sales.net = sales.net.saturating_add(trade.totals.net.minor());
        }
    }
    let counted = registers
        .iter()
        .filter_map(|register| Some((register.register.clone(), register.drawer.as_ref()?)))
        .filter_map(|(register, drawer)| {
            Some((register, drawer.count.as_ref().and(drawer.over_short)?.minor()))
        });
    DayShape {
        hours,
        drawers: counted.collect(),
    }
}

const fn is_sale(kind: TransactionKind) -> bool {
    matches!(
        kind,
        TransactionKind::Sale | TransactionKind::Return | TransactionKind::Exchange
    )
}

/// For each hour what half of the given days lie between; `None` when there are too few to call it usual.
#[must_use]
pub fn band(days: &[DayShape]) -> Option<Vec<(i64, i64)>> {
    let days: Vec<&DayShape> = days.iter().filter(|day| day.hours.len() == HOURS).collect();
    if days.len() < BAND_DAYS_MIN {
        return None;
    }
    let of_hour = |hour: usize| {
        let mut all: Vec<i64> = days.iter().map(|day| day.hours[hour].net).collect();
        all.sort_unstable();
        let low = (all.len() - 1) / 4;
        (all[low], all[all.len() - 1 - low])
    };
    Some((0..HOURS).map(of_hour).collect())
}

/// What is usual for a series of single values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The mean.
    pub mean: i64,
    /// Below this is unusual.
    pub low: i64,
    /// Above this is unusual.
    pub high: i64,
}

impl Limits {
    /// Whether a value is unusual.
    #[must_use]
    pub const fn is_unusual(&self, value: i64) -> bool {
        value < self.low || value > self.high
    }
}

/// Limits by the mean moving range; `None` for a series too short to have any.
#[must_use]
pub fn limits(points: &[i64]) -> Option<Limits> {
    if points.len() < POINTS_MIN {
        return None;
    }
    let count = i128::try_from(points.len()).ok()?;
    let sum: i128 = points.iter().map(|point| i128::from(*point)).sum();
    let ranges: i128 = points
        .windows(2)
        .map(|pair| (i128::from(pair[0]) - i128::from(pair[1])).abs())
        .sum();
    let mean = sum.div_euclid(count);
    let reach = ranges * i128::from(LIMIT_PERCENT) / ((count - 1) * 100);
    let fit = |value: i128| i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
    Some(Limits {
        mean: fit(mean),
        low: fit(mean - reach),
        high: fit(mean + reach),
    })
}
