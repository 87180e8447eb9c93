//! The process that serves the disk: mounts, takes orders line by line, answers each, unmounts at their end.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use fuser::{Config, MountOption};

use super::record::Recording;
use super::serve::{Served, lock};
use super::state::{Failure, Keep, State};

/// Serves a disk on `mount_point` until the orders end. The first line it prints is `mounted` or what was in the way.
///
/// # Errors
/// When orders cannot be read or answered.
pub fn serve_mount(mount_point: &Path) -> anyhow::Result<()> {
    let state = Arc::new(Mutex::new(State::default()));
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("tillwire-disk".into())];
    let session = match fuser::spawn_mount(Served(state.clone()), mount_point, &config) {
        Ok(session) => session,
        Err(error) => {
            writeln!(std::io::stdout(), "cannot mount a FUSE file system: {error}")?;
            return Ok(());
        }
    };
    writeln!(std::io::stdout(), "mounted")?;
    for order in std::io::stdin().lock().lines() {
        let answer = obey(&state, &order?);
        writeln!(std::io::stdout(), "{answer}")?;
    }
    session.umount_and_join()?;
    Ok(())
}

fn obey(state: &Mutex<State>, order: &str) -> String {
    let mut state = lock(state);
    let words: Vec<&str> = order.split(' ').collect();
    match words[..] {
        ["cut"] => state.cut = true,
        ["restore", seed, keep] => {
            let keep = if keep == "some" { Keep::Some } else { Keep::Nothing };
            state.crash(seed.parse().unwrap_or(0), keep);
            state.cut = false;
        }
        ["capacity", bytes] => state.capacity = bytes.parse().ok().filter(|bytes| *bytes != u64::MAX),
        ["record"] => state.record = Some(Vec::new()),
        ["mark", mark] => state.mark(mark.parse().unwrap_or(0)),
        ["dump", path] => {
            let recording = Recording(state.record.take().unwrap_or_default());
            let written = postcard::to_allocvec(&recording).map(|bytes| std::fs::write(path, bytes));
            return format!("{written:?}");
        }
        ["fail", call, how] => {
            let how = if how == "room" {
                Failure::Room
            } else {
                Failure::Medium
            };
            state.failure = call.parse().ok().map(|call| (call, how));
        }
        ["mend"] => state.failure = None,
        ["failed"] => return state.failed.to_string(),
        ["lie"] => state.lies = true,
        ["fail-syncs"] => state.fail_syncs = true,
        ["mend-syncs"] => state.fail_syncs = false,
        ["used"] => return state.used().to_string(),
        ["unsynced"] => return state.unsynced().to_string(),
        ["syncs"] => return state.syncs.to_string(),
        _ => return format!("unknown order {order:?}"),
    }
    "done".to_owned()
}
