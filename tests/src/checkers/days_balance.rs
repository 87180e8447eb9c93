//! What the relay says a store-day came to is what was sold: number of trades, net and tax.

use jiff::civil::Date;

use crate::cents::decimal;
use crate::relay_store::DayRow;
use crate::shop::{Event, Shop, What};

/// What is wrong with one day of all stores.
pub fn check<'e>(
    days: &[DayRow],
    shop: &Shop,
    date: Date,
    events: impl Iterator<Item = &'e Event> + Clone,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, store) in shop.stores.iter().enumerate() {
        let mine = events.clone().filter(|event| event.store == index);
        let (trades, net, tax) = sold(mine);
        let row = days
            .iter()
            .find(|row| row.store == store.id && row.day.date() == date);
        match row {
            Some(row) if (row.trades, row.net, row.tax) == (trades, net, tax) => {}
            Some(row) => wrong.push(format!(
                "{} on {date}: the relay counts {} trades of {} and {} tax, but {trades} of {} and {} tax were sold",
                store.id,
                row.trades,
                decimal(row.net),
                decimal(row.tax),
                decimal(net),
                decimal(tax),
            )),
            None if trades == 0 => {}
            None => wrong.push(format!("{} on {date}: the relay knows no such day", store.id)),
        }
    }
    wrong
}

/// Trades that were not taken back, with their net and tax.
fn sold<'e>(events: impl Iterator<Item = &'e Event>) -> (i64, i64, i64) {
    let (mut trades, mut net, mut tax) = (0, 0, 0);
    for event in events {
        let (sign, ticket) = match &event.what {
            What::Ticket(ticket) => (1, ticket),
            What::Void(ticket) => (-1, ticket),
            _ => continue,
        };
        trades += sign;
        net += sign * ticket.net();
        tax += sign * ticket.tax();
    }
    (trades, net, tax)
}
