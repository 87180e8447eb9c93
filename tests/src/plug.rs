//! Somebody pulls the plug, again and again, while stores sell: processes are killed with `SIGKILL`, or the box loses its power
//! and with it every write that was not synced. Two campaigns with the real programs; the checkers of the stories judge what
//! is there in the end.

mod many;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::disk_sim::{Disk, Failure, Keep};
use crate::link_sim::{State, Weather};
use crate::shop::{Event, Plan, What};
use crate::world::{Pace, Setup, World};

/// The line must come to rest within this time afterwards.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two ends, in milliseconds: a program must have time to start and to be in the middle of something.
const BETWEEN_MS: Range<u64> = 150..900;

/// How long a program stays dead, in milliseconds.
const DEAD_MS: Range<u64> = 0..250;

/// A call that is told to fail comes within this time, or the program has not so many to make.
const HIT: Duration = Duration::from_millis(1_500);

pub use many::{Stretch, in_worlds};

/// What a campaign went through.
#[derive(Debug, Clone)]
pub struct Tally {
    /// What was done to the programs.
    pub what: &'static str,
    /// How often.
    pub ends: u64,
    /// Of those, how often it hit the relay.
    pub relay: u64,
    /// Sales that tills were told are taken meanwhile.
    pub sales: usize,
    /// Syncs that the disk saw; 0 where it was a plain one.
    pub syncs: u64,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            ends,
            relay,
            sales,
            syncs,
            took,
        } = self;
        let minutes = took.as_secs_f64() / 60.0;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = *ends as f64 / minutes.max(f64::EPSILON);
        write!(f, "{ends} {what} at {rate:.0} a minute under {sales} sales")?;
        if *relay > 0 {
            write!(f, ", {relay} of them the relay's")?;
        }
        if *syncs > 0 {
            write!(f, ", {syncs} syncs")?;
        }
        write!(f, "; every sale is in the books once, to the cent and the piece")
    }
}

/// Kills agents and relay of two selling stores, one after the other, at moments that a seed chooses.
///
/// # Errors
/// When a sale is lost, doubled or wrong in the end, with every difference; or when a program does not come up.
pub async fn kill(ends: u64, seed: u64, binary: &Path) -> anyhow::Result<Tally> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let world = open(seed, 2, binary, dir.path(), None).await?;
    let events = day(&world, ends);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (began, mut relay) = (Instant::now(), 0);
    let killing = async {
        for _ in 0..ends {
            tokio::time::sleep(Duration::from_millis(rng.random_range(BETWEEN_MS))).await;
            let program = match rng.random_range(0..=world.sites.len()) {
                0 => {
                    relay += 1;
                    &world.relay.program
                }
                n => &world.sites[n - 1].agent,
            };
            program.crash();
            tokio::time::sleep(Duration::from_millis(rng.random_range(DEAD_MS))).await;
            program.revive()?;
        }
        anyhow::Ok(())
    };
    let (sold, killed) = tokio::join!(sell(&world, &events, ends), killing);
    sold.and(killed).with_context(|| world.last_words())?;
    judged(&world, seed).await?;
    Ok(Tally {
        what: "ends",
        ends,
        relay,
        sales: sales(&events),
        syncs: 0,
        took: began.elapsed(),
    })
}

/// Cuts the power of a selling store's box: its agent is gone, and of the writes that were not synced some are kept, some
/// dropped and some torn, by the seed.
///
/// The link to the relay is there or away at each cut, so that there are sales that only the box has.
///
/// # Errors
/// As [`kill`].
pub async fn power(ends: u64, seed: u64, binary: &Path, disk: &Disk) -> anyhow::Result<Tally> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let world = open(seed, 1, binary, dir.path(), Some(disk.path().join("state"))).await?;
    let events = day(&world, ends);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let began = Instant::now();
    let site = &world.sites[0];
    let cutting = async {
        for cut in 0..ends {
            tokio::time::sleep(Duration::from_millis(rng.random_range(BETWEEN_MS))).await;
            disk.cut_power();
            site.agent.kill();
            let keep = if rng.random_bool(0.75) {
                Keep::Some
            } else {
                Keep::Nothing
            };
            disk.restore_power(seed.wrapping_mul(1_000_003).wrapping_add(cut), keep);
            let away = rng.random_bool(0.6);
            site.link
                .set_state(if away { State::BlackHole } else { State::Up });
            site.agent.start()?;
        }
        site.link.set_state(State::Up);
        anyhow::Ok(())
    };
    let (sold, cut) = tokio::join!(sell(&world, &events, ends), cutting);
    sold.and(cut).with_context(|| world.last_words())?;
    judged(&world, seed).await?;
    site.agent.stop()?;
    let syncs = disk.syncs();
    ensure!(
        syncs > ends,
        "the disk was asked to sync {syncs} times in {ends} lives: nothing was under way"
    );
    Ok(Tally {
        what: "power cuts",
        ends,
        relay: 0,
        sales: sales(&events),
        syncs,
        took: began.elapsed(),
    })
}

