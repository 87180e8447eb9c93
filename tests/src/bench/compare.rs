//! What a user would pick instead to hold sales in the store and bring them to the centre later: Mosquitto's bridge, and a
//! NATS leaf with `JetStream`. The same tickets, on the same machine, in one run; what comes of it is a chart too.
//!
//! Each is a process at the edge and one at the centre with a link between them. The link is cut while the store sells, and
//! comes back. Then the same again on a disk that loses what was not synced, with the power cut, and once more with
//! `kill -9`.
//!
//! Ours checks, signs and encrypts on the way; the others are measured as plain text, which is in their favour.

mod chart;
mod mosquitto;
mod nats;
mod tillwire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::figures::{Table, per_second, rate};
use super::{sales, workdir};
use crate::disk_sim::{Disk, Keep};
use crate::link_sim::{Link, State};
use crate::program::Program;

/// Tickets for the figures of speed, where nothing else is said, and so many before them that warm everything up.
const TICKETS: usize = 10_000;
const WARM: usize = 200;

/// Tickets that each accepts before its end; all were acknowledged.
const BEFORE_THE_END: usize = 200;

/// Publications under way at once.
const OUTSTANDING: usize = 64;

/// The centre is not asked more often.
const LOOK: Duration = Duration::from_millis(10);

/// A backlog may take so long to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is not there after so long without anything new is lost.
const SILENCE: Duration = Duration::from_secs(8);

/// Where the chart goes: beside the page that shows it.
const CHART: &str = "compared.svg";

/// One way of holding sales and bringing them on.
trait Contender: Sized {
    /// Tickets for the figures of speed: fewer where each costs more than the one before.
    const TICKETS: usize = TICKETS;

    /// What people call it, and how it is set.
    fn name() -> &'static str;

    /// Starts both ends; the edge keeps what it holds in `edge`.
    async fn open(dir: &Path, edge: &Path) -> Result<Self>;

    /// The process in the store.
    fn edge(&self) -> &Program;

    /// Between the two.
    fn link(&self) -> &Link;

    /// Offers tickets, [`OUTSTANDING`] at once, until each is acknowledged.
    async fn accept(&self, tickets: &[String]) -> Result<()>;

    /// The edge process was started again: waits until it takes tickets.
    async fn back(&self) -> Result<()>;

    /// Tickets that are at the centre, each counted once.
    async fn arrived(&self) -> Result<usize>;

    /// Whether the edge has nothing more to send, where it can tell.
    async fn is_done(&self) -> Result<bool> {
        Ok(true)
    }
}

/// What came of one.
#[derive(Debug, Clone)]
struct Figures {
    name: &'static str,
    /// Tickets a second acknowledged in the store.
    accepted: f64,
    /// Tickets a second arriving once the link is back.
    drained: f64,
    /// Bytes on the wire, and bytes that the edge had written to its disk, a ticket.
    wire: u64,
    disk: u64,
    /// Acknowledged and never seen again, of [`BEFORE_THE_END`].
    lost_killed: usize,
    /// As before, after a power cut; `None` where no such disk can be mounted.
    lost_cut: Option<usize>,
}

