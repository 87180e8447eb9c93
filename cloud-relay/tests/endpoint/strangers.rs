//! Who does not get in, and who has to leave.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tillwire_relay::clock::Clock;
use tillwire_relay::endpoint::CloseReason;
use tillwire_relay::pki::{DeviceKey, Pki};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Box, SOON, World, client_config, connect_tls, device, until};
use crate::wire::{V3, V5, Wire, connect};

/// In TLS 1.3 a client learns of a refused certificate when it first reads.
async fn is_refused(world: &World, owner: &Box) {
    let config = client_config(world.pki.root(), owner.chain.clone(), &owner.key);
    if let Ok(mut stream) = connect_tls(world.address, config).await {
        let _ = stream.write_all(&connect(V3, 2, 60, &[])).await;
        let answer = timeout(SOON, stream.read(&mut [0; 64]))
            .await
            .expect("an end in time");
        assert!(
            !matches!(answer, Ok(count) if count > 0),
            "an answer to a stranger"
        );
    }
    until("the refusal is heard", || {
        !world.ingest.handshake_failures().is_empty()
    })
    .await;
    assert!(world.downlink.connections().is_empty());
}

const HOUR_MS: i64 = 60 * 60 * 1000;

fn now_ms() -> i64 {
    Clock::system().now_ms()
}

fn days(count: i64) -> i64 {
    24 * HOUR_MS * count
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let world = World::new().await;
    is_refused(
        &world,
        &world.box_certified_at("d1", now_ms() - days(3 * 365 + 1)),
    )
    .await;
    assert!(
        world.ingest.handshake_failures()[0].contains("xpired"),
        "{:?}",
        world.ingest.handshake_failures()
    );
}

#[tokio::test]
async fn a_certificate_from_the_future_is_refused() {
    let world = World::new().await;
    is_refused(&world, &world.box_certified_at("d1", now_ms() + days(2))).await;
}

#[tokio::test]
async fn a_certificate_made_by_a_clock_half_a_day_ahead_is_good() {
    let world = World::new().await;
    let owner = world.box_certified_at("d1", now_ms() + 12 * HOUR_MS);
    Wire::connected(&world, &owner, V3).await;
}

#[tokio::test]
async fn a_certificate_of_another_relay_is_refused() {
    let world = World::new().await;
    let other = World::new().await;
    is_refused(&world, &other.make_box("d1")).await;
}

#[tokio::test]
async fn a_self_made_certificate_with_the_right_name_is_refused() {
    let world = World::new().await;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let name = device("d1").uri();
    params.subject_alt_names = vec![rcgen::SanType::URI(name.as_str().try_into().unwrap())];
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    is_refused(
        &world,
        &Box {
            device: device("d1"),
            key,
            chain,
        },
    )
    .await;
}

#[tokio::test]
async fn the_server_certificate_is_no_client_certificate() {
    let world = World::new().await;
    let folder = world.folder.path().join("pki");
    let key = std::fs::read_to_string(folder.join("server.key")).unwrap();
    let certificate = std::fs::read(folder.join("server.pem")).unwrap();
    let certificate = rustls::pki_types::pem::PemObject::from_pem_slice(&certificate).unwrap();
    let owner = Box {
        device: device("d1"),
        key: KeyPair::from_pem(&key).unwrap(),
        chain: vec![certificate],
    };
    is_refused(&world, &owner).await;
}

