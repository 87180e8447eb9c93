//! A calendar month of business days.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use serde::Serialize;
use tillwire_proto::BusinessDay;

/// A month, such as `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Month(Date);

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, wanted a month such as 2026-11")]
pub struct MonthError(String);

impl Month {
    /// The month of a business day.
    #[must_use]
    pub fn of(day: BusinessDay) -> Self {
        Self(day.date().first_of_month())
    }

    /// Its first day.
    #[must_use]
    pub fn first(self) -> BusinessDay {
        BusinessDay::from(self.0)
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> BusinessDay {
        BusinessDay::from(self.0.last_of_month())
    }

    /// True for a day of it.
    #[must_use]
    pub fn contains(self, day: BusinessDay) -> bool {
        self.first() <= day && day <= self.last()
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = BusinessDay> {
        let (first, last) = (self.first().days_since_epoch(), self.last().days_since_epoch());
        (first..=last).filter_map(BusinessDay::from_days)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

impl FromStr for Month {
    type Err = MonthError;
    fn from_str(text: &str) -> Result<Self, MonthError> {
        let wrong = || MonthError(text.chars().take(20).collect());
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(wrong());
        }
        let (year, month): (i16, i8) = (
            year.parse().map_err(|_| wrong())?,
            month.parse().map_err(|_| wrong())?,
        );
        if (1..=12).contains(&month) {
            Ok(Self(date(year, month, 1)))
        } else {
            Err(wrong())
        }
    }
}
