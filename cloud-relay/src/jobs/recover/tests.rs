//! An older copy of the database is put in place, agents send again, and Odoo holds each sale once.

use std::collections::BTreeSet;
use std::sync::Arc;

use tillwire_relay_core::odoo::{EffectState, Payload, ResolvedStock};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::stock::Goods;

use crate::days::{Days, Pace, Stockroom};
use crate::jobs::link::{Company, Link};
use crate::jobs::post::{Poster, Turn};
use crate::jobs::stock;
use crate::odoo::{Client, Endpoint, Secret};
use crate::store::effects::{self, StoredEffect};
use crate::store::exceptions::{self, Filter};
use crate::store::{StoreOptions, days};
use crate::testing::{Device, NOW, Relay, Segment, day, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

#[path = "../../../tests/odoo/fake.rs"]
#[allow(dead_code)] // other tests use the rest
mod fake;

use fake::FakeOdoo;

const DAY: &str = "2027-01-14";
/// After the cut-off and its hour of grace.
const OVER: i64 = NOW + 4 * 3_600_000;

#[derive(Clone)]
struct Shelf(Arc<Link>);

impl Stockroom for Shelf {
    async fn resolve(&self, store: &StoreSettings, goods: &BTreeSet<Goods>) -> Option<ResolvedStock> {
        stock::resolve(&self.0, &store.store, goods).await.ok()
    }
}

struct World {
    dir: tempfile::TempDir,
    odoo: FakeOdoo,
    relay: Relay,
    link: Arc<Link>,
    device: Device,
    segment: Segment,
    now_ms: i64,
}

fn link_to(odoo: &FakeOdoo, relay: &Relay) -> Arc<Link> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let endpoint = Endpoint::new(&odoo.url, "shop", "till", Secret::new("right")).unwrap();
    let client = Client::new(endpoint, None).unwrap();
    let settings = settings();
    let store = settings.store(&tenant(), &store_id()).unwrap().clone();
    Arc::new(Link::new(
        Company::of([store]).remove(0),
        Arc::new(client),
        relay.store.clone(),
    ))
}

impl World {
    /// Ticket 1 is in the backup. After it come batches 1 to 3 of stock and revisions 1 and 2 of the day.
    async fn before_the_restore() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let odoo = FakeOdoo::start().await;
        let relay = Relay::open(&options(&dir)).await;
        let device = relay.enrol("d1").await;
        let segment = device.segment(1, None);
        let link = link_to(&odoo, &relay);
        let mut world = Self {
            dir,
            odoo,
            relay,
            link,
            device,
            segment,
            now_ms: NOW,
        };
        world.sell("1", "MUG", 500).await;
        world.relay.store.close().await;
        std::fs::copy(world.file("relay.db"), world.file("backup")).unwrap();
        world.open(false).await;

        world.sell("2", "TEE", 300).await;
        world.assess(NOW + 1_000).await;
        world.sell("3", "MUG", 200).await;
        world.assess(NOW + 120_000).await;
        world.work().await;
        world.assess(OVER).await;
        world.work().await;
        world.sell("4", "TEE", 400).await;
        world.assess(OVER + 120_000).await;
        world.work().await;
        assert_eq!(world.entries(), [1_000, 400]);
        assert_eq!(world.pickings(), [2, 1, 1]);
        world
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    async fn open(&mut self, restored: bool) {
        let options = StoreOptions {
            restored,
            ..options(&self.dir)
        };
        self.relay = Relay::open(&options).await;
        self.link = link_to(&self.odoo, &self.relay);
        self.relay.store.clock().set(self.now_ms);
    }

    /// The old copy comes back, and the device sends again what the copy lacks.
    async fn restore(&mut self) {
        self.relay.store.close().await;
        for name in ["relay.db-wal", "relay.db-shm"] {
            let _ = std::fs::remove_file(self.file(name));
        }
        std::fs::copy(self.file("backup"), self.file("relay.db")).unwrap();
        self.open(false).await;
        assert!(self.relay.store.restored().is_some());
        assert_eq!(self.effects().await, []);
        let again = self.segment.batch(2, self.segment.last().0);
        self.relay.publish(&self.device, self.device.seal(&again)).await;
        self.understand().await;
    }

    async fn sell(&mut self, ticket: &str, sku: &str, cents: i64) {
        self.segment.tell(&sale(DAY, ticket, sku, cents));
        let last = self.segment.last().0;
        let batch = self.segment.batch(last, last);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
        self.understand().await;
    }

    async fn understand(&self) {
        let stage = Understanding::new(self.relay.store.clone(), settings());
        stage.step().await.unwrap();
    }

    async fn assess(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.relay.store.clock().set(self.now_ms);
        let shelf = Shelf(Arc::clone(&self.link));
        let stage = Days::new(self.relay.store.clone(), settings(), shelf, Pace::default());
        stage.step().await.unwrap();
    }

    /// Turns of the poster, until it has nothing to do or Odoo is away.
    async fn work(&mut self) {
        let mut poster = Poster::new(
            Arc::clone(&self.link),
            self.relay.store.clone(),
            format!("at {}", self.now_ms),
        );
        // an earlier poster's lease has run out
        self.now_ms += 300_000;
        self.relay.store.clock().set(self.now_ms);
        for _ in 0..50 {
            match poster.turn().await.unwrap() {
                Turn::Worked => {}
                Turn::Idle { .. } | Turn::Down { .. } => return,
                Turn::NotOurs => panic!("another poster holds the lease"),
            }
        }
    }

