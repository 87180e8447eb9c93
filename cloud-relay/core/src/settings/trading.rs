//! When a store trades: its hours by weekday, and the dates on which it is closed. Who knows them can say of a silent store
//! whether that is a Sunday or a till that has stopped, and of a day of which nothing came that it is missing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};
use tillwire_proto::BusinessDay;

use super::{SettingsError, StoreSettings};

/// How far ahead the next opening is looked for, in days.
const AHEAD: i32 = 31;

/// A store's trading calendar as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradingDraft {
    /// Hours by weekday, local time; `daily` for weekdays that are not named, `closed` for one without. A closing time that
    /// is not after the opening is of the next morning. Required. Example: `{ daily = "09:00-21:00", sunday = "closed" }`.
    pub hours: BTreeMap<String, String>,
    /// Dates on which it is closed. Default: none. Example: `["2026-12-25"]`.
    #[serde(default)]
    pub closed: BTreeSet<String>,
}

/// Opening and closing of a business day, local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// It opens.
    pub opens: Time,
    /// It closes; of the next morning where that is not after the opening.
    pub closes: Time,
}

/// A store's trading calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trading {
    /// From Monday.
    hours: [Option<Hours>; 7],
    closed: BTreeSet<Date>,
}

/// How a store stands at a moment by its calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It trades, since this moment in milliseconds since 1970-01-01T00:00:00Z.
    Open {
        /// When it opened.
        since_ms: i64,
    },
    /// It does not, and opens then; `None` where that is not within a month.
    Closed {
        /// The business day and the local time.
        opens: Option<(BusinessDay, Time)>,
    },
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl TradingDraft {
    /// Checks it against the time at which the store's business days end.
    pub(super) fn check(&self, cut_off: Time) -> Result<Trading, SettingsError> {
        let mut read = BTreeMap::new();
        for (name, text) in &self.hours {
            if name != "daily" && !WEEKDAYS.iter().any(|(known, _)| known == name) {
                return Err(SettingsError::new(
                    "trading.hours",
                    name,
                    "monday to sunday, or daily",
                ));
            }
            let hours = hours(text, cut_off).map_err(|wanted| {
                SettingsError::new("trading.hours", text, wanted).under(&format!("trading.hours.{name}"))
            })?;
            read.insert(name.as_str(), hours);
        }
        let daily = read.get("daily").copied().flatten();
        let of_week = WEEKDAYS.map(|(name, _)| read.get(name).copied().unwrap_or(daily));
        if of_week.iter().all(Option::is_none) {
            return Err(SettingsError::new(
                "trading.hours",
                "no day with hours",
                "at least one, such as daily = \"09:00-21:00\"",
            ));
        }
        let date = |text: &String| {
            text.parse::<Date>()
                .map_err(|_| SettingsError::new("trading.closed", text, "dates such as 2026-12-25"))
        };
        Ok(Trading {
            hours: of_week,
            closed: self.closed.iter().map(date).collect::<Result<_, _>>()?,
        })
    }
}

/// `09:00-21:00`, or `closed`.
fn hours(text: &str, cut_off: Time) -> Result<Option<Hours>, &'static str> {
    if text == "closed" {
        return Ok(None);
    }
    let read = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    let both = text.split_once('-');
    let both = both.and_then(|(opens, closes)| Some((read(opens)?, read(closes)?)));
    let (opens, closes) = both.ok_or("opening and closing such as 09:00-21:00, or closed")?;
    if opens < cut_off {
        return Err("an opening not before cut_off, at which the day before ends");
    }
    if closes <= opens && closes > cut_off {
        return Err("a closing of the same evening, or of the next morning up to cut_off");
    }
    Ok(Some(Hours { opens, closes }))
}

impl Trading {
    /// The hours of a business day; `None` when the store is closed on it.
    #[must_use]
    pub fn on(&self, day: BusinessDay) -> Option<Hours> {
        let weekday = day.date().weekday().to_monday_zero_offset();
        let hours = usize::try_from(weekday).ok().and_then(|nth| self.hours[nth]);
        hours.filter(|_| !self.closed.contains(&day.date()))
    }
}

impl StoreSettings {
    /// Whether the store trades on a business day; `None` where nobody has said when it does.
    #[must_use]
    pub fn trades_on(&self, day: BusinessDay) -> Option<bool> {
        self.trading.as_ref().map(|trading| trading.on(day).is_some())
    }

    /// When the store opens and closes on a business day, in milliseconds since 1970-01-01T00:00:00Z; `None` when it does
    /// not, or nobody has said so. A time that the clock change skips or repeats is taken as the zone's rules say.
    #[must_use]
    pub fn hours_ms(&self, day: BusinessDay) -> Option<(i64, i64)> {
        let hours = self.trading.as_ref()?.on(day)?;
        let at = |date: Date, time: Time| {
            let zoned = self.time_zone.to_ambiguous_zoned(date.to_datetime(time));
            Some(zoned.compatible().ok()?.timestamp().as_millisecond())
        };
        let closes_on = if hours.closes > hours.opens {
            day.date()
        } else {
            day.date().tomorrow().ok()?
        };
        Some((at(day.date(), hours.opens)?, at(closes_on, hours.closes)?))
    }

    /// How the store stands at a moment; `None` where nobody has said when it trades.
    #[must_use]
    pub fn standing(&self, now_ms: i64) -> Option<Standing> {
        let trading = self.trading.as_ref()?;
        let today = self.day_at_ms(now_ms);
        let mut from = today;
        if let Some((opens_ms, closes_ms)) = self.hours_ms(today) {
            if (opens_ms..closes_ms).contains(&now_ms) {
                return Some(Standing::Open { since_ms: opens_ms });
            }
            if now_ms >= closes_ms {
                from = BusinessDay::from_days(today.days_since_epoch() + 1).unwrap_or(today);
            }
        }
        let days = (0..AHEAD).filter_map(|ahead| BusinessDay::from_days(from.days_since_epoch() + ahead));
        let opens = days.filter_map(|day| Some((day, trading.on(day)?.opens))).next();
        Some(Standing::Closed { opens })
    }
}
