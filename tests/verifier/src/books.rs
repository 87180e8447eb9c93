//! Books and stock as two flat lists of facts, added up. A debit adds, a credit takes away; what leaves the shelf
//! counts, what comes back counts down. A ticket is on the lists whole or not at all.

use std::collections::BTreeMap;

use tillwire_proto::{
    Amount, Body, CardBrand, Currency, Line, LineKind, RegisterId, Sku, Tender, TenderKind, TenderState,
    Trade, Transaction, TransactionKind, Unit,
};

use crate::cards::Cards;
use crate::included::{half_up, tax_inside};
use crate::settings::Store;
use crate::tickets::Counted;
use crate::{Cents, Decision, Figures};

/// One fact of money: an account and how much, debits positive.
type Entry<'s> = (&'s str, Cents);

/// Everything that a ticket is judged by.
pub(crate) struct Audit<'a, 's> {
    pub(crate) store: &'s Store<'s>,
    pub(crate) cards: &'s Cards<'a>,
    pub(crate) decisions: &'s [Decision],
}

impl<'a, 's> Audit<'a, 's> {
    /// The figures of these tickets, and which of them are left out and why.
    pub(crate) fn figures(&self, tickets: &[Counted<'a>]) -> Figures {
        let mut figures = Figures::default();
        let mut booked = Vec::new();
        for ticket in tickets {
            match self.entries(ticket) {
                Ok(entries) => {
                    let sign = ticket.sign();
                    figures.book(
                        entries
                            .into_iter()
                            .map(|(account, cents)| (account, sign * cents)),
                    );
                    booked.push(ticket);
                }
                Err(why) => {
                    figures.left_out.insert(ticket.key.clone(), why);
                }
            }
        }
        figures.book(self.drawers(tickets));
        figures.stock = moved(&booked);
        figures.books.retain(|_, cents| *cents != 0);
        figures.stock.retain(|_, millionths| *millionths != 0);
        figures
    }

    /// A ticket's entries as it was rung up, or why it is left out.
    fn entries(&self, ticket: &Counted<'a>) -> Result<Vec<Entry<'s>>, String> {
        self.sound(ticket)?;
        let entries = match &ticket.told.body {
            Body::Trade(trade) => self.trade(ticket, trade)?,
            Body::Drawer(movement) => {
                let reason = movement.reason.as_ref().map(|reason| reason.as_str());
                self.movement(ticket.told.key.kind, reason, movement.amount.minor().into())?
            }
            Body::Void(_) | Body::Count(_) | Body::Open { .. } | Body::Close { .. } => Vec::new(),
        };
        let rest: Cents = entries.iter().map(|(_, cents)| cents).sum();
        if rest == 0 {
            Ok(entries)
        } else {
            Err(format!("its entries leave {rest} over"))
        }
    }

    /// A ticket is in the store's currency, adds up, and has its terminal's answers where the retailer waits for them.
    fn sound(&self, ticket: &Counted<'a>) -> Result<(), String> {
        if ticket.told.currency != self.store.currency {
            return Err(format!("it is in {}", ticket.told.currency));
        }
        ticket.told.verify().map_err(|found| found.to_string())?;
        let first = self.cards.unanswered.iter().find(|tender| tender.0 == ticket.key);
        let Some((key, place)) = first.filter(|_| self.store.waits_for_terminal) else {
            return Ok(());
        };
        let cause = format!(
            "tender-without-terminal:{}:{}:{}:{place}",
            key.register,
            key.kind.name(),
            key.ticket
        );
        if self.decisions.iter().any(|decision| decision.cause == cause) {
            Ok(())
        } else {
            Err("its card payment was not seen at the terminal".to_owned())
        }
    }

    fn trade(&self, ticket: &Counted<'a>, trade: &Trade) -> Result<Vec<Entry<'s>>, String> {
        let mapping = &self.store.mapping;
        let mut entries = Vec::new();
        for (place, tender) in trade.tenders.iter().enumerate() {
            if tender.state == TenderState::Complete {
                let account = match foreign(tender) {
                    Some(currency) => self.foreign_clearing(&tender.kind, currency)?,
                    None => self.clearing(&tender.kind, self.brand(ticket, place, tender))?,
                };
                entries.push((account, tender.amount.minor().into()));
            }
        }
        if let Some(change) = &trade.change {
            entries.push((
                self.clearing(&change.kind, None)?,
                -Cents::from(change.amount.minor()),
            ));
        }
        for (line, inside) in trade.lines.iter().zip(tax_inside(trade)) {
            self.line(line, inside, &mut entries)?;
        }
        for tax in trade.taxes.iter().filter(|tax| !tax.amount.is_zero()) {
            let account = mapping.tax(tax).or_else(|| mapping.account(&["suspense"]));
            let account = wanted(account, &format!("the tax {}", tax.jurisdiction))?;
            entries.push((account, -Cents::from(tax.amount.minor())));
        }
        for tip in &trade.tips {
            entries.push((
                wanted(mapping.account(&["tip"]), "tips")?,
                -Cents::from(tip.amount.minor()),
            ));
        }
        let rounding = Cents::from(trade.totals.rounding.minor());
        if rounding != 0 {
            entries.push((wanted(mapping.account(&["rounding"]), "rounding")?, -rounding));
        }
        Ok(entries)
    }

    /// A line and its discounts, without the tax that is inside.
    fn line(&self, line: &Line, inside: Cents, entries: &mut Vec<Entry<'s>>) -> Result<(), String> {
        let mapping = &self.store.mapping;
        let sold = Cents::from(line.extended.minor());
        let account = wanted(self.revenue(line), "gift cards sold")?;
        entries.push((account, inside - sold));
        for discount in line.discounts.iter().filter(|_| line.kind != LineKind::GiftCard) {
            let reason = discount.reason.as_ref().map(|reason| reason.as_str());
            let by_reason = reason.and_then(|reason| mapping.account(&["discount_reason", reason]));
            // without an account for it, revenue is net of the discount
            if let Some(given) = by_reason.or_else(|| mapping.account(&["discount"])) {
                let off = Cents::from(discount.amount.minor());
                let off = off - half_up(off * inside, sold);
                entries.extend([(account, -off), (given, off)]);
            }
        }
        Ok(())
    }

    /// The account that a line is credited to.
    fn revenue(&self, line: &Line) -> Option<&'s str> {
        let mapping = &self.store.mapping;
        let revenue = || mapping.account(&["revenue"]);
        let category = |name: &str| mapping.account(&["category", name]);
        match line.kind {
            LineKind::GiftCard => mapping.account(&["gift_card"]),
            LineKind::Shipping => mapping.account(&["shipping"]).or_else(revenue),
            LineKind::Fee => mapping.account(&["fee"]).or_else(revenue),
            LineKind::Item => {
                let returns = mapping
                    .account(&["returns"])
                    .filter(|_| line.quantity.is_negative());
                let product = || line.sku.as_ref().and_then(|sku| mapping.category(sku.as_str()));
                let department = || line.department.as_ref().and_then(|name| category(name.as_str()));
                returns
                    .or_else(|| product().and_then(category))
                    .or_else(department)
                    .or_else(revenue)
            }
        }
    }

    /// Cash into or out of the drawer outside of trade.
    fn movement(
        &self,
        kind: TransactionKind,
        reason: Option<&str>,
        cents: Cents,
    ) -> Result<Vec<Entry<'s>>, String> {
        let mapping = &self.store.mapping;
        let of = |table: &str| {
            let own = reason.and_then(|reason| mapping.account(&[table, reason]));
            own.or_else(|| mapping.account(&[table, "default"]))
        };
        let (other, into_drawer) = match kind {
            TransactionKind::PaidIn => (of("paid_in"), cents),
            TransactionKind::PaidOut => (of("paid_out"), -cents),
            TransactionKind::Loan => (mapping.account(&["safe"]), cents),
            TransactionKind::Pickup => (mapping.account(&["safe"]), -cents),
            _ => return Ok(Vec::new()),
        };
        let other = wanted(other, &format!("{} {}", kind.name(), reason.unwrap_or_default()))?;
        let cash = self.clearing(&TenderKind::Cash, None)?;
        Ok(vec![(cash, into_drawer), (other, -into_drawer)])
    }

    /// Where a tender waits to be settled.
    fn clearing(&self, kind: &TenderKind, brand: Option<CardBrand>) -> Result<&'s str, String> {
        let mapping = &self.store.mapping;
        let by_brand =
            brand.and_then(|brand| mapping.account(&["tender", &format!("card.{}", brand.name())]));
        let own = by_brand.or_else(|| mapping.account(&["tender", kind.name()]));
        let owed = || match kind {
            TenderKind::GiftCard => mapping.account(&["gift_card"]),
            TenderKind::StoreCredit => mapping.account(&["store_credit"]),
            _ => None,
        };
        let found = own.or_else(owed).or_else(|| mapping.account(&["suspense"]));
        wanted(found, &format!("the tender {}", kind.name()))
    }

