//! The measurements live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process::{self, cargo};

/// Runs one part, or all.
pub(crate) fn run(name: Option<&str>) -> Result<()> {
    let mut command = cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "tillwire-e2e",
        "--bin",
        "bench",
        "--",
    ]);
    process::run(command.args(name))
}
