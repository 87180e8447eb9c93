mod calendar;
mod late;

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Digest, Unit};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{
    Effect, EffectState, OdooVersion, Payload, Product, ProductKind, ResolvedStock, Tracking, Uom,
};
use tillwire_relay_core::stock::Goods;

use super::*;
use crate::store::effects::{self, Effects};
use crate::store::exceptions::{self, Filter};
use crate::testing::{Device, NOW, Relay, Segment, day, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

const DAY: &str = "2027-01-14";
/// After the cut-off and its hour of grace: 2027-01-15T12:00:00Z.
const OVER: i64 = NOW + 4 * 3_600_000;

/// Knows every item but those that begin with `?`.
#[derive(Debug, Clone, Copy)]
struct Shelf;

impl Stockroom for Shelf {
    async fn resolve(&self, _: &StoreSettings, goods: &BTreeSet<Goods>) -> Option<ResolvedStock> {
        let known = goods.iter().filter(|goods| !goods.sku.as_str().starts_with('?'));
        let product = |(goods, id): (&Goods, i64)| {
            let uom = Uom {
                id: 1,
                rounding: 10_000,
                unit: Some(Unit::Each),
            };
            let product = Product {
                id,
                sku: goods.sku.clone(),
                uom,
                kind: ProductKind::Storable,
                tracking: Tracking::None,
                kit: None,
            };
            (goods.sku.clone(), product)
        };
        Some(ResolvedStock {
            version: OdooVersion(18),
            type_out: 1,
            type_back: 2,
            stock: 3,
            customers: 4,
            products: known.zip(1..).map(product).collect(),
            lots: BTreeMap::new(),
            on_hand: BTreeMap::new(),
        })
    }
}

struct World {
    _dir: tempfile::TempDir,
    relay: Relay,
    device: Device,
    segment: Segment,
}

async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let segment = device.segment(1, None);
    World {
        _dir: dir,
        relay,
        device,
        segment,
    }
}

impl World {
    async fn sell(&mut self, ticket: &str, sku: &str, cents: i64) {
        self.segment.tell(&sale(DAY, ticket, sku, cents));
        let last = self.segment.last().0;
        let batch = self.segment.batch(last, last);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
        Understanding::new(self.relay.store.clone(), settings())
            .step()
            .await
            .unwrap();
    }

    async fn assess(&self, now_ms: i64) {
        self.relay.store.clock().set(now_ms);
        let stage = Days::new(self.relay.store.clone(), settings(), Shelf, Pace::default());
        stage.step().await.unwrap();
    }

    async fn row(&self) -> DayRow {
        self.relay
            .store
            .read(|db| days::get(db, &tenant(), &store_id(), day(DAY)))
            .await
            .unwrap()
            .unwrap()
    }

    async fn effects(&self) -> Vec<Effect> {
        let all = self
            .relay
            .store
            .read(|db| effects::of_day(db, &tenant(), &store_id(), day(DAY)))
            .await
            .unwrap();
        all.into_iter().map(|stored| stored.effect).collect()
    }

    async fn entries(&self) -> Vec<Vec<(String, i64)>> {
        let mut entries = Vec::new();
        for effect in self.effects().await {
            if let Payload::JournalEntry(entry) = effect.payload {
                entries.push(
                    entry
                        .lines
                        .iter()
                        .map(|l| (l.account.to_string(), l.amount.minor()))
                        .collect(),
                );
            }
        }
        entries
    }

    async fn moved(&self) -> Vec<(String, String)> {
        let mut moved = Vec::new();
        for effect in self.effects().await {
            if let Payload::Picking(picking) = effect.payload {
                moved.extend(
                    picking
                        .lines
                        .iter()
                        .map(|l| (l.sku.to_string(), l.quantity.decimal())),
                );
            }
        }
        moved
    }

    async fn kinds(&self) -> Vec<ExceptionKind> {
        let open = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await
            .unwrap();
        open.into_iter().map(|stored| stored.draft.kind).collect()
    }

