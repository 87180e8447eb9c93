//! Boxes without stores: a relay as a process, and as many boxes as wanted, each with its own key, certificate and TLS
//! connection, taken in before it runs. The boxes are the agent's own uplink, journal and key, all in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::stream;
use rustls::ClientConfig;
use serde_json::json;
use tillwire_agent::clock::Clock;
use tillwire_agent::identity::DeviceKey;
use tillwire_agent::journal::{Journal, OpenOptions, Origin, Sink as _};
use tillwire_agent::uplink::{self, Address, Desk, Event, Line as _, Mqtt, Parts, Shown, tls};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::{Limits, RelayLink};
use tillwire_proto::{
    AgentHealth, BootId, Currency, DeviceId, Digest, Fact, LaneId, Note, StoreId, TenantId, Topic, Version,
};
use tillwire_relay::endpoint::{DeviceIdentity, DeviceRef};
use tillwire_relay::pki::{self, Pki};
use tillwire_relay::store::{Store, StoreOptions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::program::{AS_RELAY, Program};
use crate::take_in::take_in;
use crate::world::{free_port, until};

/// A line may take so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Set up at once.
const AT_ONCE: usize = 8;

const TENANT: &str = "acme";

/// The relay's process and what a box must know of it.
pub(crate) struct Centre {
    pub(crate) program: Program,
    pub(crate) mqtt: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) pki: Arc<Pki>,
    database: PathBuf,
}

/// A box that is switched on and not connected.
pub(crate) struct Asleep {
    number: usize,
    key: DeviceKey,
    tls: Arc<ClientConfig>,
    pub(crate) journal: Option<Journal>,
}

impl Centre {
    /// Everything of a relay but the running.
    pub(crate) async fn prepare(folder: &Path, stores: usize) -> Result<Self> {
        let (mqtt, http, enrol) = (free_port()?, free_port()?, free_port()?);
        let (state_dir, key_file) = (folder.join("state"), folder.join("odoo.key"));
        std::fs::create_dir_all(&state_dir)?;
        std::fs::write(&key_file, "no odoo is asked here")?;
        let stores = (0..stores).map(|number| {
            json!({ "tenant": TENANT, "store": store(number), "time_zone": "America/Chicago", "registers": ["till-1"],
                "odoo": { "company": "Acme", "journal": "TILL", "warehouse": "WH", "accounts": {
                    "revenue": "400000", "tender": { "cash": "101501", "card": "101702" } } } })
        });
        let config = json!({
            "state_dir": state_dir,
            "http": { "listen": http.to_string(), "login": false },
            "mqtt": { "listen": mqtt.to_string(), "address": mqtt.to_string() },
            "enrol": { "listen": enrol.to_string() },
            "odoo": { "url": format!("http://{}", free_port()?), "database": "acme", "login": "acme", "key_file": key_file },
            "store": stores.collect::<Vec<_>>(),
        });
        let file = folder.join("relay.toml");
        std::fs::write(&file, toml::to_string(&config)?)?;
        let binary = std::env::current_exe()?;
        let words = |command: &str| -> Vec<OsString> {
            vec![
                AS_RELAY.into(),
                command.into(),
                "--config".into(),
                file.clone().into(),
            ]
        };
        Program::run_once(&binary, &words("init"))?;
        Ok(Self {
            program: Program::new("relay", &binary, words("run"), &folder.join("relay.log")),
            mqtt,
            http,
            pki: Arc::new(Pki::open(&state_dir.join("keys"))?),
            database: state_dir.join("relay.db"),
        })
    }

    /// Makes boxes, the first `full` with a backlog, and takes them in.
    pub(crate) async fn boxes(
        &self,
        count: usize,
        full: usize,
        folder: &Path,
        sales: &[Captured],
    ) -> Result<Vec<Asleep>> {
        let relay = Store::open(&StoreOptions::at(&self.database))?;
        let sales: Arc<[Captured]> = sales.into();
        let made = (0..count).map(|number| {
            let (relay, pki, sales) = (relay.clone(), Arc::clone(&self.pki), Arc::clone(&sales));
            let folder = folder.join(number.to_string());
            // Those that only listen are further boxes of the same stores.
            let of_store = store(number % full);
            tokio::spawn(async move {
                let sales = (number < full).then_some(&*sales);
                made(number, &of_store, folder, (&relay, &pki), sales).await
            })
        });
        let mut made: Vec<Asleep> = stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .map(|joined| joined?)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_>>()?;
        made.sort_by_key(|asleep| asleep.number);
        Ok(made)
    }
}

