//! A relay's database with a poster of one company, and a clock that stands until it is told to go on, so that no
//! scenario waits for a wait.

use std::sync::Arc;

use tempfile::TempDir;
use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, Sku, Unit};
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::drift::Drift;
use tillwire_relay::jobs::link::{Company, Link};
use tillwire_relay::jobs::post::{Poster, Turn};
use tillwire_relay::odoo::Client;
use tillwire_relay::store::effects::{self, Effects, NewEffect, StoredEffect};
use tillwire_relay::store::exceptions::{self, Filter, StoredException};
use tillwire_relay::store::{Store, StoreOptions};
use tillwire_relay_core::odoo::{
    Direction, Effect, EffectKey, EffectState, EntryLine, JournalEntry, Payload, PickLine, Picking,
};
use tillwire_relay_core::settings::{AccountCode, StoreSettings};

use crate::ground::Ground;

/// More turns than any scenario needs.
const TURNS: usize = 2_000;

/// A relay that posts for a company, seen from one of its stores. Clones are the same relay.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) link: Arc<Link>,
    /// The store that intents are made for, and whose exceptions are read.
    pub(crate) settings: StoreSettings,
    store: Store,
    clock: Clock,
    _directory: Arc<TempDir>,
}

impl Desk {
    /// The ground's store, straight to its server, as the integration user.
    pub(crate) fn on(ground: &Ground) -> Self {
        Self::with(ground.client(), ground.settings())
    }

    /// Any store by any client.
    pub(crate) fn with(client: Client, settings: StoreSettings) -> Self {
        Self::of(client, &[settings])
    }

    /// Several stores of one company; the desk is the first one's.
    pub(crate) fn of(client: Client, stores: &[StoreSettings]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::standing(jiff::Timestamp::now().as_millisecond());
        let options = StoreOptions {
            clock: clock.clone(),
            ..StoreOptions::at(directory.path().join("relay.db"))
        };
        let store = Store::open(&options).unwrap();
        Self {
            link: link(client, stores.iter().cloned(), &store),
            settings: stores[0].clone(),
            store,
            clock,
            _directory: Arc::new(directory),
        }
    }

    /// Another store of the same company.
    pub(crate) fn at(&self, store: usize) -> Self {
        Self {
            settings: StoreSettings::clone(&self.link.company.stores[store]),
            ..self.clone()
        }
    }

    /// Another company's store at the same relay.
    pub(crate) fn beside(&self, client: Client, settings: StoreSettings) -> Self {
        Self {
            link: link(client, [settings.clone()], &self.store),
            settings,
            ..self.clone()
        }
    }

    /// The same relay, started again with another way to Odoo.
    pub(crate) fn restarted_with(mut self, client: Client) -> Self {
        self.link = link(client, self.link.company.stores.clone(), &self.store);
        self
    }

    /// What `exception retry` does for an effect that Odoo refused.
    pub(crate) async fn retry(&self, key: &EffectKey) {
        let effects = Effects::of(self.store.clone());
        effects.retry(key.as_str(), None).await.unwrap();
    }

    /// Commits an intent.
    pub(crate) async fn intend(&self, payload: Payload, day: Option<BusinessDay>) {
        let new = NewEffect {
            effect: Effect::intend(payload),
            company: self.link.company.lease(),
            tenant: self.settings.tenant.clone(),
            store: self.settings.store.clone(),
            day,
            batch: None,
            source: "{}".into(),
        };
        let now_ms = self.clock.now_ms();
        let intent = self.store.write(move |unit| effects::intend(unit, &new, now_ms));
        intent.await.unwrap();
    }

    /// Commits the intent of an entry of two lines, cash and revenue.
    pub(crate) async fn intend_entry(&self, day: BusinessDay, number: u32, minor: i64) -> JournalEntry {
        let entry = self.entry(day, number, minor);
        self.intend(Payload::JournalEntry(entry.clone()), Some(day)).await;
        entry
    }

