//! The simulator's misbehaviour: what a client sees, and what the database holds afterwards.

use super::client::started;
use serde_json::json;
use std::time::Duration;
use tillwire_e2e::odoo_sim::{Fault, OdooVersion, Role, Target, When};

fn load() -> Target {
    Target::new("account.move", "load")
}

#[tokio::test]
async fn answer_lost_after_commit_leaves_one_entry() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.faults().on(load(), When::Nth(1), Fault::CommitThenHangUp);
    assert!(client.load_entry(&sim, "t.a").await.is_err());
    assert_eq!(sim.snapshot().moves.len(), 1);
    let (_, again) = client.load_entry(&sim, "t.a").await.unwrap();
    assert_eq!(again["result"]["ids"], json!([1]));
    assert_eq!(sim.snapshot().moves.len(), 1);
    assert_eq!(sim.faults().counts()["commit then hang up"], 1);
}

#[tokio::test]
async fn hang_up_reset_and_proxy_execute_nothing() {
    let (sim, client) = started(OdooVersion::V18).await;
    let faults = sim.faults();
    faults.on(load(), When::Nth(1), Fault::HangUpBefore);
    faults.on(load(), When::Nth(2), Fault::Reset);
    faults.on(
        load(),
        When::Nth(3),
        Fault::Proxy {
            status: 503,
            retry_after: Some(7),
        },
    );
    assert!(client.load_entry(&sim, "t.a").await.is_err());
    assert!(client.load_entry(&sim, "t.a").await.is_err());
    assert_eq!(client.load_entry(&sim, "t.a").await.unwrap().0, 503);
    assert!(sim.snapshot().moves.is_empty());
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn half_an_answer_is_an_error_after_commit() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.faults().on(load(), When::Nth(1), Fault::HalfAnswer);
    assert!(client.load_entry(&sim, "t.a").await.is_err());
    assert_eq!(sim.snapshot().moves.len(), 1);
}

#[tokio::test]
async fn late_commit_happens_after_the_client_gave_up() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.faults().on(
        load(),
        When::Nth(1),
        Fault::CommitLate(Duration::from_millis(2300)),
    );
    assert!(client.load_entry(&sim, "t.a").await.unwrap_err().is_timeout());
    assert!(sim.snapshot().moves.is_empty());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(sim.snapshot().moves.len(), 1);
}

#[tokio::test]
async fn lost_race_is_a_message_of_load_only() {
    let (sim, client) = started(OdooVersion::V17).await;
    sim.faults()
        .on(Target::any(), When::First(2), Fault::SerializationFailure);
    let (_, answer) = client.load_entry(&sim, "t.a").await.unwrap();
    assert_eq!(answer["result"]["ids"], json!(false));
    assert!(
        answer["result"]["messages"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("could not serialize")
    );
    let (_, answer) = client
        .call("account.move", "search", json!([[]]), json!({}))
        .await
        .unwrap();
    assert_eq!(
        answer["error"]["data"]["name"],
        "psycopg2.errors.SerializationFailure"
    );
    assert!(sim.snapshot().moves.is_empty());
}

#[tokio::test]
async fn overlapping_loads_of_one_key_make_one_entry() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.set_latency(Duration::from_millis(50));
    let calls = (0..4).map(|_| client.load_entry(&sim, "t.a"));
    let answers = futures_util::future::join_all(calls).await;
    let won = answers
        .iter()
        .filter(|a| a.as_ref().unwrap().1["result"]["ids"] == json!([1]))
        .count();
    assert_eq!(won, 1);
    assert_eq!(sim.snapshot().moves.len(), 1);
}

#[tokio::test]
async fn restart_refuses_then_serves_the_same_data() {
    let (sim, client) = started(OdooVersion::V18).await;
    client.load_entry(&sim, "t.a").await.unwrap();
    sim.faults().on(
        load(),
        When::Nth(1),
        Fault::Restart {
            down: Duration::from_millis(200),
        },
    );
    assert!(client.load_entry(&sim, "t.b").await.is_err());
    assert!(client.load_entry(&sim, "t.b").await.unwrap_err().is_connect());
    tokio::time::sleep(Duration::from_millis(350)).await;
    let (_, answer) = client.load_entry(&sim, "t.b").await.unwrap();
    assert_eq!(answer["result"]["ids"].as_array().unwrap().len(), 1);
    sim.stop().await;
    assert!(client.load_entry(&sim, "t.c").await.unwrap_err().is_connect());
    sim.start_again().await.unwrap();
    client.load_entry(&sim, "t.c").await.unwrap();
    assert_eq!(sim.snapshot().moves.len(), 3);
}

