//! The retailer's account in Heartland Retail's cloud, as its REST interface (v1) tells it: what to ask next, how a page reads,
//! and what a status means.
//!
//! Tickets are listed by `updated_at`, oldest first, and only the first page of a list is ever asked for: a ticket that
//! changes while a list is paged moves to its end, and everything behind its old place moves forward by one, over the edge
//! of the page. Asking again from where the last page ended cannot miss one. Since lists appear to be filtered by whole
//! minutes, the same minute is asked again until a page gets past it, with longer pages if it must be. A minute with more
//! changes than the longest page holds (an import, a price change over all open tickets) is read by itself, by id: a ticket
//! that changes meanwhile leaves the minute and is met in a later one.
//!
//! Sources: the vendor's own clients (`springboard-client-ruby`, `springboard-data-migrations`) for paths, `_filter`,
//! `_include[]`, `sort`, `per_page` and the shape of a page; programs in live use for the minute-grained filter, and for
//! `Retry-After` on 429.

use std::borrow::Cow;

use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scalar::Scalar;

/// Tickets of a page, to begin with.
pub const PAGE_LEN: u32 = 200;

/// Tickets of the longest page; the vendor's own programs ask for as many.
pub const PAGE_LEN_MAX: u32 = 5_000;

/// A list of the account. Each is listed in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Tickets with their lines and payments.
    Tickets,
    /// Payments by themselves, without a word of their tickets.
    Payments,
}

impl Listing {
    /// What stands in it, for people.
    const fn noun(self) -> &'static str {
        match self {
            Self::Tickets => "ticket",
            Self::Payments => "payment",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Tickets => "/api/sales/tickets",
            Self::Payments => "/api/payments",
        }
    }

    const fn include(self) -> &'static str {
        match self {
            Self::Tickets => "&_include%5B%5D=lines&_include%5B%5D=payments",
            Self::Payments => "",
        }
    }
}

/// A list to ask for. What is said of tickets holds for payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Tickets that changed at this moment or later.
    pub since: Timestamp,
    /// At most so many.
    pub len: u32,
    /// Only those of this one minute, by id, behind this one; `None` for the list by time.
    pub within: Option<u64>,
    /// Through when everything was known before.
    pub cursor: Timestamp,
}

/// What follows from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There may be more: this is the next question.
    Ask(Question),
    /// That is all for now; nothing older than this moment is unknown.
    Done(Timestamp),
    /// More tickets changed within this minute than can be told apart: a person must look.
    Crowded(Timestamp),
}

/// A page: always the first of its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// Tickets of the whole list, where the page says so.
    pub total: Option<u64>,
    /// Its tickets, in the order of the page.
    pub tickets: Vec<Listed<'a>>,
}

/// A ticket of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its id in the account.
    pub id: String,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// The location that it belongs to; empty when it names none.
    pub location: String,
    /// Whether it is finished, or taken back.
    pub settled: bool,
    /// Its own bytes, as they stand in the page.
    pub body: &'a [u8],
}

/// A page, or a ticket in it, that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, wanted {wanted}")]
pub struct PageError {
    /// As found.
    pub found: String,
    /// What a page has.
    pub wanted: &'static str,
}

/// What an answer's status means for who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The answer is there.
    Read,
    /// What was asked for is not there.
    Absent,
    /// The token is not, or no longer, good for this.
    Unauthorised,
    /// Too many questions: ask again after so many seconds.
    Slower(u64),
    /// The question itself is not liked.
    Refused,
    /// Something is wrong over there: ask again later.
    Broken,
}

impl Manner {
    /// Of a status and its `Retry-After`, in seconds.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<u64>) -> Self {
        match status {
            200..=299 => Self::Read,
            401 | 403 => Self::Unauthorised,
            404 | 410 => Self::Absent,
            429 => Self::Slower(retry_after.unwrap_or(60).min(3_600)),
            400..=499 => Self::Refused,
            _ => Self::Broken,
        }
    }
}

