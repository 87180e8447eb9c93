//! Days and clock readings, kept apart on purpose: the business day books, a clock only notes.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a date or a local time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, wanted {wanted}")]
pub struct DayError {
    found: String,
    wanted: &'static str,
}

/// The date that the POS books a sale under. Not the clock's date: a bar's Friday ends on Saturday at four.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDay(civil::Date);

impl BusinessDay {
    /// From year, month and day of the Gregorian calendar.
    ///
    /// # Errors
    /// [`DayError`] for a date that does not exist.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, DayError> {
        civil::Date::new(year, month, day)
            .map(Self)
            .map_err(|_| DayError {
                found: format!("{year}-{month}-{day}"),
                wanted: "a date of the calendar",
            })
    }

    /// Days since 1970-01-01; the form on the wire.
    #[must_use]
    pub fn days_since_epoch(self) -> i32 {
        self.0.since(EPOCH).map_or(0, |span| span.get_days())
    }

    /// From days since 1970-01-01.
    #[must_use]
    pub fn from_days(days: i32) -> Option<Self> {
        EPOCH
            .checked_add(jiff::Span::new().try_days(days).ok()?)
            .ok()
            .map(Self)
    }

    /// The calendar date.
    #[must_use]
    pub const fn date(self) -> civil::Date {
        self.0
    }
}

const EPOCH: civil::Date = civil::Date::constant(1970, 1, 1);

impl From<civil::Date> for BusinessDay {
    fn from(date: civil::Date) -> Self {
        Self(date)
    }
}

impl FromStr for BusinessDay {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let wrong = || DayError {
            found: text.chars().take(40).collect(),
            wanted: "a date such as 2026-11-14",
        };
        if text.len() != 10 {
            return Err(wrong());
        }
        text.parse::<civil::Date>().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for BusinessDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.days_since_epoch().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for BusinessDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            <std::borrow::Cow<'de, str>>::deserialize(deserializer)?
                .parse()
                .map_err(D::Error::custom)
        } else {
            let days = i32::deserialize(deserializer)?;
            Self::from_days(days)
                .ok_or_else(|| D::Error::custom(format!("found day number {days}, wanted a date")))
        }
    }
}

/// What the till's own clock showed, to the second, without a zone: seconds since 1970-01-01T00:00:00 *local*.
/// A note for people; no decision compares it with another clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalTime(pub i64);

impl LocalTime {
    /// From a civil date and time.
    #[must_use]
    pub fn from_civil(at: civil::DateTime) -> Self {
        let days = BusinessDay(at.date()).days_since_epoch();
        let time = at.time();
        let seconds =
            i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        Self(i64::from(days) * 86_400 + seconds)
    }

    /// The civil date and time; the calendar's last moment when out of range.
    #[must_use]
    pub fn civil(self) -> civil::DateTime {
        let days = i32::try_from(self.0.div_euclid(86_400))
            .ok()
            .and_then(BusinessDay::from_days);
        let second = i32::try_from(self.0.rem_euclid(86_400)).unwrap_or(0);
        let part = |value: i32| i8::try_from(value).unwrap_or(0);
        days.map_or(civil::DateTime::MAX, |day| {
            day.date()
                .at(part(second / 3600), part(second / 60 % 60), part(second % 60), 0)
        })
    }

    /// The date part, before any store cut-off is applied.
    #[must_use]
    pub fn date(self) -> BusinessDay {
        BusinessDay(self.civil().date())
    }
}

impl FromStr for LocalTime {
    type Err = DayError;
    /// Reads `2026-11-14T10:32:16`, with or without a fraction; a zone suffix is refused because the till's local
    /// field has none.
    fn from_str(text: &str) -> Result<Self, DayError> {
        let wrong = || DayError {
            found: text.chars().take(40).collect(),
            wanted: "a local time such as 2026-11-14T10:32:16",
        };
        let time = text.get(10..).filter(|_| text.len() >= 19);
        if time.is_none_or(|time| time.contains(['Z', '+', '-'])) {
            return Err(wrong());
        }
        text.parse::<civil::DateTime>()
            .map(Self::from_civil)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.civil(), f)
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When something happened by the clocks of the box that saw it. Notes, never order and never identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Milliseconds since 1970-01-01T00:00:00Z by the wall clock, however wrong that is.
    pub wall_ms: i64,
    /// Milliseconds of the monotonic clock since boot.
    pub monotonic_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_day_travels_as_days_and_prints_as_a_date() {
        let day: BusinessDay = "2026-11-14".parse().unwrap();
        assert_eq!(BusinessDay::from_days(day.days_since_epoch()), Some(day));
        assert_eq!(day.to_string(), "2026-11-14");
        assert!("2026-02-30".parse::<BusinessDay>().is_err());
        assert!("2026-11-14T00".parse::<BusinessDay>().is_err());
    }

    #[test]
    fn local_time_has_no_zone_and_survives_1969() {
        let at: LocalTime = "2026-11-14T10:32:16".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-14T10:32:16");
        assert_eq!(LocalTime(-1).to_string(), "1969-12-31T23:59:59");
        assert!("2026-11-14T10:32:16Z".parse::<LocalTime>().is_err());
        assert_eq!(LocalTime(i64::MAX).civil(), civil::DateTime::MAX);
    }

    #[test]
    fn local_time_refuses_a_letter_across_the_tenth_byte() {
        assert!("2026-11-1ɇ10:32:16.000".parse::<LocalTime>().is_err());
    }
}