#[tokio::test]
async fn a_peer_without_a_certificate_is_refused() {
    let world = World::new().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.pki.root().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    if let Ok(mut stream) = connect_tls(world.address, config).await {
        assert!(!matches!(stream.read(&mut [0; 64]).await, Ok(count) if count > 0));
    }
    until("the refusal is heard", || {
        !world.ingest.handshake_failures().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_device_certificate_is_no_server_certificate() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let verifier = {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(world.pki.root().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .unwrap()
    };
    use rustls::client::danger::ServerCertVerifier;
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let now = rustls::pki_types::UnixTime::now();
    verifier
        .verify_server_cert(&owner.chain[0], &owner.chain[1..], &name, &[], now)
        .unwrap_err();
}

#[tokio::test]
async fn devices_of_the_earlier_device_ca_still_connect() {
    let mut world = World::new().await;
    let old = world.make_box("old");
    world.pki.rotate_device_ca(now_ms()).unwrap();
    let new = world.make_box("new");
    assert_ne!(old.chain[1], new.chain[1]);
    is_refused(&world, &new).await;
    world
        .endpoint
        .as_ref()
        .unwrap()
        .set_tls(world.pki.server_config().unwrap());
    Wire::connected(&world, &old, V3).await;
    Wire::connected(&world, &new, V3).await;
    let reopened = Pki::open(&world.folder.path().join("pki")).unwrap();
    world
        .endpoint
        .as_ref()
        .unwrap()
        .set_tls(reopened.server_config().unwrap());
    Wire::connected(&world, &old, V3).await;
}

#[tokio::test]
async fn a_device_that_is_not_admitted_gets_not_authorized() {
    for (level, refusal) in [(V3, vec![0x20, 2, 0, 5]), (V5, vec![0x20, 3, 0, 0x87, 0])] {
        let world = World::new().await;
        let owner = world.make_box("d1");
        world.ingest.ban(&owner.device);
        let mut wire = Wire::open(&world, &owner).await;
        let mut words = connect(level, 2, 60, &[]);
        words.extend(crate::wire::publish(
            level,
            0x32,
            &owner.device.up_topic(),
            Some(1),
            b"x",
        ));
        wire.send(&words).await;
        assert_eq!(wire.packet().await, Some(refusal));
        assert!(wire.closed().await);
        until("the refusal is heard", || !world.ingest.reasons().is_empty()).await;
        assert_eq!(world.ingest.reasons(), [CloseReason::NotAdmitted]);
        assert!(world.ingest.started.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_device_revoked_while_connected_stores_nothing_more() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V3).await;
    world.ingest.ban(&owner.device);
    wire.publish(&owner.device.up_topic(), 1, b"too late").await;
    assert!(wire.closed().await);
    assert!(world.ingest.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn revoking_cuts_a_silent_live_connection_at_once() {
    let world = World::new().await;
    let owner = world.make_box("d1");
    let mut wire = Wire::connected(&world, &owner, V5).await;
    let started = Instant::now();
    world.ingest.ban(&owner.device);
    assert!(world.downlink.disconnect(&owner.device, "revoked by a person"));
    assert_eq!(wire.packet().await, Some(vec![0xe0, 1, 0x98]));
    assert!(wire.closed().await);
    assert!(started.elapsed() < Duration::from_secs(1));
    until("the end is heard", || !world.ingest.reasons().is_empty()).await;
    assert_eq!(
        world.ingest.reasons(),
        [CloseReason::Cut("revoked by a person".into())]
    );
    assert!(!world.downlink.disconnect(&owner.device, "again"));
}

#[tokio::test]
async fn a_bare_tcp_connection_gets_nothing() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&connect(V3, 2, 60, &[])).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    until("the refusal is heard", || {
        !world.ingest.handshake_failures().is_empty()
    })
    .await;
    assert!(answer.len() < 16, "{answer:?}");
}

#[test]
fn a_request_signed_by_another_key_is_refused() {
    let (mine, yours) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let request = |key| {
        CertificateParams::default()
            .serialize_request(key)
            .unwrap()
            .der()
            .to_vec()
    };
    let mut stolen = request(&mine);
    let point = stolen
        .windows(65)
        .position(|window| window == mine.public_key_raw())
        .unwrap();
    stolen[point..point + 65].copy_from_slice(yours.public_key_raw());
    DeviceKey::from_request(&stolen).unwrap_err();
    assert_eq!(
        DeviceKey::from_request(&request(&mine)).unwrap().point(),
        mine.public_key_raw()
    );
}
