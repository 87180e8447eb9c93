//! The measurements live beside the simulators; this builds them optimised and runs them. The agent in them is the one that
//! ships, not the binary that holds everything.

use std::path::PathBuf;

use anyhow::Result;

use crate::{cross, process};

/// Runs one part, or all.
pub(crate) fn run(name: Option<&str>) -> Result<()> {
    let agent = shipped()?;
    let mut command = process::beside_its_disk("bench")?;
    command.env("TILLWIRE_AGENT", agent);
    process::run(command.args(name))
}

/// The static agent where this machine can run and link it, else the same profile with its own C library.
fn shipped() -> Result<PathBuf> {
    if cfg!(target_arch = "x86_64") {
        match cross::build("amd64") {
            Ok(agent) => return Ok(agent),
            Err(error) => println!("no static agent ({error:#}); measured with this machine's C library"),
        }
    }
    let small = [
        "build",
        "--quiet",
        "--profile",
        "small",
        "--package",
        "tillwire-agent",
    ];
    process::run(process::cargo().args(small))?;
    Ok(process::root().join("target/small/tillwire-agent"))
}
