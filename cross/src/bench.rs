//! The measurements live beside the simulators; this builds them optimised and runs them. The agent in them is the one that
//! ships, not the binary that holds everything.

use anyhow::Result;

use crate::process;

/// Runs one part, or all.
pub(crate) fn run(name: Option<&str>) -> Result<()> {
    let shipped = [
        "build",
        "--quiet",
        "--profile",
        "small",
        "--package",
        "tillwire-agent",
    ];
    process::run(process::cargo().args(shipped))?;
    let mut command = process::beside_its_disk("bench")?;
    command.env(
        "TILLWIRE_AGENT",
        process::root().join("target/small/tillwire-agent"),
    );
    process::run(command.args(name))
}
