//! What happens at a till besides tickets: opening, drawer movements, counts, close. Heartland's API has no such
//! resource, so this is the agent's own format, which a till's back office or a small script writes.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::ticket_json::{Clock, Stamps};
use crate::cents::decimal;
use crate::shop::{Event, Shop, What};

/// The event's JSON.
#[must_use]
pub fn event_json(shop: &Shop, date: Date, clock: Clock, event: &Event) -> String {
    let store = &shop.stores[event.store];
    let register = &store.registers[event.register];
    let stamps = Stamps::new(date, event.second, clock, store.utc_hours);
    let mut json = json!({
        "id": format!("E{}", event.number),
        "type": kind(&event.what),
        "register": register.id,
        "business_day": date.to_string(),
        "at": stamps.local,
    });
    let figures = match &event.what {
        What::Open { float } => json!({ "amount": decimal(*float) }),
        What::PaidIn { amount, reason } | What::PaidOut { amount, reason } => {
            json!({ "amount": decimal(*amount), "reason": reason })
        }
        What::Pickup { amount } | What::Loan { amount } => json!({ "amount": decimal(*amount) }),
        What::Count { counted } => json!({ "counted": [{ "tender": "cash", "amount": decimal(*counted) }] }),
        What::NoSale | What::Close | What::Ticket(_) | What::Void(_) => json!({}),
    };
    if let (Value::Object(json), Value::Object(figures)) = (&mut json, figures) {
        json.extend(figures);
    }
    json.to_string()
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Open { .. } => "day-open",
        What::Close => "day-close",
        What::NoSale => "no-sale",
        What::PaidIn { .. } => "paid-in",
        What::PaidOut { .. } => "paid-out",
        What::Pickup { .. } => "pickup",
        What::Loan { .. } => "loan",
        What::Count { .. } => "till-count",
        What::Ticket(_) | What::Void(_) => "ticket",
    }
}
