//! Enrolment over its HTTP routes: a box in a store becomes a device, and nobody else does.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop; clippy knows only functions marked as tests"
)]

mod memory;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tillwire_proto::enrol::{EnrolAsked, EnrolStatus, Enrolled, EnrolmentCode, key_groups};
use tillwire_proto::{Digest, RelayId};
use tillwire_relay::clock::Clock;
use tillwire_relay::endpoint::DeviceIdentity;
use tillwire_relay::enrol::{Enrolments, RelayFacts, router};
use tillwire_relay::pki::Pki;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use memory::Memory;

const NOW_MS: i64 = 1_790_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct World {
    _folder: TempDir,
    pki: Arc<Pki>,
    clock: Clock,
    memory: Arc<Memory>,
    enrolments: Arc<Enrolments<Memory>>,
    routes: Router,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki =
            Arc::new(Pki::init(&folder.path().join("keys"), &["localhost".to_owned()], NOW_MS).unwrap());
        let clock = Clock::standing(NOW_MS);
        let memory = Arc::new(Memory::default());
        let facts = RelayFacts {
            mqtt: "relay.example:8883".into(),
            relay: RelayId([7; 16]),
        };
        let enrolments = Arc::new(Enrolments::new(
            Arc::clone(&memory),
            Arc::clone(&pki),
            facts,
            clock.clone(),
        ));
        let routes = router(Arc::clone(&enrolments));
        Self {
            _folder: folder,
            pki,
            clock,
            memory,
            enrolments,
            routes,
        }
    }

    async fn invite(&self) -> EnrolmentCode {
        self.invite_named("d1").await
    }

    async fn invite_named(&self, device: &str) -> EnrolmentCode {
        let (tenant, store) = ("acme".parse().unwrap(), "s1".parse().unwrap());
        self.enrolments
            .invite(&tenant, &store, &device.parse().unwrap(), "anna")
            .await
            .unwrap()
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, body: String) -> (StatusCode, Value) {
        self.call(Request::post("/enroll").body(body.into()).unwrap())
            .await
    }

    async fn ask(&self, code: &str, key: &KeyPair) -> (StatusCode, Value) {
        self.post(json!({ "code": code, "csr": request(key) }).to_string())
            .await
    }

    async fn asked(&self, code: &EnrolmentCode, key: &KeyPair) -> EnrolAsked {
        let (status, answer) = self.ask(&code.to_string(), key).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    async fn poll(&self, request: &str, secret: &str) -> (StatusCode, Value) {
        let request =
            Request::get(format!("/enroll/{request}")).header("authorization", format!("Bearer {secret}"));
        self.call(request.body(Body::empty()).unwrap()).await
    }

    async fn status(&self, asked: &EnrolAsked) -> EnrolStatus {
        let (status, answer) = self.poll(&asked.request, &asked.poll.0).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    async fn enrolled(&self, asked: &EnrolAsked) -> Enrolled {
        match self.status(asked).await {
            EnrolStatus::Accepted(enrolled) => *enrolled,
            other => panic!("{other:?}"),
        }
    }
}

fn request(key: &KeyPair) -> String {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    data_encoding::BASE64.encode(request.der())
}

fn fingerprint(key: &KeyPair) -> Digest {
    Digest::of(&rcgen::PublicKeyData::subject_public_key_info(key))
}

fn refused(answer: &(StatusCode, Value), status: u16, problem: &str, words: &str) {
    assert_eq!(
        (answer.0.as_u16(), answer.1["problem"].as_str()),
        (status, Some(problem)),
        "{}",
        answer.1
    );
    let message = answer.1["message"].as_str().unwrap();
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn a_box_becomes_a_device_once_a_person_accepts() {
    let world = World::new();
    let code = world.invite().await;
    let key = KeyPair::generate().unwrap();
    let asked = world.asked(&code, &key).await;
    assert_eq!(world.status(&asked).await, EnrolStatus::Waiting);

    let waiting = world.enrolments.waiting().await.unwrap();
    assert_eq!(waiting.len(), 1);
    // what the person compares is computed on the box from the key and here from the request
    assert_eq!(
        key_groups(&waiting[0].fingerprint),
        key_groups(&fingerprint(&key))
    );
    world
        .enrolments
        .accept(waiting[0].fingerprint, "anna")
        .await
        .unwrap();

    let enrolled = world.enrolled(&asked).await;
    assert!(code.trusts(&enrolled.root.0));
    assert_eq!(enrolled.receipt_key.0, world.pki.receipt_public_key());
    assert_eq!(
        (enrolled.mqtt.as_str(), enrolled.relay),
        ("relay.example:8883", RelayId([7; 16]))
    );
    assert_eq!(
        (
            enrolled.tenant.as_str(),
            enrolled.store.as_str(),
            enrolled.device.as_str()
        ),
        ("acme", "s1", "d1")
    );
    let identity = DeviceIdentity::from_certificate(&enrolled.chain[0].0.as_slice().into()).unwrap();
    assert_eq!(identity.device.to_string(), "acme/d1");
    assert_eq!(&identity.public_key[..], key.public_key_raw());
    assert!(world.enrolments.waiting().await.unwrap().is_empty());
    assert_eq!(
        world.memory.devices(),
        [("acme/d1".to_owned(), fingerprint(&key))]
    );
}

#[tokio::test]
async fn a_refused_box_reads_why() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let asked = world.asked(&world.invite().await, &key).await;
    world
        .enrolments
        .refuse(fingerprint(&key), "anna", "the groups differ")
        .await
        .unwrap();
    assert_eq!(
        world.status(&asked).await,
        EnrolStatus::Refused {
            reason: "the groups differ".into()
        }
    );
    assert!(
        world.enrolments.accept(fingerprint(&key), "anna").await.is_err(),
        "decided already"
    );
    assert!(world.memory.devices().is_empty());
}

#[tokio::test]
async fn nobody_is_accepted_who_did_not_ask() {
    let world = World::new();
    let error = world
        .enrolments
        .accept(Digest([1; 32]), "anna")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no device with this fingerprint waits"),
        "{error}"
    );
}

