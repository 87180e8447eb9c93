//! Capture to durable: one at a time against a raw `fdatasync`, and with many outstanding against bare inserts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tillwire_agent::clock::Clock;
use tillwire_agent::journal::{Journal, OpenOptions, Origin, Sink};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{
    BootId, Currency, DeviceId, Digest, LaneId, Observation, Stamp, StoreId, TenantId, Version,
    encode_observation,
};

use super::figures::{Table, Times, ms, per_second, rate};
use super::{floor, sales, workdir};

/// Before anything is measured so many are written: the write-ahead log then has its length, as that of a box in use.
const BEFORE: usize = 2_000;
const ALONE: usize = 2_000;
const BURST: usize = 100_000;
const OUTSTANDING: usize = 256;

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(alone(table))?;
    runtime.block_on(burst(table))
}

/// A journal in a folder, of the measured store's box, with small reserves and no limits in the way.
pub(super) fn journal(folder: &Path) -> Result<Journal> {
    let store = sales::shop().stores.swap_remove(0).id;
    let origin = Origin {
        tenant: TenantId::new("bench")?,
        store: StoreId::new(&store)?,
        currency: Currency::USD,
        device: DeviceId::new(&format!("box-{store}"))?,
        generations: BTreeMap::new(),
        version: Version::new("bench")?,
        config: Digest::of(b"bench"),
        boot: BootId([0; 16]),
    };
    let limits = Limits {
        reserve_len: 1 << 20,
        prune_percent: 100,
        busy_percent: 100,
        ..Limits::default()
    };
    let lane = LaneId::new("bench-agent")?;
    Journal::open(
        folder,
        origin,
        lane,
        limits,
        Clock::new(None, 0),
        &OpenOptions::default(),
    )
}

async fn alone(table: &mut Table) -> Result<()> {
    let folder = workdir()?;
    let journal = journal(folder.path())?;
    let mut times = Vec::with_capacity(ALONE);
    let mut sales = sales::captured(BEFORE + ALONE, true)?.into_iter();
    for sale in sales.by_ref().take(BEFORE) {
        journal.append(sale).await?;
    }
    let written = written()?;
    for sale in sales {
        let start = Instant::now();
        journal.append(sale).await?;
        times.push(start.elapsed());
    }
    let bytes = (self::written()? - written) / ALONE as u64;
    journal.stop().await;
    let times = Times::new(times);
    let raw = floor::fdatasync(folder.path(), ALONE)?;
    table.floor("raw fdatasync of one page, p99", ms(raw.percentile(99)));
    table.floor("raw fdatasync of one page, rate", per_second(raw.rate()));
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    let met = p99 <= raw.percentile(99) * 2;
    let found = format!("p50 {}, p99 {}", ms(p50), ms(p99));
    table.goal(
        "capture to durable, one at a time, latency",
        "p99 ≤ 2 × raw p99",
        found,
        met,
    );
    let share = times.rate() / raw.rate();
    let found = format!("{} ({share:.2} × raw)", per_second(times.rate()));
    table.goal(
        "capture to durable, one at a time, rate",
        "≥ 0.8 × raw rate",
        found,
        share >= 0.8,
    );
    table.goal(
        "flash wear: bytes written a sale, each its own commit",
        "≤ 12288",
        bytes.to_string(),
        bytes <= 12_288,
    );
    Ok(())
}

async fn burst(table: &mut Table) -> Result<()> {
    let folder = workdir()?;
    let sales = sales::captured(BURST, false)?;
    let bodies = sales.iter().map(body).collect::<Result<Vec<_>>>()?;
    let bare = floor::bare_inserts(folder.path(), &bodies)?;
    let journal = Arc::new(journal(folder.path())?);
    let start = Instant::now();
    append_all(&journal, sales).await?;
    let time = start.elapsed();
    journal.stop().await;
    let (bare, ours) = (rate(BURST, bare), rate(BURST, time));
    table.floor(
        "bare prepared inserts of the same bytes, 256 a transaction",
        per_second(bare),
    );
    let found = format!("{} ({:.2} × bare)", per_second(ours), ours / bare);
    let goal = "≥ 200 k/s and ≥ 0.3 × bare";
    table.goal(
        "capture to durable, 256 outstanding",
        goal,
        found,
        ours >= 200_000.0 && ours / bare >= 0.3,
    );
    Ok(())
}

/// Appends with [`OUTSTANDING`] under way at any time, in the order in which tills told them.
pub(super) async fn append_all(journal: &Arc<Journal>, sales: Vec<Captured>) -> Result<()> {
    let sales = Arc::new(Mutex::new(sales.into_iter()));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..OUTSTANDING {
        let (journal, sales) = (Arc::clone(journal), Arc::clone(&sales));
        tasks.spawn(async move {
            let next = || sales.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(sale) = next() {
                journal.append(sale).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn body(sale: &Captured) -> Result<Vec<u8>> {
    let stamp = Stamp {
        wall_ms: 1_794_674_336_000,
        monotonic_ms: 86_400_000,
    };
    let observation = Observation {
        witness: sale.witness,
        stamp,
        attachment: None,
        redacted: sale.redacted,
        fact: sale.fact.clone(),
    };
    Ok(encode_observation(&observation)?)
}

/// Bytes that this process has caused to be written to disks, as the kernel counts them.
fn written() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io").context("cannot read /proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("/proc/self/io has no write_bytes")?.parse()?)
}
