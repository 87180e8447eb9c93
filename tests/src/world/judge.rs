//! The verdict: what was sold against what the relay and Odoo hold.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use tillwire_proto::BusinessDay;

use super::World;
use crate::checkers::odoo_agrees::{self, Holdings};
use crate::checkers::{chain_unbroken, days_balance, every_cent_explained, no_sale_lost, none_twice};
use crate::reference::Reference;
use crate::relay_store::{self, Held};
use crate::shop::{Event, What};

/// What no story gives cause for: terminals that contradict themselves, and books that two calculations do not agree on.
const NEVER: [&str; 2] = ["payment-conflict", "figures-differ"];

/// What is wrong, promise by promise. Empty is good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict(pub Vec<String>);

impl Verdict {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.0.is_empty()
    }
}

impl World {
    /// Waits until Odoo's books and stock equal what was sold, then runs every checker. What is still wrong when
    /// patience ends is the verdict.
    ///
    /// # Errors
    /// When Odoo or the relay's database cannot be read.
    pub async fn verdict(&self, patience: Duration) -> anyhow::Result<Verdict> {
        let deadline = Instant::now() + patience;
        loop {
            let wrong = self.odoo_differs().await?;
            if wrong.is_empty() {
                break;
            }
            if Instant::now() >= deadline {
                return Ok(Verdict(wrong));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        // equal once is not enough: what is on its way must not make it unequal again
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut wrong = self.odoo_differs().await?;
        wrong.extend(none_twice::check(&self.odoo.api, self.sites.len()).await?);
        wrong.extend(self.relay_differs()?);
        wrong.extend(self.unexplained().await?);
        Ok(Verdict(wrong))
    }

    /// Posted cents without their tickets, and tickets that count without their entry.
    async fn unexplained(&self) -> anyhow::Result<Vec<String>> {
        let held = Held::read(&self.relay.database)?;
        let sold = self.sold();
        every_cent_explained::check(&self.odoo.api, &self.relay, &held, self.sites.len(), &sold).await
    }

    /// Tickets that tills were told are taken, that nobody took back and nothing holds.
    fn sold(&self) -> BTreeSet<every_cent_explained::Name> {
        let happened = self.happened();
        let events = || happened.told.values().flatten();
        let voided: BTreeSet<u64> = events()
            .filter_map(|event| match &event.what {
                What::Void(ticket) => Some(ticket.id),
                _ => None,
            })
            .collect();
        let counts = |id: u64| !voided.contains(&id) && !happened.held.contains(&id);
        events()
            .filter_map(|event| match &event.what {
                What::Ticket(ticket) if counts(ticket.id) => {
                    let store = &self.shop.stores[event.store];
                    let register = store.registers[event.register].id.clone();
                    Some((store.id.clone(), register, ticket.number.to_string()))
                }
                _ => None,
            })
            .collect()
    }

    /// Where Odoo and the reference differ now.
    ///
    /// # Errors
    /// Odoo's own words.
    pub async fn odoo_differs(&self) -> anyhow::Result<Vec<String>> {
        let now = Holdings::read(&self.odoo.api, self.sites.len()).await?;
        let happened = self.happened();
        let mut reference = Reference::new(&self.shop, &self.chart);
        happened.held.iter().for_each(|ticket| reference.hold(*ticket));
        let mut wrong = Vec::new();
        for store in 0..self.sites.len() {
            let of = |events: &'_ Vec<Event>| {
                events
                    .iter()
                    .filter(|e| e.store == store)
                    .cloned()
                    .collect::<Vec<_>>()
            };
            for (date, events) in &happened.told {
                let expected = reference.ledger(of(events).iter());
                wrong.extend(odoo_agrees::books(&now, &self.before, store, *date, &expected));
            }
            let all: Vec<Event> = happened.told.values().flat_map(of).collect();
            let expected = reference.stock(all.iter());
            wrong.extend(odoo_agrees::shelves(&now, &self.before, store, &expected));
        }
        if now.drafts > self.before.drafts {
            wrong.push(format!(
                "{} entries are not posted",
                now.drafts - self.before.drafts
            ));
        }
        Ok(wrong)
    }

    /// Where the relay's records and what tills were told differ.
    ///
    /// # Errors
    /// When the relay's database cannot be read.
    pub fn relay_differs(&self) -> anyhow::Result<Vec<String>> {
        let held = Held::read(&self.relay.database)?;
        let days = relay_store::days(&self.relay.database)?;
        let happened = self.happened();
        let mut wrong = chain_unbroken::check(&held);
        let open = relay_store::open_exceptions(&self.relay.database)?;
        let baseless = open
            .into_iter()
            .filter(|open| NEVER.contains(&open.kind.as_str()));
        wrong.extend(baseless.map(|open| {
            format!(
                "raised without cause: {} at {}: {}",
                open.kind, open.store, open.draft
            )
        }));
        for (date, events) in &happened.told {
            wrong.extend(no_sale_lost::check(
                &held,
                &self.shop,
                BusinessDay::from(*date),
                events,
            ));
            wrong.extend(days_balance::check(&days, &self.shop, *date, events.iter()));
        }
        Ok(wrong)
    }

    /// What tills were told on a day and the relay does not hold yet.
    ///
    /// # Errors
    /// When the relay's database cannot be read.
    pub fn missing_at_relay(&self, date: Date) -> anyhow::Result<Vec<String>> {
        let held = Held::read(&self.relay.database)?;
        Ok(no_sale_lost::check(
            &held,
            &self.shop,
            BusinessDay::from(date),
            &self.told(date),
        ))
    }
}
