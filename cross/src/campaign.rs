//! The campaigns live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process;

/// Runs a campaign: `n` tries (its usual number when absent) from a seed on; `keep` publishes it.
pub(crate) fn run(name: &str, n: Option<u64>, seed: u64, keep: bool) -> Result<()> {
    let mut command = process::beside_its_disk("campaign")?;
    command.arg(name);
    if let Some(n) = n {
        command.args(["--n", &n.to_string()]);
    }
    command.args(keep.then_some("--keep"));
    process::run(command.args(["--seed", &seed.to_string()]))
}
