//! The pages over a real store.

use axum::body::Body;
use axum::http::Request;
use rusqlite::params;
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
                 attachments = 0, disk_percent = 41, health = 'ok', buffer_days = 3, certificate_ends_ms = 9999999999999";
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
    // what runs out first is named, on its store's row too, and in words for everyone at the top
    assert!(fleet.contains("disk, clock is off"), "{fleet}");
    let now = page(&router, "/").await;
    assert!(now.contains("3 days"), "{now}");
    assert!(now.contains("holds out 3 days (disk)"), "{now}");
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
    let record = page(&router, path).await;
    assert!(record.contains("Record 2"));
    // set out for people: the till's own figures, whether they add up, and each line with its amount at the right
    for part in [
        "<dt>Ticket</dt><dd>3</dd>",
        "<dt>Adds up</dt><dd>yes",
        "<h2>Lines</h2>",
        "<h2>Tenders</h2>",
        "<th scope=\"col\" class=\"num\">Comes to</th>",
    ] {
        assert!(record.contains(part), "{part} is not in {record}");
    }
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

/// So many stores; the first ones have no device, all have sold on one day and the week before.
async fn many_stores(count: usize) -> (tempfile::TempDir, Relay, axum::Router) {
    let dir = tempfile::tempdir().unwrap();
    let options = crate::store::StoreOptions {
        on_disk_failure: std::sync::Arc::new(|_| ()),
        ..options(&dir)
    };
    let relay = Relay::open(&options).await;
    let draft = |nth: usize| {
        let text = format!(
            "tenant = 'acme'\nstore = 's{nth:03}'\nname = 'Store {nth:03}'\ntime_zone = 'America/Chicago'\n\
             registers = ['r1']\n[odoo]\ncompany = 'Acme'\njournal = 'T{nth:03}'\nwarehouse = 'W{nth:03}'\n\
             [odoo.accounts]\ntender = {{ cash = '101501' }}\nrevenue = '400000'\ncash_over = '450000'\n\
             cash_short = '650000'\n"
        );
        let draft: tillwire_relay_core::settings::StoreDraft = toml::from_str(&text).unwrap();
        draft.check().unwrap()
    };
    let settings = tillwire_relay_core::settings::RelaySettings::new((0..count).map(draft)).unwrap();
    let day: BusinessDay = "2027-01-14".parse().unwrap();
    let last = i64::try_from(count).unwrap() - 1;
    let sold = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                INSERT INTO store_days (tenant, store, day, dirty, state, changed_ms, trades, net_minor, currency) \
                SELECT 'acme', printf('s%03d', i), ?2, 0, ?3, 1, 3, ?4, 'USD' FROM n";
    let days = day.days_since_epoch();
    relay
        .store
        .write(move |unit| {
            unit.db.execute(sold, params![last, days, "Posted", 1000])?;
            unit.db.execute(sold, params![last, days - 7, "Posted", 2000])?;
            unit.db.execute(sold, params![last, days - 6, "Posted", 7000])?;
            Ok(())
        })
        .await
        .unwrap();
    let clock = relay.store.clock().clone();
    let views = StoreViews::new(
        relay.store.clone(),
        std::sync::Arc::new(settings),
        Downlink::new(clock.clone()),
    );
    let events = tokio::sync::broadcast::channel(1).1;
    let router = router(std::sync::Arc::new(views), clock, events, None);
    (dir, relay, router)
}

#[test]
fn quiet_store_says_whether_its_calendar_its_link_or_its_till_is_why() {
    let store = |trading: &str| {
        let text = format!(
            "tenant = 'acme'\nstore = 's01'\ntime_zone = 'America/Chicago'\nregisters = ['r1']\n{trading}\n[odoo]\n\
             company = 'Acme'\njournal = 'T'\nwarehouse = 'W'\n[odoo.accounts]\ntender = {{ cash = '1' }}\nrevenue = '4'\n"
        );
        let draft: tillwire_relay_core::settings::StoreDraft = toml::from_str(&text).unwrap();
        draft.check().unwrap()
    };
    let known = store("trading = { hours = { daily = '09:00-21:00', sunday = 'closed' } }");
    let unknown = store("");
    // Saturday 2026-11-21 in Chicago
    let at = |time: &str| {
        format!("2026-11-21T{time}-06:00")
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_millisecond()
    };
    let minutes = 60_000;
    let (noon, night) = (at("12:00:00"), at("23:00:00"));
    let seen = |up, last_sale_ms, backlog| summary::Seen {
        all: 2,
        up,
        last_sale_ms,
        backlog,
        worst: None,
    };
    let said = |settings, seen: &summary::Seen<'_>, now| {
        let (chip, why) = summary::store_state(settings, seen, now);
        format!("{}: {why}", chip.word)
    };
    for (settings, seen, now, wanted) in [
        (
            &known,
            seen(2, Some(noon - minutes), 0),
            noon,
            "selling: connected",
        ),
        (
            &known,
            seen(2, Some(noon - 45 * minutes), 0),
            noon,
            "till silent: open and connected, no sale for 45 min",
        ),
        (
            &known,
            seen(2, Some(night - 48 * 60 * minutes), 0),
            noon,
            "till silent: open and connected, no sale for 3 h",
        ),
        (
            &known,
            seen(2, None, 0),
            at("09:10:00"),
            "ready: open, nothing sold yet",
        ),
        (
            &known,
            seen(0, Some(noon - minutes), 0),
            noon,
            "link down: its agents keep the sales until the link is back",
        ),
        (
            &known,
            seen(2, Some(noon), 0),
            night,
            "closed: opens Monday at 09:00",
        ),
        (
            &known,
            seen(0, Some(noon), 0),
            night,
            "closed: opens Monday at 09:00; its devices are away",
        ),
        (
            &known,
            seen(0, Some(noon), 7),
            night,
            "link down: its agents keep the sales until the link is back",
        ),
        (
            &unknown,
            seen(2, Some(noon), 0),
            night,
            "quiet: connected, no recent sale",
        ),
        (
            &unknown,
            seen(1, Some(noon), 0),
            night,
            "partly down: 1 of 2 devices connected",
        ),
    ] {
        assert_eq!(said(settings, &seen, now), wanted);
    }
}

