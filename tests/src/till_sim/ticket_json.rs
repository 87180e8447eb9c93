//! A ticket as Heartland Retail writes it: the shape that its REST API returns with lines and payments included
//! (`GET /api/sales/tickets/{id}`). Numbers are JSON decimals; change is a negative cash payment.

use jiff::civil::Date;
use serde::Serialize;

use crate::cents::{Cents, Millionths};
use crate::shop::{Event, How, Kind, Shop, Ticket, TicketLine};

/// The till's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Days it is ahead of the truth; negative when it is behind.
    pub days_off: i32,
}

#[derive(Serialize)]
struct TicketJson {
    id: u64,
    uuid: String,
    r#type: &'static str,
    public_id: String,
    status: &'static str,
    #[serde(rename = "completed?")]
    completed: bool,
    #[serde(rename = "voided?")]
    voided: bool,
    parent_transaction_id: Option<u64>,
    station_id: u64,
    source_location_id: u64,
    location_id: u64,
    customer_id: u64,
    customer_name: &'static str,
    sales_rep: &'static str,
    original_subtotal: Cents,
    total_discounts: Cents,
    subtotal: Cents,
    total_tax: Cents,
    tax_total: Cents,
    total: Cents,
    total_paid: Cents,
    balance: Cents,
    created_at: String,
    updated_at: String,
    completed_at: String,
    local_completed_at: String,
    custom: Empty,
    lines: Vec<LineJson>,
    payments: Vec<PaymentJson>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize, Default)]
struct LineJson {
    id: u64,
    r#type: &'static str,
    description: String,
    value: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_public_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qty: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_unit_price: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusted_unit_price: Option<Option<Cents>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_cost: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_adjustments: Option<Vec<Empty>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gift_card_number_last4: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<Millionths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_rule_id: Option<u64>,
}

#[derive(Serialize)]
struct PaymentJson {
    id: u64,
    r#type: &'static str,
    description: String,
    deposit: bool,
    payment_type_id: u64,
    status: &'static str,
    amount: Cents,
    completed_at: String,
    local_completed_at: String,
    updated_at: String,
}

/// The ticket's JSON; `voided` for the same ticket told again as taken back.
#[must_use]
pub fn ticket_json(
    shop: &Shop,
    event: &Event,
    ticket: &Ticket,
    date: Date,
    clock: Clock,
    voided: bool,
) -> String {
    let store = &shop.stores[event.store];
    let stamps = Stamps::new(date, event.second, clock, store.utc_hours);
    let discounts: i64 = ticket.lines.iter().map(TicketLine::discount).sum();
    let json = TicketJson {
        id: ticket.id,
        uuid: format!("0f6c0d6e-7f0a-4f55-9a6c-{:012x}", ticket.id),
        r#type: if ticket.kind == Kind::Return {
            "Return"
        } else {
            "Ticket"
        },
        public_id: ticket.number.to_string(),
        status: if voided { "voided" } else { "complete" },
        completed: true,
        voided,
        parent_transaction_id: ticket.parent,
        station_id: store.registers[event.register].station_id,
        source_location_id: store.location_id,
        location_id: store.location_id,
        customer_id: 145_146,
        customer_name: "Jordan Vale",
        sales_rep: "Priya",
        original_subtotal: Cents(ticket.net() + discounts),
        total_discounts: Cents(discounts),
        subtotal: Cents(ticket.net()),
        total_tax: Cents(ticket.tax()),
        tax_total: Cents(ticket.tax()),
        total: Cents(ticket.total()),
        total_paid: Cents(ticket.paid()),
        balance: Cents(ticket.total() - ticket.paid()),
        created_at: stamps.utc.clone(),
        updated_at: stamps.utc.clone(),
        completed_at: stamps.utc.clone(),
        local_completed_at: stamps.local.clone(),
        custom: Empty {},
        lines: lines(shop, ticket),
        payments: payments(ticket, &stamps),
    };
    serde_json::to_string(&json).expect("a ticket serialises into memory")
}