#[tokio::test]
async fn a_code_serves_one_key_only() {
    let world = World::new();
    let code = world.invite().await;
    let (mine, yours) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    world.asked(&code, &mine).await;
    refused(
        &world.ask(&code.to_string(), &yours).await,
        403,
        "code",
        "used by another device",
    );
    assert_eq!(world.enrolments.waiting().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let world = World::new();
    let code = world.invite().await;
    let key = KeyPair::generate().unwrap();
    let first = world.asked(&code, &key).await;
    world.clock.set(NOW_MS + 2 * DAY_MS);
    let second = world.asked(&code, &key).await;
    assert_eq!(first.request, second.request);
    refused(
        &world.poll(&first.request, &first.poll.0).await,
        403,
        "poll",
        "ask again",
    );
    world.enrolments.accept(fingerprint(&key), "anna").await.unwrap();
    let chain = world.enrolled(&second).await.chain;
    let third = world.asked(&code, &key).await;
    assert_eq!(world.enrolled(&third).await.chain, chain);
}

#[tokio::test]
async fn a_code_ends_after_a_day() {
    let world = World::new();
    let code = world.invite().await.to_string();
    let key = KeyPair::generate().unwrap();
    world.clock.set(NOW_MS + DAY_MS);
    refused(&world.ask(&code, &key).await, 403, "code", "expired");
    world.clock.set(NOW_MS + DAY_MS - 1);
    assert_eq!(world.ask(&code, &key).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_newest_code_of_a_device_is_the_good_one() {
    let world = World::new();
    let (old, new) = (world.invite().await, world.invite().await);
    let key = KeyPair::generate().unwrap();
    refused(&world.ask(&old.to_string(), &key).await, 403, "code", "not known");
    world.asked(&new, &key).await;
}

/// A code with the good one's handle and another secret.
fn forged(world: &World, good: &EnrolmentCode, last: u8) -> EnrolmentCode {
    let mut secret = [last; 16];
    secret[..4].copy_from_slice(&good.handle());
    EnrolmentCode::new(secret, &world.pki.root_fingerprint())
}

#[tokio::test]
async fn five_wrong_tries_lock_a_code() {
    let world = World::new();
    let code = world.invite().await;
    let key = KeyPair::generate().unwrap();
    for last in 0..4 {
        refused(
            &world.ask(&forged(&world, &code, last).to_string(), &key).await,
            403,
            "code",
            "not known",
        );
    }
    // four do not lock it
    let other = world.invite_named("d2").await;
    refused(
        &world.ask(&forged(&world, &code, 4).to_string(), &key).await,
        403,
        "code",
        "not known",
    );
    refused(
        &world.ask(&code.to_string(), &key).await,
        403,
        "code",
        "not known",
    );
    world.asked(&other, &key).await;
}

#[tokio::test]
async fn four_wrong_tries_do_not_lock_a_code() {
    let world = World::new();
    let code = world.invite().await;
    let key = KeyPair::generate().unwrap();
    for last in 0..4 {
        world.ask(&forged(&world, &code, last).to_string(), &key).await;
    }
    world.asked(&code, &key).await;
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let world = World::new();
    let code = world.invite().await.to_string();
    let key = KeyPair::generate().unwrap();
    let typo = if code.starts_with('0') {
        code.replacen('0', "1", 1)
    } else {
        format!("0{}", &code[1..])
    };
    refused(&world.ask(&typo, &key).await, 400, "malformed", "typing error");
    refused(
        &world.ask("hello", &key).await,
        400,
        "malformed",
        "eleven groups of five",
    );
    refused(&world.post("{".into()).await, 400, "malformed", "cannot be read");
    refused(
        &world.post(json!({ "code": code, "csr": "%" }).to_string()).await,
        400,
        "malformed",
        "base 64",
    );
    let no_request = json!({ "code": code, "csr": "aGVsbG8=" }).to_string();
    refused(
        &world.post(no_request).await,
        400,
        "malformed",
        "not a certificate request",
    );
    let elsewhere = EnrolmentCode::new([1; 16], &Digest([9; 32])).to_string();
    refused(&world.ask(&elsewhere, &key).await, 403, "code", "another relay");
    refused(
        &world.post("x".repeat(16 * 1024 + 1)).await,
        413,
        "too_large",
        "16384 bytes",
    );
    assert!(world.enrolments.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn polling_needs_the_secret_of_the_request() {
    let world = World::new();
    let (mine, yours) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let one = world.asked(&world.invite_named("d1").await, &mine).await;
    let two = world.asked(&world.invite_named("d2").await, &yours).await;
    world.enrolments.accept(fingerprint(&mine), "anna").await.unwrap();
    for (request, secret) in [
        (one.request.as_str(), two.poll.0.as_str()),
        (&one.request, ""),
        ("00", &one.poll.0),
        (
            &fingerprint(&KeyPair::generate().unwrap()).to_string(),
            &one.poll.0,
        ),
    ] {
        refused(&world.poll(request, secret).await, 403, "poll", "no enrolment");
    }
    let bare = Request::get(format!("/enroll/{}", one.request))
        .body(Body::empty())
        .unwrap();
    refused(&world.call(bare).await, 403, "poll", "no enrolment");
}

#[tokio::test]
async fn one_address_cannot_try_without_end() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let attempt = |last: u8, code: String| {
        let mut call = Request::post("/enroll")
            .body(json!({ "code": code, "csr": request(&key) }).to_string().into())
            .unwrap();
        call.extensions_mut()
            .insert(ConnectInfo(SocketAddr::from(([192, 0, 2, last], 1))));
        call
    };
    let wrong = EnrolmentCode::new([1; 16], &world.pki.root_fingerprint()).to_string();
    for _ in 0..20 {
        refused(
            &world.call(attempt(1, wrong.clone())).await,
            403,
            "code",
            "not known",
        );
    }
    let good = world.invite().await.to_string();
    refused(
        &world.call(attempt(1, good.clone())).await,
        429,
        "too_many",
        "wait a minute",
    );
    assert_eq!(world.call(attempt(2, good)).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_https_listener_shows_the_root_that_the_code_names() {
    let world = World::new();
    let code = world.invite().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(world.pki.https_config().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _held = acceptor.accept(stream).await;
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.pki.root().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap();
    assert!(shown.iter().any(|certificate| code.trusts(certificate)));
    assert!(!code.trusts(&shown[0]));
}
