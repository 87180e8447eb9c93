//! Strangers at the relay's door, for as long as boxes come and go: a thousand sockets that say nothing, a thousand that say a
//! byte a second, and ten thousand handshakes a minute that must be refused. What must hold meanwhile: each box is let in, nearly
//! all within a quarter of a second, no stranger is, and what a selling store tells arrives.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tillwire_agent::clock::Clock;
use tillwire_agent::identity::DeviceKey;
use tillwire_agent::journal::Sink as _;
use tillwire_agent::uplink::{Line as _, tls};
use tillwire_proto::{DeviceId, TenantId};
use tillwire_relay::endpoint::DeviceRef;
use tillwire_relay::pki::{self, Pki};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::bench::{backlog, sales};
use crate::fleet::Centre;
use crate::till_sim::http;
use crate::world::until;

/// Sockets that say nothing, and as many that say a byte a second.
const SILENT: usize = 1_000;

/// Between two handshakes that must be refused: ten thousand a minute.
const BETWEEN_BAD: Duration = Duration::from_millis(6);

/// Strangers come from other addresses than boxes do.
const SILENT_FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SLOW_FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const BAD_FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// Boxes that come and go, beside one that sells.
const BOXES: usize = 4;

/// Between two arrivals of boxes, and between two sales.
const PAUSE: Duration = Duration::from_millis(100);

/// Ninety-nine boxes in a hundred are let in within this time, programs without optimisation taking theirs.
const LET_IN: Duration = Duration::from_millis(if cfg!(debug_assertions) { 5_000 } else { 250 });

/// Everything that must happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stranger waits so long for an answer.
const ANSWER: Duration = Duration::from_secs(20);

/// What a box would say first; MQTT 3.1.1.
const CONNECT: &[u8] = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08stranger";

/// What a siege was like.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Boxes that were let in.
    pub arrivals: u64,
    /// How long half of them, ninety-nine in a hundred, and the last waited, from the first packet to the subscription.
    pub waited: [Duration; 3],
    /// Strangers' sockets at once, at most.
    pub held: u64,
    /// Handshakes that were refused.
    pub refused: u64,
    /// Sales that arrived.
    pub sales: u64,
    /// What the relay had in memory in the end, in MiB.
    pub memory: String,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            arrivals,
            waited: [half, most, last],
            held,
            refused,
            sales,
            memory,
        } = self;
        write!(
            f,
            "{arrivals} boxes were let in beside {held} silent and slow strangers, p50 {} ms, p99 {} ms, the last after {} ms; \
             {refused} bad handshakes were refused, {sales} sales of another box arrived, the relay has {memory} MiB",
            half.as_millis(),
            most.as_millis(),
            last.as_millis()
        )
    }
}

/// What strangers count.
#[derive(Debug, Default)]
struct Crowd {
    held: AtomicU64,
    held_most: AtomicU64,
    refused: AtomicU64,
}

