//! The whole line in one thread: seeds stay clean, a seed plays the same again, and machines with a mistake are found out.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::path::Path;

use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::simulate::{Plan, alone, campaign, controls, states};

/// Seeds for each mistake before it counts as not found.
const SEEDS: u64 = 300;

#[test]
fn seeds_leave_nothing_lost_and_nothing_twice() {
    let tally = campaign(1, 60).unwrap();
    println!("{tally}");
    assert!(tally.mishaps.len() > 8, "hardly anything went wrong: {tally}");
}

#[test]
fn a_seed_plays_the_same_again() {
    for seed in 1..=24 {
        let plan = Plan::draw(seed);
        let (one, other) = (alone(&plan, None).unwrap(), alone(&plan, None).unwrap());
        for (a, b) in one.trace.iter().zip(&other.trace) {
            assert_eq!(a, b, "seed {seed}");
        }
        assert_eq!(one.trace.len(), other.trace.len(), "seed {seed}");
    }
}

#[test]
fn every_mistake_is_found_out() {
    for (bug, found) in controls(1, SEEDS).unwrap() {
        println!("{bug:?}: found by seed {found:?}");
        assert!(found.is_some(), "{bug:?} was not found in {SEEDS} seeds");
    }
}

#[test]
fn a_power_cut_after_any_write_or_sync_breaks_no_promise_and_syncs_not_done_are_found_out() {
    let program = Path::new(env!("CARGO_BIN_EXE_disk"));
    if Disk::mount_or_skip(program, "power cuts after each write and sync").is_none() {
        return;
    }
    let tally = states::campaign(1, 1_000, program).unwrap();
    println!("{tally}");
    assert!(
        tally.opened > 500 && tally.noticed > 0,
        "hardly anything was tried: {tally}"
    );
    for (flaw, problem) in states::controls(1, program).unwrap() {
        println!("{flaw:?}: {problem}");
    }
}

#[test]
fn seeds_that_once_failed_stay_clean() {
    // a box whose greeting was still under way; a receipt that was on the line while the database was put back; a copy that
    // lacked nothing but captured bytes
    for seed in [1261, 15_848, 5938] {
        let played = alone(&Plan::draw(seed), None).unwrap();
        assert!(played.problems.is_empty(), "seed {seed}: {:?}", played.problems);
    }
}