    async fn effects(&self) -> Vec<StoredEffect> {
        self.relay
            .store
            .read(|db| effects::of_day(db, &tenant(), &store_id(), day(DAY)))
            .await
            .unwrap()
    }

    async fn words(&self) -> Vec<String> {
        let open = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()));
        let open = open.await.unwrap();
        open.into_iter().map(|stored| stored.draft.detail).collect()
    }

    async fn state(&self) -> String {
        let row = self
            .relay
            .store
            .read(|db| days::get(db, &tenant(), &store_id(), day(DAY)))
            .await;
        row.unwrap().unwrap().state
    }

    /// Odoo's entries: what each takes in, in cents. All are posted.
    fn entries(&self) -> Vec<i64> {
        let world = self.odoo.world();
        assert!(world.entries.iter().all(|entry| entry.state == "posted"));
        let cents =
            |row: &Vec<serde_json::Value>| row[2].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        let sum = |entry: &fake::Document| entry.rows.iter().map(cents).sum();
        world.entries.iter().map(sum).collect()
    }

    /// Odoo's pickings: how many items each has. All are done.
    fn pickings(&self) -> Vec<usize> {
        let world = self.odoo.world();
        assert!(world.pickings.iter().all(|picking| picking.state == "done"));
        world.pickings.iter().map(|picking| picking.rows.len()).collect()
    }

    async fn assert_nothing_twice(&mut self) {
        self.assess(OVER + 600_000).await;
        self.work().await;
        self.assess(OVER + 900_000).await;
        self.work().await;
        assert_eq!(self.words().await, Vec::<String>::new());
        assert_eq!(
            (self.entries(), self.pickings()),
            (vec![1_000, 400], vec![2, 1, 1])
        );
        let states: Vec<_> = self.effects().await.iter().map(|s| s.effect.state).collect();
        assert_eq!(states, [EffectState::Done; 5]);
        assert_eq!(self.state().await, "Posted");
    }
}

#[tokio::test]
async fn older_database_reads_back_and_books_only_what_is_new() {
    let mut world = World::before_the_restore().await;
    world.restore().await;
    world.assert_nothing_twice().await;

    world.sell("5", "MUG", 250).await;
    world.assess(OVER + 1_200_000).await;
    world.work().await;
    world.assess(OVER + 1_500_000).await;
    assert_eq!(world.entries(), [1_000, 400, 250]);
    assert_eq!(world.pickings(), [2, 1, 1, 1]);
    assert_eq!(world.words().await, Vec::<String>::new());
    let keys: Vec<String> = world
        .effects()
        .await
        .iter()
        .map(|s| s.effect.key.to_string())
        .collect();
    assert!(
        keys.contains(&"tillwire.j_acme_s01_20270114_r3".to_owned()),
        "{keys:?}"
    );
    assert!(keys.contains(&"tillwire.p_acme_s01_4".to_owned()), "{keys:?}");
}

#[tokio::test]
async fn nothing_is_intended_while_odoo_is_away_and_it_says_so() {
    let mut world = World::before_the_restore().await;
    world.restore().await;
    world.odoo.world().down = true;
    world.assess(OVER + 600_000).await;
    world.work().await;
    assert_eq!(world.effects().await, []);
    let words = world.words().await;
    assert!(
        words
            .iter()
            .any(|w| w.contains("nothing is posted for store s01")),
        "{words:?}"
    );
    // a stop in between forgets nothing
    world.relay.store.close().await;
    world.open(false).await;
    assert!(world.relay.store.restored().is_none());
    world.assess(OVER + 610_000).await;
    assert_eq!(world.effects().await, []);
    world.odoo.world().down = false;
    world.assert_nothing_twice().await;
}

#[tokio::test]
async fn drafts_found_are_finished_as_what_they_are() {
    let mut world = World::before_the_restore().await;
    world.odoo.world().entries[1].state = "draft";
    world.odoo.world().pickings[2].state = "draft";
    world.restore().await;
    let posts = world.odoo.count("account.move.action_post");
    let loads = world.odoo.count("account.move.load");
    world.assert_nothing_twice().await;
    assert_eq!(world.odoo.count("account.move.action_post"), posts + 1);
    assert_eq!(
        world.odoo.count("account.move.load"),
        loads,
        "nothing is made again"
    );
}

#[tokio::test]
async fn intents_with_another_content_give_way_to_what_odoo_holds() {
    let mut world = World::before_the_restore().await;
    let marker = world.file("relay.db.generation");
    world.relay.store.close().await;
    // nobody noticed that the copy is older: it asks for one entry and one picking of everything, and is refused
    for name in ["relay.db", "relay.db-wal", "relay.db-shm", "relay.db.generation"] {
        let _ = std::fs::remove_file(world.file(name));
    }
    std::fs::copy(world.file("backup"), world.file("relay.db")).unwrap();
    world.open(false).await;
    let again = world.segment.batch(2, world.segment.last().0);
    world
        .relay
        .publish(&world.device, world.device.seal(&again))
        .await;
    world.understand().await;
    world.assess(OVER + 600_000).await;
    world.work().await;
    assert!(!world.words().await.is_empty());
    let rejected = |s: &StoredEffect| s.effect.state == EffectState::Rejected;
    assert!(world.effects().await.iter().any(rejected));

    world.relay.store.close().await;
    let _ = std::fs::remove_file(marker);
    world.open(true).await;
    world.work().await;
    let entries = world.effects().await;
    let found = entries
        .iter()
        .filter(|s| matches!(s.effect.payload, Payload::JournalEntry(_)));
    assert_eq!(found.count(), 2);
    world.assert_nothing_twice().await;
}
