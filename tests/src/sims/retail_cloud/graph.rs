//! The newer interface of the account ("POS v2"): orders of a station over GraphQL, newest first. It knows the fields that are
//! known of it and answers every other with an error, as GraphQL does: under status 200.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Account, Mishap, answered};

/// Every name that a query may use.
const KNOWN: &str = "query stationId ID first Int after String salesOrders pageInfo hasNextPage endCursor nodes id createdAt \
    updatedAt status orderNumber subtotal total totalTax amountPaid amountDue change paymentStatus customer name deposits \
    paymentType description amount refunds orderRequests __typename on OrderRequestInStore OrderRequestShipment \
    orderRequestNumber taxes itemLines item itemNumber qty unitPrice finalUnitPrice totalAtUnitPrice giftCardLines giftCard number";

/// The orders of each station.
pub(super) type Orders = BTreeMap<String, Vec<Value>>;

/// `POST /api/graphql`.
pub(super) async fn graphql(State(account): State<Account>, headers: HeaderMap, body: String) -> Response {
    let mishap = match account.before(&headers, "/api/graphql") {
        Ok(mishap) => mishap,
        Err(answer) => return answer,
    };
    let failed = |words: &str| {
        answered(
            &json!({ "errors": [{ "message": words }], "data": null }),
            mishap.as_ref(),
        )
    };
    let Ok(asked) = serde_json::from_str::<Value>(&body) else {
        return failed("the body is no JSON");
    };
    let query = asked["query"].as_str().unwrap_or_default();
    let names = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let unknown = names
        .filter(|name| !name.is_empty())
        .find(|name| !KNOWN.split_whitespace().any(|known| known == *name));
    if let Some(name) = unknown {
        return failed(&format!("Field '{name}' doesn't exist on type 'SalesOrder'"));
    }
    let variables = &asked["variables"];
    let station = variables["stationId"].as_str().unwrap_or_default();
    let first = usize::try_from(variables["first"].as_u64().unwrap_or(20)).unwrap_or(20);
    let mut held = account.held();
    let len = first.min(held.page_max);
    let mut orders = held.orders.get(station).cloned().unwrap_or_default();
    orders.sort_by(|a, b| b["createdAt"].as_str().cmp(&a["createdAt"].as_str()));
    // a cursor names the order that it stands behind, whatever is put above it meanwhile
    let begin = match variables["after"].as_str() {
        None => 0,
        Some(cursor) => match orders.iter().position(|order| order["id"] == cursor) {
            Some(at) => at + 1,
            None => return failed("the cursor is not one of this list"),
        },
    };
    let page: Vec<Value> = orders.iter().skip(begin).take(len).cloned().collect();
    let more = orders.len() > begin + page.len();
    let end = page.last().map(|order| order["id"].clone());
    if let Some(Mishap::Touched(nth)) = mishap
        && let Some(touched) = orders.get(nth)
        && let Some(list) = held.orders.get_mut(station)
    {
        // somebody sells while the list is read: one more order stands at its top
        let mut newer = touched.clone();
        newer["id"] = json!(format!("{}-open", touched["id"].as_str().unwrap_or_default()));
        newer["status"] = json!("DRAFT");
        newer["createdAt"] = json!(jiff::Timestamp::now().to_string());
        newer["updatedAt"] = newer["createdAt"].clone();
        list.push(newer);
    }
    let listed = json!({ "pageInfo": { "hasNextPage": more, "endCursor": end }, "nodes": page });
    answered(&json!({ "data": { "salesOrders": listed } }), mishap.as_ref())
}
