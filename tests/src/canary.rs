//! Canaries: card data of every shape at every place where a source could put it, and a search for it in everything that
//! was kept. The search ([`search`]) shares no code with the tripwire; what it must find where nothing was swept is a test.
//!
//! A run asks the agent's own decoders, as its shell calls them, and keeps what they would journal: facts as encoded,
//! bytes for the attachment, and both as a log could print them.

mod card;
mod place;
pub mod search;

use std::collections::BTreeMap;
use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use card::{Canary, Shape};
pub use place::Place;
use search::Trap;

/// What a campaign has gone through.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Canaries by their shape.
    pub shapes: BTreeMap<&'static str, u64>,
    /// Canaries by their place.
    pub places: BTreeMap<&'static str, u64>,
    /// Bytes that were kept and searched.
    pub searched: u64,
    /// Canaries after which the tripwire said that it had replaced something.
    pub told: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent: u64 = self.shapes.values().sum();
        let (shapes, places) = (self.shapes.len(), self.places.len());
        let Self { searched, told, .. } = self;
        write!(
            f,
            "{sent} canaries of {shapes} shapes at {places} places, {told} told as replaced, none in {searched} kept bytes"
        )
    }
}

/// Sends `count` canaries drawn from a seed.
///
/// # Errors
/// At the first that can be found in what was kept: where it was put, how, and the bytes around it.
pub fn campaign(seed: u64, count: u64) -> anyhow::Result<Tally> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tally = Tally::default();
    for number in 0..count {
        let (place, shape) = draw(&mut rng);
        let canary = Canary::draw(shape, &mut rng);
        let kept = place.keeps(&canary, &mut rng);
        let mut trap = Trap::default();
        trap.add(&canary.secret);
        for bytes in &kept.bytes {
            tally.searched += bytes.len() as u64;
            if let Some(at) = trap.find(bytes) {
                anyhow::bail!(
                    "canary {number} of seed {seed}: {shape:?} in {place:?} was kept: {:?} in {:?}",
                    String::from_utf8_lossy(&canary.bytes),
                    String::from_utf8_lossy(&bytes[at.saturating_sub(40)..(at + 60).min(bytes.len())])
                );
            }
        }
        *tally.shapes.entry(shape.name()).or_default() += 1;
        *tally.places.entry(place.name()).or_default() += 1;
        tally.told += u64::from(kept.replaced > 0);
    }
    Ok(tally)
}

/// What a program that writes a log line with what it was sent would leave: of each canary what came, as a log prints it,
/// is found. Returns how many, in words.
///
/// # Errors
/// At the first that was not found: such a search finds nothing.
pub fn control(seed: u64, count: u64) -> anyhow::Result<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..count {
        let (place, shape) = draw(&mut rng);
        let canary = Canary::draw(shape, &mut rng);
        let mut trap = Trap::default();
        trap.add(&canary.secret);
        let mut line = b"could not read: ".to_vec();
        line.extend_from_slice(&place.sends(&canary));
        anyhow::ensure!(
            trap.find(&line).is_some(),
            "canary {number} of seed {seed}, {shape:?} in {place:?}, was not found in a log line that holds it"
        );
    }
    Ok(format!("the first of {count} canaries, and each of the others"))
}

/// A place, and a shape that can stand there.
pub fn draw(rng: &mut ChaCha8Rng) -> (Place, Shape) {
    loop {
        let place = Place::ALL[rng.random_range(0..Place::ALL.len())];
        let shape = Shape::ALL[rng.random_range(0..Shape::ALL.len())];
        if place.takes(shape) {
            return (place, shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_thousand_canaries_leave_no_trace() {
        let tally = campaign(1, 20_000).unwrap_or_else(|found| panic!("{found:#}"));
        println!("{tally}");
        assert_eq!(tally.shapes.len(), Shape::ALL.len());
        assert_eq!(tally.places.len(), Place::ALL.len());
        assert!(tally.told > 18_000, "{tally}");
    }

    #[test]
    fn search_finds_every_canary_that_was_not_swept() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..5_000 {
            let (place, shape) = draw(&mut rng);
            let canary = Canary::draw(shape, &mut rng);
            let mut trap = Trap::default();
            trap.add(&canary.secret);
            let sent = place.sends(&canary);
            assert!(
                trap.find(&sent).is_some(),
                "{shape:?} in {place:?}: {:?}",
                String::from_utf8_lossy(&sent)
            );
        }
    }
}
