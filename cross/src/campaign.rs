//! The campaigns live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process;

/// Runs a campaign: `n` tries (its usual number when absent) from a seed on.
pub(crate) fn run(name: &str, n: Option<u64>, seed: u64) -> Result<()> {
    let mut command = process::beside_its_disk("campaign")?;
    command.arg(name);
    if let Some(n) = n {
        command.args(["--n", &n.to_string()]);
    }
    process::run(command.args(["--seed", &seed.to_string()]))
}
