//! A bounded run of every fuzz target, starting from the kept corpora.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, root};

/// Inputs longer than a message are refused by length; fuzzing them only costs time.
const LEN_MAX: &str = "8192";

/// Runs each target for `seconds`, one after the other.
pub(crate) fn run(seconds: u32) -> Result<()> {
    for target in targets()? {
        let corpus = root().join("tests/corpora").join(&target);
        let found = root().join("tests/fuzz/corpus").join(&target);
        std::fs::create_dir_all(&found).with_context(|| format!("could not make {}", found.display()))?;
        let mut command = Command::new("cargo");
        // The toolchain that runs us must not decide which one cargo-fuzz uses.
        command.current_dir(root()).env_remove("RUSTUP_TOOLCHAIN");
        command
            .args(["+nightly", "fuzz", "run", "--fuzz-dir", "tests/fuzz", &target])
            .arg(&found);
        if corpus.is_dir() {
            command.arg(&corpus);
        }
        command
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={LEN_MAX}"));
        command.args([
            "-timeout=2",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        process::run(&mut command)?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let folder = root().join("tests/fuzz/fuzz_targets");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .with_context(|| format!("could not read {}", folder.display()))?
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    if names.is_empty() {
        bail!("found no fuzz target in {}", folder.display());
    }
    Ok(names)
}
