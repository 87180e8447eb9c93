//! A ticket as an account with the newer interface writes it: a sales order of GraphQL ("POS v2"). Amounts are decimals in
//! quotes; the change that was given is one of the refunds, as it is one of the payments of a ticket.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::ticket_json::{Clock, Stamps};
use crate::cents::decimal;
use crate::shop::{Event, How, Shop, Ticket};

/// The id of a register's station in the newer interface.
#[must_use]
pub fn station_uuid(station_id: u64) -> String {
    format!("4c6b2c5e-0d3f-4c57-9d0b-{station_id:012x}")
}

/// The order's JSON, and the station that rang it up; `voided` for the same order told again as taken back.
#[must_use]
pub fn order_json(
    shop: &Shop,
    event: &Event,
    ticket: &Ticket,
    date: Date,
    clock: Clock,
    voided: bool,
) -> (String, Value) {
    let store = &shop.stores[event.store];
    let stamps = Stamps::new(date, event.second, clock, store.utc_hours);
    let id = format!("0f6c0d6e-7f0a-4f55-9a6c-{:012x}", ticket.id);
    let movement = |n: usize, how: &How, amount: i64| {
        let name = match how {
            How::Cash => "Cash",
            How::Card { .. } => "Credit Card",
            How::GiftCard => "Gift Card",
            How::Other(name) => name,
        };
        json!({ "id": format!("{id}-p{n}"), "paymentType": { "name": name, "description": name },
            "amount": decimal(amount.abs()) })
    };
    let tendered = || ticket.payments.iter().enumerate();
    let deposits: Vec<Value> = tendered()
        .filter(|(_, payment)| payment.amount > 0)
        .map(|(n, payment)| movement(n, &payment.how, payment.amount))
        .collect();
    let mut refunds: Vec<Value> = tendered()
        .filter(|(_, payment)| payment.amount <= 0)
        .map(|(n, payment)| movement(n, &payment.how, payment.amount))
        .collect();
    if ticket.change > 0 {
        refunds.push(movement(ticket.payments.len(), &How::Cash, ticket.change));
    }
    let (mut items, mut gift_cards) = (Vec::new(), Vec::new());
    for (n, line) in ticket.lines.iter().enumerate() {
        let id = format!("{id}-l{n}");
        match line.product.map(|product| &shop.products[product]) {
            Some(product) => items.push(json!({ "id": id, "description": product.description,
                "item": { "itemNumber": product.sku }, "qty": line.quantity, "unitPrice": decimal(line.unit),
                "finalUnitPrice": decimal(line.adjusted.unwrap_or(line.unit)),
                "totalAtUnitPrice": decimal(line.value()) })),
            None => gift_cards.push(
                json!({ "id": id, "qty": line.quantity, "description": "Gift card",
                "giftCard": { "number": "6006490000000087" }, "amount": decimal(line.value()) }),
            ),
        }
    }
    let taxes: Vec<Value> = ticket
        .taxes
        .iter()
        .map(|tax| json!({ "description": tax.name, "amount": decimal(tax.amount) }))
        .collect();
    let whole = json!({ "hasNextPage": false });
    let order = json!({ "id": id, "createdAt": stamps.utc, "updatedAt": stamps.utc,
        "status": if voided { "VOIDED" } else { "COMPLETE" }, "orderNumber": ticket.number.to_string(),
        "subtotal": decimal(ticket.net()), "total": decimal(ticket.total()), "totalTax": decimal(ticket.tax()),
        "amountPaid": decimal(ticket.paid()), "amountDue": decimal(ticket.total() - ticket.paid()),
        "change": decimal(ticket.change), "paymentStatus": "PAID", "customer": { "name": "Jordan Vale" },
        "deposits": deposits, "refunds": refunds,
        "orderRequests": [{ "__typename": "OrderRequestInStore", "id": format!("{id}-r"), "status": "COMPLETE",
            "orderRequestNumber": format!("{}-1", ticket.number), "taxes": taxes,
            "itemLines": { "pageInfo": whole, "nodes": items },
            "giftCardLines": { "pageInfo": whole, "nodes": gift_cards } }] });
    (station_uuid(store.registers[event.register].station_id), order)
}