    async fn all_done(&self) {
        let effects = Effects::of(self.relay.store.clone());
        let lease = effects.lease("acme/Acme", "test", 60_000).await.unwrap().unwrap();
        for effect in self.effects().await {
            effects
                .save(
                    &lease,
                    Effect {
                        state: EffectState::Done,
                        ..effect
                    },
                )
                .await
                .unwrap();
        }
    }
}

fn text(account: &str, minor: i64) -> (String, i64) {
    (account.to_owned(), minor)
}

#[tokio::test]
async fn trading_day_is_open_and_posts_nothing() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.assess(NOW).await;
    let row = world.row().await;
    assert_eq!((row.state.as_str(), row.trades, row.dirty), ("Open", 1, 0));
    assert_eq!(row.net.unwrap().minor(), 500);
    assert!(world.entries().await.is_empty());
}

#[tokio::test]
async fn day_that_is_over_balances_posts_once_and_is_posted() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.sell("2", "B", 300).await;
    world.assess(OVER).await;
    assert_eq!(world.row().await.state, "Balanced");
    let entry = vec![text("101501", 800), text("400000", -800)];
    assert_eq!(world.entries().await, std::slice::from_ref(&entry));
    world
        .relay
        .store
        .write(|unit| days::touch_all(unit, None))
        .await
        .unwrap();
    world.assess(OVER + 1).await;
    assert_eq!(
        world.entries().await,
        [entry],
        "looking again intends nothing again"
    );
    world.all_done().await;
    world.assess(OVER + 2).await;
    assert_eq!(world.row().await.state, "Posted");
}

#[tokio::test]
async fn cut_off_passes_without_any_further_record() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.assess(NOW).await;
    assert!(world.entries().await.is_empty());
    world.assess(OVER).await;
    assert_eq!(world.row().await.state, "Balanced");
}

#[tokio::test]
async fn late_sale_makes_a_revision_with_only_the_difference() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.assess(OVER).await;
    world.all_done().await;
    world.assess(OVER + 1).await;
    world.sell("2", "B", 250).await;
    world.assess(OVER + 2).await;
    let entries = world.entries().await;
    assert_eq!(entries[1], [text("101501", 250), text("400000", -250)]);
    let row = world.row().await;
    assert_eq!((row.state.as_str(), row.revision), ("Balanced", 2));
}

