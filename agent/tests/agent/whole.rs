//! The whole agent in one process: configuration, HTTP in, MQTT over mutual TLS out. The other end speaks just enough
//! MQTT 3.1.1 to be talked to, written from the standard and not with the agent's own library.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tillwire_agent::config::Config;
use tillwire_agent::identity::{self, DeviceKey};
use tillwire_agent::journal::Reader;
use tillwire_agent::run::Agent;
use tillwire_agent::status;
use tillwire_proto::enrol::{Base64, Enrolled};
use tillwire_proto::{
    AgentHello, Envelope, Kind, Mark, RecordNumber, RelayHello, RelayId, SIGNATURE_LEN, Sign, UP_LEN_MAX,
    seal,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::support::{only_segment, wait_until};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TICKET: &str = include_str!("../../../proto/capture/tests/fixtures/retail/valid/retail-ticket.json");

struct RelayKey(ring::signature::Ed25519KeyPair);

impl Sign for RelayKey {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

/// What reached the other end: topic and kind of each message.
type Heard = Arc<Mutex<Vec<(String, Kind)>>>;

struct Server {
    root: CertifiedIssuer<'static, KeyPair>,
    public: Vec<u8>,
    heard: Heard,
    port: u16,
}

impl Server {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let document =
            ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let key = ring::signature::Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let public = ring::signature::KeyPair::public_key(&key).as_ref().to_vec();
        let (key, heard) = (Arc::new(RelayKey(key)), Heard::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = TlsAcceptor::from(tls(&root));
        let (answers, ears) = (Arc::clone(&key), Arc::clone(&heard));
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                if let Ok(stream) = tls.accept(tcp).await {
                    tokio::spawn(converse(stream, Arc::clone(&answers), Arc::clone(&ears)));
                }
            }
        });
        Self {
            root,
            public,
            heard,
            port,
        }
    }

    fn enroll(&self, state_dir: &Path) {
        let key = DeviceKey::read_or_make(state_dir).unwrap();
        let csr = CertificateSigningRequestParams::from_der(&key.request().unwrap().into()).unwrap();
        let certificate = csr.signed_by(&self.root).unwrap();
        let root: CertificateDer<'_> = self.root.der().clone();
        let enrolled = Enrolled {
            chain: vec![Base64(certificate.der().to_vec())],
            root: Base64(root.to_vec()),
            receipt_key: Base64(self.public.clone()),
            mqtt: format!("localhost:{}", self.port),
            tenant: "maple".parse().unwrap(),
            store: "main".parse().unwrap(),
            device: "box-1".parse().unwrap(),
            relay: RelayId([1; 16]),
        };
        identity::write(state_dir, &enrolled).unwrap();
    }

    fn count(&self, kind: Kind) -> usize {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, k)| *k == kind)
            .count()
    }
}

fn tls(root: &CertifiedIssuer<'static, KeyPair>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, root).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let devices = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(devices)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    Arc::new(config.unwrap())
}