#[tokio::test]
async fn a_month_of_many_stores_comes_in_pages() {
    let (_dir, _relay, router) = many_stores(105).await;
    let first = page(&router, "/days/acme?month=2027-01").await;
    assert!(
        first.contains("105 stores") && first.contains("page 1 of 2"),
        "{first}"
    );
    assert_eq!(first.matches("scope=\"row\"").count(), 100);
    assert!(
        first.contains("page=2\">further stores") && !first.contains("stores before"),
        "{first}"
    );
    let last = page(&router, "/days/acme?month=2027-01&page=2").await;
    assert_eq!(last.matches("scope=\"row\"").count(), 5);
    assert!(
        last.contains("Store 104") && last.contains("page=1\">← stores before"),
        "{last}"
    );
    let beyond = page(&router, "/days/acme?month=2027-01&page=9").await;
    assert!(beyond.contains("page 2 of 2"), "{beyond}");
}

#[tokio::test]
async fn store_that_is_behind_the_others_shows_its_own_newest_day_against_its_own_week_before() {
    let (_dir, relay, router) = many_stores(5).await;
    let behind = "DELETE FROM store_days WHERE store IN ('s001', 's002', 's003');
        INSERT INTO store_days (tenant, store, day, dirty, state, changed_ms, trades, net_minor, currency) VALUES
        ('acme', 's001', 20831, 0, 'Open', 1, 3, 111100, 'USD'), ('acme', 's001', 20824, 0, 'Posted', 1, 3, 111200, 'USD'),
        ('acme', 's002', 20828, 0, 'Open', 1, 3, 222100, 'USD'), ('acme', 's002', 20821, 0, 'Posted', 1, 3, 222200, 'USD'),
        ('acme', 's003', 20828, 0, 'Open', 1, 3, 333100, 'USD')";
    relay
        .store
        .write(move |unit| Ok(unit.db.execute_batch(behind)?))
        .await
        .unwrap();
    for (store, newest, before) in [
        ("000", "$10.00", Some("Thursday before: $20.00")),
        ("001", "$1,111.00", Some("Wednesday before: $1,112.00")),
        ("002", "$2,221.00", Some("Sunday before: $2,222.00")),
        ("003", "$3,331.00", None),
    ] {
        let row = page(&router, &format!("/stores?q=Store+{store}")).await;
        assert!(row.contains(newest), "{row}");
        match before {
            Some(before) => assert!(row.contains(before), "{row}"),
            None => assert!(!row.contains(" before: "), "{row}"),
        }
    }
}

#[tokio::test]
async fn the_first_page_counts_every_store_and_shows_only_what_a_live_page_can_carry() {
    let (_dir, relay, router) = many_stores(75).await;
    let now = page(&router, "/").await;
    assert!(
        now.contains("750.00") && now.contains("225 tickets on 2027-01-14"),
        "{now}"
    );
    assert!(
        now.contains("Thursday before: $1,500.00"),
        "the same weekday: {now}"
    );
    assert!(now.contains("75 of 75"), "posted: {now}");
    assert_eq!(now.matches("data-key=\"acme/s").count(), STORES_SHOWN);
    assert!(
        now.contains("All 75 stores") && now.contains("/stores?state=no+device"),
        "{now}"
    );
    let all = page(&router, "/stores").await;
    assert_eq!(all.matches("data-key=\"acme/s").count(), 75);
    let month = page(&router, "/days/acme?month=2027-01").await;
    assert!(
        month.contains("75 stores") && !month.contains("further stores"),
        "{month}"
    );
    let one = page(&router, "/stores?q=Store+07").await;
    assert_eq!(one.matches("data-key=\"acme/s").count(), 5);
    let none = page(&router, "/stores?state=selling").await;
    assert!(none.contains("No store is like that"), "{none}");

    let state = "UPDATE store_days SET state = 'Ready', blockers = 1 WHERE store = 's007' AND day = 20832";
    relay
        .store
        .write(move |unit| Ok(unit.db.execute(state, []).map(drop)?))
        .await
        .unwrap();
    assert!(page(&router, "/").await.contains("74 of 75"));
}
