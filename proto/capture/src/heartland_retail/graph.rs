//! The retailer's account as its newer interface tells it: POS v2, GraphQL. An account that has it shows its sales as orders
//! here, and not as tickets; a witness that reads only tickets would call such a store silent.
//!
//! Orders are listed by station, newest first as it seems, as a connection of the GraphQL Cursor Connections Specification
//! (`first`, `after`, `pageInfo`): an opaque cursor does not shift when an order is added at the top. Pages are read until
//! one ends before the moment that is asked about. An order of a list in no order that can be told ends nothing, so that such a
//! list is read to its end.
//!
//! Source: `dstotz/heartland-retail-pole-display`, by an employee of the vendor, for the path, the argument `stationId` and all
//! fields of an order. That `after` and `pageInfo` exist is what the specification asks of a field with `first` and
//! `nodes`; an account without them answers with an error, which is told, and nothing is lost quietly.

use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cloud::PageError;
use super::order;
use crate::scalar::{Object, Scalar};

/// Path of the interface below the account's address. Everything is a `POST`.
pub const PATH: &str = "/api/graphql";

/// Orders of a page.
pub const PAGE_LEN: u32 = 50;

/// Pages that one list may have: more than a station sells in a month.
pub const PAGES_MAX: u32 = 400;

/// How long an order that is still open keeps the rounds from moving past it, in hours. Older ones are found when the last days
/// are read again.
const OPEN_HOURS: i64 = 24;

/// What the vendor's own program asks of an order, but the numbers of gift cards, which come in clear, and the customer's name,
/// which is nobody's business here.
const QUERY: &str = "query($stationId: ID, $first: Int, $after: String) { \
    salesOrders(stationId: $stationId, first: $first, after: $after) { \
    pageInfo { hasNextPage endCursor } \
    nodes { id createdAt updatedAt status orderNumber subtotal total totalTax amountPaid amountDue change paymentStatus \
    deposits { id paymentType { name description } amount } \
    refunds { id paymentType { name description } amount } \
    orderRequests { __typename \
    ... on OrderRequestInStore { id status orderRequestNumber taxes { description amount } \
    itemLines { pageInfo { hasNextPage } nodes { id description item { itemNumber } qty unitPrice finalUnitPrice \
    totalAtUnitPrice } } \
    giftCardLines { pageInfo { hasNextPage } nodes { id qty description amount } } } \
    ... on OrderRequestShipment { id status orderRequestNumber taxes { description amount } \
    itemLines { pageInfo { hasNextPage } nodes { id description item { itemNumber } qty unitPrice finalUnitPrice \
    totalAtUnitPrice } } \
    giftCardLines { pageInfo { hasNextPage } nodes { id qty description amount } } } } } } }";

/// A list to ask for, of one station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuestion {
    /// Orders that are new, or changed, at this moment or later.
    pub since: Timestamp,
    /// From where the last page ended.
    pub after: Option<String>,
    /// Through when everything was known before.
    cursor: Timestamp,
    /// The earliest order that was still open, of all pages so far.
    open: Option<Timestamp>,
    /// The latest time of all pages so far.
    newest: Option<Timestamp>,
    pages: u32,
}

/// What follows from a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextOrders {
    /// There may be more: this is the next question.
    Ask(OrderQuestion),
    /// That is all for now; nothing older than this moment is unknown.
    Done(Timestamp),
    /// The list does not end: a person must look.
    Endless,
}

/// A page of one station's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// Its orders, in the order of the page.
    pub orders: Vec<ListedOrder>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// An order of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOrder {
    /// Its id in the account.
    pub id: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Whether it is still being rung up, or owed on.
    pub open: bool,
    /// What is kept of it, and [`super::read_order`] reads: its own bytes as they stand in the page, with the station.
    pub body: Vec<u8>,
}

impl OrderQuestion {
    /// The question that a round begins with: from where the last one ended, with an overlap in seconds.
    #[must_use]
    pub fn after(cursor: Timestamp, overlap_s: u32) -> Self {
        let since = cursor.checked_sub(i64::from(overlap_s).seconds());
        Self {
            since: since.unwrap_or(Timestamp::UNIX_EPOCH),
            after: None,
            cursor,
            open: None,
            newest: None,
            pages: 0,
        }
    }

    /// Body of the `POST` to [`PATH`].
    #[must_use]
    pub fn body(&self, station: &str) -> String {
        serde_json::json!({
            "query": QUERY,
            "variables": { "stationId": station, "first": PAGE_LEN, "after": self.after },
        })
        .to_string()
    }

