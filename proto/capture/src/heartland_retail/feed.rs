//! What an account is asked, whichever of its interfaces shows the sales: a list is asked for page by page, and each page
//! offers sales and says what to ask next. Who asks and who keeps what is offered are others: the relay, or an agent where
//! only the store has the account's token.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use tillwire_proto::Transaction;

use super::cloud::{self, Listed, Listing, Manner, Next, PageError, Question};
use super::graph::{self, NextOrders, OrderQuestion};
use super::{Refused, read_order, read_ticket};
use crate::settings::HeartlandRetailSettings;

/// What an account shows its sales as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// Tickets, over REST.
    Tickets,
    /// Sales orders, over GraphQL.
    Orders,
}

/// A list of the account, followed round after round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feed {
    /// All tickets.
    Tickets,
    /// The orders of this station.
    Orders(String),
}

/// A question to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `GET` of this path and query.
    Get(String),
    /// `POST` of this JSON to [`graph::PATH`].
    Graph(String),
}

/// A list while it is read: what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// Of tickets.
    Tickets(Question),
    /// Of a station's orders.
    Orders(String, OrderQuestion),
}

/// What follows from a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onward {
    /// This is asked for next.
    Ask(List),
    /// That is all for now; nothing older than this moment is unknown.
    Done(Timestamp),
    /// The list does not end: a person must look. In words.
    Stuck(String),
}

/// Whose a sale is, as the account names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// A ticket's location.
    Location(String),
    /// The station whose orders were asked for.
    Station(String),
}

/// A sale that the account offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id in the account.
    pub id: String,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Whose it is.
    pub whose: Whose,
    /// Its bytes, not yet swept by the tripwire.
    pub raw: Vec<u8>,
}

/// How long an account is left alone that only a person can mend.
pub const LONG: Duration = Duration::from_secs(300);

/// Rounds that may fail before the store is told.
const QUIET_FAILURES: u32 = 3;

/// What an answer that is none means for the next round: in words, and how long to leave the account alone at least. `words`
/// are the answer's own, `token_file` is where a new token goes.
#[must_use]
pub fn trouble(manner: Manner, words: &str, token_file: impl Display) -> (String, Duration) {
    match manner {
        Manner::Unauthorised => (
            format!("{words}: the token is not taken; make a new one and put it into {token_file}"),
            LONG,
        ),
        Manner::Slower(seconds) => (format!("{words}: asked too often"), Duration::from_secs(seconds)),
        _ => (words.to_owned(), Duration::ZERO),
    }
}

/// Whether the store is told after so many rounds that failed, the last of which leaves the account alone for so long: what is
/// left alone for minutes does not mend itself.
#[must_use]
pub fn is_worth_a_notice(failures: u32, least: Duration) -> bool {
    failures >= QUIET_FAILURES || least >= LONG
}

impl Feed {
    /// The lists to follow: all tickets, or the orders of these stations.
    pub fn all<'a>(
        reads: &BTreeSet<Reads>,
        stations: impl Iterator<Item = &'a String>,
    ) -> impl Iterator<Item = Self> {
        let tickets = reads.contains(&Reads::Tickets).then_some(Self::Tickets);
        let orders = reads.contains(&Reads::Orders);
        let stations = stations.filter(move |station| orders && is_of_orders(station));
        tickets.into_iter().chain(stations.cloned().map(Self::Orders))
    }

    /// The list from this moment on, with an overlap in seconds, because a change can show later than its time says.
    #[must_use]
    pub fn since(&self, cursor: Timestamp, overlap_s: u32) -> List {
        match self {
            Self::Tickets => List::Tickets(Question::after(cursor, overlap_s)),
            Self::Orders(station) => List::Orders(station.clone(), OrderQuestion::after(cursor, overlap_s)),
        }
    }
}

/// Stations of tickets have numbers; those of orders, UUIDs.
#[must_use]
pub fn is_of_orders(station: &str) -> bool {
    !station.bytes().all(|byte| byte.is_ascii_digit())
}

impl List {
    /// The question.
    #[must_use]
    pub fn ask(&self) -> Ask {
        match self {
            Self::Tickets(question) => Ask::Get(question.path(Listing::Tickets)),
            Self::Orders(station, question) => Ask::Graph(question.body(station)),
        }
    }

