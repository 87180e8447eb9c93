use tillwire_relay_core::closing::BlockerKind;

use super::*;
use crate::days::{Days, NoStock, Pace};
use crate::store::days as rows;
use crate::testing::{NOW, Relay, day, options, sale, settings, store_id, tenant};
use crate::understand::Understanding;

const DAY: &str = "2027-01-14";
/// After the cut-off and its hour of grace.
const OVER: i64 = NOW + 4 * 3_600_000;
const WEEK_MS: i64 = 7 * 86_400_000;

async fn sold(tickets: &[&str]) -> (tempfile::TempDir, Relay) {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    let mut segment = device.segment(1, None);
    for ticket in tickets {
        segment.tell(&sale(DAY, ticket, "A", 500));
    }
    let batch = segment.batch(1, segment.last().0);
    relay.publish(&device, device.seal(&batch)).await;
    Understanding::new(relay.store.clone(), settings())
        .step()
        .await
        .unwrap();
    (dir, relay)
}

async fn keeps_open(relay: &Relay, now_ms: i64) -> Vec<(BlockerKind, String)> {
    relay.store.clock().set(now_ms);
    let stage = Days::new(relay.store.clone(), settings(), NoStock, Pace::default());
    stage.step().await.unwrap();
    let (all, month) = (settings(), "2027-01".parse().unwrap());
    let found = relay
        .store
        .read(move |db| look(db, all.store(&tenant(), &store_id()).unwrap(), month, now_ms))
        .await
        .unwrap();
    found.into_iter().map(|one| (one.kind, one.what)).collect()
}

#[tokio::test]
async fn a_trading_day_keeps_its_month_open_then_its_posting_does() {
    let (_dir, relay) = sold(&["1", "2"]).await;
    let (kind, words) = keeps_open(&relay, NOW).await.remove(0);
    assert_eq!(
        (kind, words.as_str()),
        (BlockerKind::DayHeld, "the day is still open")
    );
    let found = keeps_open(&relay, OVER).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, BlockerKind::Unfinished);
    assert!(
        found[0].1.contains("tillwire.j_acme_s01_20270114_r1"),
        "{}",
        found[0].1
    );
}

#[tokio::test]
async fn a_gap_keeps_the_month_open_under_its_exception() {
    let (_dir, relay) = sold(&["1", "3"]).await;
    let found = keeps_open(&relay, OVER).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].0, found[0].1.as_str()),
        (BlockerKind::DayHeld, "the day is held by exception 1")
    );
}

#[tokio::test]
async fn a_week_later_the_silent_thursday_is_missed_until_somebody_says_closed() {
    let (_dir, relay) = sold(&["1"]).await;
    let later = OVER + WEEK_MS;
    let found = keeps_open(&relay, later).await;
    let missing = found
        .iter()
        .find(|(kind, _)| *kind == BlockerKind::DayMissing)
        .unwrap();
    assert!(
        missing.1.contains("2027-01-21") && missing.1.contains("Thursday"),
        "{}",
        missing.1
    );
    relay
        .store
        .write(move |unit| rows::ensure(unit, &tenant(), &store_id(), day("2027-01-21"), later))
        .await
        .unwrap();
    let found = keeps_open(&relay, later).await;
    assert!(
        found.iter().all(|(kind, _)| *kind != BlockerKind::DayMissing),
        "{found:?}"
    );
}
