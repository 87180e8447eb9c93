//! The measurements live beside the simulators; this builds them optimised and runs them.

use anyhow::Result;

use crate::process;

/// Runs one part, or all.
pub(crate) fn run(name: Option<&str>) -> Result<()> {
    let mut command = process::beside_its_disk("bench")?;
    process::run(command.args(name))
}