    /// Reads the answer: what it offers, without what is still open, and what follows from it.
    ///
    /// # Errors
    /// [`PageError`] when it is no page of this list, or something on it cannot be told.
    pub fn read(&self, body: &[u8]) -> Result<(Vec<Offer>, Onward), PageError> {
        match self {
            Self::Tickets(question) => {
                let page = cloud::read_page(body, Listing::Tickets)?;
                let onward = match question.next(&page) {
                    Next::Ask(next) => Onward::Ask(Self::Tickets(next)),
                    Next::Done(through) => Onward::Done(through),
                    Next::Crowded(minute) => Onward::Stuck(format!(
                        "more tickets changed in the minute of {minute} than can be told apart"
                    )),
                };
                let settled = page.tickets.iter().filter(|listed| listed.settled);
                Ok((settled.map(Offer::ticket).collect(), onward))
            }
            Self::Orders(station, question) => {
                let page = graph::read_orders(body, station)?;
                let onward = match question.next(&page) {
                    NextOrders::Ask(next) => Onward::Ask(Self::Orders(station.clone(), next)),
                    NextOrders::Done(through) => Onward::Done(through),
                    NextOrders::Endless => {
                        Onward::Stuck(format!("the list of orders of station {station} does not end"))
                    }
                };
                let settled = page.orders.into_iter().filter(|order| !order.open);
                let offers = settled.map(|order| Offer {
                    id: order.id,
                    updated_at: order.updated_at,
                    whose: Whose::Station(station.clone()),
                    raw: order.body,
                });
                Ok((offers.collect(), onward))
            }
        }
    }
}

impl Offer {
    /// A ticket of a page, or asked for by itself.
    #[must_use]
    pub fn ticket(listed: &Listed<'_>) -> Self {
        Self {
            id: listed.id.clone(),
            updated_at: listed.updated_at,
            whose: Whose::Location(listed.location.clone()),
            raw: listed.body.to_vec(),
        }
    }

    /// Whether it is this store's.
    #[must_use]
    pub fn is_of(&self, retail: &HeartlandRetailSettings) -> bool {
        match &self.whose {
            Whose::Location(location) => retail.locations.contains(location),
            Whose::Station(station) => retail.registers.contains_key(station),
        }
    }

    /// Reads what it says, after the tripwire has swept the bytes.
    ///
    /// # Errors
    /// [`Refused`], which names what was found and what was wanted.
    pub fn read(&self, retail: &HeartlandRetailSettings) -> Result<Transaction, Refused> {
        match self.whose {
            Whose::Location(_) => read_ticket(&self.raw, retail),
            Whose::Station(_) => read_order(&self.raw, retail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_own_lists() {
        let stations = ["100011".to_owned(), "4c6b2c5e-0d3f".to_owned()];
        let feeds = |reads: &[Reads]| -> Vec<Feed> {
            Feed::all(&reads.iter().copied().collect(), stations.iter()).collect()
        };
        let orders = Feed::Orders("4c6b2c5e-0d3f".to_owned());
        assert_eq!(feeds(&[Reads::Tickets]), [Feed::Tickets]);
        assert_eq!(feeds(&[Reads::Orders]), std::slice::from_ref(&orders));
        assert_eq!(feeds(&[Reads::Tickets, Reads::Orders]), [Feed::Tickets, orders]);
    }

    #[test]
    fn token_that_is_not_taken_is_told_at_once_and_a_hiccup_at_the_third_time() {
        let (words, least) = trouble(Manner::Unauthorised, "HTTP 401", "/etc/token");
        assert!(
            words.contains("put it into /etc/token") && is_worth_a_notice(1, least),
            "{words}"
        );
        let (words, least) = trouble(Manner::Broken, "HTTP 502", "/etc/token");
        assert_eq!((words.as_str(), least), ("HTTP 502", Duration::ZERO));
        assert!(!is_worth_a_notice(2, least) && is_worth_a_notice(3, least));
        assert_eq!(
            trouble(Manner::Slower(7), "HTTP 429", "").1,
            Duration::from_secs(7)
        );
    }

    #[test]
    fn page_offers_what_is_finished_and_says_whose() {
        let list = Feed::Tickets.since(Timestamp::UNIX_EPOCH, 0);
        let body = br#"{"results":[{"id":1,"updated_at":"2026-11-14T16:32:17Z","source_location_id":4,"completed?":true},
            {"id":2,"updated_at":"2026-11-14T16:32:17Z","source_location_id":4,"status":"incomplete"}]}"#;
        let (offers, onward) = list.read(body).unwrap();
        assert_eq!(onward, Onward::Done("2026-11-14T16:32:17Z".parse().unwrap()));
        assert_eq!(offers.len(), 1);
        assert_eq!(offers[0].whose, Whose::Location("4".to_owned()));
        let list = Feed::Orders("st".to_owned()).since(Timestamp::UNIX_EPOCH, 0);
        assert!(matches!(list.ask(), Ask::Graph(_)));
        assert!(
            list.read(body).is_err(),
            "one interface's page is none of the other's"
        );
    }
}