    /// Commits the intent of a movement of goods.
    pub(crate) async fn intend_picking(
        &self,
        number: u32,
        direction: Direction,
        goods: &[(&str, &str)],
    ) -> Picking {
        let line = |(sku, quantity): &(&str, &str)| PickLine {
            lot: None,
            sku: Sku::new(sku).unwrap(),
            quantity: Quantity::parse(quantity, Unit::Each).unwrap(),
        };
        let picking = Picking {
            kits: Vec::new(),
            key: EffectKey::picking(&self.settings.tenant, &self.settings.store, number.into()),
            name: format!("TW/{}/{number}", self.settings.store),
            origin: "till".into(),
            direction,
            lines: goods.iter().map(line).collect(),
        };
        self.intend(Payload::Picking(picking.clone()), None).await;
        picking
    }

    /// Turns until nothing is open, moving the clock to whatever is waited for.
    pub(crate) async fn work(&self) {
        self.work_at_most(TURNS).await;
    }

    /// As [`Desk::work`], with an end where nothing will come of it.
    pub(crate) async fn work_at_most(&self, turns: usize) {
        let mut poster = Poster::new(Arc::clone(&self.link), self.store.clone(), "scenario".to_owned());
        for _ in 0..turns {
            let until_ms = match poster.turn().await.unwrap() {
                Turn::Worked => continue,
                Turn::Idle { until_ms: None } => return,
                Turn::Idle {
                    until_ms: Some(until_ms),
                }
                | Turn::Down { until_ms } => until_ms,
                Turn::NotOurs => panic!("another poster holds the lease"),
            };
            self.clock.set(until_ms + 1);
        }
    }

    /// Reads posted entries again; how many differ from what was posted.
    pub(crate) async fn read_again(&self) -> usize {
        let drift = Drift::new(Arc::clone(&self.link), self.store.clone());
        drift.round(std::time::Duration::ZERO).await.unwrap()
    }

    pub(crate) async fn effect(&self, key: &EffectKey) -> StoredEffect {
        let effects = Effects::of(self.store.clone());
        effects.get(key.as_str()).await.unwrap().unwrap()
    }

    /// Its id in Odoo, once it is done as it was meant and nobody needs to be told anything of the store.
    pub(crate) async fn done(&self, key: &EffectKey) -> i64 {
        let stored = self.effect(key).await;
        assert_eq!(
            stored.effect.state,
            EffectState::Done,
            "{:?}\n{:?}",
            stored.effect.reason,
            self.words().await
        );
        assert_eq!(self.words().await, Vec::<String>::new());
        stored.effect.document.unwrap()
    }

    /// The store's open exceptions.
    pub(crate) async fn exceptions(&self) -> Vec<StoredException> {
        let filter = Filter {
            store: Some((self.settings.tenant.clone(), self.settings.store.clone())),
            ..Filter::default()
        };
        let listed = self.store.read(move |db| exceptions::list(db, &filter));
        listed.await.unwrap()
    }

    /// Open exceptions as a person reads them.
    pub(crate) async fn words(&self) -> Vec<String> {
        let shown = |e: &StoredException| format!("{}: {}", e.draft.kind, e.draft.detail);
        self.exceptions().await.iter().map(shown).collect()
    }

    /// An entry of two lines, cash and revenue.
    pub(crate) fn entry(&self, day: BusinessDay, number: u32, minor: i64) -> JournalEntry {
        let settings = &self.settings;
        // in order of codes: cash, perhaps tax, revenue
        let accounts = settings.odoo.mappings.accounts();
        let (cash, revenue) = (accounts[0], accounts[accounts.len() - 1]);
        JournalEntry {
            key: EffectKey::journal(&settings.tenant, &settings.store, day, number),
            reference: format!("TW/{}/{day}/r{number}", settings.store),
            date: day,
            day,
            lines: vec![
                line(cash, "Cash", minor, settings.currency),
                line(revenue, "Sales", -minor, settings.currency),
            ],
            reverses: None,
        }
    }
}

/// A line of an entry: a debit, or a credit when negative.
pub(crate) fn line(account: &AccountCode, label: &str, minor: i64, currency: Currency) -> EntryLine {
    EntryLine {
        account: account.clone(),
        label: label.to_owned(),
        amount: Amount::new(minor, currency),
        taxed_by: Vec::new(),
        tax: None,
        base: None,
        analytic: None,
        foreign: None,
        owed_by: None,
    }
}

fn link<S: Into<Arc<StoreSettings>>>(
    client: Client,
    stores: impl IntoIterator<Item = S>,
    store: &Store,
) -> Arc<Link> {
    let company = Company::of(stores).remove(0);
    Arc::new(Link::new(company, Arc::new(client), store.clone()))
}