impl Question {
    /// The question that a round begins with: from where the last one ended, with an overlap in seconds, because a change can
    /// show later than its time says.
    #[must_use]
    pub fn after(cursor: Timestamp, overlap_s: u32) -> Self {
        let since = cursor
            .checked_sub(i64::from(overlap_s).seconds())
            .unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            since: whole_minute(since),
            len: PAGE_LEN,
            within: None,
            cursor,
        }
    }

    /// Path and query below the account's address.
    #[must_use]
    pub fn path(&self, of: Listing) -> String {
        let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S%%2B00:00");
        let since = time(self.since);
        let (sort, more) = match self.within {
            None => ("updated_at", "%7D%7D".to_owned()),
            Some(id) => {
                let until = time(self.next_minute());
                let more =
                    format!("%2C%22%24lt%22%3A%22{until}%22%7D%2C%22id%22%3A%7B%22%24gt%22%3A{id}%7D%7D");
                ("id", more)
            }
        };
        format!(
            "{}?sort={sort}&page=1&per_page={}{}&_filter=%7B%22updated_at%22%3A%7B%22%24gte%22%3A%22{since}%22{more}",
            of.path(),
            self.len,
            of.include()
        )
    }

    fn next_minute(&self) -> Timestamp {
        self.since.checked_add(1.minute()).unwrap_or(self.since)
    }

    /// What to ask after this page, which answered this question.
    #[must_use]
    pub fn next(&self, page: &Page<'_>) -> Next {
        let times = page.tickets.iter().map(|ticket| ticket.updated_at);
        let newest = times.max().unwrap_or(self.since);
        let len = page.tickets.len();
        // an account may have shorter pages than it is asked for
        let full = page
            .total
            .map_or(len >= self.len as usize, |total| total > len as u64);
        if let Some(last) = self.within {
            return self.next_within(page, full, last);
        }
        if !full || len == 0 {
            return Next::Done(newest.max(self.cursor));
        }
        let since = whole_minute(newest);
        if since > self.since {
            Next::Ask(Self {
                since,
                len: PAGE_LEN,
                ..*self
            })
        } else if self.len < PAGE_LEN_MAX && len >= self.len as usize {
            Next::Ask(Self {
                len: (self.len * 5).min(PAGE_LEN_MAX),
                ..*self
            })
        } else {
            Next::Ask(Self {
                within: Some(0),
                ..*self
            })
        }
    }

    /// One minute by id, and after its last page the list by time from the next minute on.
    fn next_within(&self, page: &Page<'_>, full: bool, last: u64) -> Next {
        let ids = page
            .tickets
            .iter()
            .map(|ticket| ticket.id.parse().unwrap_or(u64::MAX));
        let highest = ids.max().unwrap_or(last);
        if !full || page.tickets.is_empty() {
            return Next::Ask(Self {
                since: self.next_minute(),
                len: PAGE_LEN,
                within: None,
                ..*self
            });
        }
        if highest > last
            && page
                .tickets
                .is_sorted_by_key(|ticket| ticket.id.parse::<u64>().ok())
        {
            Next::Ask(Self {
                within: Some(highest),
                ..*self
            })
        } else {
            Next::Crowded(self.since)
        }
    }
}

/// Path and query of one ticket with its parts. `None` when the id is none: only digits are ever seen.
#[must_use]
pub fn ticket_path(id: &str) -> Option<String> {
    let good = !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    let parts = "_include%5B%5D=lines&_include%5B%5D=payments";
    good.then(|| format!("{}/{id}?{parts}", Listing::Tickets.path()))
}

/// Path that answers to a good token with who it belongs to.
pub const WHOAMI: &str = "/api/system/whoami";

fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(default)]
    total: Option<u64>,
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    updated_at: Scalar<'a>,
    #[serde(borrow, default)]
    source_location_id: Scalar<'a>,
    #[serde(borrow, default)]
    location_id: Scalar<'a>,
    #[serde(borrow, default, rename = "completed?")]
    completed: Scalar<'a>,
    #[serde(borrow, default, rename = "voided?")]
    voided: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
}

/// Reads a page of a list.
///
/// # Errors
/// [`PageError`] when it is no page, or a ticket in it has no id or time: nothing of it may be passed over.
pub fn read_page(body: &[u8], of: Listing) -> Result<Page<'_>, PageError> {
    let page: RawPage<'_> = serde_json::from_slice(body).map_err(|error| PageError {
        found: error.to_string(),
        wanted: "a page of a list: {\"results\": [...]}",
    })?;
    let tickets = page.results.into_iter();
    let tickets = tickets.map(|raw| read_listed(raw.get().as_bytes(), of));
    Ok(Page {
        total: page.total,
        tickets: tickets.collect::<Result<_, _>>()?,
    })
}

/// Reads what a single ticket, or payment, says about itself.
///
/// # Errors
/// As [`read_page`].
pub fn read_listed(body: &[u8], of: Listing) -> Result<Listed<'_>, PageError> {
    let noun = of.noun();
    let head: RawHead<'_> = serde_json::from_slice(body).map_err(|error| PageError {
        found: error.to_string(),
        wanted: "a ticket or payment",
    })?;
    let text = |scalar: &Scalar<'_>| scalar.text().map(Cow::into_owned).unwrap_or_default();
    let (id, updated) = (text(&head.id), text(&head.updated_at));
    if ticket_path(&id).is_none() {
        return Err(PageError {
            found: format!("a {noun} with id {id:?}"),
            wanted: "a whole number",
        });
    }
    let updated_at = updated.parse().map_err(|_| PageError {
        found: format!("{noun} {id} with updated_at {updated:?}"),
        wanted: "a time such as 2026-11-14T16:32:17+00:00",
    })?;
    let location = Some(text(&head.source_location_id)).filter(|location| !location.is_empty());
    let is_true = |scalar: &Scalar<'_>| scalar.flag() == Some(true);
    Ok(Listed {
        id,
        updated_at,
        location: location.unwrap_or_else(|| text(&head.location_id)),
        settled: is_true(&head.completed) || is_true(&head.voided) || text(&head.status) == "complete",
        body,
    })
}

#[cfg(test)]
mod tests;
