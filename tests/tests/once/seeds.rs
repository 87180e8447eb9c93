//! Runs with several mishaps each, drawn from seeds. `TILLWIRE_SEED` replays one.

use std::time::Instant;

use tillwire_e2e::once::{Conditions, Plan, alone, campaign, report};

/// Runs of an ordinary test. `cargo xtask campaign once` does as many as it is told.
const RUNS: u64 = 400;

#[test]
fn disturbed_runs_double_nothing_and_lose_nothing() {
    if let Ok(seed) = std::env::var("TILLWIRE_SEED") {
        let plan = Plan::draw(seed.parse().unwrap());
        let played = alone(&plan, &Conditions::default()).unwrap();
        println!("{}", report(&plan, &played));
        assert_eq!(played.problems, Vec::<String>::new());
        return;
    }
    let began = Instant::now();
    let tally = campaign(1, RUNS, &Conditions::default()).unwrap_or_else(|problem| panic!("{problem:#}"));
    println!("{tally} in {:.1} s", began.elapsed().as_secs_f64());
    // a campaign in which little goes wrong proves little
    assert!(tally.ends > 200, "{tally}");
    assert!(tally.acts > 50, "{tally}");
    assert!(tally.states["rejected"] < tally.states["done"] / 4, "{tally}");
}

#[test]
fn an_entry_changed_while_its_line_is_matched_leaves_the_invoice_paid() {
    // it was paid, and called refused
    campaign(5916, 1, &Conditions::default()).unwrap_or_else(|problem| panic!("{problem:#}"));
}
