//! An agent with a million records that no relay has: memory, start, drain. And the size of what ships.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::figures::{Table, ms, per_second};
use super::line::{received, world};
use super::{capture, sales, workdir};
use crate::link_sim::State;

/// `TILLWIRE_BENCH_BACKLOG` asks for fewer where the disk or the patience is small.
const RECORDS: usize = 1_000_000;

/// Journaled at once, so that this program itself stays small.
const PART: usize = 50_000;

/// The drain is watched for so long at most.
const DRAIN: Duration = Duration::from_secs(10);

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(table))?;
    sizes(table);
    Ok(())
}

async fn measure(table: &mut Table) -> Result<()> {
    let folder = workdir()?;
    let world = world(folder.path()).await?;
    let site = &world.sites[0];
    table.floor(
        "agent memory (VmHWM) with an empty journal",
        kib(site.agent.pid())?,
    );
    site.link.set_state(State::Cut);
    site.agent.stop()?;
    let filled = fill(&site.state_dir).await?;
    table.floor(
        "records in the backlog (the goals are for 1,000,000)",
        filled.to_string(),
    );
    let start = Instant::now();
    site.agent.start()?;
    site.wait_up().await?;
    let started = start.elapsed();
    table.goal(
        "agent start → takes tickets, with the backlog",
        "< 300 ms",
        ms(started),
        started < Duration::from_millis(300),
    );
    let held = received(&world).await?;
    site.link.set_state(State::Up);
    let start = Instant::now();
    while received(&world).await? == held && start.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (start, first) = (Instant::now(), received(&world).await?);
    // a fast drain is over before the watch
    let (all, mut drained) = (held + filled as u64, 0);
    while first + drained < all && start.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
        drained = received(&world).await? - first;
    }
    let rate = super::figures::rate(usize::try_from(drained)?, start.elapsed());
    table.goal(
        "drain over TLS on loopback, stored and signed for",
        "≥ 150 k/s",
        per_second(rate),
        rate >= 150_000.0,
    );
    let memory = kib(site.agent.pid())?;
    let met = memory.parse::<f64>().is_ok_and(|mib| mib < 12.0);
    table.goal(
        "agent memory (VmHWM, MiB) draining the backlog",
        "< 12",
        memory,
        met,
    );
    Ok(())
}

/// Journals the backlog; returns how many records it has.
async fn fill(state_dir: &std::path::Path) -> Result<usize> {
    let journal = Arc::new(capture::journal(state_dir)?);
    let sales = sales::captured(PART, false)?;
    let asked = std::env::var("TILLWIRE_BENCH_BACKLOG")
        .ok()
        .and_then(|text| text.parse().ok());
    let parts = asked.unwrap_or(RECORDS).div_ceil(PART);
    for part in 0..parts {
        let mut part_sales = sales.clone();
        for sale in &mut part_sales {
            renumber(sale, part)?;
        }
        capture::append_all(&journal, part_sales).await?;
    }
    journal.stop().await;
    Ok(parts * PART)
}

/// The same sale under another ticket number, so that the journal takes it.
fn renumber(sale: &mut tillwire_agent_core::journal::Captured, part: usize) -> Result<()> {
    if let tillwire_proto::Fact::Transaction(transaction) = &mut sale.fact {
        let number = format!("{part}-{}", transaction.key.ticket);
        transaction.key.ticket = tillwire_proto::TicketNumber::new(&number)?;
    }
    Ok(())
}

/// The most memory that a process has had, in MiB with one digit.
pub(super) fn kib(pid: Option<u32>) -> Result<String> {
    memory(pid, "VmHWM:")
}

/// What a process has in memory now, in MiB with one digit.
pub(crate) fn resident(pid: Option<u32>) -> Result<String> {
    memory(pid, "VmRSS:")
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn memory(pid: Option<u32>, field: &str) -> Result<String> {
    let pid = pid.context("the process runs")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .with_context(|| format!("no {field}"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(format!("{:.1}", kib as f64 / 1024.0))
}

/// What `cargo xtask cross` built, if it has.
fn sizes(table: &mut Table) {
    let target = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.to_owned()));
    for triple in ["aarch64-unknown-linux-musl", "armv7-unknown-linux-gnueabihf"] {
        let binary = target
            .as_ref()
            .map(|t| t.join(triple).join("small/tillwire-agent"));
        let what = format!("agent binary, {triple}");
        match binary.and_then(|binary| std::fs::metadata(binary).ok()) {
            Some(found) => table.goal(
                &what,
                "< 6000000 bytes",
                found.len().to_string(),
                found.len() < 6_000_000,
            ),
            None => table.floor(&what, "not built: run `cargo xtask cross` first".to_owned()),
        }
    }
}