#[tokio::test]
async fn people_lock_periods_and_delete_between_calls() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.faults().before(
        Target::new("account.move", "action_post"),
        When::Nth(1),
        |hands| {
            hands
                .set_lock_date("fiscalyear_lock_date", Some("2026-11-30"))
                .unwrap();
        },
    );
    client.load_entry(&sim, "t.a").await.unwrap();
    let (_, posted) = client
        .call("account.move", "action_post", json!([[1]]), json!({}))
        .await
        .unwrap();
    assert_eq!(posted["result"], json!(false));
    assert_eq!(sim.snapshot().moves[0].date, "2026-12-01");
    sim.hands(|h| h.delete_entry(1)).unwrap();
    let (_, again) = client.load_entry(&sim, "t.a").await.unwrap();
    assert_eq!(again["result"]["ids"], json!([2]));
}

#[tokio::test]
async fn keys_expire_are_revoked_and_bind_rights() {
    let (sim, mut client) = started(OdooVersion::V19).await;
    client.key = sim.expiring_key(Role::Poster, Duration::from_secs(60));
    assert!(client.load_entry(&sim, "t.a").await.unwrap().1["result"]["ids"].is_array());
    sim.skip_time(Duration::from_secs(61));
    let (_, refused) = client.load_entry(&sim, "t.b").await.unwrap();
    assert_eq!(refused["error"]["data"]["name"], "odoo.exceptions.AccessDenied");
    client.key = sim.key_of(Role::Reader);
    client.uid = 4;
    let (_, refused) = client.load_entry(&sim, "t.b").await.unwrap();
    assert_eq!(refused["error"]["data"]["name"], "odoo.exceptions.AccessError");
    sim.revoke_key(&sim.key_of(Role::Reader));
    let (_, refused) = client.load_entry(&sim, "t.b").await.unwrap();
    assert_eq!(refused["error"]["data"]["name"], "odoo.exceptions.AccessDenied");
}

#[tokio::test]
async fn a_failed_call_leaves_no_trace_behind() {
    let (sim, client) = started(OdooVersion::V18).await;
    let ids = sim.ids().clone();
    let before = sim.snapshot();
    let vals = json!({ "journal_id": ids.journal_misc, "line_ids": [
        [0, 0, { "account_id": ids.accounts.cash, "debit": 5 }],
        [0, 0, { "account_id": ids.accounts.income, "credit": 4.99 }]
    ] });
    let (_, answer) = client
        .call("account.move", "create", json!([vals]), json!({}))
        .await
        .unwrap();
    assert_eq!(answer["error"]["data"]["name"], "odoo.exceptions.UserError");
    assert_eq!(sim.snapshot(), before);
}

#[tokio::test]
async fn a_call_executed_twice_is_answered_once() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.faults()
        .on(Target::any(), When::First(2), Fault::ExecuteTwice);
    let partner = json!([{ "name": "Twin" }]);
    client
        .call("res.partner", "create", partner, json!({}))
        .await
        .unwrap();
    let domain = json!([[["name", "=", "Twin"]]]);
    let (_, found) = client
        .call("res.partner", "search", domain, json!({}))
        .await
        .unwrap();
    assert_eq!(found["result"].as_array().unwrap().len(), 2);
    // an external id makes the second time the same record
    sim.faults().on(load(), When::Nth(1), Fault::ExecuteTwice);
    client.load_entry(&sim, "t.a").await.unwrap();
    assert_eq!(sim.snapshot().moves.len(), 1);
}

#[tokio::test]
async fn first_call_after_a_start_is_slow() {
    let (sim, client) = started(OdooVersion::V18).await;
    client.load_entry(&sim, "t.a").await.unwrap();
    sim.set_warm_up(Duration::from_millis(400));
    sim.stop().await;
    sim.start_again().await.unwrap();
    for (key, slow) in [("t.b", true), ("t.c", false)] {
        let began = std::time::Instant::now();
        client.load_entry(&sim, key).await.unwrap();
        assert_eq!(began.elapsed() >= Duration::from_millis(400), slow, "{key}");
    }
}

#[tokio::test]
async fn proxies_answer_with_pages_and_ask_for_patience() {
    let (sim, client) = started(OdooVersion::V18).await;
    for (nth, status) in [(1, 429), (2, 502), (3, 503), (4, 504)] {
        sim.faults().on(
            load(),
            When::Nth(nth),
            Fault::Proxy {
                status,
                retry_after: (status == 429).then_some(30),
            },
        );
    }
    for status in [429, 502, 503, 504] {
        // the body is a page, not JSON
        assert_eq!(
            client.load_entry(&sim, "t.a").await.unwrap(),
            (status, serde_json::Value::Null)
        );
    }
    assert!(sim.snapshot().moves.is_empty());
}
