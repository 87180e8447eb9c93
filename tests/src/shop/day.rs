//! A register's day from opening float to close, and a store's and a retailer's from those.

use jiff::civil::Date;
use rand::Rng;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::ticket::Clerk;
use super::{Event, Kind, Shop, Ticket, What};

const OPENS: u32 = 9 * 3600;
const CLOSES: u32 = 21 * 3600;
const FLOAT: i64 = 20_000;

/// A day's plan: how much, and which rare things must be in it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Tickets per register.
    pub tickets: usize,
    /// Whether the first store sells the item that Odoo does not know.
    pub unknown_sku: bool,
    /// Whether registers close their day.
    pub close: bool,
}

/// The default date of a simulated day: fixed, so that a seed gives the same bytes each time.
#[must_use]
pub fn business_day() -> Date {
    Date::constant(2026, 11, 14)
}

impl Shop {
    /// Everything that happens on one day in all stores, in order of the clock. `days_before` is how many days this
    /// shop has traded already: ticket numbers go on from there.
    #[must_use]
    pub fn day(&self, plan: Plan, days_before: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for store in 0..self.stores.len() {
            for register in 0..self.stores[store].registers.len() {
                events.extend(self.register_day(plan, days_before, store, register));
            }
        }
        events.sort_by_key(|e| (e.second, e.store, e.register));
        events
    }

    fn register_day(&self, plan: Plan, days_before: u64, store: usize, register: usize) -> Vec<Event> {
        let place = &self.stores[store];
        let stream = (days_before * 1000 + store as u64) * 10 + register as u64;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream + 1);
        let first = place.registers[register].first_number + days_before * plan.tickets as u64;
        let mut day = RegisterDay {
            store,
            register,
            number: first,
            events: Vec::new(),
            clerk: Clerk {
                shop: self,
                store: place,
                rng,
                next_number: first,
            },
            sold: Vec::new(),
        };
        let unknown = plan.unknown_sku && store == 0 && register == 0;
        day.run(plan, unknown);
        day.events
    }
}

struct RegisterDay<'a> {
    store: usize,
    register: usize,
    number: u64,
    events: Vec<Event>,
    clerk: Clerk<'a>,
    sold: Vec<Ticket>,
}

impl RegisterDay<'_> {
    fn run(&mut self, plan: Plan, unknown: bool) {
        self.push(OPENS, What::Open { float: FLOAT });
        let step = (CLOSES - OPENS - 1200) / u32::try_from(plan.tickets.max(1)).unwrap_or(u32::MAX);
        for index in 0..plan.tickets {
            let second = OPENS + 300 + step * u32::try_from(index).unwrap_or(0);
            let ticket = self.ticket(index, unknown && index == plan.tickets / 2);
            self.push(second, What::Ticket(Box::new(ticket)));
            self.between(index, plan.tickets, second + step / 2);
        }
        if plan.close {
            let counted = self.drawer() + self.clerk.rng.random_range(-300..=200);
            self.push(CLOSES - 60, What::Count { counted });
            self.push(CLOSES, What::Close);
        }
    }

    /// The first tickets of a day are one of each kind; the rest is drawn.
    fn ticket(&mut self, index: usize, unknown: bool) -> Ticket {
        let earlier = self.sold.choose(&mut self.clerk.rng).cloned();
        let draw = if index < 5 {
            [0, 90, 99, 95, 0][index]
        } else {
            self.clerk.rng.random_range(0..100)
        };
        let ticket = match (earlier, draw) {
            _ if unknown => self.clerk.sale_of_unknown(),
            (Some(earlier), 95..=97) => self.clerk.return_of(&earlier),
            (Some(earlier), 98..) => self.clerk.exchange(&earlier),
            (_, 90..=94) => self.clerk.gift_card_sale(),
            _ => self.clerk.sale(),
        };
        // a ticket can come back once only, so that a return is never of a return
        if ticket.kind == Kind::Sale {
            self.sold.push(ticket.clone());
        }
        if let Some(parent) = ticket.parent {
            self.sold.retain(|t| t.id != parent);
        }
        ticket
    }

    fn between(&mut self, index: usize, of: usize, second: u32) {
        if index == of / 4 {
            self.push(second, What::NoSale);
            self.push(
                second + 10,
                What::PaidIn {
                    amount: 1500,
                    reason: "change-fund",
                },
            );
        } else if index == of / 3 {
            self.push(
                second,
                What::PaidOut {
                    amount: 740,
                    reason: "postage",
                },
            );
        } else if index == of / 2 {
            let amount = ((self.drawer() - FLOAT) / 2 / 1000 * 1000).max(0);
            if amount > 0 {
                self.push(second, What::Pickup { amount });
            }
        } else if index == of * 3 / 4 && !self.sold.is_empty() {
            let pick = self.clerk.rng.random_range(0..self.sold.len());
            let ticket = self.sold.remove(pick);
            self.push(second, What::Void(Box::new(ticket)));
        }
    }

    fn drawer(&self) -> i64 {
        FLOAT + self.events.iter().map(|e| e.what.cash()).sum::<i64>()
    }

    fn push(&mut self, second: u32, what: What) {
        let (store, register, number) = (self.store, self.register, self.number);
        // drawer movements and counts are numbered without gaps, as tickets are, in a sequence of their own
        let numbered = !matches!(
            what,
            What::Open { .. } | What::Close | What::Ticket(_) | What::Void(_)
        );
        self.number += u64::from(numbered);
        self.events.push(Event {
            store,
            register,
            second,
            number,
            what,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        tickets: 40,
        unknown_sku: true,
        close: true,
    };

    #[test]
    fn a_seed_gives_the_same_day_again() {
        let day = |seed| format!("{:?}", Shop::new(seed, "acme", 3).day(PLAN, 0));
        assert_eq!(day(7), day(7));
        assert_ne!(day(7), day(8));
    }

    #[test]
    fn every_day_holds_each_rare_thing() {
        for seed in 0..20 {
            let events = Shop::new(seed, "acme", 1).day(PLAN, 0);
            let tickets: Vec<_> = events
                .iter()
                .filter_map(|e| {
                    if let What::Ticket(t) = &e.what {
                        Some(t)
                    } else {
                        None
                    }
                })
                .collect();
            for kind in [Kind::Sale, Kind::Return, Kind::Exchange] {
                assert!(
                    tickets.iter().any(|t| t.kind == kind),
                    "seed {seed} has no {kind:?}"
                );
            }
            assert!(
                events.iter().any(|e| matches!(e.what, What::Void(_))),
                "seed {seed} has no void"
            );
            assert!(
                tickets
                    .iter()
                    .any(|t| t.lines.iter().any(|l| l.product.is_none()))
            );
            assert!(tickets.iter().any(|t| t.change > 0));
        }
    }
}
