//! Whatever a till was told is taken, the relay holds.

use std::collections::BTreeSet;

use tillwire_proto::{BusinessDay, Transaction, TransactionKind};

use crate::relay_store::Held;
use crate::shop::{Event, Kind, Shop, What};

/// What is missing of `told`: events of one day that tills were told are taken.
pub fn check<'e>(
    held: &Held,
    shop: &Shop,
    day: BusinessDay,
    told: impl IntoIterator<Item = &'e Event>,
) -> Vec<String> {
    let names: BTreeSet<_> = held.transactions().iter().map(name_of_record).collect();
    let missing = told
        .into_iter()
        .map(|event| name_of_event(shop, day, event))
        .filter(|name| !names.contains(name));
    missing
        .map(|name| {
            format!(
                "lost: {} {} on {} of {}/{}",
                name.4, name.3, name.2, name.0, name.1
            )
        })
        .collect()
}

/// Store, register, day, number, kind.
type Name = (String, String, BusinessDay, String, &'static str);

fn name_of_record(transaction: &Transaction) -> Name {
    let key = &transaction.key;
    let numberless = matches!(key.kind, TransactionKind::DayOpen | TransactionKind::DayClose);
    let number = if numberless {
        String::new()
    } else {
        key.ticket.as_str().to_owned()
    };
    (
        key.store.to_string(),
        key.register.to_string(),
        key.day,
        number,
        key.kind.name(),
    )
}

fn name_of_event(shop: &Shop, day: BusinessDay, event: &Event) -> Name {
    let store = &shop.stores[event.store];
    let (kind, number) = match &event.what {
        What::Ticket(ticket) => (kind_name(ticket.kind), ticket.number.to_string()),
        What::Void(ticket) => ("void", ticket.number.to_string()),
        What::Open { .. } => ("day-open", String::new()),
        What::Close => ("day-close", String::new()),
        What::NoSale => ("no-sale", event.label()),
        What::PaidIn { .. } => ("paid-in", event.label()),
        What::PaidOut { .. } => ("paid-out", event.label()),
        What::Pickup { .. } => ("pickup", event.label()),
        What::Loan { .. } => ("loan", event.label()),
        What::Count { .. } => ("till-count", event.label()),
    };
    (
        store.id.clone(),
        store.registers[event.register].id.clone(),
        day,
        number,
        kind,
    )
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sale => "sale",
        Kind::Return => "return",
        Kind::Exchange => "exchange",
    }
}
