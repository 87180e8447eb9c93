//! Somebody pulls the plug, again and again, while stores sell: processes are killed with `SIGKILL`, or the box loses its power
//! and with it every write that was not synced. Two campaigns with the real programs; the checkers of the stories judge what
//! is there in the end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::disk_sim::{Disk, Keep};
use crate::link_sim::State;
use crate::shop::{Event, Plan, What};
use crate::world::{Pace, Setup, World};

/// The line must come to rest within this time afterwards.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two ends, in milliseconds: a program must have time to start and to be in the middle of something.
const BETWEEN_MS: std::ops::Range<u64> = 150..900;

/// How long a program stays dead, in milliseconds.
const DEAD_MS: std::ops::Range<u64> = 0..250;

/// What a campaign went through.
#[derive(Debug, Clone)]
pub struct Tally {
    /// What was done to the programs, and how often.
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
            ends,
            relay,
            sales,
            syncs,
            took,
        } = self;
        let minutes = took.as_secs_f64() / 60.0;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = *ends as f64 / minutes.max(f64::EPSILON);
        write!(
            f,
            "{ends} ends ({relay} of the relay) at {rate:.0} a minute under {sales} sales"
        )?;
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
        ends,
        relay: 0,
        sales: sales(&events),
        syncs,
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
