//! Each bug planted in the core is seen by the verifier: on some day it comes to other figures, and nothing is posted.

#![allow(clippy::print_stdout, reason = "a table for people")]

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tillwire_mutants::days::{self, Day};
use tillwire_mutants::{differences, list, made, with_bug};
use tillwire_verifier::Figures;

/// Days to try each bug on; the rarest needs some hundred.
const DAYS: usize = 1_500;

/// The same days in every run.
fn corpus() -> Vec<(Day, Figures)> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let drawn = |_| {
        let day = days::day(24)
            .new_tree(&mut runner)
            .expect("a day can be drawn")
            .current();
        let verified = day.verified().expect("the settings are understood");
        (day, verified)
    };
    (0..DAYS).map(drawn).collect()
}

/// The first day on which core and verifier differ, and in what.
fn caught(days: &[(Day, Figures)]) -> Option<(usize, String)> {
    days.iter()
        .enumerate()
        .find_map(|(number, (day, verified))| match made(day) {
            Ok(made) => Some((number + 1, differences(&made, verified).into_iter().next()?)),
            Err(refused) => Some((number + 1, format!("the core itself: {refused}"))),
        })
}

#[test]
fn every_planted_bug_is_caught() {
    assert!(
        list::LOST.is_empty(),
        "bugs whose place is gone: {:#?}",
        list::LOST
    );
    let days = corpus();
    assert_eq!(caught(&days), None, "without a bug the two agree");
    let mut survived = Vec::new();
    println!("{:<62} {:>4}  caught by", "bug", "day");
    for (number, name) in list::BUGS.iter().enumerate() {
        match with_bug(number, || caught(&days)) {
            Some((day, by)) => println!("{name:<62} {day:>4}  {by}"),
            None => {
                println!("{name:<62}    -  NOBODY");
                survived.push(name);
            }
        }
    }
    assert!(
        survived.is_empty(),
        "{} of {} survived: {survived:#?}",
        survived.len(),
        list::BUGS.len()
    );
}
