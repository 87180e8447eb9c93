//! When a day's tickets were captured and when they arrived: what lies between the two is what waited in the store.

use std::collections::BTreeMap;

use tillwire_proto::LaneId;

use super::is_sale;
use crate::facts::DayFacts;

/// Steps of time that a chart can show.
const STEPS_MAX: i64 = 240;

/// Steps that people count in, in milliseconds: one minute to a day.
const STEPS_MS: [i64; 9] = [
    60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 10_800_000, 86_400_000,
];

/// Tickets by time, and how long each was under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// Where the first step begins, in milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: i64,
    /// Length of a step, in milliseconds.
    pub step_ms: i64,
    /// Tickets captured by the end of each step, counted from the first.
    pub captured: Vec<u32>,
    /// Tickets that the relay had stored by then; as long as `captured`, never more.
    pub arrived: Vec<u32>,
    /// From capture to the relay, in milliseconds: half of all tickets took no longer ...
    pub half_ms: i64,
    /// ... 99 of 100 no longer than this ...
    pub most_ms: i64,
    /// ... and the slowest this.
    pub worst_ms: i64,
}

impl Arrivals {
    /// The most tickets that waited in the store at the end of a step.
    #[must_use]
    pub fn waited_most(&self) -> u32 {
        let steps = self.captured.iter().zip(&self.arrived);
        steps
            .map(|(captured, arrived)| captured.saturating_sub(*arrived))
            .max()
            .unwrap_or(0)
    }
}

/// One ticket's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The lane it came on.
    pub lane: LaneId,
    /// The box's wall clock at capture, in milliseconds since 1970-01-01T00:00:00Z.
    pub captured_ms: i64,
    /// When the relay stored it, in milliseconds since then.
    pub arrived_ms: i64,
}

/// The arrivals of a day's sales, returns and exchanges, each by its first account; `None` when it has none.
#[must_use]
pub fn arrivals(facts: &DayFacts) -> Option<Arrivals> {
    let sales = facts.transactions.iter().filter(|(key, _)| is_sale(key.kind));
    let first = sales.filter_map(|(_, known)| {
        let told = known.versions.iter().flat_map(|version| &version.sightings);
        told.min_by_key(|sighting| (sighting.received_ms, sighting.record))
    });
    let ways = first.map(|sighting| Way {
        lane: sighting.lane.clone(),
        captured_ms: sighting.wall_ms,
        arrived_ms: sighting.received_ms,
    });
    along(&ways.collect::<Vec<_>>())
}

/// Draws up the ways of tickets; `None` for none.
///
/// A box's clock may be off. Where it is ahead, all of its lane's captures are moved back until none lies after its
/// arrival; where it is behind, nothing can tell that from a slow line, and the tickets seem to have been under way for
/// longer.
#[must_use]
pub fn along(ways: &[Way]) -> Option<Arrivals> {
    let mut ahead_ms: BTreeMap<&LaneId, i64> = BTreeMap::new();
    for way in ways {
        let ahead = ahead_ms.entry(&way.lane).or_default();
        *ahead = way.captured_ms.saturating_sub(way.arrived_ms).max(*ahead);
    }
    let times: Vec<(i64, i64)> = ways
        .iter()
        .map(|way| {
            let ahead = ahead_ms.get(&way.lane).copied().unwrap_or(0);
            (way.captured_ms.saturating_sub(ahead), way.arrived_ms)
        })
        .collect();
    let from_ms = times.iter().map(|(captured, _)| *captured).min()?;
    let to_ms = times.iter().map(|(_, arrived)| *arrived).max()?;
    let span_ms = to_ms.saturating_sub(from_ms);
    let fits = |step: &&i64| span_ms / **step < STEPS_MAX;
    let longest = STEPS_MS[STEPS_MS.len() - 1];
    let step_ms = STEPS_MS
        .iter()
        .find(fits)
        .copied()
        // A box a year behind: as coarse as it takes.
        .unwrap_or_else(|| (span_ms / STEPS_MAX / longest + 1) * longest);
    let from_ms = from_ms.div_euclid(step_ms) * step_ms;
    let steps = usize::try_from(to_ms.saturating_sub(from_ms) / step_ms + 1).unwrap_or(1);
    let count = |of: fn(&(i64, i64)) -> i64| {
        let mut by = vec![0_u32; steps];
        for time in &times {
            let at = usize::try_from(of(time).saturating_sub(from_ms) / step_ms).unwrap_or(0);
            by[at.min(steps - 1)] += 1;
        }
        for at in 1..steps {
            by[at] += by[at - 1];
        }
        by
    };
    let mut delays: Vec<i64> = times
        .iter()
        .map(|(captured, arrived)| arrived.saturating_sub(*captured))
        .collect();
    delays.sort_unstable();
    let delay = |percent: usize| {
        let at = (delays.len() * percent).div_ceil(100).max(1) - 1;
        delays.get(at).copied().unwrap_or_default()
    };
    Some(Arrivals {
        from_ms,
        step_ms,
        captured: count(|(captured, _)| *captured),
        arrived: count(|(_, arrived)| *arrived),
        half_ms: delay(50),
        most_ms: delay(99),
        worst_ms: delay(100),
    })
}