    /// The same for what was handed over in another currency.
    fn foreign_clearing(&self, kind: &TenderKind, currency: Currency) -> Result<&'s str, String> {
        let name = format!("{}.{}", kind.name(), currency.code());
        let own = self.store.mapping.account(&["tender", &name]);
        own.map_or_else(|| self.clearing(kind, None), Ok)
    }

    /// A card's brand: as the terminal read it, else as the ticket says. What was paid with one brand goes back with
    /// the same: on a ticket that is taken back, the answer to the payment itself counts.
    fn brand(&self, ticket: &Counted<'a>, place: usize, tender: &Tender) -> Option<CardBrand> {
        if tender.kind != TenderKind::Card {
            return None;
        }
        let answer = [&ticket.told.key, ticket.key]
            .into_iter()
            .find_map(|key| self.cards.read.get(&(key, place)));
        let read = answer
            .copied()
            .flatten()
            .filter(|brand| *brand != CardBrand::Other);
        let written = tender.card.as_ref().map(|card| card.brand);
        Some(read.or(written).unwrap_or(CardBrand::Other))
    }

    /// What each drawer holds more or less than it should. All cash counts, also of tickets that are left out.
    fn drawers(&self, tickets: &[Counted<'a>]) -> Vec<Entry<'s>> {
        let mut drawers: BTreeMap<&RegisterId, Vec<&Counted<'a>>> = BTreeMap::new();
        for ticket in tickets {
            drawers.entry(&ticket.key.register).or_default().push(ticket);
        }
        drawers.into_values().flat_map(|of| self.drawer(&of)).collect()
    }

    fn drawer(&self, tickets: &[&Counted<'a>]) -> Vec<Entry<'s>> {
        let mut sound: Vec<&Counted<'a>> = tickets
            .iter()
            .copied()
            .filter(|ticket| !ticket.back && self.sound(ticket).is_ok())
            .collect();
        sound.sort_by_key(|ticket| (ticket.told.at, ticket.key));
        let opened = sound.iter().find_map(|ticket| match &ticket.told.body {
            Body::Open { float } => Some(Cents::from(float.minor())),
            _ => None,
        });
        let counted = sound.iter().rev().find_map(|ticket| match &ticket.told.body {
            Body::Count(count) => {
                let cash = count.counted.iter().filter(|part| part.kind == TenderKind::Cash);
                Some(cash.map(|part| Cents::from(part.amount.minor())).sum::<Cents>())
            }
            _ => None,
        });
        let (Some(float), Some(counted)) = (opened.or(self.store.float), counted) else {
            return Vec::new();
        };
        let own = tickets
            .iter()
            .filter(|ticket| ticket.told.currency == self.store.currency);
        let came: Cents = own.map(|ticket| ticket.sign() * cash(ticket.told)).sum();
        let over = counted - float - came;
        let mapping = &self.store.mapping;
        let name = if over < 0 { "cash_short" } else { "cash_over" };
        let register = tickets[0].key.register.as_str();
        let other = mapping
            .account(&["register", register, name])
            .or_else(|| mapping.account(&[name]));
        match (other, mapping.account(&["tender", "cash"])) {
            (Some(other), Some(cash)) => vec![(cash, over), (other, -over)],
            _ => Vec::new(),
        }
    }
}

/// The currency that was really handed over, where it is another.
fn foreign(tender: &Tender) -> Option<Currency> {
    let foreign = tender.foreign.map(Amount::currency);
    foreign.filter(|currency| *currency != tender.amount.currency())
}

fn wanted<'s>(found: Option<&'s str>, what: &str) -> Result<&'s str, String> {
    found.ok_or_else(|| format!("no account for {what}"))
}

/// Cash that a ticket brought into the drawer.
fn cash(told: &Transaction) -> Cents {
    match &told.body {
        Body::Trade(trade) => {
            // notes of another currency lie apart
            let cash = |tender: &&Tender| {
                let kept = tender.state == TenderState::Complete && foreign(tender).is_none();
                kept && tender.kind == TenderKind::Cash
            };
            let tendered = trade.tenders.iter().filter(cash);
            let change = trade
                .change
                .iter()
                .filter(|change| change.kind == TenderKind::Cash);
            tendered.map(|t| Cents::from(t.amount.minor())).sum::<Cents>()
                - change.map(|c| Cents::from(c.amount.minor())).sum::<Cents>()
        }
        Body::Drawer(movement) => match told.key.kind {
            TransactionKind::PaidIn | TransactionKind::Loan => movement.amount.minor().into(),
            TransactionKind::PaidOut | TransactionKind::Pickup => -Cents::from(movement.amount.minor()),
            _ => 0,
        },
        _ => 0,
    }
}

/// Goods that left, per item, in millionths. An item is counted in the unit that its first ticket has.
fn moved(booked: &[&Counted<'_>]) -> BTreeMap<String, i128> {
    let mut moved: BTreeMap<&Sku, (Unit, i128)> = BTreeMap::new();
    for ticket in booked {
        let Body::Trade(trade) = &ticket.told.body else {
            continue;
        };
        for line in trade.lines.iter().filter(|line| line.kind == LineKind::Item) {
            let Some(sku) = &line.sku else { continue };
            let (unit, sum) = moved.entry(sku).or_insert((line.quantity.unit(), 0));
            if *unit == line.quantity.unit() {
                *sum += ticket.sign() * i128::from(line.quantity.millionths());
            }
        }
    }
    moved
        .into_iter()
        .map(|(sku, (_, sum))| (sku.to_string(), sum))
        .collect()
}
