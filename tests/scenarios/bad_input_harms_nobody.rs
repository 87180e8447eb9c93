//! What a till, a cable or a stranger may send that is wrong: a clear answer, nothing of it booked, its bytes kept where
//! a person can see them (card data not even there), and the day around it goes on.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tillwire_e2e::relay_store::Held;
use tillwire_e2e::shop::{Event, How};
use tillwire_e2e::terminal_sim::Behaviour;
use tillwire_e2e::till_sim::http::{self, HttpAnswer};
use tillwire_e2e::till_sim::{Clock, telling};
use tillwire_e2e::world::{Pace, World};
use tillwire_proto::Fact;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::story::{a_day, all_is_well, open, ticket};

/// A test number of the card networks, never issued.
const TEST_CARD: &str = "4111111111111111";

const SECRET: &str = tillwire_e2e::world::SECRET;

async fn push(world: &World, secret: &str, body: &[u8]) -> HttpAnswer {
    http::post(world.sites[0].http, "/v1/tickets", secret, body)
        .await
        .unwrap()
}

fn good_ticket(world: &World, event: &Event) -> Value {
    let (_, body) = telling(&world.shop, world.date, Clock::default(), event);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tickets_are_refused_and_kept() {
    let world = open(25, 1, |_| {}).await;
    let events = a_day(&world, 8);
    let sale = events.iter().find(|e| ticket(e).is_some()).unwrap();
    let good = good_ticket(&world, sale);
    let with = |field: &str, value: Value| {
        let mut ticket = good.clone();
        ticket[field] = value;
        ticket.to_string().into_bytes()
    };
    let wrong_secret = push(&world, "somebody-elses-secret", good.to_string().as_bytes()).await;
    assert_eq!(wrong_secret.status, 401, "{wrong_secret:?}");
    let text = good.to_string();
    let mut not_adding = good.clone();
    not_adding["total"] = json!(1.0);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no JSON", b"this is not a ticket".to_vec()),
        ("cut short", text.as_bytes()[..text.len() / 2].to_vec()),
        ("does not add up", not_adding.to_string().into_bytes()),
        ("another store's", with("source_location_id", json!(1))),
        ("another currency", with("currency", json!("EUR"))),
        ("an unknown station", with("station_id", json!(1))),
        ("a total of the wrong type", with("total", json!("much"))),
        (
            "deeply nested",
            [vec![b'['; 100_000], vec![b']'; 100_000]].concat(),
        ),
    ];
    for (what, body) in &cases {
        let answer = push(&world, SECRET, body).await;
        assert_eq!(answer.status, 422, "{what}: {answer:?}");
        let words: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(
            words["error"].as_str().is_some_and(|e| !e.is_empty()),
            "{what}: {words}"
        );
    }
    let oversized = push(&world, SECRET, &vec![b' '; 2 << 20]).await;
    assert_eq!(oversized.status, 413, "{oversized:?}");

    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    let held = Held::read(&world.relay.database).unwrap();
    let kept = held
        .observations()
        .filter(|(_, _, o)| matches!(o.fact, Fact::Unreadable(_)))
        .count();
    assert!(
        kept >= cases.len(),
        "{kept} of {} bad tickets are kept",
        cases.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn card_data_reaches_no_disk() {
    let world = open(26, 1, |_| {}).await;
    let events = a_day(&world, 8);
    let leaks = std::iter::repeat_n(Behaviour::LeaksCard, 40);
    world.sites[0].terminals[0].script(leaks);
    let sale = events.iter().find(|e| ticket(e).is_some()).unwrap();
    let mut told = good_ticket(&world, sale);
    told["customer_name"] = json!(format!("card {TEST_CARD}"));
    told["public_id"] = json!("not-a-number-of-ours");
    told["total"] = json!(1.0);
    let answer = push(&world, SECRET, told.to_string().as_bytes()).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!answer.body.contains(TEST_CARD));

    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
    let by_card = events.iter().filter_map(ticket).flat_map(|t| &t.payments);
    assert!(by_card.into_iter().any(|p| matches!(p.how, How::Card { .. })));
    world.sites[0].agent.stop().unwrap();
    world.relay.program.stop().unwrap();
    let mut searched = 0;
    for dir in [&world.sites[0].state_dir, &world.relay.state_dir] {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                searched += bytes.len();
                let found = bytes
                    .windows(TEST_CARD.len())
                    .any(|window| window == TEST_CARD.as_bytes());
                assert!(!found, "a card number is in {}", path.display());
            }
        }
    }
    assert!(searched > 10_000, "an empty disk proves nothing");
    for log in [world.sites[0].agent.log_tail(), world.relay.program.log_tail()] {
        assert!(!log.contains(TEST_CARD));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_somebody_else_stays_outside() {
    let world = open(27, 1, |_| {}).await;
    let stranger = rcgen::generate_simple_self_signed(vec!["acme/box-store-1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(stranger.signing_key.serialize_der().into());
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trusting::Everybody))
        .with_client_auth_cert(vec![stranger.cert.der().clone()], key)
        .unwrap();
    let stream = TcpStream::connect(world.relay.mqtt).await.unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    // with TLS 1.3 the client learns of its refusal at its first read
    let outcome = async {
        let mut stream = tls.connect(name, stream).await?;
        // CONNECT of MQTT 3.1.1 with the client id of the store's own box
        stream
            .write_all(b"\x10\x1d\x00\x04MQTT\x04\x02\x00\x3c\x00\x11acme/box-store-1\x00")
            .await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await
    };
    let outcome = tokio::time::timeout(Duration::from_secs(10), outcome)
        .await
        .unwrap();
    assert!(outcome.is_err(), "a stranger got an answer");

    let events = a_day(&world, 5);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_a_serial_line_passes_and_is_no_sale() {
    // the second store's terminals are on serial lines
    let world = open(28, 2, |_| {}).await;
    let noise = std::iter::repeat_n([Behaviour::Noise, Behaviour::Split, Behaviour::Approve], 10).flatten();
    world.sites[1].terminals[0].script(noise);
    let events = a_day(&world, 10);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    all_is_well(&world).await;
}

/// A client that believes any server: the stranger does not care whom he speaks to.
mod trusting {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Everybody;

    impl ServerCertVerifier for Everybody {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
        }
    }
}
