//! What happens at a till besides tickets: opening, drawer movements, counts, close. Heartland's API has no such
//! resource, so this is the agent's own format (its `docs/till-events.md`).

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
        "event": kind(&event.what),
        "register": register.id,
        "at": stamps.local,
    });
    let figures = match &event.what {
        What::Open { float } => json!({ "float": decimal(*float) }),
        What::Close | What::Ticket(_) | What::Void(_) => json!({}),
        What::PaidIn { amount, reason } | What::PaidOut { amount, reason } => {
            json!({ "number": event.label(), "amount": decimal(*amount), "reason": reason })
        }
        What::Pickup { amount } | What::Loan { amount } => {
            json!({ "number": event.label(), "amount": decimal(*amount) })
        }
        What::Count { counted } => {
            json!({ "number": event.label(), "counted": [{ "tender": "cash", "amount": decimal(*counted) }] })
        }
        What::NoSale => json!({ "number": event.label() }),
    };
    if let (Value::Object(json), Value::Object(figures)) = (&mut json, figures) {
        json.extend(figures);
    }
    json.to_string()
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Open { .. } => "DayOpen",
        What::Close => "DayClose",
        What::NoSale => "NoSale",
        What::PaidIn { .. } => "PaidIn",
        What::PaidOut { .. } => "PaidOut",
        What::Pickup { .. } => "Pickup",
        What::Loan { .. } => "Loan",
        What::Count { .. } => "TillCount",
        What::Ticket(_) | What::Void(_) => "Ticket",
    }
}
