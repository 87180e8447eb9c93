//! `cargo xtask campaign NAME [--n N] [--seed S]`: as many seeded tries as one has time for. Like the demo's, this binary also
//! is agent, relay and the disk under them.

#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::once::Conditions;
use tillwire_e2e::proof::{self, Part};
use tillwire_e2e::spread::cores;
use tillwire_e2e::{canary, controls, once, plug, program, siege, simulate};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Every effect is in Odoo exactly once.
    Once,
    /// Card data of every shape at every place leaves no trace.
    Canary,
    /// The whole line in one thread, with everything going wrong that a seed draws.
    Simulate,
    /// Agents and relay are killed while stores sell.
    Kill,
    /// A box loses its power while its store sells.
    Power,
    /// A box's and a relay's disk after a power cut at each write and sync.
    States,
    /// The network between stores and relay is as bad as a seed draws.
    Network,
    /// Each call to the disks of a box and its relay fails once.
    Errors,
    /// Boxes come and go while strangers stand at the relay's door.
    Siege,
    /// Machines with a mistake in them: each must be found by its campaign. Writes `tests/CONTROLS.md`.
    Controls,
    /// A short part of each; what every change has to pass.
    Cut,
    /// All of them, `--n` per cent of the usual number each, kept in `tests/PROOF.md`.
    All,
}

impl Name {
    const EACH: [Self; 9] = [
        Self::Once,
        Self::Canary,
        Self::Simulate,
        Self::States,
        Self::Kill,
        Self::Power,
        Self::Errors,
        Self::Network,
        Self::Siege,
    ];

    /// Tries when nobody says otherwise.
    const fn usual(self) -> u64 {
        match self {
            Self::Once => 10_000,
            Self::Simulate => 20_000,
            Self::Canary | Self::States => 1_000_000,
            Self::Kill => 10_000,
            Self::Power | Self::Errors | Self::Network => 1_000,
            Self::Siege => 3_000,
            Self::All | Self::Cut | Self::Controls => 100,
        }
    }
}

/// Tries until one fails, and prints what is needed to see it again.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which campaign.
    name: Name,
    /// How many tries: runs, canaries, kills or cuts. The campaign's usual number when absent.
    #[arg(long)]
    n: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Publish it: it takes its place in `tests/PROOF.md`.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = program::act(&args) {
        return code;
    }
    let Arguments { name, n, seed, keep } = Arguments::parse();
    let n = n.unwrap_or(name.usual());
    let done = match name {
        Name::All => all(n, seed),
        Name::Cut => cut(seed),
        Name::Controls => controls(true),
        name if keep => part(name, n, seed).and_then(published),
        name => part(name, n, seed).map(drop),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("campaign: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays one campaign and says how it went.
fn part(name: Name, n: u64, seed: u64) -> anyhow::Result<Part> {
    let began = Instant::now();
    let here = std::env::current_exe().context("find this program")?;
    let mut tries = n;
    let (name, promise, unit, words) = match name {
        Name::Once => {
            let tally = once::campaign(seed, n, &Conditions::default())?;
            (
                "once",
                "nothing twice",
                "runs",
                format!("{tally}; nothing doubled, nothing missing"),
            )
        }
        Name::Canary => (
            "canary",
            "no card data",
            "canaries",
            canary::campaign(seed, n)?.to_string(),
        ),
        Name::Simulate => (
            "simulate",
            "nothing lost",
            "runs",
            simulate::campaign(seed, n)?.to_string(),
        ),
        Name::States => {
            let disk = here.with_file_name("disk");
            let tally = simulate::states::campaign(seed, n, &disk)?;
            tries = tally.cuts;
            ("states", "nothing lost", "power cuts", tally.to_string())
        }
        Name::Kill => {
            let tally = plug::in_worlds(n, seed, async |one| {
                plug::kill(one.count(), one.seed, &here).await
            })?;
            ("kill", "nothing lost", "kills", tally.to_string())
        }
        Name::Power => {
            let tally = plug::in_worlds(n, seed, async |one| {
                let disk = Disk::mount(&here.with_file_name("disk"))?;
                plug::power(one.count(), one.seed, &here, &disk).await
            })?;
            ("power", "nothing lost", "power cuts", tally.to_string())
        }
        Name::Network => {
            let tally = plug::in_worlds(n, seed, async |one| {
                plug::network(one.count(), one.seed, &here).await
            })?;
            ("network", "nothing lost", "changes of weather", tally.to_string())
        }
        Name::Errors => {
            let tally = plug::in_worlds(n, seed, async |one| {
                let mount = || Disk::mount(&here.with_file_name("disk"));
                let disks = [mount()?, mount()?];
                plug::errors(one.ends, one.seed, &here, [&disks[0], &disks[1]]).await
            })?;
            tries = tally.ends;
            ("errors", "nothing lost", "failing calls", tally.to_string())
        }
        Name::Siege => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let tally = runtime.block_on(siege::campaign(n, seed))?;
            ("siege", "no way in", "arrivals", tally.to_string())
        }
        Name::All | Name::Cut | Name::Controls => anyhow::bail!("all campaigns are no campaign"),
    };
    let took = began.elapsed();
    println!("{name}: {words}, in {:.1} s", took.as_secs_f64());
    Ok(Part {
        name: name.to_owned(),
        promise: promise.to_owned(),
        unit: unit.to_owned(),
        tries,
        seed,
        words,
        took_s: took.as_secs(),
        date: jiff::Zoned::now().strftime("%Y-%m-%d").to_string(),
        machine: format!("{} cores, {}", cores(), std::env::consts::ARCH),
        commit: proof::commit(Path::new(env!("CARGO_MANIFEST_DIR"))),
    })
}

/// Gives a part its place on the page.
fn published(part: Part) -> anyhow::Result<()> {
    let order = Name::EACH.map(|name| {
        name.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    proof::keep(folder, &order, part)?;
    println!("published in {}", folder.join("PROOF.md").display());
    Ok(())
}

/// Machines with a mistake; the page is kept where the whole proof is made.
fn controls(keep: bool) -> anyhow::Result<()> {
    let here = std::env::current_exe().context("find this program")?;
    let found = controls::all(&here, &here.with_file_name("disk"))?;
    for one in &found {
        println!(
            "controls: {} is found by {} ({})",
            one.mistake, one.campaign, one.by
        );
    }
    if keep {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("CONTROLS.md");
        std::fs::write(&path, controls::page(&found))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// A short part of each, for every change: some five minutes without optimisation.
fn cut(seed: u64) -> anyhow::Result<()> {
    let parts = [
        (Name::Once, 200),
        (Name::Canary, 20_000),
        (Name::Simulate, 300),
        (Name::States, 10_000),
        (Name::Kill, 50),
        (Name::Power, 40),
        (Name::Errors, 40),
        (Name::Network, 40),
        (Name::Siege, 40),
    ];
    for (name, n) in parts {
        part(name, n, seed)?;
    }
    controls(false)
}

fn all(percent: u64, seed: u64) -> anyhow::Result<()> {
    for name in Name::EACH {
        published(part(name, (name.usual() * percent / 100).max(3), seed)?)?;
    }
    controls(true)
}
