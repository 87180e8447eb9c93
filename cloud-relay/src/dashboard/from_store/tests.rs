//! The pages over a real store.

use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::dashboard::router;
use crate::days::{Days, NoStock, Pace};
use crate::testing::{NOW, Relay, options, sale, settings};
use crate::understand::Understanding;

/// After the day's cut-off and its hour of grace.
const OVER: i64 = NOW + 4 * 3_600_000;

/// A store that sold two tickets with a gap between them, and whose day is over.
pub(in crate::dashboard) async fn held_day() -> (tempfile::TempDir, Relay, axum::Router) {
    day_of(&[
        sale("2027-01-14", "1", "A", 500),
        sale("2027-01-14", "3", "A", 500),
    ])
    .await
}

/// A store that told this, and whose day is over.
pub(in crate::dashboard) async fn day_of(
    told: &[tillwire_proto::Observation],
) -> (tempfile::TempDir, Relay, axum::Router) {
    let dir = tempfile::tempdir().unwrap();
    // the rendering of live parts may outlast the test and find no database
    let options = crate::store::StoreOptions {
        on_disk_failure: std::sync::Arc::new(|_| ()),
        ..options(&dir)
    };
    let relay = Relay::open(&options).await;
    let device = relay.enrol("d1").await;
    let mut segment = device.segment(1, None);
    for one in told {
        segment.tell(one);
    }
    let batch = segment.batch(1, segment.last().0);
    relay.publish(&device, device.seal(&batch)).await;
    let understanding = Understanding::new(relay.store.clone(), settings());
    understanding.step().await.unwrap();
    relay.store.clock().set(OVER);
    let stage = Days::new(relay.store.clone(), settings(), NoStock, Pace::default());
    stage.step().await.unwrap();
    let views = StoreViews::new(
        relay.store.clone(),
        settings(),
        Downlink::new(relay.store.clock().clone()),
    );
    let router = router(
        std::sync::Arc::new(views),
        relay.store.clock().clone(),
        tokio::sync::broadcast::channel(1).1,
        None,
    );
    (dir, relay, router)
}

async fn page(router: &axum::Router, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_held_day_is_marked_in_the_calendar_of_its_month() {
    let (_dir, _relay, router) = held_day().await;
    let calendar = page(&router, "/days").await;
    assert!(calendar.contains("Store-days of 2027-01"), "{calendar}");
    assert!(
        calendar.contains("2 tickets") && calendar.contains("held by 1 exception\""),
        "{calendar}"
    );
    assert!(
        calendar.contains("href=\"/days/acme/s01/2027-01-14\""),
        "{calendar}"
    );
    let before = page(&router, "/days/acme?month=2026-12").await;
    assert!(!before.contains("tickets"), "{before}");
}

#[tokio::test]
async fn a_gap_is_one_exception_of_its_kind_with_what_may_be_done_about_it() {
    let (_dir, _relay, router) = held_day().await;
    let all = page(&router, "/exceptions").await;
    assert!(
        all.contains("ticket numbers are missing") && all.contains("holds the day"),
        "{all}"
    );
    assert!(all.contains("href=\"/exceptions/1\""), "{all}");
    let elsewhere = page(&router, "/exceptions?owner=security").await;
    assert!(elsewhere.contains("Nothing needs a person"), "{elsewhere}");
    let one = page(&router, "/exceptions/1").await;
    assert!(
        one.contains("tillwire-relay day sign acme/s01 2027-01-14"),
        "{one}"
    );
    assert!(one.contains("href=\"/days/acme/s01/2027-01-14\""), "{one}");
}

#[tokio::test]
async fn a_device_without_a_link_is_away_and_its_lanes_show_what_came() {
    let (_dir, relay, router) = held_day().await;
    let fleet = page(&router, "/fleet").await;
    assert!(
        fleet.contains("never seen") && fleet.contains("2 records of 1 start"),
        "{fleet}"
    );
    let hello = "UPDATE devices SET hello_ms = 1, agent_version = '0.1.0', clock_offset_ms = -200000, backlog = 7, \
                 attachments = 0, disk_percent = 41, health = 'ok'";
    relay
        .store
        .write(move |unit| Ok(unit.db.execute(hello, []).map(drop)?))
        .await
        .unwrap();
    let fleet = page(&router, "/fleet").await;
    assert!(
        fleet.contains("away") && fleet.contains("-200 s") && fleet.contains("41 %"),
        "{fleet}"
    );
}

#[tokio::test]
async fn a_ticket_in_hand_leads_to_its_record() {
    let (_dir, relay, router) = held_day().await;
    while crate::finding::step(&relay.store).await.unwrap() > 0 {}
    let found = page(&router, "/find?q=%203").await;
    assert!(
        found.contains("<th scope=\"row\">3</th><td>ticket</td>"),
        "{found}"
    );
    let path = found
        .split("href=\"")
        .find(|part| part.starts_with("/records/"))
        .unwrap();
    let path = path.split('"').next().unwrap();
    assert!(page(&router, path).await.contains("Record 2"));
    let none = page(&router, "/find?q=%3Cscript%3E").await;
    assert!(
        none.contains("Nothing goes by") && !none.contains("<script>"),
        "{none}"
    );
}

#[tokio::test]
async fn a_day_is_drawn_by_the_hour_with_the_same_figures_as_a_table() {
    let (_dir, _relay, router) = held_day().await;
    let day = page(&router, "/days/acme/s01/2027-01-14").await;
    assert!(
        day.contains("role=\"img\"") && day.contains("Net sales by hour"),
        "{day}"
    );
    // both tickets are of ten in the morning, and no week before says what is usual
    assert!(day.contains("the best hour is 10:00 with $10.00"), "{day}");
    assert!(
        day.contains("<th scope=\"row\">10:00</th><td class=\"num\">2</td>"),
        "{day}"
    );
    assert!(!day.contains("Usually between"), "{day}");
}

#[tokio::test]
async fn a_drawer_is_shown_against_its_own_habit() {
    let (_dir, relay, router) = held_day().await;
    let insert = "INSERT INTO store_days (tenant, store, day, state, changed_ms, shape) \
                  SELECT tenant, store, day - ?1, 'Posted', 1, ?2 FROM store_days WHERE day = (SELECT max(day) FROM store_days)";
    relay
        .store
        .write(move |unit| {
            for back in 1..=14_i64 {
                let shape = format!(
                    "{{\"hours\":[{}],\"drawers\":{{\"till-1\":{}}}}}",
                    vec!["{\"tickets\":1,\"net\":700}"; 24].join(","),
                    if back == 1 { -9_000 } else { back % 3 * 50 }
                );
                unit.db.execute(insert, rusqlite::params![back, shape])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let day = page(&router, "/days/acme/s01/2027-01-13").await;
    assert!(
        day.contains("Over and short of till-1") && day.contains("unusual: -$90.00 on 2027-01-13"),
        "{day}"
    );
    assert!(day.contains("class=\"point bad\""), "{day}");
}
