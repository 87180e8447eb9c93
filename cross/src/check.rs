//! What a change must pass, the same here and in CI.

use anyhow::Result;

use crate::process::{self, cargo};

/// Formatting, lints, tests.
pub(crate) fn run() -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    process::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    process::run(cargo().arg("test"))
}
