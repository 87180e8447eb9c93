//! A whole retailer comes back at once: thousands of boxes, each with its own certificate, TLS connection and backlog, at
//! one relay. The boxes are the agent's own uplink, journal and key, many in this process; the relay is a process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
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

use super::backlog::{kib, resident};
use super::figures::{Table, per_second, rate};
use super::{sales, workdir};
use crate::program::{AS_RELAY, Program};
use crate::take_in::take_in;
use crate::till_sim::http;
use crate::world::{free_port, until};

/// Boxes that come back, each with so many records; `TILLWIRE_BENCH_DEVICES` asks for fewer.
const DEVICES: usize = 2_000;
const RECORDS: usize = 500;

/// Connections in all, once those that have nothing to say are there too.
const CONNECTIONS: usize = 10_000;

/// The backlogs may take so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Set up at once.
const AT_ONCE: usize = 8;

const TENANT: &str = "acme";

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(table))
}

/// The relay's process and what a box must know of it.
struct Centre {
    program: Program,
    mqtt: SocketAddr,
    http: SocketAddr,
    pki: Arc<Pki>,
    database: PathBuf,
}

/// A box that is switched on and not connected.
struct Asleep {
    number: usize,
    key: DeviceKey,
    tls: Arc<ClientConfig>,
    journal: Option<Journal>,
}

async fn measure(table: &mut Table) -> Result<()> {
    let asked = std::env::var("TILLWIRE_BENCH_DEVICES").ok();
    let devices = asked.and_then(|text| text.parse().ok()).unwrap_or(DEVICES);
    let connections = devices * CONNECTIONS / DEVICES;
    let (folder, boxes) = (workdir()?, scratch()?);
    let centre = Centre::prepare(folder.path(), devices).await?;
    let start = Instant::now();
    println!(
        "  setting up {devices} boxes with {RECORDS} records each, and {} that only listen ...",
        connections - devices
    );
    let sales = sales::captured(RECORDS, false)?;
    let mut asleep = centre.boxes(connections, devices, boxes.path(), &sales).await?;
    let lines: Vec<Mqtt> = asleep
        .iter()
        .map(|asleep| asleep.line(&centre))
        .collect::<Result<_>>()?;
    asleep.truncate(devices);
    println!("  ... in {:.0} s", start.elapsed().as_secs_f64());
    centre.program.start()?;
    let up = async || Ok(http::get(centre.http, "/metrics").await.ok().map(drop));
    until("the relay answers", Duration::from_secs(60), up).await?;

    let stop = CancellationToken::new();
    let (start, mut progress, mut running) = (Instant::now(), Vec::new(), tokio::task::JoinSet::new());
    for asleep in asleep {
        progress.extend(asleep.journal.as_ref().map(Journal::progress));
        running.spawn(asleep.wake(&centre, stop.clone())?);
    }
    let drained = async {
        for progress in &mut progress {
            progress.wait_for(|progress| progress.backlog == 0).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        drained = tokio::time::timeout(PATIENCE, drained) => {
            drained.with_context(|| format!("found backlogs left after {PATIENCE:?}"))??;
        }
        Some(ended) = running.join_next() => {
            ended?.context("a box ended by itself")?;
        }
    }
    let took = start.elapsed();
    let memory = kib(centre.program.pid())?;
    let records = devices * RECORDS;
    table.goal(
        &format!("{devices} boxes come back with {RECORDS} records each: all held"),
        "≤ 60 s",
        format!("{:.1} s", took.as_secs_f64()),
        took <= Duration::from_secs(60),
    );
    table.floor(
        "  records a second, each checked and signed for",
        per_second(rate(records, took)),
    );
    let small = memory.parse::<f64>().is_ok_and(|mib| mib <= 256.0);
    table.goal("  the relay's memory (VmHWM, MiB)", "≤ 256", memory, small);

    // Their journals take more open files than their lines: those go first.
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let start = Instant::now();
    let mut lines = stream::iter(lines.into_iter().map(listen)).buffer_unordered(64);
    let mut listening = Vec::new();
    while let Some(line) = lines.next().await {
        listening.push(line?);
    }
    drop(lines);
    let took = start.elapsed();
    table.floor(
        &format!("{} boxes connect and listen, a second", listening.len()),
        per_second(rate(listening.len(), took)),
    );
    let alive = http::get(centre.http, "/metrics").await?;
    ensure!(
        alive.status == 200,
        "the relay answers {alive:?} with all connected"
    );
    table.floor(
        &format!("  the relay's memory with {connections} connections (VmRSS, MiB)"),
        resident(centre.program.pid())?,
    );
    drop(listening);
    centre.program.kill();
    Ok(())
}

/// In memory where that is: the disks of thousands of stores are not what is measured.
fn scratch() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        workdir()?
    })
}

impl Centre {
    /// Everything of a relay but the running.
    async fn prepare(folder: &Path, stores: usize) -> Result<Self> {
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
    async fn boxes(
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
    fn line(&self, centre: &Centre) -> Result<Mqtt> {
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
    fn wake(
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
async fn listen(mut line: Mqtt) -> Result<tokio::task::JoinHandle<Event>> {
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
