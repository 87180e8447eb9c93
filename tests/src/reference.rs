//! What a day of events must leave in the books and in stock: plain sums over what happened, account by account, in
//! whole cents. Too simple to be wrong, and written from the words of the matter alone: a debit adds, a credit takes
//! away, a void takes back, a count settles the drawer.
//!
//! It does not know records, witnesses, revisions or Odoo. What is retried, duplicated, lost on the wire or captured
//! twice is no concern of its: an event happened once.

mod chart;

use std::collections::{BTreeMap, BTreeSet};

pub use chart::Chart;

use crate::shop::{Event, How, Shop, Ticket, What};

/// Debits less credits per account code, in cents. Accounts at zero are left out.
pub type Ledger = BTreeMap<String, i64>;

/// Pieces per SKU: negative when they left the shop. SKUs at zero are left out.
pub type Stock = BTreeMap<String, i64>;

/// What happened, and what of it is held back from the books until a person decides.
#[derive(Debug)]
pub struct Reference<'a> {
    shop: &'a Shop,
    chart: &'a Chart,
    held: BTreeSet<u64>,
}

impl<'a> Reference<'a> {
    /// A reference that holds nothing back.
    #[must_use]
    pub fn new(shop: &'a Shop, chart: &'a Chart) -> Self {
        Self {
            shop,
            chart,
            held: BTreeSet::new(),
        }
    }

    /// Leaves one ticket out of the books, as the relay does with one that it cannot place.
    pub fn hold(&mut self, ticket_id: u64) {
        self.held.insert(ticket_id);
    }

    /// The net of one store's day.
    pub fn ledger<'e>(&self, events: impl Iterator<Item = &'e Event> + Clone) -> Ledger {
        let mut ledger = Ledger::new();
        for event in events.clone() {
            self.book(&mut ledger, &event.what);
        }
        self.settle_drawers(&mut ledger, events);
        let sum: i64 = ledger.values().sum();
        assert_eq!(sum, 0, "debits and credits of one day are equal");
        ledger.retain(|_, amount| *amount != 0);
        ledger
    }

    /// What left and came back to one store's shelves. Only SKUs that Odoo knows can move there.
    pub fn stock<'e>(&self, events: impl Iterator<Item = &'e Event>) -> Stock {
        let mut stock = Stock::new();
        for event in events {
            match &event.what {
                What::Ticket(ticket) => self.move_goods(&mut stock, ticket, -1),
                What::Void(ticket) => self.move_goods(&mut stock, ticket, 1),
                _ => {}
            }
        }
        stock.retain(|_, pieces| *pieces != 0);
        stock
    }

    fn book(&self, ledger: &mut Ledger, what: &What) {
        let cash = &self.chart.cash;
        match what {
            What::Ticket(ticket) => self.book_ticket(ledger, ticket, 1),
            What::Void(ticket) => self.book_ticket(ledger, ticket, -1),
            What::PaidIn { amount, reason } => transfer(ledger, cash, self.chart.reason(reason), *amount),
            What::PaidOut { amount, reason } => transfer(ledger, self.chart.reason(reason), cash, *amount),
            What::Pickup { amount } => transfer(ledger, &self.chart.safe, cash, *amount),
            What::Loan { amount } => transfer(ledger, cash, &self.chart.safe, *amount),
            What::Open { .. } | What::NoSale | What::Count { .. } | What::Close => {}
        }
    }

    fn book_ticket(&self, ledger: &mut Ledger, ticket: &Ticket, sign: i64) {
        if self.held.contains(&ticket.id) {
            return;
        }
        for line in &ticket.lines {
            if line.product.is_none() {
                add(ledger, &self.chart.gift_card, -sign * line.value());
                continue;
            }
            match &self.chart.discount {
                Some(account) => {
                    add(ledger, &self.chart.revenue, -sign * line.quantity * line.unit);
                    add(ledger, account, sign * line.discount());
                }
                None => add(ledger, &self.chart.revenue, -sign * line.value()),
            }
        }
        for tax in &ticket.taxes {
            add(ledger, self.chart.tax(&tax.name), -sign * tax.amount);
        }
        for payment in &ticket.payments {
            add(ledger, self.chart.tender(&payment.how), sign * payment.amount);
        }
        add(ledger, &self.chart.cash, -sign * ticket.change);
    }

    /// A count says what the drawer really holds; the difference is somebody's loss or luck.
    fn settle_drawers<'e>(&self, ledger: &mut Ledger, events: impl Iterator<Item = &'e Event>) {
        let mut drawers: BTreeMap<(usize, usize), (i64, Option<i64>)> = BTreeMap::new();
        for event in events {
            let (expected, count) = drawers.entry((event.store, event.register)).or_default();
            match &event.what {
                What::Open { float } => *expected += float,
                What::Count { counted } => *count = Some(*counted),
                What::Ticket(ticket) | What::Void(ticket) if self.held.contains(&ticket.id) => {}
                what => *expected += what.cash(),
            }
        }
        for (expected, count) in drawers.into_values() {
            let over = count.map_or(0, |counted| counted - expected);
            if over >= 0 {
                transfer(ledger, &self.chart.cash, &self.chart.cash_over, over);
            } else {
                transfer(ledger, &self.chart.cash_short, &self.chart.cash, -over);
            }
        }
    }

    fn move_goods(&self, stock: &mut Stock, ticket: &Ticket, sign: i64) {
        // held whole: neither its money nor its goods
        if self.held.contains(&ticket.id) {
            return;
        }
        for line in &ticket.lines {
            let product = line.product.map(|p| &self.shop.products[p]);
            if let Some(product) = product.filter(|p| p.in_odoo) {
                *stock.entry(product.sku.clone()).or_default() += sign * line.quantity;
            }
        }
    }
}

