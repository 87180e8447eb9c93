//! The directory that the demo works in: gone when it ends, and when it was killed, gone at the next start.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::process::{Pid, test_kill_process};

const PREFIX: &str = "tillwire-demo-";

/// A directory of our own.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let temp = std::env::temp_dir();
        sweep(&temp);
        let path = temp.join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // what cannot be removed now is removed at the next start
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes what demos left behind that did not come to their end.
fn sweep(temp: &Path) {
    for entry in std::fs::read_dir(temp).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|n| n.strip_prefix(PREFIX))
            .and_then(|pid| pid.parse().ok());
        let alive = |pid: i32| Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
        if owner.is_some_and(|pid| !alive(pid)) {
            let _removed = std::fs::remove_dir_all(entry.path());
        }
    }
}