/// A box of a store, taken in, with these sales in its journal.
async fn made(
    number: usize,
    of_store: &str,
    folder: PathBuf,
    (relay, pki): (&Store, &Pki),
    sales: Option<&[Captured]>,
) -> Result<Asleep> {
    std::fs::create_dir_all(&folder)?;
    let key = DeviceKey::read_or_make(&folder)?;
    let device = DeviceRef {
        tenant: TenantId::new(TENANT)?,
        device: device(number)?,
    };
    let identity = DeviceIdentity {
        device: device.clone(),
        public_key: Arc::from(key.public_point()),
        key_fingerprint: key.fingerprint(),
        serial: "01".to_owned(),
        not_after: i64::MAX,
    };
    let now_ms = relay.clock().now_ms();
    take_in(relay, &identity, of_store, now_ms).await?;
    let request = pki::DeviceKey::from_request(&key.request()?)?;
    let chain = pki.issue_device(&device, &request, now_ms)?.chain;
    let journal = match sales {
        Some(sales) => Some(journal(&folder, number, sales).await?),
        None => None,
    };
    Ok(Asleep {
        number,
        tls: tls::client_config(pki.root().clone(), chain, key.tls(), Clock::new(None, 0))?,
        key,
        journal,
    })
}

impl Asleep {
    pub(crate) fn line(&self, centre: &Centre) -> Result<Mqtt> {
        let (tenant, device) = (TenantId::new(TENANT)?, device(self.number)?);
        let address = Address {
            host: centre.mqtt.ip().to_string(),
            port: centre.mqtt.port(),
            up: Topic::up(tenant.clone(), device.clone()),
            down: Topic::down(tenant, device),
            keep_alive_s: 60,
        };
        Ok(Mqtt::new(address, Arc::clone(&self.tls)))
    }

    /// The agent's uplink, with the pauses that agents draw in the field but shorter: minutes would hide the crowd.
    pub(crate) fn wake(
        self,
        centre: &Centre,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = Result<()>> + use<>> {
        let line = self.line(centre)?;
        let journal = self.journal.context("a box with a journal")?;
        let (_, health) = watch::channel(AgentHealth {
            backlog: 0,
            attachments: 0,
            disk_percent: 1,
            buffer_days: None,
            certificate_ends_ms: 0,
            state: Note::new("ok")?,
        });
        let (shown, _) = watch::channel(Shown::default());
        let parts = Parts {
            desk: Desk::new(
                journal.reader()?,
                Box::new(self.key.signer()?),
                Version::new("bench")?,
            ),
            journal,
            receipt_key: centre.pki.receipt_public_key().to_vec(),
            settings: RelayLink {
                backoff_max_ms: 10_000,
                ..RelayLink::default()
            },
            clock: Clock::new(None, 0),
            health,
            shown,
        };
        Ok(uplink::run(line, parts, stop))
    }
}

/// Connects and stays.
pub(crate) async fn listen(mut line: Mqtt) -> Result<tokio::task::JoinHandle<Event>> {
    let connect = async || Ok(line.connect().await.ok());
    until("a line", PATIENCE, connect).await?;
    Ok(tokio::spawn(async move { line.next_event().await }))
}

fn store(number: usize) -> String {
    format!("s{number:04}")
}

fn device(number: usize) -> Result<DeviceId> {
    Ok(DeviceId::new(&format!("box-{number:05}"))?)
}

/// A journal with these sales as its own store's.
async fn journal(folder: &Path, number: usize, sales: &[Captured]) -> Result<Journal> {
    let store = StoreId::new(&store(number))?;
    let origin = Origin {
        tenant: TenantId::new(TENANT)?,
        store: store.clone(),
        currency: Currency::USD,
        device: device(number)?,
        generations: BTreeMap::new(),
        version: Version::new("bench")?,
        config: Digest::of(b"bench"),
        boot: BootId([0; 16]),
    };
    let limits = Limits {
        reserve_len: 0,
        ..Limits::default()
    };
    let options = OpenOptions {
        in_place: true,
        ..OpenOptions::default()
    };
    let lane = LaneId::new(&format!("box-{number:05}"))?;
    let journal = Journal::open(
        folder,
        origin,
        lane.clone(),
        limits,
        Clock::new(None, 0),
        &options,
    )?;
    for sale in sales {
        let mut own = sale.clone();
        own.lane = lane.clone();
        if let Fact::Transaction(transaction) = &mut own.fact {
            transaction.key.store = store.clone();
        }
        journal.append(own).await?;
    }
    Ok(journal)
}
