//! The campaign finds out every machine that is wrong in one point, and by the words that name the point.

use tillwire_e2e::once::controls;

/// Seeds within which each must be found out: as many as an ordinary test plays.
const SEEDS: u64 = 1_000;

#[test]
fn every_wrong_machine_is_found_out() {
    for (wrong, seed) in controls(1, SEEDS).unwrap() {
        let seed = seed.unwrap_or_else(|| panic!("{wrong:?} was not found out within {SEEDS} seeds"));
        println!("{wrong:?} is found out by seed {seed}");
    }
}
