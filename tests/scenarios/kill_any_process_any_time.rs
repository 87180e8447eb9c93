//! `kill -9` of the relay and of every agent, at moments that nobody chose, all day long.

use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open};

const DAY: Duration = Duration::from_secs(12);

async fn a_day_of_kills(seed: u64) {
    println!("seed {seed}");
    let world = open(seed, 2, |_| {}).await;
    let events = a_day(&world, 15);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let killing = async {
        for _ in 0..14 {
            tokio::time::sleep(Duration::from_millis(rng.random_range(200..1400))).await;
            let program = match rng.random_range(0..=2) {
                0 => &world.relay.program,
                n => &world.sites[n - 1].agent,
            };
            program.crash();
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
            program.revive().unwrap();
        }
    };
    let (played, ()) = tokio::join!(world.play(world.date, &events, Pace::Over(DAY)), killing);
    played.unwrap();
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_kills_ends_with_equal_books() {
    a_day_of_kills(21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_day_of_kills_ends_with_equal_books() {
    a_day_of_kills(22).await;
}
