//! Many worlds at once: while one waits for a program to start, others are in the middle of something.

use std::ops::Range;
use std::time::Instant;

use anyhow::Context as _;

use super::Tally;
use crate::spread::{cores, spread};

/// Ends in one world: its day has a sale at each register for each, and all of it is judged in the end.
const ENDS_A_WORLD: u64 = 250;

/// Worlds at once for each core. They wait most of the time.
const WORLDS_A_CORE: usize = 4;

/// What one world has to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Its seed.
    pub seed: u64,
    /// Which of all ends.
    pub ends: Range<u64>,
}

impl Stretch {
    /// How many ends.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.ends.end - self.ends.start
    }
}

/// Ends dealt out to worlds, each with a seed of its own.
fn dealt(ends: u64, seed: u64) -> impl Iterator<Item = Stretch> {
    (0..ends.div_ceil(ENDS_A_WORLD)).map(move |world| Stretch {
        seed: seed.wrapping_add(world),
        ends: world * ENDS_A_WORLD..ends.min((world + 1) * ENDS_A_WORLD),
    })
}

/// Plays a campaign in as many worlds as its ends fill, several at once, and adds up what they went through.
///
/// # Errors
/// The first world's that fails; those under way are played to their end, and no more are begun.
pub fn in_worlds(
    ends: u64,
    seed: u64,
    world: impl AsyncFn(Stretch) -> anyhow::Result<Tally> + Sync,
) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let worlds = spread(cores() * WORLDS_A_CORE, dealt(ends, seed), |stretch| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("start a runtime")?;
        runtime.block_on(world(stretch))
    })?;
    let all = worlds.into_iter().reduce(Tally::and);
    let all = all.context("found no ends to play, wanted at least one")?;
    Ok(Tally {
        took: began.elapsed(),
        ..all
    })
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            what: self.what,
            ends: self.ends + other.ends,
            relay: self.relay + other.relay,
            sales: self.sales + other.sales,
            syncs: self.syncs + other.syncs,
            took: self.took + other.took,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_in_one_world() {
        for ends in [0, 1, 249, 250, 251, 10_000] {
            let mut next = 0;
            for (seed, stretch) in (7..).zip(dealt(ends, 7)) {
                assert_eq!(stretch.ends.start, next);
                assert!((1..=ENDS_A_WORLD).contains(&stretch.count()));
                assert_eq!(stretch.seed, seed);
                next = stretch.ends.end;
            }
            assert_eq!(next, ends);
        }
    }
}
