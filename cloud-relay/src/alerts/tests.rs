//! An alert address that is slow, gone, rude and comes back.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};

use super::*;
use crate::store::StoreOptions;
use crate::store::exceptions::Source;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// Id, signature, timestamp and body of a message.
type Heard = (String, String, String, String);

#[derive(Clone, Default)]
struct Desk {
    heard: Arc<Mutex<Vec<Heard>>>,
    /// Answers to give, in order; then 204.
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: String) -> StatusCode {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    desk.heard.lock().unwrap().push((
        text("webhook-id"),
        text("webhook-signature"),
        text("webhook-timestamp"),
        body,
    ));
    let mut answers = desk.answers.lock().unwrap();
    if answers.is_empty() {
        StatusCode::NO_CONTENT
    } else {
        answers.remove(0)
    }
}

async fn house() -> (tempfile::TempDir, Store, Alerts, Desk) {
    // one cryptography provider in the process; a second call changes nothing
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreOptions::at(folder.path().join("relay.db"))).unwrap();
    let desk = Desk::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/alerts", post(take))
        .with_state(desk.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let alerts = Alerts::new(store.clone(), &url, &file).unwrap();
    (folder, store, alerts, desk)
}

async fn raise(store: &Store, now_ms: i64) {
    raise_sku(store, "TEE", now_ms).await;
}

async fn raise_sku(store: &Store, sku: &str, now_ms: i64) {
    let (tenant, place) = ("acme".parse().unwrap(), "s01".parse().unwrap());
    let cause = CauseKey::new(ExceptionKind::UnknownSku, &[&sku]);
    let draft = ExceptionDraft::new(
        ExceptionKind::UnknownSku,
        &tenant,
        &place,
        cause,
        format!("{sku} is not in Odoo"),
    );
    store
        .write(move |unit| exceptions::raise(unit, Source::Odoo, &draft, now_ms))
        .await
        .unwrap();
}

async fn close(store: &Store, by: &'static str) {
    store
        .write(move |unit| exceptions::close(unit, 1, by, "mended", 7_000).map(drop))
        .await
        .unwrap();
}

impl Desk {
    fn ids(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(id, ..)| id.clone()).collect()
    }

    fn kinds(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let kind = |body: &str| {
            serde_json::from_str::<Value>(body).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        heard.iter().map(|(.., body)| kind(body)).collect()
    }
}

#[tokio::test]
async fn an_exception_is_told_when_it_opens_goes_and_comes_back() {
    let (_folder, store, mut alerts, desk) = house().await;
    assert_eq!(alerts.step().await.unwrap(), 0);
    raise(&store, 1_000).await;
    assert_eq!(
        (alerts.step().await.unwrap(), alerts.step().await.unwrap()),
        (1, 0)
    );
    close(&store, exceptions::BY_RELAY).await;
    alerts.step().await.unwrap();
    raise(&store, 200_000).await;
    alerts.step().await.unwrap();
    assert_eq!(
        desk.kinds(),
        ["exception.opened", "exception.resolved", "exception.reopened"]
    );
    let heard = desk.heard.lock().unwrap().clone();
    let ids: std::collections::BTreeSet<_> = heard.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(ids.len(), 3, "each has its own id");
    let data: Value = serde_json::from_str(&heard[0].3).unwrap();
    assert_eq!(
        (&data["data"]["kind"], &data["data"]["page"]),
        (&"unknown-sku".into(), &"/exceptions/1".into())
    );
}