fn add(ledger: &mut Ledger, account: &str, amount: i64) {
    *ledger.entry(account.to_owned()).or_default() += amount;
}

fn transfer(ledger: &mut Ledger, debit: &str, credit: &str, amount: i64) {
    add(ledger, debit, amount);
    add(ledger, credit, -amount);
}

/// True for a ticket that was paid with a tender nobody mapped.
#[must_use]
pub fn has_unknown_tender(ticket: &Ticket) -> bool {
    ticket.payments.iter().any(|p| matches!(p.how, How::Other(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{Kind, Payment, Plan, TaxPart, TicketLine};

    fn ticket() -> Ticket {
        let line = TicketLine {
            product: Some(0),
            quantity: 2,
            unit: 2900,
            adjusted: Some(2610),
        };
        let gift = TicketLine {
            product: None,
            quantity: 1,
            unit: 2500,
            adjusted: None,
        };
        let tax = TaxPart {
            name: "TX State".into(),
            rate_millionths: 62_500,
            amount: 326,
        };
        let pay = |how, amount| Payment { how, amount };
        Ticket {
            id: 1,
            number: 1,
            kind: Kind::Sale,
            lines: vec![line, gift],
            taxes: vec![tax],
            payments: vec![
                pay(How::Cash, 2000),
                pay(
                    How::Card {
                        brand: "VISA",
                        last4: "1111".into(),
                    },
                    6500,
                ),
            ],
            change: 454,
            parent: None,
        }
    }

    fn event(what: What) -> Event {
        Event {
            store: 0,
            register: 0,
            second: 0,
            number: 1,
            what,
        }
    }

    #[test]
    fn one_ticket_by_hand_books_as_written_here() {
        let shop = Shop::new(1, "acme", 1);
        let chart = Chart::standard(&shop);
        let reference = Reference::new(&shop, &chart);
        let events = [event(What::Ticket(Box::new(ticket())))];
        let ledger = reference.ledger(events.iter());
        assert_eq!(ledger[&chart.cash], 2000 - 454);
        assert_eq!(
            ledger[chart.tender(&How::Card {
                brand: "VISA",
                last4: String::new()
            })],
            6500
        );
        assert_eq!(ledger[&chart.gift_card], -2500);
        assert_eq!(ledger[chart.tax("TX State")], -326);
        assert_eq!(ledger[&chart.revenue], -5800);
        assert_eq!(ledger[chart.discount.as_ref().unwrap()], 580);
        assert_eq!(reference.stock(events.iter())[&shop.products[0].sku], -2);
    }

    #[test]
    fn a_void_leaves_nothing_and_a_short_drawer_shows() {
        let shop = Shop::new(1, "acme", 1);
        let chart = Chart::standard(&shop);
        let reference = Reference::new(&shop, &chart);
        let whats = [
            What::Open { float: 10_000 },
            What::Ticket(Box::new(ticket())),
            What::Void(Box::new(ticket())),
            What::Count { counted: 9_990 },
        ];
        let events = whats.map(event);
        let ledger = reference.ledger(events.iter());
        assert_eq!(
            ledger,
            Ledger::from([(chart.cash.clone(), -10), (chart.cash_short.clone(), 10)])
        );
        assert!(reference.stock(events.iter()).is_empty());
    }

    #[test]
    fn every_drawn_day_balances() {
        for seed in 0..50 {
            let shop = Shop::new(seed, "acme", 5);
            let chart = Chart::standard(&shop);
            let plan = Plan {
                tickets: 30,
                unknown_sku: true,
                close: true,
            };
            let events = shop.day(plan, 0);
            assert!(!Reference::new(&shop, &chart).ledger(events.iter()).is_empty());
        }
    }
}
