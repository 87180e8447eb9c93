//! What of an account is checked beside its sales. What goes wrong here is told, and never keeps a sale from being read.
//!
//! Payments: the account lists them by themselves. One that changed has its ticket asked for again, at once and not with the
//! next night's reading; one that no ticket shows a quarter of an hour later is an exception with its amount.
//!
//! Stock: what the POS itself has of each item is read at night, when nothing is sold, and stands beside Odoo's figure in
//! the comparison of stock. A page is read in a round, so that a large catalogue holds no sale up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tillwire_capture::heartland_retail::cloud::{Listing, Manner, Next, Question, read_page};
use tillwire_capture::heartland_retail::feed::Ask;
use tillwire_capture::heartland_retail::paid::{self, Follows, Paid};
use tillwire_capture::heartland_retail::shelf;
use tillwire_proto::{Amount, BusinessDay, LocalTime, Sku, StoreId, TenantId};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};

use super::memory::shelves::Shelf;
use super::memory::{self, Known};
use super::memory::{payments, shelves};
use super::poll::{Poller, Problem, time};
use crate::store::exceptions::{self, Source};
use crate::store::{StoreError, Unit};

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Whether each payment stands on a ticket that is known, and says the same.
    Payments,
    /// What the POS's own stock has.
    Inventory,
}

impl Check {
    const ALL: [Self; 2] = [Self::Payments, Self::Inventory];

    const fn word(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Inventory => "inventory",
        }
    }
}

/// A check that was refused is left alone at least so long.
const REST: Duration = Duration::from_secs(600);

/// What is told of a payment that no ticket shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    store: StoreId,
    names_no_location: bool,
    day: Option<BusinessDay>,
    at: String,
    amount: Option<Amount>,
}

impl Poller {
    /// One round of what is checked.
    ///
    /// # Errors
    /// [`Problem::Here`] only: the account's own are noted, and that check rests.
    pub(super) async fn check(&mut self, now_ms: i64) -> Result<(), Problem> {
        for check in self.account.checks.clone() {
            if self
                .resting
                .get(&check)
                .is_some_and(|until_ms| now_ms < *until_ms)
            {
                continue;
            }
            let checked = match check {
                Check::Payments => self.check_payments(now_ms).await,
                Check::Inventory => self.read_shelves(now_ms).await,
            };
            let problem = match checked {
                Ok(()) => None,
                Err(Problem::Account(words, least)) => {
                    let rest = least.max(REST);
                    let rest_ms = i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
                    self.resting.insert(check, now_ms.saturating_add(rest_ms));
                    let words = format!("{}: {words}", check.word());
                    tracing::warn!(account = self.name, "a check of the cloud rests: {words}");
                    Some(words)
                }
                Err(here) => return Err(here),
            };
            self.note(check, problem).await?;
        }
        Ok(())
    }