#[tokio::test]
async fn a_signature_is_what_the_specification_says() {
    let (_folder, store, mut alerts, desk) = house().await;
    raise(&store, 1_000).await;
    alerts.step().await.unwrap();
    let (id, signature, seconds, body) = desk.heard.lock().unwrap()[0].clone();
    let secret = BASE64
        .decode(SECRET.strip_prefix("whsec_").unwrap().as_bytes())
        .unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signed = BASE64
        .decode(signature.strip_prefix("v1,").unwrap().as_bytes())
        .unwrap();
    hmac::verify(&key, format!("{id}.{seconds}.{body}").as_bytes(), &signed).unwrap();
    assert!(hmac::verify(&key, format!("{id}.{seconds}.{body} ").as_bytes(), &signed).is_err());
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_under_the_same_id_and_in_order() {
    let (_folder, store, mut alerts, desk) = house().await;
    raise(&store, 1_000).await;
    desk.answers
        .lock()
        .unwrap()
        .extend([StatusCode::BAD_GATEWAY, StatusCode::NOT_FOUND, StatusCode::FOUND]);
    for _ in 0..3 {
        let error = alerts.step().await.unwrap_err().to_string();
        assert!(error.contains("wanted 2xx"), "{error}");
    }
    alerts.step().await.unwrap();
    let ids = desk.ids();
    assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    // opened and gone before anybody listened: there is nothing to say
    let (_folder, store, mut alerts, desk) = house().await;
    raise(&store, 1_000).await;
    close(&store, "ann").await;
    assert_eq!(alerts.step().await.unwrap(), 0);
    assert!(desk.kinds().is_empty());
}

#[tokio::test]
async fn one_message_that_the_address_will_not_have_holds_nobody_behind_it() {
    let (_folder, store, mut alerts, desk) = house().await;
    raise_sku(&store, "TEE", 1_000).await;
    raise_sku(&store, "MUG", 1_000).await;
    desk.answers
        .lock()
        .unwrap()
        .push(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(alerts.step().await.unwrap(), 1, "the mug is told");
    raise_sku(&store, "CAP", 2_000).await;
    assert_eq!(
        alerts.step().await.unwrap(),
        1,
        "and the cap, without asking for the tee again"
    );
    assert_eq!(desk.ids().len(), 3);
    // later it is tried again, under its id, and taken by then
    alerts.refusals.0.values_mut().next().unwrap().again_ms = 0;
    assert_eq!(alerts.step().await.unwrap(), 1);
    let ids = desk.ids();
    assert_eq!(ids[3], ids[0]);
    assert_eq!(alerts.step().await.unwrap(), 0);
    assert!(
        alerts.refusals.0.is_empty(),
        "nothing is remembered of what was told"
    );
}

#[tokio::test]
async fn more_refused_messages_than_a_round_holds_keep_no_other_from_being_told() {
    let (_folder, store, mut alerts, desk) = house().await;
    for number in 0..ROUND {
        raise_sku(&store, &format!("BAD-{number}"), 1_000).await;
    }
    desk.answers
        .lock()
        .unwrap()
        .extend(vec![StatusCode::BAD_REQUEST; ROUND]);
    assert_eq!(alerts.step().await.unwrap(), 0);
    raise_sku(&store, "GOOD", 2_000).await;
    assert_eq!(alerts.step().await.unwrap(), 1);
}

#[tokio::test]
async fn a_new_exception_does_not_make_an_address_asked_sooner_that_has_just_refused() {
    let (_folder, store, alerts, desk) = house().await;
    desk.answers.lock().unwrap().push(StatusCode::BAD_GATEWAY);
    raise_sku(&store, "TEE", 1_000).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(alerts.run(stop.clone()));
    while desk.ids().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    raise_sku(&store, "MUG", 2_000).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(desk.ids().len(), 1, "five seconds have not passed");
    stop.cancel();
    running.await.unwrap();
}

#[test]
fn a_refused_message_is_tried_less_and_less_often_up_to_an_hour() {
    let mut refusals = Refusals::default();
    assert!(refusals.is_due("one", 0));
    let pauses: Vec<u64> = (0..12).map(|_| refusals.note("one", 1_000).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
    assert!(!refusals.is_due("one", 3_600_999) && refusals.is_due("one", 3_601_000));
    assert!(refusals.is_due("another", 1_000));
}

#[test]
fn a_secret_that_is_too_short_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    for (text, words) in [
        ("short", "at least 24"),
        ("whsec_%%%", "base64"),
        ("whsec_QUJD", "found 3 bytes"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = format!("{:#}", secret(&file).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}
