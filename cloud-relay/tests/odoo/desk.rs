//! A store of effects, a clock that the test moves, and a poster between them and an Odoo.

use std::sync::Arc;

use tempfile::TempDir;
use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, Sku, Unit};
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::link::{Company, Link};
use tillwire_relay::jobs::post::{Poster, Turn};
use tillwire_relay::odoo::{Client, Endpoint, Secret};
use tillwire_relay::store::effects::{self, Effects, NewEffect, StoredEffect};
use tillwire_relay::store::exceptions::{self, Filter, StoredException};
use tillwire_relay::store::{Store, StoreOptions};
use tillwire_relay_core::odoo::{
    Direction, Effect, EffectKey, EntryLine, JournalEntry, Payload, PickLine, Picking,
};
use tillwire_relay_core::settings::{AccountCode, StoreDraft, StoreSettings};

pub(crate) const START_MS: i64 = 1_800_000_000_000;

pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) link: Arc<Link>,
    _directory: TempDir,
}

impl Desk {
    pub(crate) fn new(client: Client, settings: StoreSettings, clock: Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            clock: clock.clone(),
            ..StoreOptions::at(directory.path().join("relay.db"))
        };
        let store = Store::open(&options).unwrap();
        let company = Company::of([settings]).remove(0);
        let link = Arc::new(Link::new(company, Arc::new(client), store.clone()));
        Self {
            store,
            clock,
            link,
            _directory: directory,
        }
    }

    pub(crate) fn poster(&self, holder: &str) -> Poster {
        Poster::new(Arc::clone(&self.link), self.store.clone(), holder.to_owned())
    }

    /// Commits an intent.
    pub(crate) async fn intend(&self, payload: Payload, day: Option<BusinessDay>) {
        let settings = &self.link.company.stores[0];
        let new = NewEffect {
            effect: Effect::intend(payload),
            company: self.link.company.lease(),
            tenant: settings.tenant.clone(),
            store: settings.store.clone(),
            day,
            batch: None,
            source: "{}".into(),
        };
        let now_ms = self.clock.now_ms();
        self.store
            .write(move |unit| effects::intend(unit, &new, now_ms))
            .await
            .unwrap();
    }

    /// Turns until nothing is open, moving the clock to whatever is waited for. At most `turns`.
    pub(crate) async fn work(&self, turns: usize) {
        let mut poster = self.poster("one");
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

    pub(crate) async fn effect(&self, key: &EffectKey) -> StoredEffect {
        Effects::of(self.store.clone())
            .get(key.as_str())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn exceptions(&self) -> Vec<StoredException> {
        self.store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await
            .unwrap()
    }

    pub(crate) async fn words(&self) -> Vec<String> {
        let shown = |e: &StoredException| format!("{}: {}", e.draft.kind, e.draft.detail);
        self.exceptions().await.iter().map(shown).collect()
    }
}

pub(crate) fn client(url: &str, key: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(
        Endpoint::new(url, "shop", "till", Secret::new(key)).unwrap(),
        None,
    )
    .unwrap()
}

pub(crate) fn settings(
    company: &str,
    journal: &str,
    warehouse: &str,
    cash: &str,
    revenue: &str,
) -> StoreSettings {
    draft(company, journal, warehouse, cash, revenue).check().unwrap()
}

pub(crate) fn draft(company: &str, journal: &str, warehouse: &str, cash: &str, revenue: &str) -> StoreDraft {
    let text = format!(
        r#"
        tenant = "acme"
        store = "s01"
        time_zone = "America/Chicago"
        registers = ["till-1"]
        [odoo]
        company = "{company}"
        journal = "{journal}"
        warehouse = "{warehouse}"
        [odoo.accounts]
        revenue = "{revenue}"
        tender = {{ cash = "{cash}" }}
        "#
    );
    toml::from_str(&text).unwrap()
}

pub(crate) fn entry(settings: &StoreSettings, day: BusinessDay, revision: u32, minor: i64) -> JournalEntry {
    let accounts = settings.odoo.mappings.accounts();
    let line = |account: &AccountCode, label: &str, minor: i64| EntryLine {
        account: account.clone(),
        label: label.to_owned(),
        amount: Amount::new(minor, Currency::USD),
        taxed_by: Vec::new(),
        tax: None,
        base: None,
        analytic: None,
        foreign: None,
        owed_by: None,
    };
    JournalEntry {
        key: EffectKey::journal(&settings.tenant, &settings.store, day, revision),
        reference: format!("TW/{}/{day}/r{revision}", settings.store),
        date: day,
        day,
        reverses: None,
        lines: vec![
            line(accounts[0], "cash", minor),
            line(accounts[1], "revenue", -minor),
        ],
    }
}

pub(crate) fn picking(
    settings: &StoreSettings,
    batch: u64,
    direction: Direction,
    items: &[(&str, &str)],
) -> Picking {
    let line = |(sku, quantity): &(&str, &str)| PickLine {
        sku: Sku::new(sku).unwrap(),
        lot: None,
        quantity: Quantity::parse(quantity, Unit::Each).unwrap(),
    };
    Picking {
        key: EffectKey::picking(&settings.tenant, &settings.store, batch),
        name: format!("TW/{}/{batch}", settings.store),
        origin: "till".into(),
        direction,
        lines: items.iter().map(line).collect(),
        kits: Vec::new(),
    }
}
