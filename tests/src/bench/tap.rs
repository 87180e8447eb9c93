//! The printer's tap: what it adds to a question and its answer, alone and beside tills that print without pause, and
//! how many receipts one core reads.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;
use tillwire_agent_core::capture::dialect::{Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::figures::{Table, Times, per_second, rate};
use super::workdir;
use crate::program::Program;
use crate::shop::{Plan, What, business_day};
use crate::sims::printer::receipt::receipt;
use crate::tap::printer_tap;
use crate::world::{free_port, until};

const ROUNDS: usize = 5_000;

/// Tills that print while the round trips are measured, and how many receipts each in a second.
const BUSY_TILLS: usize = 8;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Printers before which one agent sits, and for how long their tills print.
const TAPS: usize = 8;
const TAPS_BUSY: Duration = Duration::from_secs(10);
const TAPS_UP: Duration = Duration::from_secs(20);

const QUESTION: &[u8] = b"\x10\x04\x01";

pub(super) fn run(table: &mut Table) -> Result<()> {
    let jobs = jobs();
    read(table, &jobs)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        latency(table, &jobs).await?;
        memory(table, &jobs).await
    })
}

/// A day's receipts.
fn jobs() -> Vec<Vec<u8>> {
    let shop = super::sales::shop();
    let plan = Plan {
        tickets: 400,
        unknown_sku: false,
        close: false,
    };
    let events = shop.day(plan, 0);
    let job = |event: &crate::shop::Event| match &event.what {
        What::Ticket(ticket) => Some(receipt(&shop, event, ticket, business_day(), false)),
        _ => None,
    };
    events.iter().filter_map(job).collect()
}

/// Bytes to facts, on this thread.
fn read(table: &mut Table, jobs: &[Vec<u8>]) -> Result<()> {
    let settings = TapSettings {
        lane: LaneId::new("printer")?,
        store: StoreId::new("store")?,
        register: RegisterId::new("till-1")?,
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: String::new(),
        },
        dialect: Dialect::EscPos(Box::default()),
    };
    let mut printer = decoder(&settings, &TapMemory::default());
    let (start, mut receipts, mut bytes) = (Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_secs(3) {
        for job in jobs {
            let heard = printer.said(Side::Pos, job);
            receipts += heard
                .iter()
                .filter(|heard| matches!(heard.fact, Fact::Printed(_)))
                .count();
            bytes += job.len();
        }
    }
    let took = start.elapsed();
    table.floor(
        "printed receipts read on one core",
        per_second(rate(receipts, took)),
    );
    table.floor(
        "the same in bytes",
        format!("{:.1} MB/s", rate(bytes, took) / 1e6),
    );
    Ok(())
}

async fn latency(table: &mut Table, jobs: &[Vec<u8>]) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let printer = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answers(stream));
        }
    });
    let stop = CancellationToken::new();
    let (tap, memory) = printer_tap(printer, stop.clone()).await?;
    added(table, "alone", printer, tap).await?;
    let tills: Vec<_> = (0..BUSY_TILLS)
        .map(|_| tokio::spawn(prints(tap, jobs.to_vec())))
        .collect();
    added(table, "beside 400 receipts/s", printer, tap).await?;
    tills.iter().for_each(tokio::task::JoinHandle::abort);
    let heard = memory.heard().len();
    anyhow::ensure!(heard > 0, "the tap heard none of the receipts beside it");
    stop.cancel();
    Ok(())
}

/// The real agent between eight tills and eight printers, enrolled and sending what it hears.
async fn memory(table: &mut Table, jobs: &[Vec<u8>]) -> Result<()> {
    let folder = workdir()?;
    let world = super::line::world(folder.path()).await?;
    let site = &world.sites[0];
    site.agent.stop()?;
    let mut config: toml::Table = toml::from_str(&std::fs::read_to_string(&site.config)?)?;
    let (mut listens, mut printers) = (Vec::new(), Vec::new());
    for nth in 1..=TAPS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (printer, listen) = (listener.local_addr()?, free_port()?);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answers(stream));
            }
        });
        let register = config["register"][nth % 2]["id"].clone();
        printers.push(json!({ "lane": format!("printer-{nth}"), "register": register,
            "listen": listen.to_string(), "connect": printer.to_string() }));
        listens.push(listen);
    }
    config.insert("printer".to_owned(), toml::Value::try_from(printers)?);
    let path = folder.path().join("agent-with-taps.toml");
    std::fs::write(&path, toml::to_string(&config)?)?;
    let args = site
        .program
        .args([OsString::from("run"), "--config".into(), path.into()]);
    let agent = Program::new(
        "agent",
        &site.program.binary,
        args,
        &folder.path().join("agent-with-taps.log"),
    );
    agent.start()?;
    until("the taps listen", TAPS_UP, async || {
        Ok(TcpStream::connect(listens[TAPS - 1]).await.ok())
    })
    .await
    .with_context(|| agent.log_tail())?;
    let tills: Vec<_> = listens
        .iter()
        .map(|tap| tokio::spawn(prints(*tap, jobs.to_vec())))
        .collect();
    tokio::time::sleep(TAPS_BUSY).await;
    anyhow::ensure!(
        tills.iter().all(|till| !till.is_finished()),
        "a tap hung up: {}",
        agent.log_tail()
    );
    tills.iter().for_each(tokio::task::JoinHandle::abort);
    let memory = super::backlog::kib(agent.pid())?;
    let met = memory.parse::<f64>().is_ok_and(|mib| mib < 12.0);
    table.goal(
        "agent memory (VmHWM, MiB), eight taps printing 400 receipts/s",
        "< 12",
        memory,
        met,
    );
    agent.stop()
}

/// Answers every question with a byte, takes everything else.
async fn answers(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        if buffer[..len].ends_with(QUESTION) {
            stream.write_all(&[0x12]).await?;
        }
    }
}

async fn prints(tap: SocketAddr, jobs: Vec<Vec<u8>>) -> std::io::Result<()> {
    let mut till = TcpStream::connect(tap).await?;
    for job in jobs.iter().cycle() {
        till.write_all(job).await?;
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    Ok(())
}

/// The same round trips with and without the tap, by turns, so that what else the machine does meets both.
async fn added(table: &mut Table, beside: &str, printer: SocketAddr, tap: SocketAddr) -> Result<()> {
    let (mut straight, mut through) = (TcpStream::connect(printer).await?, TcpStream::connect(tap).await?);
    straight.set_nodelay(true)?;
    through.set_nodelay(true)?;
    let (mut direct, mut tapped) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        direct.push(round_trip(&mut straight).await?);
        tapped.push(round_trip(&mut through).await?);
    }
    let (direct, tapped) = (Times::new(direct), Times::new(tapped));
    let added = |percent: usize| {
        let micros = |times: &Times| times.percentile(percent).as_micros();
        format!("{} − {} µs", micros(&tapped), micros(&direct))
    };
    let p99 = tapped.percentile(99).saturating_sub(direct.percentile(99));
    table.goal(
        &format!("printer's answer, tap − direct, p99, {beside}"),
        "≤ 2000 µs",
        added(99),
        p99 <= Duration::from_millis(2),
    );
    table.floor(&format!("the same, p50, {beside}"), added(50));
    table.floor(&format!("the same, max, {beside}"), added(100));
    Ok(())
}

async fn round_trip(line: &mut TcpStream) -> std::io::Result<Duration> {
    let start = Instant::now();
    line.write_all(QUESTION).await?;
    line.read_exact(&mut [0]).await?;
    Ok(start.elapsed())
}
