//! What the account says beside its sales: payments by themselves, without a word of their tickets, and what is in stock.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Account, Asked, answered, pairs};

/// An item at a location.
#[derive(Debug, Clone)]
pub(super) struct Stock {
    item: u64,
    number: String,
    location: u64,
    quantity: String,
}

impl Account {
    /// Puts a payment there that stands on no ticket. It must have an `id` and an `updated_at`.
    pub fn put_payment(&self, payment: Value) {
        self.held().payments.push(payment);
    }

    /// Payments cannot be listed any more, or not in this way: HTTP 400.
    pub fn lists_no_payments(&self) {
        self.held().no_payments = true;
    }

    /// So much of an item is at a location, in place of what was.
    pub fn stocks(&self, item: u64, number: &str, location: u64, quantity: &str) {
        let mut held = self.held();
        held.stock
            .retain(|row| (row.item, row.location) != (item, location));
        held.stock.push(Stock {
            item,
            number: number.to_owned(),
            location,
            quantity: quantity.to_owned(),
        });
    }
}

/// Every payment, of whichever ticket.
pub(super) async fn payments(
    State(account): State<Account>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let mishap = match account.before(&headers, &format!("/api/payments?{query}")) {
        Ok(mishap) => mishap,
        Err(answer) => return answer,
    };
    let held = account.held();
    let asked = Asked::of(&query).filter(|_| !held.no_payments);
    let Some(asked) = asked else {
        return (StatusCode::BAD_REQUEST, r#"{"message":"bad filter"}"#).into_response();
    };
    let on_tickets = held
        .tickets
        .values()
        .flat_map(|ticket| ticket["payments"].as_array());
    let all = on_tickets.flatten().chain(&held.payments).cloned();
    let all: BTreeMap<u64, Value> = all
        .filter_map(|payment| Some((payment["id"].as_u64()?, payment)))
        .collect();
    let (page, _) = asked.page_of(&all, held.page_max);
    answered(&page, mishap.as_ref())
}

/// What is in stock, by item and location; places without stock are left out.
pub(super) async fn inventory(
    State(account): State<Account>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let mishap = match account.before(&headers, &format!("/api/inventory/values?{query}")) {
        Ok(mishap) => mishap,
        Err(answer) => return answer,
    };
    let parts = pairs(&query);
    let number = |key: &str| parts.get(key).and_then(|text| text.parse::<usize>().ok());
    let held = account.held();
    let len = number("per_page").unwrap_or(20).min(held.page_max).max(1);
    let page = number("page").unwrap_or(1).max(1);
    let mut there: Vec<_> = held.stock.iter().filter(|row| row.quantity != "0").collect();
    there.sort_unstable_by_key(|row| (row.item, row.location));
    let rows = there.iter().skip((page - 1) * len).take(len);
    let rows: Vec<Value> = rows
        .map(|row| {
            let quantity: Value = serde_json::from_str(&row.quantity).unwrap_or_default();
            json!({ "item_id": row.item, "location_id": row.location, "qty": quantity, "qty_on_hand": quantity,
                "qty_committed": 0, "item": { "id": row.item, "public_id": row.number } })
        })
        .collect();
    let (total, pages) = (there.len(), there.len().div_ceil(len));
    let page = json!({ "total": total, "pages": pages, "per_page": len, "results": rows });
    answered(&page, mishap.as_ref())
}
