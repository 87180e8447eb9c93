//! The campaigns live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process::{self, cargo};

/// Runs `n` seeded runs of a campaign.
pub(crate) fn run(name: &str, n: u64, seed: u64) -> Result<()> {
    let mut command = cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "tillwire-e2e",
        "--bin",
        "campaign",
        "--",
        name,
    ]);
    command.args(["--n", &n.to_string(), "--seed", &seed.to_string()]);
    process::run(&mut command)
}
