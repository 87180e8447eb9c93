//! A whole retailer comes back at once: thousands of boxes, each with its own certificate, TLS connection and backlog, at
//! one relay.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::stream;
use tillwire_agent::journal::Journal;
use tillwire_agent::uplink::Mqtt;
use tokio_util::sync::CancellationToken;

use super::backlog::{kib, resident};
use super::figures::{Table, per_second, rate};
use super::{sales, workdir};
use crate::fleet::{Centre, listen};
use crate::till_sim::http;
use crate::world::until;

/// Boxes that come back, each with so many records; `TILLWIRE_BENCH_DEVICES` asks for fewer.
const DEVICES: usize = 2_000;
const RECORDS: usize = 500;

/// Connections in all, once those that have nothing to say are there too.
const CONNECTIONS: usize = 10_000;

/// The backlogs may take so long.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(table))
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