/// One MQTT packet: type with flags, and body.
async fn packet(stream: &mut TlsStream<TcpStream>) -> Option<(u8, Vec<u8>)> {
    let head = stream.read_u8().await.ok()?;
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

async fn converse(mut stream: TlsStream<TcpStream>, key: Arc<RelayKey>, heard: Heard) {
    let mut down = String::new();
    while let Some((head, body)) = packet(&mut stream).await {
        let answer = match head >> 4 {
            1 => vec![0x20, 2, 0, 0],
            8 => {
                let len = usize::from(u16::from_be_bytes([body[2], body[3]]));
                down = String::from_utf8(body[4..4 + len].to_vec()).unwrap();
                vec![0x90, 3, body[0], body[1], 0]
            }
            3 => {
                assert_eq!(head & 0x0f, 0b0010, "QoS 1, not retained, not repeated");
                let len = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let topic = String::from_utf8(body[2..2 + len].to_vec()).unwrap();
                let (id, payload) = (&body[2 + len..4 + len], &body[4 + len..]);
                let mut answer = vec![0x40, 2, id[0], id[1]];
                let envelope = Envelope::open(payload, UP_LEN_MAX).unwrap();
                heard.lock().unwrap().push((topic, envelope.kind));
                if envelope.kind == Kind::AgentHello {
                    answer.extend(publish(&down, &hello(&envelope.decode().unwrap(), &key)));
                }
                answer
            }
            12 => vec![0xd0, 0],
            _ => Vec::new(),
        };
        stream.write_all(&answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// A PUBLISH with QoS 0 whose body is longer than 127 bytes.
fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let len = 2 + topic.len() + payload.len();
    assert!((128..16_384).contains(&len));
    let mut out = vec![
        0x30,
        u8::try_from(len % 128).unwrap() | 0x80,
        u8::try_from(len / 128).unwrap(),
    ];
    out.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    out.extend(topic.as_bytes());
    out.extend(payload);
    out
}

fn hello(hello: &AgentHello, key: &RelayKey) -> Vec<u8> {
    let nothing = |segment| Mark {
        segment,
        through: RecordNumber(0),
        hash: None,
    };
    let marks = hello.segments.iter().map(|s| nothing(s.segment)).collect();
    seal(
        Kind::RelayHello,
        &RelayHello {
            relay: RelayId([1; 16]),
            generation: 1,
            at_ms: 1,
            marks,
        },
        key,
    )
    .unwrap()
}

fn config(dir: &Path) -> Config {
    let secret = dir.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let text = format!(
        r#"
        [agent]
        state_dir = {dir:?}
        [store]
        tenant = "maple"
        store = "main"
        currency = "USD"
        [[register]]
        id = "front"
        station_ids = ["100011"]
        [http]
        listen = "127.0.0.1:0"
        secret_file = {secret:?}
        [relay]
        backoff_min_ms = 10
        backoff_max_ms = 100
        [limits]
        reserve_len = 4096
        "#
    );
    Config::read(&text, "agent.toml", &|_| None).unwrap()
}

/// POSTs a ticket by hand; the status line.
async fn push(agent: &Agent, ticket: &str) -> String {
    let mut stream = TcpStream::connect(agent.http().unwrap()).await.unwrap();
    let request = format!(
        "POST /v1/tickets HTTP/1.1\r\nHost: till\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{ticket}",
        ticket.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_ticket_is_on_disk_and_on_the_wire() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.enroll(dir.path());
    let agent = Agent::start(&config(dir.path())).await.unwrap();
    assert_eq!(push(&agent, TICKET).await, "HTTP/1.1 200 OK");
    assert_eq!(only_segment(dir.path()).last.number, RecordNumber(1));
    wait_until(|| server.count(Kind::Batch) > 0 && server.count(Kind::AttachmentBundle) > 0).await;
    let topics: Vec<String> = server
        .heard
        .lock()
        .unwrap()
        .iter()
        .map(|(topic, _)| topic.clone())
        .collect();
    assert!(
        topics.iter().all(|topic| topic == "tillwire/v1/maple/box-1/up"),
        "{topics:?}"
    );
    let address = agent.http().unwrap();
    let status = tokio::task::spawn_blocking(move || status::ask(address).unwrap())
        .await
        .unwrap();
    assert_eq!((status.backlog, status.appended, status.connected), (1, 1, true));
    agent.stop().await;
    assert!(
        Reader::open(dir.path())
            .unwrap()
            .verify()
            .unwrap()
            .broken
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_taken_while_the_relay_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.enroll(dir.path());
    let mut config = config(dir.path());
    config.settings.relay.mqtt = Some("localhost:1".to_owned());
    let agent = Agent::start(&config).await.unwrap();
    assert_eq!(push(&agent, TICKET).await, "HTTP/1.1 200 OK");
    tokio::time::timeout(Duration::from_secs(15), agent.stop())
        .await
        .unwrap();
    assert_eq!(only_segment(dir.path()).backlog(), 1);
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_says_how_to() {
    let dir = tempfile::tempdir().unwrap();
    let error = Agent::start(&config(dir.path())).await.unwrap_err().to_string();
    assert!(error.contains("tillwire-agent enroll"), "{error}");
}

#[tokio::test]
async fn an_agent_of_another_store_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    Server::start().await.enroll(dir.path());
    let mut config = config(dir.path());
    config.settings.store.store = "other".parse().unwrap();
    let error = Agent::start(&config).await.unwrap_err().to_string();
    assert!(
        error.contains("enrolled for store maple/main, but the configuration says maple/other"),
        "{error}"
    );
}
