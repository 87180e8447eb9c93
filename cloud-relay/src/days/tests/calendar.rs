//! Store-days that the calendar opens.

use std::sync::Arc;

use tillwire_relay_core::settings::RelaySettings;

use super::*;
use crate::desk::{self, DayOf, Signatory};
use crate::store::exceptions::StoredException;

/// Noon of the Wednesday after: 2027-01-20T18:00:00Z.
const WEDNESDAY: i64 = NOW + 5 * 24 * 3_600_000 + 10 * 3_600_000;

fn with_hours() -> Arc<RelaySettings> {
    let known = settings();
    let known = known.store(&tenant(), &store_id()).unwrap();
    let mut written = (*known.written.store).clone();
    written["trading"] = serde_json::json!({ "hours": { "daily": "09:00-21:00", "sunday": "closed" } });
    let draft: tillwire_relay_core::settings::StoreDraft = serde_json::from_value(written).unwrap();
    Arc::new(RelaySettings::new([draft.check().unwrap()]).unwrap())
}

impl World {
    /// What a relay that starts at this moment assesses.
    async fn look_at(&self, now_ms: i64) {
        self.relay.store.clock().set(now_ms);
        let stage = Days::new(self.relay.store.clone(), with_hours(), Shelf, Pace::default());
        while stage.step().await.unwrap() > 0 {}
    }

    async fn known_days(&self) -> Vec<(String, String)> {
        let rows = self
            .relay
            .store
            .read(|db| days::list(db, Some((&tenant(), &store_id())), None, u32::MAX))
            .await
            .unwrap();
        let mut known: Vec<_> = rows
            .into_iter()
            .map(|row| (row.day.to_string(), row.state))
            .collect();
        known.sort();
        known
    }

    async fn missed(&self) -> Vec<StoredException> {
        let open = self
            .relay
            .store
            .read(|db| exceptions::list(db, &Filter::default()))
            .await
            .unwrap();
        let missing = |one: &StoredException| one.draft.kind == ExceptionKind::DayMissing;
        let mut missed: Vec<_> = open.into_iter().filter(missing).collect();
        missed.sort_by_key(|one| one.draft.day);
        missed
    }

    async fn missed_days(&self) -> Vec<String> {
        let missed = self.missed().await.into_iter();
        missed.map(|one| one.draft.day.unwrap().to_string()).collect()
    }
}

#[tokio::test]
async fn trading_days_without_a_record_are_opened_and_missed_and_sundays_are_not() {
    let mut world = world().await;
    world.sell("1", "MUG", 1000).await;
    world.look_at(WEDNESDAY).await;
    let known = world.known_days().await;
    let days: Vec<&str> = known.iter().map(|(day, _)| day.as_str()).collect();
    assert_eq!(
        days,
        [
            "2027-01-14",
            "2027-01-15",
            "2027-01-16",
            "2027-01-18",
            "2027-01-19",
            "2027-01-20"
        ],
        "the 17th is a Sunday, and today has begun"
    );
    assert_eq!(known.last().unwrap().1, "Open");
    assert_eq!(
        world.missed_days().await,
        ["2027-01-15", "2027-01-16", "2027-01-18", "2027-01-19"]
    );
    world.look_at(WEDNESDAY + 60_000).await;
    assert_eq!(world.missed_days().await.len(), 4, "each once");
}

#[tokio::test]
async fn person_says_that_the_store_did_not_open_or_the_box_sends_what_it_held() {
    let mut world = world().await;
    world.sell("1", "MUG", 1000).await;
    world.look_at(WEDNESDAY).await;
    let of = DayOf {
        tenant: tenant(),
        store: store_id(),
        day: day("2027-01-15"),
    };
    let who = Signatory {
        by: "ann".to_owned(),
        reason: "snow".to_owned(),
        now_ms: WEDNESDAY,
    };
    world
        .relay
        .store
        .write(move |unit| desk::closed(unit, &of, &who))
        .await
        .unwrap();
    world.look_at(WEDNESDAY + 60_000).await;
    assert_eq!(
        world.missed_days().await,
        ["2027-01-16", "2027-01-18", "2027-01-19"]
    );
    let balanced = ("2027-01-15".to_owned(), "Balanced".to_owned());
    assert!(world.known_days().await.contains(&balanced));

    world.segment.tell(&sale("2027-01-16", "2", "MUG", 1000));
    let last = world.segment.last().0;
    let batch = world.segment.batch(last, last);
    world
        .relay
        .publish(&world.device, world.device.seal(&batch))
        .await;
    Understanding::new(world.relay.store.clone(), with_hours())
        .step()
        .await
        .unwrap();
    world.look_at(WEDNESDAY + 120_000).await;
    assert_eq!(world.missed_days().await, ["2027-01-18", "2027-01-19"]);
}

#[tokio::test]
async fn store_that_has_never_sold_is_not_missed() {
    let world = world().await;
    world.look_at(WEDNESDAY).await;
    assert_eq!(world.known_days().await, []);
}
