//! The campaign finds out every machine that is wrong in one point, and by the words that name the point.

use std::sync::Arc;

use tillwire_e2e::once::wrong::WRONGS;
use tillwire_e2e::once::{Conditions, Plan, alone};

/// Seeds within which each must be found out: as many as an ordinary test plays.
const SEEDS: u64 = 1_000;

#[test]
fn every_wrong_machine_is_found_out() {
    for wrong in WRONGS {
        let conditions = Conditions {
            machine: Arc::new(wrong),
            ..Conditions::default()
        };
        let found = (1..=SEEDS).find(|seed| {
            let played = alone(&Plan::draw(*seed), &conditions).unwrap();
            let named = |problem: &String| wrong.shows_as().iter().any(|words| problem.contains(words));
            played.problems.iter().any(named)
        });
        let seed = found.unwrap_or_else(|| panic!("{wrong:?} was not found out within {SEEDS} seeds"));
        println!("{wrong:?} is found out by seed {seed}");
    }
}