    /// What to ask after this page, which answered this question.
    #[must_use]
    pub fn next(&self, page: &OrderPage) -> NextOrders {
        let orders = &page.orders;
        let newest = orders
            .iter()
            .map(|order| order.updated_at)
            .chain(self.newest)
            .max();
        let open = orders.iter().filter(|order| order.open);
        let open = open.map(|order| order.created_at).chain(self.open).min();
        let Some(onward) = page.next.clone().filter(|_| !reaches(orders, self.since)) else {
            return NextOrders::Done(through(
                newest.map_or(self.cursor, |newest| newest.max(self.cursor)),
                open,
            ));
        };
        let pages = self.pages + 1;
        if orders.is_empty() || self.after.as_ref() == Some(&onward) || pages >= PAGES_MAX {
            return NextOrders::Endless;
        }
        NextOrders::Ask(Self {
            since: self.since,
            after: Some(onward),
            cursor: self.cursor,
            open,
            newest,
            pages,
        })
    }
}

/// An order that is open now will change, and must then still be within reach.
fn through(newest: Timestamp, open: Option<Timestamp>) -> Timestamp {
    let horizon = newest
        .checked_sub(OPEN_HOURS.hours())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    open.filter(|open| *open > horizon)
        .map_or(newest, |open| open.min(newest))
}

/// Whether a page goes back to before a moment: by the time that it is sorted by.
fn reaches(orders: &[ListedOrder], since: Timestamp) -> bool {
    let Some(last) = orders.last() else { return false };
    let falls = |time: fn(&ListedOrder) -> Timestamp| orders.is_sorted_by(|a, b| time(a) >= time(b));
    if falls(|order| order.updated_at) {
        last.updated_at < since
    } else {
        falls(|order| order.created_at) && last.created_at < since
    }
}

#[derive(Deserialize)]
struct RawAnswer<'a> {
    #[serde(borrow, default)]
    errors: Option<Vec<RawError<'a>>>,
    #[serde(borrow, default)]
    data: Option<RawData<'a>>,
}

#[derive(Deserialize)]
struct RawError<'a> {
    #[serde(borrow, default)]
    message: Scalar<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawData<'a> {
    #[serde(borrow, default)]
    sales_orders: Option<RawOrders<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOrders<'a> {
    #[serde(borrow)]
    nodes: Vec<&'a RawValue>,
    #[serde(borrow)]
    page_info: RawPageInfo<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPageInfo<'a> {
    has_next_page: bool,
    #[serde(borrow, default)]
    end_cursor: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHead<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    created_at: Scalar<'a>,
    #[serde(borrow, default)]
    updated_at: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    amount_due: Scalar<'a>,
}

/// Reads a page of a station's orders.
///
/// # Errors
/// [`PageError`] when the account answers with errors, even beside data, when it is no page, or an order in it has no id or
/// times: nothing of it may be passed over.
pub fn read_orders(body: &[u8], station: &str) -> Result<OrderPage, PageError> {
    const WANTED: &str =
        "a page of orders: {\"data\": {\"salesOrders\": {\"nodes\": [...], \"pageInfo\": {...}}}}";
    let wrong = |found: String| PageError {
        found,
        wanted: WANTED,
    };
    let answer: RawAnswer<'_> = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    if let Some(error) = answer.errors.unwrap_or_default().first() {
        let said = error.message.text().unwrap_or_default();
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(wrong(format!("an answer with the error {said:?}")));
    }
    let listed = answer
        .data
        .and_then(|data| data.sales_orders)
        .ok_or_else(|| wrong("an answer without data".to_owned()))?;
    let next = match (listed.page_info.has_next_page, listed.page_info.end_cursor.text()) {
        (false, _) => None,
        (true, Some(cursor)) => Some(cursor.into_owned()),
        (true, None) => return Err(wrong("a page with more to come and no endCursor".to_owned())),
    };
    let orders = listed
        .nodes
        .into_iter()
        .map(|node| read_listed(node.get(), station));
    Ok(OrderPage {
        orders: orders.collect::<Result<_, _>>()?,
        next,
    })
}

fn read_listed(node: &str, station: &str) -> Result<ListedOrder, PageError> {
    let head: Object<RawHead<'_>> = serde_json::from_str(node).map_err(|error| PageError {
        found: error.to_string(),
        wanted: "an order",
    })?;
    let id = head.id.text().unwrap_or_default().into_owned();
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PageError {
            found: format!("an order with id {:?}", id.chars().take(80).collect::<String>()),
            wanted: "an id of at most 64 letters, digits and signs",
        });
    }
    let time = |name: &str, found: &Scalar<'_>| {
        let text = found.text().unwrap_or_default();
        text.parse::<Timestamp>().map_err(|_| PageError {
            found: format!("order {id} with {name} {text:?}"),
            wanted: "a time such as 2026-11-14T16:32:17Z",
        })
    };
    let (created_at, updated_at) = (
        time("createdAt", &head.created_at)?,
        time("updatedAt", &head.updated_at)?,
    );
    let station = serde_json::Value::from(station);
    Ok(ListedOrder {
        created_at,
        updated_at,
        open: order::is_open(head.status, head.amount_due),
        body: format!("{{\"stationId\":{station},\"salesOrder\":{node}}}").into_bytes(),
        id,
    })
}

#[cfg(test)]
mod tests;
