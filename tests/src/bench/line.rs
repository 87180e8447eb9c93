//! The real agent and the real relay as processes, with every byte between them counted on the socket: TLS, MQTT,
//! signatures, receipts' way up, and the captured bytes that travel behind the facts.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::figures::{Table, Times, ms, per_second, rate};
use super::{sales, workdir};
use crate::link_sim::State;
use crate::relay_store;
use crate::till_sim::http;
use crate::world::{SECRET, Setup, World};

const LIVE: usize = 100;
const BATCHED: usize = 2_000;

/// Long enough for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(table))
}

/// One store, its agent and the relay.
pub(super) async fn world(dir: &std::path::Path) -> Result<World> {
    let mut setup = Setup::new(7, 1, std::env::current_exe()?, dir.to_owned());
    setup.tenant = "bench".to_owned();
    setup.agent = std::env::var_os("TILLWIRE_AGENT").map(Into::into);
    World::start(&setup).await
}

async fn measure(table: &mut Table) -> Result<()> {
    let folder = workdir()?;
    let world = world(folder.path()).await?;
    let site = &world.sites[0];
    let tickets = sales::tickets(LIVE + BATCHED);
    let (live, batched) = tickets.split_at(LIVE);

    settle(&world).await?;
    let (before, mut seen) = (site.link.bytes_up(), Vec::with_capacity(LIVE));
    for ticket in live {
        let (held, start) = (received(&world).await?, Instant::now());
        push(&world, ticket).await?;
        until_received(&world, held + 1).await?;
        seen.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    settle(&world).await?;
    let bytes = (site.link.bytes_up() - before) / LIVE as u64;
    table.goal(
        "wire bytes a live sale, ticket's bytes included",
        "≤ 260 + 300",
        bytes.to_string(),
        bytes <= 560,
    );
    let seen = Times::new(seen);
    let found = format!("p50 {}, p99 {}", ms(seen.percentile(50)), ms(seen.percentile(99)));
    let met = seen.percentile(99) < Duration::from_millis(500);
    table.goal(
        "push at the till → stored at the relay",
        "p99 < 500 ms",
        found,
        met,
    );

    site.link.set_state(State::Cut);
    for ticket in batched {
        push(&world, ticket).await?;
    }
    let (held, before) = (received(&world).await?, site.link.bytes_up());
    let facts_before = relay_store::record_bytes(&world.relay.database)?;
    site.link.set_state(State::Up);
    let start = Instant::now();
    until_received(&world, held + BATCHED as u64).await?;
    let facts = start.elapsed();
    settle(&world).await?;
    let bytes = (relay_store::record_bytes(&world.relay.database)? - facts_before) / BATCHED as u64;
    let all = (site.link.bytes_up() - before) / BATCHED as u64;
    table.goal(
        "bytes of the messages with facts, a sale of a backlog",
        "≤ 80",
        bytes.to_string(),
        bytes <= 80,
    );
    table.goal(
        "wire bytes a sale of a backlog, ticket's bytes, MQTT and TLS included",
        "≤ 80 + 300",
        all.to_string(),
        all <= 380,
    );
    table.floor(
        "the same tickets as JSON",
        (batched.iter().map(String::len).sum::<usize>() / BATCHED).to_string(),
    );
    table.floor(
        "backlog of 2,000 sales, link up → all stored at the relay",
        per_second(rate(BATCHED, facts)),
    );
    Ok(())
}

async fn push(world: &World, ticket: &str) -> Result<()> {
    let answer = http::post(world.sites[0].http, "/v1/tickets", SECRET, ticket.as_bytes()).await?;
    ensure!(answer.status == 200, "the agent answered {answer:?}");
    Ok(())
}

/// Records at the relay.
pub(super) async fn received(world: &World) -> Result<u64> {
    world.relay.metric("tillwire_relay_records_total", "").await
}

pub(super) async fn until_received(world: &World, count: u64) -> Result<()> {
    let start = Instant::now();
    while received(world).await? < count {
        ensure!(
            start.elapsed() < PATIENCE,
            "the relay did not hold {count} records in {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Waits until the agent waits for nothing.
async fn settle(world: &World) -> Result<()> {
    let start = Instant::now();
    loop {
        let status = world.sites[0].status().await?;
        if status["backlog"] == 0 && status["attachments"] == 0 {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "the agent still waits: {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