fn lines(shop: &Shop, ticket: &Ticket) -> Vec<LineJson> {
    let id = |n: usize| ticket.id * 10 + n as u64;
    let goods = ticket.lines.iter().enumerate().map(|(n, line)| {
        let sold = LineJson {
            id: id(n),
            qty: Some(line.quantity),
            unit_price: Some(Cents(line.unit)),
            value: Some(Cents(line.value())),
            ..LineJson::default()
        };
        let Some(product) = line.product.map(|p| &shop.products[p]) else {
            return LineJson {
                r#type: "GiftCardLine",
                description: "Gift card".into(),
                gift_card_number_last4: Some("0087"),
                ..sold
            };
        };
        LineJson {
            r#type: "ItemLine",
            description: product.description.clone(),
            item_id: Some(product.item_id),
            item_public_id: Some(product.sku.clone()),
            original_unit_price: Some(Cents(line.unit)),
            adjusted_unit_price: Some(line.adjusted.map(Cents)),
            unit_cost: Some(Cents(product.cost)),
            price_adjustments: Some(Vec::new()),
            ..sold
        }
    });
    let taxes = ticket.taxes.iter().enumerate().map(|(n, tax)| LineJson {
        id: id(ticket.lines.len() + n),
        r#type: "TaxLine",
        description: tax.name.clone(),
        value: Some(Cents(tax.amount)),
        rate: Some(Millionths(tax.rate_millionths)),
        tax_rule_id: Some(3 + n as u64),
        ..LineJson::default()
    });
    goods.chain(taxes).collect()
}

fn payments(ticket: &Ticket, stamps: &Stamps) -> Vec<PaymentJson> {
    let payment = |n: usize, how: &How, amount: i64, deposit: bool| {
        let (r#type, description, payment_type_id) = match how {
            How::Cash if deposit || n < ticket.payments.len() => {
                ("Payments::CashPayment", "Cash".to_owned(), 1)
            }
            How::Cash => ("Payments::CashPayment", "Change".to_owned(), 1),
            How::Card { brand, last4 } => (
                "Payments::CreditCardPayment",
                format!("{brand} ending in {last4}"),
                2,
            ),
            How::GiftCard => ("Payments::GiftCardPayment", "Gift card".to_owned(), 3),
            How::Other(name) => ("Payments::ExternalPayment", (*name).to_owned(), 9),
        };
        PaymentJson {
            id: ticket.id * 10 + n as u64,
            r#type,
            description,
            deposit,
            payment_type_id,
            status: "complete",
            amount: Cents(amount),
            completed_at: stamps.utc.clone(),
            local_completed_at: stamps.local.clone(),
            updated_at: stamps.utc.clone(),
        }
    };
    let tendered = ticket.payments.iter().enumerate();
    let mut all: Vec<_> = tendered
        .map(|(n, p)| payment(n, &p.how, p.amount, p.amount > 0))
        .collect();
    if ticket.change > 0 {
        all.push(payment(ticket.payments.len(), &How::Cash, -ticket.change, false));
    }
    all
}

/// The same moment as the ticket writes it twice.
pub(super) struct Stamps {
    pub(super) utc: String,
    pub(super) local: String,
}

impl Stamps {
    pub(super) fn new(date: Date, second: u32, clock: Clock, utc_hours: i32) -> Self {
        let days = jiff::Span::new().days(clock.days_off);
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        let local = midnight
            .checked_add(days)
            .and_then(|at| at.checked_add(jiff::Span::new().seconds(i64::from(second))))
            .expect("a simulated day is within the calendar");
        let utc = local
            .checked_add(jiff::Span::new().hours(-utc_hours))
            .expect("a simulated day is within the calendar");
        Self {
            utc: format!("{}+00:00", utc.strftime("%Y-%m-%dT%H:%M:%S")),
            local: local.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{Plan, What, business_day};

    #[test]
    fn totals_of_every_written_ticket_agree_with_its_parts() {
        let shop = Shop::new(3, "acme", 2);
        let plan = Plan {
            tickets: 60,
            unknown_sku: true,
            close: true,
        };
        for event in shop.day(plan, 0) {
            let What::Ticket(ticket) = &event.what else {
                continue;
            };
            let text = ticket_json(&shop, &event, ticket, business_day(), Clock::default(), false);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let cents = |v: &serde_json::Value| {
                format!("{:.0}", v.as_f64().unwrap() * 100.0)
                    .parse::<i64>()
                    .unwrap()
            };
            let sum = |list: &str, field: &str| {
                json[list]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| cents(&v[field]))
                    .sum::<i64>()
            };
            assert_eq!(sum("lines", "value"), cents(&json["total"]), "{text}");
            assert_eq!(sum("payments", "amount"), cents(&json["total_paid"]), "{text}");
            assert_eq!(
                json["local_completed_at"].as_str().unwrap()[..10],
                business_day().to_string()
            );
        }
    }

    #[test]
    fn a_clock_a_year_behind_writes_last_year() {
        let stamps = Stamps::new(business_day(), 3600, Clock { days_off: -365 }, -6);
        assert_eq!(
            (&*stamps.local, &*stamps.utc),
            ("2025-11-14T01:00:00", "2025-11-14T07:00:00+00:00")
        );
    }
}