#[tokio::test]
async fn same_sale_on_two_ways_counts_once() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.sell("1", "A", 500).await;
    world.assess(OVER).await;
    assert_eq!(world.row().await.trades, 1);
    assert_eq!(
        world.entries().await,
        [[text("101501", 500), text("400000", -500)]]
    );
    assert_eq!(world.moved().await, [("A".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn missing_ticket_holds_the_day_until_it_comes() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.sell("3", "A", 500).await;
    world.assess(OVER).await;
    assert_eq!(world.row().await.state, "Closing");
    assert_eq!(world.kinds().await, [ExceptionKind::TicketGap]);
    assert!(world.entries().await.is_empty());
    world.sell("2", "A", 500).await;
    world.assess(OVER + 1).await;
    assert_eq!(world.row().await.state, "Balanced");
    assert!(
        world.kinds().await.is_empty(),
        "what is gone is resolved by itself"
    );
}

#[tokio::test]
async fn stock_moves_in_batches_and_never_twice() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.assess(NOW).await;
    assert_eq!(world.moved().await, [("A".to_owned(), "1".to_owned())]);
    world.sell("2", "A", 500).await;
    world.sell("3", "B", 500).await;
    world.assess(NOW + 1000).await;
    assert_eq!(
        world.moved().await.len(),
        1,
        "the next batch waits for its minute"
    );
    world.assess(NOW + 61_000).await;
    let a = ("A".to_owned(), "1".to_owned());
    assert_eq!(
        world.moved().await,
        [a.clone(), a, ("B".to_owned(), "1".to_owned())]
    );
}

#[tokio::test]
async fn unknown_item_is_held_while_the_rest_moves_and_is_booked() {
    let mut world = world().await;
    world.sell("1", "?X", 500).await;
    world.sell("2", "A", 300).await;
    world.assess(OVER).await;
    assert_eq!(world.kinds().await, [ExceptionKind::UnknownSku]);
    assert_eq!(world.moved().await, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(
        world.entries().await,
        [[text("101501", 800), text("400000", -800)]]
    );
}

#[tokio::test]
async fn equal_days_intend_equal_content() {
    let mut hashes: Vec<Digest> = Vec::new();
    for _ in 0..2 {
        let mut world = world().await;
        world.sell("1", "A", 500).await;
        world.assess(OVER).await;
        hashes.push(world.effects().await[0].content);
    }
    assert_eq!(hashes[0], hashes[1]);
}

/// A second calculation that finds a cent too much on one account, and a piece too much of one item.
#[derive(Debug)]
struct OneTooMuch {
    account: &'static str,
    item: &'static str,
}

impl SecondCalculation for OneTooMuch {
    fn figures(
        &self,
        settings: &StoreSettings,
        day: tillwire_proto::BusinessDay,
        records: &[tillwire_relay_core::facts::Captured],
        signatures: &[tillwire_relay_core::exception::Signature],
    ) -> Result<tillwire_relay_core::second::SecondFigures, String> {
        let mut figures = Auditor.figures(settings, day, records, signatures)?;
        if let Some(cents) = figures.books.get_mut(self.account) {
            *cents += 1;
        }
        if let Some(millionths) = figures.stock.get_mut(self.item) {
            *millionths += 1_000_000;
        }
        Ok(figures)
    }
}

async fn assess_seconded(world: &World, now_ms: i64, second: OneTooMuch) {
    world.relay.store.clock().set(now_ms);
    let stage = Days::new(world.relay.store.clone(), settings(), Shelf, Pace::default()).seconded_by(second);
    stage.step().await.unwrap();
}

async fn touch(world: &World) {
    let touched = world.relay.store.write(|unit| days::touch_all(unit, None));
    touched.await.unwrap();
}

#[tokio::test]
async fn posting_is_refused_where_the_second_calculation_differs_and_the_stock_goes_on() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let differs = OneTooMuch {
        account: "400000",
        item: "none",
    };
    assess_seconded(&world, OVER, differs).await;
    assert!(world.entries().await.is_empty());
    assert_eq!(world.moved().await, [("A".to_owned(), "1".to_owned())]);
    let open = world
        .relay
        .store
        .read(|db| exceptions::list(db, &Filter::default()));
    let open = open.await.unwrap();
    let [refused] = open.as_slice() else {
        panic!("found {open:?}, wanted one exception");
    };
    assert_eq!(refused.draft.kind, ExceptionKind::FiguresDiffer);
    let both = "account 400000: -5.00 USD, the second calculation says -4.99 USD";
    assert!(refused.draft.detail.contains(both), "{}", refused.draft.detail);

    // both agree again: the posting is made, and the exception is gone
    touch(&world).await;
    world.assess(OVER + 1).await;
    assert_eq!(
        world.entries().await,
        [[text("101501", 500), text("400000", -500)]]
    );
    assert!(world.kinds().await.is_empty());
}

#[tokio::test]
async fn stock_is_refused_where_the_second_calculation_differs_and_the_posting_goes_on() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    let differs = OneTooMuch {
        account: "none",
        item: "A",
    };
    assess_seconded(&world, OVER, differs).await;
    assert!(world.moved().await.is_empty());
    assert_eq!(world.kinds().await, [ExceptionKind::FiguresDiffer]);
    assert_eq!(world.entries().await.len(), 1);
}

#[tokio::test]
async fn a_difference_is_found_in_what_all_postings_come_to() {
    let mut world = world().await;
    world.sell("1", "A", 500).await;
    world.assess(OVER).await;
    world.sell("2", "B", 250).await;
    let differs = OneTooMuch {
        account: "101501",
        item: "none",
    };
    assess_seconded(&world, OVER + 1, differs).await;
    assert_eq!(world.entries().await.len(), 1, "the revision is refused");
    touch(&world).await;
    world.assess(OVER + 2).await;
    assert_eq!(
        world.entries().await[1],
        [text("101501", 250), text("400000", -250)]
    );
}
