//! The campaigns live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process::{self, cargo};

/// Runs a campaign: `n` tries (its usual number when absent) from a seed on.
pub(crate) fn run(name: &str, n: Option<u64>, seed: u64) -> Result<()> {
    let optimised = ["--release", "--quiet", "--package", "tillwire-e2e", "--bin"];
    // the disk of the power cuts is served by a process of its own, which lies beside the campaign
    process::run(cargo().arg("build").args(optimised).arg("disk"))?;
    let mut command = cargo();
    command.arg("run").args(optimised).args(["campaign", "--", name]);
    if let Some(n) = n {
        command.args(["--n", &n.to_string()]);
    }
    process::run(command.args(["--seed", &seed.to_string()]))
}