    /// What was wrong with a check is over when nobody wants it any more.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) async fn drop_checks(&self) -> Result<(), Problem> {
        for check in Check::ALL {
            if !self.account.checks.contains(&check) {
                self.note(check, None).await?;
            }
        }
        Ok(())
    }

    /// Keeps what is wrong with a check beside the account's own troubles.
    async fn note(&self, check: Check, problem: Option<String>) -> Result<(), Problem> {
        let name = self.name_of(check);
        let at = name.clone();
        let known = self.store.read(move |db| memory::known(db, &at)).await?;
        let known = known.unwrap_or_default();
        if known.problem != problem {
            let known = Known { problem, ..known };
            self.store
                .write(move |unit| memory::remember(unit, &name, &known))
                .await?;
        }
        Ok(())
    }

    /// Under which it is remembered how far a check is.
    pub(super) fn name_of(&self, check: Check) -> String {
        format!("{}#{}", self.name, check.word())
    }

    /// Notes which payments stand on the tickets of a page, finished or not, of whichever store. What cannot be read here is
    /// told by who reads the page.
    pub(super) async fn note_payments(&self, page: &[u8]) -> Result<(), Problem> {
        if !self.account.checks.contains(&Check::Payments) {
            return Ok(());
        }
        let listed = read_page(page, Listing::Tickets);
        let tickets = listed.map(|page| page.tickets).unwrap_or_default();
        let tickets = tickets.iter().map(|ticket| (ticket.id.as_str(), ticket.body));
        self.note_payments_of(tickets).await
    }

    /// The same of tickets by themselves: id and bytes.
    pub(super) async fn note_payments_of<'a>(
        &self,
        tickets: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<(), Problem> {
        let Some(retail) = self.account.stores.first() else {
            return Ok(());
        };
        if !self.account.checks.contains(&Check::Payments) {
            return Ok(());
        }
        let currency = retail.currency;
        let stand: Vec<(String, Paid)> = tickets
            .flat_map(|(id, body)| {
                let paid = paid::of_ticket(body, currency).into_iter();
                paid.map(move |paid| (id.to_owned(), paid))
            })
            .collect();
        let name = self.name.clone();
        let fresh = self.store.read(move |db| {
            let mut fresh = Vec::new();
            for (ticket, paid) in stand {
                let held = payments::held(db, &name, &paid.id)?;
                let same = |held: &paid::HeldPayment| {
                    held.ticket.as_ref() == Some(&ticket) && held.says == Some(paid.says())
                };
                if !held.as_ref().is_some_and(same) {
                    fresh.push((ticket, paid));
                }
            }
            Ok(fresh)
        });
        let fresh = fresh.await?;
        if fresh.is_empty() {
            return Ok(());
        }
        let (name, tenant, now_ms) = (
            self.name.clone(),
            self.account.tenant.clone(),
            self.store.clock().now_ms(),
        );
        let write = self.store.write(move |unit| {
            for (ticket, paid) in &fresh {
                let says = paid.says();
                if payments::stands(unit, &name, ticket, (&paid.id, &says), now_ms)? {
                    let words = format!("ticket {ticket} shows it");
                    exceptions::close_cause(unit, &tenant, cause(&paid.id).as_str(), &words, now_ms)?;
                }
            }
            Ok(())
        });
        Ok(write.await?)
    }

    /// Asks for the payments that changed, and tells of those that have stood alone for too long.
    async fn check_payments(&self, now_ms: i64) -> Result<(), Problem> {
        let Some(currency) = self.account.stores.first().map(|retail| retail.currency) else {
            return Ok(());
        };
        let name = self.name_of(Check::Payments);
        let at = name.clone();
        let known = self.store.read(move |db| memory::known(db, &at)).await?;
        // what was paid before anybody looked stands on tickets that were never read
        let known = known.filter(|known| known.since_ms > 0).unwrap_or_else(|| Known {
            since_ms: now_ms,
            ..Known::default()
        });
        let mut question = Question::after(time(known.since_ms)?, self.account.overlap_s);
        let through = loop {
            let told = self.client.ask(&Ask::Get(question.path(Listing::Payments))).await;
            if told.manner != Manner::Read {
                return Err(self.problem(&told));
            }
            let (page, paid) =
                paid::read_page(&told.body, currency).map_err(|error| self.unlike(&error.to_string()))?;
            let next = question.next(&page);
            self.see(paid, now_ms).await?;
            match next {
                Next::Ask(next) => question = next,
                Next::Done(through) => break through,
                Next::Crowded(minute) => {
                    let words =
                        format!("more payments changed in the minute of {minute} than can be told apart");
                    return Err(Problem::Account(words, REST));
                }
            }
        };
        let forget = now_ms - known.reread_ms > FORGET_EVERY_MS;
        let known = Known {
            since_ms: through.as_millisecond(),
            reread_ms: if forget { now_ms } else { known.reread_ms },
            polled_ms: Some(now_ms),
            problem: None,
        };
        let (account, tenant) = (self.name.clone(), self.account.tenant.clone());
        let write = self.store.write(move |unit| {
            if forget {
                payments::forget(unit, &account, now_ms)?;
            }
            for (payment, alone) in payments::tell(unit, &account, now_ms)? {
                raise(unit, &tenant, &payment, &alone, now_ms)?;
            }
            memory::remember(unit, &name, &known)
        });
        Ok(write.await?)
    }

    /// What follows from payments of the list.
    async fn see(&self, paid: Vec<Paid>, now_ms: i64) -> Result<(), Problem> {
        let alone: Vec<Option<Alone>> = paid.iter().map(|paid| self.alone(paid)).collect();
        let name = self.name.clone();
        let found = self.store.read(move |db| {
            let mut found = Vec::new();
            for (paid, alone) in paid.into_iter().zip(alone) {
                let held = payments::held(db, &name, &paid.id)?;
                match paid.follows(held.as_ref()) {
                    Follows::Nothing => {}
                    Follows::Remember => found.push((paid, alone, None)),
                    Follows::AskFor(ticket) => found.push((paid, None, Some(ticket.to_owned()))),
                }
            }
            Ok(found)
        });
        let found = found.await?;
        if found.is_empty() {
            return Ok(());
        }
        let (name, tenant) = (self.name.clone(), self.account.tenant.clone());
        let wakes = found.iter().any(|(_, _, ticket)| ticket.is_some());
        let write = self.store.write(move |unit| {
            for (paid, alone, ticket) in &found {
                let says = paid.says();
                let was_told = payments::listed(unit, &name, (&paid.id, &says), alone.as_ref(), now_ms)?;
                if was_told && alone.is_none() {
                    exceptions::close_cause(
                        unit,
                        &tenant,
                        cause(&paid.id).as_str(),
                        "it was taken back",
                        now_ms,
                    )?;
                }
                if let Some(ticket) = ticket {
                    memory::wake(unit, &name, ticket, now_ms)?;
                }
            }
            Ok(())
        });
        write.await?;
        if wakes {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// What would be told of a payment; `None` when no money moved, or of a location that nobody asked about.
    fn alone(&self, paid: &Paid) -> Option<Alone> {
        let names_no_location = paid.location.is_empty();
        let mut stores = self.account.stores.iter();
        let retail = stores.find(|retail| names_no_location || retail.locations.contains(&paid.location))?;
        let at: Option<LocalTime> = paid.at.parse().ok();
        let day = at.map(|at| retail.time.day(at));
        paid.counts().then(|| Alone {
            store: retail.store.clone(),
            names_no_location: names_no_location && self.account.stores.len() > 1,
            day,
            at: paid.at.clone(),
            amount: paid.amount,
        })
    }

    /// One page of the POS's stock, when a store's night has come.
    async fn read_shelves(&mut self, now_ms: i64) -> Result<(), Problem> {
        if self.reading.is_none() {
            self.reading = self.due(now_ms).await?;
        }
        let Some(mut reading) = self.reading.take() else {
            return Ok(());
        };
        let told = self.client.ask(&Ask::Get(shelf::path(reading.page))).await;
        if told.manner != Manner::Read {
            return Err(self.problem(&told));
        }
        let page =
            shelf::read_page(&told.body, reading.page).map_err(|error| self.unlike(&error.to_string()))?;
        for row in page.rows {
            let mut stores = self.account.stores.iter();
            let retail = stores.find(|retail| retail.locations.contains(&row.location));
            if let Some(lines) = retail.and_then(|retail| reading.stores.get_mut(&retail.store)) {
                let sum = lines.entry(row.sku).or_default();
                *sum = sum.saturating_add(row.quantity.millionths());
            }
        }
        if page.more {
            reading.page += 1;
            self.reading = Some(reading);
            return Ok(());
        }
        let (tenant, at_ms) = (self.account.tenant.clone(), reading.began_ms);
        let write = self.store.write(move |unit| {
            for (store, lines) in reading.stores {
                shelves::keep(unit, &tenant, &store, &Shelf { at_ms, lines })?;
            }
            Ok(())
        });
        Ok(write.await?)
    }

    /// A reading for the stores whose day has just ended and whose stock was not read since.
    async fn due(&self, now_ms: i64) -> Result<Option<Reading>, Problem> {
        let (now, before) = (time(now_ms)?, time(now_ms - NIGHT_MS)?);
        let quiet = self.account.stores.iter().filter(|retail| {
            let day = |at| retail.time.local(at).map(|local| retail.time.day(local));
            day(now) != day(before)
        });
        let quiet: Vec<StoreId> = quiet.map(|retail| retail.store.clone()).collect();
        if quiet.is_empty() {
            return Ok(None);
        }
        let tenant = self.account.tenant.clone();
        let due = self.store.read(move |db| {
            let mut due = BTreeMap::new();
            for store in quiet {
                let last = shelves::last(db, &tenant, &store)?;
                if last.is_none_or(|last| last.at_ms < now_ms - NIGHT_MS) {
                    due.insert(store, BTreeMap::new());
                }
            }
            Ok(due)
        });
        let stores = due.await?;
        Ok((!stores.is_empty()).then_some(Reading {
            page: 1,
            began_ms: now_ms,
            stores,
        }))
    }
}

/// How long after a store's day has ended its stock may be read, in milliseconds: nothing is sold then, so that the figure
/// needs no sale of the same hour added to be compared.
const NIGHT_MS: i64 = 2 * 3_600_000;

/// The POS's stock while it is read.
#[derive(Debug)]
pub(super) struct Reading {
    page: u32,
    began_ms: i64,
    stores: BTreeMap<StoreId, BTreeMap<Sku, i64>>,
}

/// Between two times that old payments are forgotten, in milliseconds.
const FORGET_EVERY_MS: i64 = 24 * 3_600_000;

fn cause(payment: &str) -> CauseKey {
    CauseKey::new(ExceptionKind::PaymentWithoutTicket, &[&payment])
}

fn raise(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    payment: &str,
    alone: &Alone,
    now_ms: i64,
) -> Result<(), StoreError> {
    let amount = alone.amount.map_or_else(
        || "an amount that cannot be read".to_owned(),
        |amount| amount.to_string(),
    );
    let mut detail = format!(
        "the account lists payment {payment} of {amount}, taken at {}, and no ticket that it told shows it; look the payment up \
         in the POS: a deposit on an order, or a sale that is not told",
        if alone.at.is_empty() {
            "a time that it does not say"
        } else {
            &alone.at
        }
    );
    if alone.names_no_location {
        detail.push_str("; it names no location, and stands at the account's first store");
    }
    let kind = ExceptionKind::PaymentWithoutTicket;
    let mut draft = ExceptionDraft::new(kind, tenant, &alone.store, cause(payment), detail);
    draft.day = alone.day;
    if let Some(amount) = alone.amount {
        draft = draft.risking(amount);
    }
    exceptions::raise(unit, Source::Cloud, &draft, now_ms)
}
