//! Running other programs: what was run is printed, a failure names it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Runs to the end; anything but success is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    println!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("could not start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a program of the simulators', optimised; its arguments are to follow. The disk that loses what was not synced is
/// served by a process of its own, which lies beside it.
///
/// # Errors
/// When the disk's program cannot be built.
pub(crate) fn beside_its_disk(program: &str) -> Result<Command> {
    let optimised = ["--release", "--quiet", "--package", "tillwire-e2e", "--bin"];
    run(cargo().arg("build").args(optimised).arg("disk"))?;
    let mut command = cargo();
    command.arg("run").args(optimised).args([program, "--"]);
    Ok(command)
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default()
}