pub(super) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let all = runtime.block_on(measure())?;
    for one in &all {
        let lost = |count: usize| format!("{count} of {BEFORE_THE_END}");
        let name = one.name;
        table.floor(
            &format!("{name}: acknowledged in the store"),
            per_second(one.accepted),
        );
        table.floor(
            &format!("{name}: arriving once the link is back"),
            per_second(one.drained),
        );
        table.floor(
            &format!("{name}: bytes on the wire a ticket"),
            one.wire.to_string(),
        );
        table.floor(
            &format!("{name}: bytes written to the store's disk a ticket"),
            one.disk.to_string(),
        );
        table.floor(
            &format!("{name}: acknowledged tickets lost by kill -9"),
            lost(one.lost_killed),
        );
        let cut = one.lost_cut.map_or_else(|| "no FUSE here".to_owned(), lost);
        table.floor(&format!("{name}: acknowledged tickets lost by a power cut"), cut);
    }
    let ours = all.first().context("ours is measured")?;
    let lost = ours.lost_killed + ours.lost_cut.unwrap_or(0);
    table.goal("acknowledged sales lost", "0", lost.to_string(), lost == 0);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(CHART);
    std::fs::write(&path, chart::draw(&all)).with_context(|| format!("write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

async fn measure() -> Result<Vec<Figures>> {
    let tickets = sales::tickets(WARM + TICKETS + BEFORE_THE_END);
    Ok(vec![
        figures::<tillwire::Tillwire>(&tickets).await?,
        figures::<mosquitto::AsInstalled>(&tickets).await?,
        figures::<mosquitto::SavedEachTime>(&tickets).await?,
        figures::<nats::Nats>(&tickets).await?,
    ])
}

async fn figures<C: Contender>(tickets: &[String]) -> Result<Figures> {
    println!("  {} ...", C::name());
    let speed = speed::<C>(tickets).await.with_context(|| C::name())?;
    let few = &tickets[..BEFORE_THE_END];
    let folder = workdir()?;
    let lost_killed = lost::<C>(folder.path(), None, few)
        .await
        .with_context(|| C::name())?;
    // The helper lies beside the program that measures.
    let helper = std::env::current_exe()?.with_file_name("disk");
    let lost_cut = match Disk::mount(&helper) {
        Ok(disk) => Some(
            lost::<C>(workdir()?.path(), Some(&disk), few)
                .await
                .with_context(|| C::name())?,
        ),
        Err(error) => {
            println!("  no power cut: {error:#}");
            None
        }
    };
    Ok(Figures {
        lost_killed,
        lost_cut,
        ..speed
    })
}

async fn speed<C: Contender>(tickets: &[String]) -> Result<Figures> {
    let folder = workdir()?;
    let edge = folder.path().join("edge");
    let contender = C::open(folder.path(), &edge).await?;
    let (warm, rest) = tickets.split_at(WARM);
    let work = &rest[..C::TICKETS];
    contender.accept(warm).await?;
    until_arrived(&contender, WARM).await?;
    contender.link().set_state(State::Cut);
    let written = written(contender.edge())?;
    let start = Instant::now();
    contender.accept(work).await?;
    let accepted = rate(C::TICKETS, start.elapsed());
    let disk = (self::written(contender.edge())? - written) / C::TICKETS as u64;
    let wire = contender.link().bytes_up();
    contender.link().set_state(State::Up);
    // From the look before the first arrived on: how soon it tries again is drawn.
    let began = Instant::now();
    let mut start = began;
    loop {
        let look = Instant::now();
        if contender.arrived().await? > WARM {
            break;
        }
        start = look;
        ensure!(began.elapsed() < PATIENCE, "nothing arrived in {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
    until_arrived(&contender, WARM + C::TICKETS).await?;
    let drained = rate(C::TICKETS, start.elapsed());
    let wire = (contender.link().bytes_up() - wire) / C::TICKETS as u64;
    Ok(Figures {
        name: C::name(),
        accepted,
        drained,
        wire,
        disk,
        lost_killed: 0,
        lost_cut: None,
    })
}

/// How many acknowledged tickets are never seen again when the store's process ends: by `kill -9`, or with its disk's power.
async fn lost<C: Contender>(folder: &Path, disk: Option<&Disk>, tickets: &[String]) -> Result<usize> {
    let edge = disk.map_or_else(|| folder.join("edge"), |disk| disk.path().join("edge"));
    let contender = C::open(folder, &edge).await?;
    contender.link().set_state(State::Cut);
    contender.accept(tickets).await?;
    if let Some(disk) = disk {
        disk.cut_power();
    }
    contender.edge().kill();
    if let Some(disk) = disk {
        disk.restore_power(1, Keep::Nothing);
    }
    contender.link().set_state(State::Up);
    contender.edge().start()?;
    contender.back().await?;
    let (mut seen, mut news) = (contender.arrived().await?, Instant::now());
    while seen < tickets.len() && news.elapsed() < SILENCE {
        tokio::time::sleep(LOOK).await;
        let now = contender.arrived().await?;
        if now > seen {
            (seen, news) = (now, Instant::now());
        }
    }
    contender.edge().kill();
    Ok(tickets.len().saturating_sub(seen))
}

/// Waits until so many are at the centre, and the edge has nothing more to send.
async fn until_arrived<C: Contender>(contender: &C, count: usize) -> Result<()> {
    let start = Instant::now();
    loop {
        let arrived = contender.arrived().await?;
        if arrived >= count && contender.is_done().await? {
            return Ok(());
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "{arrived} of {count} tickets arrived in {PATIENCE:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Bytes that a process has caused to be written to disks, as the kernel counts them.
fn written(program: &Program) -> Result<u64> {
    let pid = program.pid().context("the edge runs")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).context("read what the edge wrote")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("the kernel counts what is written")?.parse()?)
}

/// Where a program of Debian's is.
fn installed(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name));
    found
        .into_iter()
        .find(|path| path.exists())
        .with_context(|| format!("found no {name}, wanted Debian's packages `mosquitto` and `nats-server`"))
}