/// Lets boxes arrive `arrivals` times while strangers stand at the door.
///
/// # Errors
/// When a box is not let in or too late, a stranger is, or a sale does not arrive.
pub async fn campaign(arrivals: u64, seed: u64) -> Result<Tally> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let centre = Centre::prepare(dir.path(), 1).await?;
    let mut boxes = centre.boxes(1 + BOXES, 1, dir.path(), &[]).await?;
    let mut lines = Vec::new();
    for asleep in boxes.drain(1..) {
        lines.push(asleep.line(&centre)?);
    }
    centre.program.start()?;
    let up = async || Ok(http::get(centre.http, "/metrics").await.ok().map(drop));
    until("the relay answers", PATIENCE, up).await?;

    let selling = boxes.pop().context("a box that sells")?;
    let journal = selling.journal.clone().context("it has a journal")?;
    let stop = CancellationToken::new();
    let uplink = tokio::spawn(selling.wake(&centre, stop.clone())?);
    let crowd = Arc::new(Crowd::default());
    let mut strangers = strangers(&centre, dir.path(), seed, &crowd)?;
    let gathered = async || {
        let all = crowd.held.load(Ordering::Relaxed) >= SILENT as u64 * 9 / 10;
        Ok(all.then_some(()))
    };
    until("strangers at the door", PATIENCE, gathered).await?;

    let told = AtomicU64::new(0);
    let arrive = async {
        let mut waited = Vec::new();
        for arrival in 0..arrivals {
            let at = usize::try_from(arrival)? % lines.len();
            let start = Instant::now();
            let let_in = lines[at].connect().await;
            let_in.with_context(|| format!("arrival {arrival} was not let in"))?;
            waited.push(start.elapsed());
            lines[at].close().await;
            sleep(PAUSE).await;
        }
        anyhow::Ok(waited)
    };
    let sell = async {
        // more than can be sold until the last box has arrived, with the pause that it has too
        let stock = usize::try_from(arrivals)? * 4 + 1_000;
        for sale in sales::captured(stock, true)? {
            journal.append(sale).await?;
            told.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    let mut waited = tokio::select! {
        waited = arrive => waited?,
        sold = sell => {
            sold?;
            bail!("the till ran out of sales");
        }
        Some(ended) = strangers.join_next() => {
            ended??;
            bail!("a stranger went away");
        }
    };
    let mut progress = journal.progress();
    timeout(PATIENCE, progress.wait_for(|progress| progress.backlog == 0))
        .await
        .with_context(|| format!("found sales left on the box after {PATIENCE:?}"))??;
    let memory = backlog::resident(centre.program.pid())?;
    drop(strangers);
    stop.cancel();
    uplink.await??;
    centre.program.kill();

    waited.sort_unstable();
    let percentile = |part: usize| waited[(waited.len() - 1) * part / 100];
    let tally = Tally {
        arrivals,
        waited: [50, 99, 100].map(percentile),
        held: crowd.held_most.load(Ordering::Relaxed),
        refused: crowd.refused.load(Ordering::Relaxed),
        sales: told.into_inner(),
        memory,
    };
    ensure!(
        tally.waited[1] <= LET_IN,
        "wanted p99 within {LET_IN:?}, found: {tally}"
    );
    ensure!(tally.refused > arrivals, "hardly anybody was refused: {tally}");
    Ok(tally)
}

/// All of them; they end by an error only.
fn strangers(centre: &Centre, folder: &Path, seed: u64, crowd: &Arc<Crowd>) -> Result<JoinSet<Result<()>>> {
    let (door, mut all) = (centre.mqtt, JoinSet::new());
    let nobody = without_certificate(&centre.pki)?;
    let others = of_another_authority(&centre.pki, &folder.join("other-keys"))?;
    let hello = first_words(&nobody)?;
    for _ in 0..SILENT {
        all.spawn(silent(door, Arc::clone(crowd)));
        all.spawn(slow(door, hello.clone(), Arc::clone(crowd)));
    }
    all.spawn(bad(door, seed, [nobody, others], Arc::clone(crowd)));
    Ok(all)
}

async fn connect(from: Ipv4Addr, door: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    Ok(socket.connect(door).await?)
}

impl Crowd {
    fn come(&self) {
        let held = self.held.fetch_add(1, Ordering::Relaxed) + 1;
        self.held_most.fetch_max(held, Ordering::Relaxed);
    }

    fn go(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says nothing, and comes back when it is sent away.
async fn silent(door: SocketAddr, crowd: Arc<Crowd>) -> Result<()> {
    loop {
        if let Ok(mut line) = connect(SILENT_FROM, door).await {
            crowd.come();
            let mut byte = [0];
            let answer = line.read(&mut byte).await;
            crowd.go();
            ensure!(
                !matches!(answer, Ok(1..)),
                "the relay spoke to somebody who said nothing"
            );
        }
        sleep(PAUSE).await;
    }
}

/// Says a byte of a right beginning each second, and comes back when it is sent away.
async fn slow(door: SocketAddr, words: Vec<u8>, crowd: Arc<Crowd>) -> Result<()> {
    loop {
        if let Ok(mut line) = connect(SLOW_FROM, door).await {
            crowd.come();
            for byte in &words {
                if line.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            crowd.go();
        }
        sleep(PAUSE).await;
    }
}

/// Handshakes that must be refused, of four kinds in turn.
async fn bad(door: SocketAddr, seed: u64, tls: [Arc<ClientConfig>; 2], crowd: Arc<Crowd>) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut tries, mut ticks) = (JoinSet::new(), interval(BETWEEN_BAD));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_usize.. {
        ticks.tick().await;
        let mut noise = vec![0; 512];
        rng.fill_bytes(&mut noise);
        match number % 4 {
            0 => tries.spawn(plain(door, noise)),
            1 => tries.spawn(plain(door, b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec())),
            kind => tries.spawn(masked(door, Arc::clone(&tls[kind - 2]))),
        };
        while let Some(tried) = tries.try_join_next() {
            crowd.refused.fetch_add(u64::from(tried??), Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Says what is no TLS. True when it was sent away, false when it did not get so far.
async fn plain(door: SocketAddr, words: Vec<u8>) -> Result<bool> {
    let Ok(mut line) = connect(BAD_FROM, door).await else {
        return Ok(false);
    };
    if line.write_all(&words).await.is_err() {
        return Ok(true);
    }
    let mut answer = Vec::new();
    let ended = timeout(ANSWER, line.read_to_end(&mut answer)).await;
    ended
        .map(|_| true)
        .context("the relay keeps a line on which no TLS was spoken")
}

/// Speaks TLS without a certificate that the relay knows, and then as a box would. An error when it is answered.
async fn masked(door: SocketAddr, tls: Arc<ClientConfig>) -> Result<bool> {
    let Ok(line) = connect(BAD_FROM, door).await else {
        return Ok(false);
    };
    let name = ServerName::from(door.ip());
    let talk = async {
        let mut line = TlsConnector::from(tls).connect(name, line).await.ok()?;
        line.write_all(CONNECT).await.ok()?;
        let mut byte = [0];
        line.read(&mut byte).await.ok().filter(|len| *len > 0)
    };
    let answered = timeout(ANSWER, talk)
        .await
        .context("the relay keeps a stranger's line")?;
    ensure!(
        answered.is_none(),
        "the relay let somebody in who has no certificate of its own"
    );
    Ok(true)
}

fn without_certificate(pki: &Pki) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.root().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A box's own configuration, but its certificate is another authority's.
fn of_another_authority(pki: &Pki, folder: &Path) -> Result<Arc<ClientConfig>> {
    let clock = Clock::new(None, 0);
    let now_ms = tillwire_relay::clock::Clock::system().now_ms();
    let other = Pki::init(folder, &["localhost".to_owned()], now_ms)?;
    let key = DeviceKey::read_or_make(folder)?;
    let device = DeviceRef {
        tenant: TenantId::new("acme")?,
        device: DeviceId::new("box-00001")?,
    };
    let request = pki::DeviceKey::from_request(&key.request()?)?;
    let chain = other.issue_device(&device, &request, now_ms)?.chain;
    tls::client_config(pki.root().clone(), chain, key.tls(), clock)
}

/// What a client says first.
fn first_words(tls: &Arc<ClientConfig>) -> Result<Vec<u8>> {
    let mut client = ClientConnection::new(Arc::clone(tls), ServerName::try_from("relay.example")?)?;
    let mut words = Vec::new();
    client.write_tls(&mut words)?;
    Ok(words)
}
