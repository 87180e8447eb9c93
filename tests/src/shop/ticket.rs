//! How a ticket comes about: what is bought, what it is taxed, how it is paid.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{How, Kind, Payment, Shop, Store, TaxPart, Ticket, TicketLine};
use crate::cents::share;

const BRANDS: &[&str] = &["VISA", "VISA", "MASTERCARD", "AMEX", "DISCOVER"];

/// Draws the tickets of one register.
pub(super) struct Clerk<'a> {
    pub(super) shop: &'a Shop,
    pub(super) store: &'a Store,
    pub(super) rng: ChaCha8Rng,
    pub(super) next_number: u64,
}

impl Clerk<'_> {
    /// A sale of one to six lines.
    pub(super) fn sale(&mut self) -> Ticket {
        let lines = (0..self.rng.random_range(1..=6)).map(|_| self.goods(1)).collect();
        self.ring_up(Kind::Sale, lines, None)
    }

    /// A sale of the item that Odoo does not know, with another beside it.
    pub(super) fn sale_of_unknown(&mut self) -> Ticket {
        let product = self.shop.unknown();
        let unknown = TicketLine {
            product: Some(product),
            quantity: 1,
            unit: self.shop.products[product].price,
            adjusted: None,
        };
        let lines = vec![unknown, self.goods(1)];
        self.ring_up(Kind::Sale, lines, None)
    }

    /// A gift card sold, with something for oneself.
    pub(super) fn gift_card_sale(&mut self) -> Ticket {
        let value = [2500, 5000, 10_000]
            .choose(&mut self.rng)
            .copied()
            .unwrap_or(2500);
        let card = TicketLine {
            product: None,
            quantity: 1,
            unit: value,
            adjusted: None,
        };
        let lines = vec![self.goods(1), card];
        self.ring_up(Kind::Sale, lines, None)
    }

    /// The first line of an earlier ticket comes back, at the price that was paid.
    pub(super) fn return_of(&mut self, earlier: &Ticket) -> Ticket {
        let lines = earlier.lines.iter().filter(|l| l.product.is_some()).take(1);
        let lines = lines
            .map(|l| TicketLine {
                quantity: -1,
                ..l.clone()
            })
            .collect();
        self.ring_up(Kind::Return, lines, Some(earlier.id))
    }

    /// One thing back, another out.
    pub(super) fn exchange(&mut self, earlier: &Ticket) -> Ticket {
        let back = earlier.lines.iter().filter(|l| l.product.is_some()).take(1);
        let mut lines: Vec<_> = back
            .map(|l| TicketLine {
                quantity: -1,
                ..l.clone()
            })
            .collect();
        lines.push(self.goods(1));
        self.ring_up(Kind::Exchange, lines, Some(earlier.id))
    }

    fn goods(&mut self, sign: i64) -> TicketLine {
        let product = self.rng.random_range(0..self.shop.known());
        let unit = self.shop.products[product].price;
        let percent = if self.rng.random_bool(0.15) {
            self.rng.random_range(5..=30)
        } else {
            0
        };
        TicketLine {
            product: Some(product),
            quantity: sign
                * if self.rng.random_bool(0.25) {
                    self.rng.random_range(2..=4)
                } else {
                    1
                },
            unit,
            adjusted: (percent > 0).then(|| unit - share(unit, percent * 10_000)),
        }
    }

    /// Any lines, taxed and paid.
    pub(super) fn ring_up(&mut self, kind: Kind, lines: Vec<TicketLine>, parent: Option<u64>) -> Ticket {
        let taxable: i64 = lines
            .iter()
            .filter(|l| l.product.is_some())
            .map(TicketLine::value)
            .sum();
        let number = self.next_number;
        self.next_number += 1;
        let mut ticket = Ticket {
            id: 1_000_000 + number,
            number,
            kind,
            taxes: taxes(self.store, taxable),
            lines,
            payments: Vec::new(),
            change: 0,
            parent,
        };
        self.pay(&mut ticket);
        assert_eq!(ticket.total(), ticket.paid(), "a completed ticket is paid");
        ticket
    }

    fn pay(&mut self, ticket: &mut Ticket) {
        let owed = ticket.total();
        let choice = self.rng.random_range(0..100);
        if owed <= 0 {
            let how = if choice < 50 { How::Cash } else { self.card() };
            if owed < 0 {
                ticket.payments.push(Payment { how, amount: owed });
            }
        } else if choice < 35 {
            self.pay_cash(ticket, owed);
        } else if choice < 82 {
            let how = self.card();
            ticket.payments.push(Payment { how, amount: owed });
        } else if choice < 90 {
            let gift = owed.min(self.rng.random_range(10..=60) * 100);
            ticket.payments.push(Payment {
                how: How::GiftCard,
                amount: gift,
            });
            if owed > gift {
                let how = self.card();
                ticket.payments.push(Payment {
                    how,
                    amount: owed - gift,
                });
            }
        } else {
            let card = owed / 2;
            if card > 0 {
                let how = self.card();
                ticket.payments.push(Payment { how, amount: card });
            }
            self.pay_cash(ticket, owed - card);
        }
    }

    fn pay_cash(&mut self, ticket: &mut Ticket, owed: i64) {
        let note = *[1, 100, 500, 2000].choose(&mut self.rng).unwrap_or(&500);
        let tendered = (owed + note - 1) / note * note;
        ticket.payments.push(Payment {
            how: How::Cash,
            amount: tendered,
        });
        ticket.change = tendered - owed;
    }

    fn card(&mut self) -> How {
        How::Card {
            brand: BRANDS.choose(&mut self.rng).copied().unwrap_or("VISA"),
            last4: format!("{:04}", self.rng.random_range(0..10_000)),
        }
    }
}

fn taxes(store: &Store, taxable: i64) -> Vec<TaxPart> {
    let part = |rule: &super::TaxRule| TaxPart {
        name: rule.name.clone(),
        rate_millionths: rule.rate_millionths,
        amount: share(taxable, rule.rate_millionths),
    };
    store.taxes.iter().map(part).filter(|t| t.amount != 0).collect()
}