/// Changes the weather between two selling stores and their relay, again and again: cut, half-open, silent, slow, as narrow
/// as an old modem, ending after so many bytes, with a bit turned.
///
/// # Errors
/// As [`kill`].
pub async fn network(changes: u64, seed: u64, binary: &Path) -> anyhow::Result<Tally> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let world = open(seed, 2, binary, dir.path(), None).await?;
    let events = day(&world, changes);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let began = Instant::now();
    let changing = async {
        for _ in 0..changes {
            let site = &world.sites[rng.random_range(0..world.sites.len())];
            site.link.set(weather(&mut rng));
            tokio::time::sleep(Duration::from_millis(rng.random_range(BETWEEN_MS))).await;
        }
        for site in &world.sites {
            site.link.set(Weather::default());
        }
        anyhow::Ok(())
    };
    let (sold, changed) = tokio::join!(sell(&world, &events, changes), changing);
    sold.and(changed).with_context(|| world.last_words())?;
    judged(&world, seed).await?;
    let connections: u64 = world.sites.iter().map(|site| site.link.connections()).sum();
    ensure!(
        connections > changes / 4,
        "{connections} connections in {changes} kinds of weather: nothing was disturbed"
    );
    Ok(Tally {
        what: "changes of weather",
        ends: changes,
        relay: 0,
        sales: sales(&events),
        syncs: 0,
        took: began.elapsed(),
    })
}

fn weather(rng: &mut ChaCha8Rng) -> Weather {
    let mut weather = Weather::default();
    match rng.random_range(0..9) {
        0 => weather.state = State::Cut,
        1 => weather.state = State::HalfOpen,
        2 => weather.state = State::BlackHole,
        3 => weather.truncate_after = rng.random_range(1..4096),
        4 => weather.flip_at = rng.random_range(1..4096),
        5 => {
            weather.delay = Duration::from_millis(rng.random_range(20..300));
            weather.jitter = weather.delay;
        }
        // 9,600 bits a second
        6 => weather.rate = 1_200,
        _ => {}
    }
    weather
}

/// Lets the first, second, third … call to the disk fail, of a box and of a relay by turns, each from a start of the program
/// on, while the store sells: once as by a worn medium, once as by a full disk. A program that ends itself then is started
/// again, as its service manager does. Four `turns` are one call.
///
/// # Errors
/// As [`kill`]; or when most calls that should have failed were never made.
pub async fn errors(turns: Range<u64>, seed: u64, binary: &Path, disks: [&Disk; 2]) -> anyhow::Result<Tally> {
    let ends = turns.end - turns.start;
    let dir = tempfile::tempdir().context("make a folder")?;
    let [of_box, of_relay] = disks;
    let mut setup = Setup::new(seed, 1, binary.to_owned(), dir.path().to_owned());
    setup.agent_dirs.insert(0, of_box.path().join("state"));
    setup.relay_state = Some(of_relay.path().join("state"));
    let world = World::start(&setup).await?;
    let events = day(&world, ends);
    let (began, site) = (Instant::now(), &world.sites[0]);
    let failing = async {
        for turn in turns {
            let (disk, program) = if turn % 2 == 0 {
                (of_box, &site.agent)
            } else {
                (of_relay, &world.relay.program)
            };
            let how = if turn / 2 % 2 == 0 {
                Failure::Medium
            } else {
                Failure::Room
            };
            program.crash();
            let before = disk.failed();
            disk.fail_call(1 + turn / 4, how);
            program.revive()?;
            let hit = Instant::now() + HIT;
            while disk.failed() == before && Instant::now() < hit {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            disk.fail_none();
            tokio::time::sleep(Duration::from_millis(BETWEEN_MS.start)).await;
            program.revive()?;
        }
        anyhow::Ok(())
    };
    let (sold, failed) = tokio::join!(sell(&world, &events, ends), failing);
    sold.and(failed).with_context(|| world.last_words())?;
    judged(&world, seed).await?;
    let hits = of_box.failed() + of_relay.failed();
    ensure!(hits * 2 > ends, "{hits} calls failed of {ends} that should have");
    site.agent.stop()?;
    world.relay.program.stop()?;
    Ok(Tally {
        what: "failing calls",
        ends: hits,
        relay: of_relay.failed(),
        sales: sales(&events),
        syncs: of_box.syncs() + of_relay.syncs(),
        took: began.elapsed(),
    })
}

async fn open(
    seed: u64,
    stores: usize,
    binary: &Path,
    dir: &Path,
    state: Option<PathBuf>,
) -> anyhow::Result<World> {
    let mut setup = Setup::new(seed, stores, binary.to_owned(), dir.to_owned());
    setup.agent_dirs.extend(state.map(|state| (0, state)));
    World::start(&setup).await
}

/// A day with a sale at each register for every end, and never a short one.
fn day(world: &World, ends: u64) -> Vec<Event> {
    let plan = Plan {
        tickets: usize::try_from(ends).unwrap_or(usize::MAX).max(20),
        unknown_sku: false,
        close: true,
    };
    world.shop.day(plan, 0)
}

async fn sell(world: &World, events: &[Event], ends: u64) -> anyhow::Result<()> {
    let between = BETWEEN_MS.start.midpoint(BETWEEN_MS.end) + DEAD_MS.end / 2;
    let wall = Duration::from_millis(between.saturating_mul(ends).max(2_000));
    world.play(world.date, events, Pace::Over(wall)).await
}

async fn judged(world: &World, seed: u64) -> anyhow::Result<()> {
    let verdict = world
        .verdict(PATIENCE)
        .await
        .with_context(|| format!("seed {seed}"))?;
    ensure!(
        verdict.is_good(),
        "seed {seed}:\n{}\n{}",
        verdict.0.join("\n"),
        world.last_words()
    );
    Ok(())
}

fn sales(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event.what, What::Ticket(_)))
        .count()
}
