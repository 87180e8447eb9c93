use std::collections::BTreeMap;

use super::*;
use crate::days::{Days, NoStock, Pace};
use crate::testing::{Device, NOW, Relay, Segment, day, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

const DAY: &str = "2027-01-14";
const OVER: i64 = NOW + 4 * 3_600_000;

struct Shop {
    _dir: tempfile::TempDir,
    relay: Relay,
    device: Device,
    segment: Segment,
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let relay = Relay::open(&options(&dir)).await;
        let device = relay.enrol("d1").await;
        let segment = device.segment(1, None);
        Self {
            _dir: dir,
            relay,
            device,
            segment,
        }
    }

    async fn sell(&mut self, ticket: &str, cents: i64) -> RecordId {
        self.segment.tell(&sale(DAY, ticket, "A", cents));
        let number = self.segment.last();
        let batch = self.segment.batch(number.0, number.0);
        self.relay.publish(&self.device, self.device.seal(&batch)).await;
        Understanding::new(self.relay.store.clone(), settings())
            .step()
            .await
            .unwrap();
        RecordId {
            segment: self.segment.id(),
            number,
        }
    }

    async fn post(&self, now_ms: i64) {
        self.relay.store.clock().set(now_ms);
        let stage = Days::new(self.relay.store.clone(), settings(), NoStock, Pace::default());
        stage.step().await.unwrap();
    }

    async fn explained(&self, key: &'static str) -> Explained {
        self.relay
            .store
            .read(move |db| explain(db, named(db, key)?.unwrap()))
            .await
            .unwrap()
            .unwrap()
    }

    async fn went(&self, record: RecordId) -> Vec<WentTo> {
        self.relay
            .store
            .read(move |db| record_went_to(db, (&tenant(), &store_id(), day(DAY)), record))
            .await
            .unwrap()
    }
}

fn tickets(explained: &Explained) -> BTreeMap<String, Vec<(String, i64)>> {
    let of = |line: &ExplainedLine| {
        let parts = line.parts.iter();
        parts
            .map(|part| (part.ticket.ticket.to_string(), part.amount.minor()))
            .collect()
    };
    explained
        .lines
        .iter()
        .map(|line| (line.key.account.to_string(), of(line)))
        .collect()
}

fn part(ticket: &str, minor: i64) -> (String, i64) {
    (ticket.to_owned(), minor)
}

#[tokio::test]
async fn each_entry_names_the_tickets_of_its_own_difference() {
    let mut shop = Shop::open().await;
    let first = shop.sell("1", 500).await;
    shop.sell("2", 300).await;
    shop.post(OVER).await;
    let late = shop.sell("3", 250).await;
    shop.post(OVER + 1).await;

    let one = shop.explained("tillwire.j_acme_s01_20270114_r1").await;
    assert_eq!(tickets(&one)["101501"], [part("1", 500), part("2", 300)]);
    assert_eq!(tickets(&one)["400000"], [part("1", -500), part("2", -300)]);
    let two = shop.explained("tillwire.j_acme_s01_20270114_r2").await;
    assert_eq!(tickets(&two)["101501"], [part("3", 250)], "only what is new");
    for line in one.lines.iter().chain(&two.lines) {
        let sum: i64 = line.parts.iter().map(|part| part.amount.minor()).sum();
        assert_eq!((sum, line.rest), (line.amount.minor(), None), "to the cent");
    }

    let went = |went: Vec<WentTo>| -> Vec<(String, i64)> {
        went.into_iter()
            .map(|went| (went.effect, went.part.amount.minor()))
            .collect()
    };
    let key = |revision| format!("tillwire.j_acme_s01_20270114_r{revision}");
    assert_eq!(went(shop.went(first).await), [(key(1), 500), (key(1), -500)]);
    assert_eq!(went(shop.went(late).await), [(key(2), 250), (key(2), -250)]);
}

#[tokio::test]
async fn a_name_that_odoo_gave_finds_the_entry_and_any_other_finds_nothing() {
    let mut shop = Shop::open().await;
    shop.sell("1", 500).await;
    shop.post(OVER).await;
    let found = shop
        .relay
        .store
        .write(|unit| {
            unit.db.execute(
                "UPDATE effects SET odoo_name = 'TILL/2027/01/0003' WHERE day IS NOT NULL",
                [],
            )?;
            let found = named(unit.db, "TILL/2027/01/0003")?.unwrap();
            assert!(named(unit.db, "TILL/2027/01/0004")?.is_none());
            Ok(found)
        })
        .await
        .unwrap();
    assert_eq!(found.effect.key.as_str(), "tillwire.j_acme_s01_20270114_r1");
}

#[tokio::test]
async fn an_entry_that_was_read_back_says_that_no_ticket_was_kept() {
    let mut shop = Shop::open().await;
    shop.sell("1", 500).await;
    shop.post(OVER).await;
    shop.relay
        .store
        .write(|unit| {
            unit.db.execute("DELETE FROM posting_parts", [])?;
            Ok(())
        })
        .await
        .unwrap();
    let one = shop.explained("tillwire.j_acme_s01_20270114_r1").await;
    assert!(
        one.lines
            .iter()
            .all(|line| line.parts.is_empty() && line.rest == Some(line.amount))
    );
}
