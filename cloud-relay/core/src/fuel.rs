//! The fuel gauge of an outage: for how many days a store goes on selling safely while its boxes cannot reach us, and
//! what runs out first.
//!
//! A box itself says how long its disk takes sales and when its certificate ends; after that end it cannot come back
//! without being enrolled again. A clock that is off stops nothing, sales are dated by the till; it is named, because a
//! cut line lets it drift on unseen.

use std::fmt;

/// A clock that is further off is named, in milliseconds.
pub const CLOCK_OFF_MS: i64 = 120_000;

/// From here down a store would not last a long weekend, in days.
pub const SHORT_DAYS: u32 = 4;

const DAY_MS: i64 = 86_400_000;

/// What a box said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// For how many more trading days its disk takes sales; `None` before it knows.
    pub buffer_days: Option<u16>,
    /// When its certificate ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub certificate_ends_ms: Option<i64>,
    /// Its wall clock less ours, in milliseconds.
    pub clock_offset_ms: i64,
}

/// What runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Room on its disk.
    Disk,
    /// Its certificate.
    Certificate,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Certificate => "certificate",
        })
    }
}

/// For how long it holds out, by what runs out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gauge {
    /// Days, rounded down.
    pub days: u32,
    /// What runs out first.
    pub limit: Limit,
    /// Whether its clock is off.
    pub is_clock_off: bool,
}

/// Reads a box's gauge. `None` while the box has told neither.
#[must_use]
pub fn gauge(said: &Said, now_ms: i64) -> Option<Gauge> {
    let is_clock_off = said.clock_offset_ms.saturating_abs() > CLOCK_OFF_MS;
    let disk = said.buffer_days.map(|days| (u32::from(days), Limit::Disk));
    let certificate = said.certificate_ends_ms.map(|ends_ms| {
        let days = ends_ms.saturating_sub(now_ms).div_euclid(DAY_MS).max(0);
        (u32::try_from(days).unwrap_or(u32::MAX), Limit::Certificate)
    });
    let (days, limit) = [disk, certificate].into_iter().flatten().min()?;
    Some(Gauge {
        days,
        limit,
        is_clock_off,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn said(buffer_days: Option<u16>, certificate_days: Option<i64>) -> Said {
        Said {
            buffer_days,
            certificate_ends_ms: certificate_days.map(|days| NOW_MS + days * DAY_MS),
            clock_offset_ms: 0,
        }
    }

    #[test]
    fn what_runs_out_first_is_named() {
        let read = |said| gauge(&said, NOW_MS).map(|gauge| (gauge.days, gauge.limit));
        assert_eq!(read(said(Some(212), Some(900))), Some((212, Limit::Disk)));
        assert_eq!(read(said(Some(212), Some(9))), Some((9, Limit::Certificate)));
        assert_eq!(read(said(None, Some(9))), Some((9, Limit::Certificate)));
        assert_eq!(read(said(Some(0), None)), Some((0, Limit::Disk)));
        assert_eq!(read(said(None, None)), None);
    }

    #[test]
    fn a_certificate_that_has_ended_leaves_no_day_and_not_fewer() {
        let gauge = gauge(&said(Some(30), Some(-3)), NOW_MS).unwrap();
        assert_eq!((gauge.days, gauge.limit), (0, Limit::Certificate));
    }

    #[test]
    fn a_clock_that_is_off_is_named_and_costs_no_day() {
        let said = Said {
            clock_offset_ms: -3 * 3_600_000,
            ..said(Some(30), None)
        };
        let gauge = gauge(&said, NOW_MS).unwrap();
        assert_eq!((gauge.days, gauge.is_clock_off), (30, true));
    }
}
