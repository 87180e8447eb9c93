//! A relay with an endpoint and a recording ingest, and devices with real certificates.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rcgen::{CertificateParams, KeyPair};
use rumqttc::{AsyncClient, EventLoop, MqttOptions, Transport};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tillwire_relay::clock::Clock;
use tillwire_relay::endpoint::{
    CloseReason, DeviceIdentity, DeviceRef, Downlink, Endpoint, Event, Ingest, Limits, Verdict,
};
use tillwire_relay::pki::{DeviceKey, Pki};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Patience for things that take milliseconds.
pub const SOON: Duration = Duration::from_secs(10);

/// Remembers everything; commits when told to.
#[derive(Debug, Default)]
pub struct Recorder {
    pub stored: Mutex<Vec<(DeviceRef, Bytes)>>,
    pub started: Mutex<Vec<Bytes>>,
    pub events: Mutex<Vec<Event>>,
    banned: Mutex<HashSet<DeviceRef>>,
    held: AtomicBool,
    commits: Gate,
}

#[derive(Debug)]
struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Recorder {
    /// From now on publishes wait for [`Recorder::commit`].
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Lets `count` waiting publishes commit.
    pub fn commit(&self, count: usize) {
        self.commits.0.add_permits(count);
    }

    pub fn ban(&self, device: &DeviceRef) {
        self.banned.lock().unwrap().insert(device.clone());
    }

    pub fn stored(&self) -> Vec<Bytes> {
        self.stored
            .lock()
            .unwrap()
            .iter()
            .map(|(_, payload)| payload.clone())
            .collect()
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub fn reasons(&self) -> Vec<CloseReason> {
        let reason = |event| match event {
            Event::Disconnected { reason, .. } | Event::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        self.events().into_iter().filter_map(reason).collect()
    }

    pub fn handshake_failures(&self) -> Vec<String> {
        let reason = |event| match event {
            Event::HandshakeFailed { reason, .. } => Some(reason),
            _ => None,
        };
        self.events().into_iter().filter_map(reason).collect()
    }
}

impl Ingest for Recorder {
    fn admit(&self, identity: &DeviceIdentity) -> bool {
        !self.banned.lock().unwrap().contains(&identity.device)
    }

    async fn publish(&self, identity: &DeviceIdentity, payload: Bytes) -> Verdict {
        self.started.lock().unwrap().push(payload.clone());
        assert_ne!(&payload[..], b"panic", "a seeded defect");
        if &payload[..] == b"refuse" {
            return Verdict::Refused("not today".into());
        }
        if self.held.load(Ordering::SeqCst) {
            self.commits.0.acquire().await.unwrap().forget();
        }
        self.stored
            .lock()
            .unwrap()
            .push((identity.device.clone(), payload));
        Verdict::Accepted
    }

    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

pub struct World {
    pub folder: TempDir,
    pub pki: Pki,
    pub ingest: Arc<Recorder>,
    pub downlink: Downlink,
    pub endpoint: Option<Endpoint<Recorder>>,
    pub address: SocketAddr,
}

/// A device's key and certificate chain.
pub struct Box {
    pub device: DeviceRef,
    pub key: KeyPair,
    pub chain: Vec<CertificateDer<'static>>,
}

pub fn device(name: &str) -> DeviceRef {
    DeviceRef {
        tenant: "acme".parse().unwrap(),
        device: name.parse().unwrap(),
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::init(
            &folder.path().join("pki"),
            &["localhost".to_owned()],
            Clock::system().now_ms(),
        )
        .unwrap();
        let ingest = Arc::new(Recorder::default());
        let downlink = Downlink::new(Clock::system());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let tls = pki.server_config().unwrap();
        let endpoint = Endpoint::start(listener, tls, limits, Arc::clone(&ingest), downlink.clone()).unwrap();
        let address = endpoint.local_addr();
        Self {
            folder,
            pki,
            ingest,
            downlink,
            endpoint: Some(endpoint),
            address,
        }
    }

    pub fn make_box(&self, name: &str) -> Box {
        self.box_certified_at(name, Clock::system().now_ms())
    }

    pub fn box_certified_at(&self, name: &str, now_ms: i64) -> Box {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let proven = DeviceKey::from_request(request.der()).unwrap();
        let device = device(name);
        let chain = self.pki.issue_device(&device, &proven, now_ms).unwrap().chain;
        Box { device, key, chain }
    }

    pub fn client_config(&self, owner: &Box) -> ClientConfig {
        client_config(self.pki.root(), owner.chain.clone(), &owner.key)
    }

    /// A TLS connection with nothing sent on it yet.
    pub async fn tls(&self, owner: &Box) -> std::io::Result<TlsStream<TcpStream>> {
        connect_tls(self.address, self.client_config(owner)).await
    }

    /// An ordinary client of the ecosystem.
    pub fn mqtt(&self, owner: &Box) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(
            owner.device.device.to_string(),
            ("localhost", self.address.port()),
        );
        options.set_keep_alive(30);
        options.set_transport(Transport::tls_with_config(self.client_config(owner).into()));
        AsyncClient::builder(options).capacity(64).build()
    }
}

pub fn client_config(
    root: &CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap()
}

pub async fn connect_tls(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Waits until `ready` says yes.
pub async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
