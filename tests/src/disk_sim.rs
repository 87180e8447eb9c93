//! A disk that loses what was not synced.
//!
//! `kill -9` leaves the page cache of the operating system behind, so it proves nothing about durability. This is a
//! file system in user space (FUSE) that keeps, for each file, what a sync has made stable and, beside it, the writes
//! since then. When the power is cut, every further call fails; when it comes back, each un-synced write is kept,
//! dropped or torn, as drawn from a seed, and each un-synced name is there or not. Stable bytes stay.
//!
//! Strict like POSIX, stricter than ext4: a new file is there after a crash only when its directory was synced.
//! The disk can be told to be full, to fail its syncs, and to lie about them; and to keep a recording of everything that
//! is done to it, which can be done again with the power cut, or a bit rotten, at any point.
//!
//! It runs in a process of its own (the program `disk`): a process that serves the disk it writes to can end up
//! waiting for itself.

mod control;
mod record;
mod serve;
mod state;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

pub use control::serve_mount;
pub use record::{Flaw, Found, Recording, Replay};
pub use state::{Failure, Keep};

/// A mounted disk. Dropping it unmounts and forgets it.
#[derive(Debug)]
pub struct Disk {
    helper: Mutex<Helper>,
    mount_point: TempDir,
}

#[derive(Debug)]
struct Helper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Disk {
    /// Mounts an empty disk on a fresh directory, served by the program `disk`.
    ///
    /// # Errors
    /// Where FUSE cannot be mounted: no `/dev/fuse`, or neither root nor `fusermount3`.
    pub fn mount(program: &Path) -> anyhow::Result<Self> {
        let mount_point = tempfile::Builder::new().prefix("tillwire-disk-").tempdir();
        let mount_point = mount_point.context("make a mount point")?;
        let mut child = Command::new(program)
            .arg(mount_point.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("the disk has no output")?);
        let mut helper = Helper {
            child,
            orders,
            answers,
        };
        let first = helper.answer()?;
        if first != "mounted" {
            bail!("{first} (wanted: /dev/fuse, and root or fusermount3)");
        }
        Ok(Self {
            helper: Mutex::new(helper),
            mount_point,
        })
    }

    /// Mounts a disk, or says loudly that what needs it is not tested here. `TILLWIRE_REQUIRE_FUSE=1`, as the project's
    /// own runs set it, makes that a failure.
    ///
    /// # Panics
    /// With `TILLWIRE_REQUIRE_FUSE=1` where FUSE cannot be mounted.
    #[must_use]
    pub fn mount_or_skip(program: &Path, what: &str) -> Option<Self> {
        match Self::mount(program) {
            Ok(disk) => Some(disk),
            Err(error) => {
                let must = std::env::var_os("TILLWIRE_REQUIRE_FUSE").is_some_and(|v| v == "1");
                assert!(!must, "{what} could not run: {error:#}");
                eprintln!("SKIPPED, NOT TESTED HERE: {what}: {error:#}");
                None
            }
        }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.mount_point.path()
    }

    /// From this moment on nothing reaches the disk and every call fails.
    pub fn cut_power(&self) {
        self.order("cut");
    }

    /// The disk as it is found when the power is back. Whoever had files open must be gone.
    pub fn restore_power(&self, seed: u64, keep: Keep) {
        let keep = if keep == Keep::Some { "some" } else { "nothing" };
        self.order(&format!("restore {seed} {keep}"));
    }

    /// The disk holds so many bytes and no more; `None` is unlimited.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.order(&format!("capacity {}", bytes.unwrap_or(u64::MAX)));
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.order("used").parse().unwrap_or(0)
    }

    /// Of the calls from now on that read, write, sync or name, the `call`-th fails, and no other.
    pub fn fail_call(&self, call: u64, how: Failure) {
        let how = if how == Failure::Room { "room" } else { "medium" };
        self.order(&format!("fail {call} {how}"));
    }

    /// Takes back [`Self::fail_call`] where it has not come to it.
    pub fn fail_none(&self) {
        self.order("mend");
    }

    /// How many calls failed so.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.order("failed").parse().unwrap_or(0)
    }

    /// Syncs fail from now on, or work again.
    pub fn fail_syncs(&self, fail: bool) {
        self.order(if fail { "fail-syncs" } else { "mend-syncs" });
    }

    /// Syncs are answered and not done from now on, as by a drive that lies about its cache.
    pub fn lie(&self) {
        self.order("lie");
    }

    /// From now on everything that is done to it is kept, until [`Self::recorded`] takes it. On a fresh disk.
    pub fn record(&self) {
        self.order("record");
    }

    /// Somebody was told something that rests on what is on the disk by now.
    pub fn mark(&self, mark: u64) {
        self.order(&format!("mark {mark}"));
    }

    /// What was done since [`Self::record`].
    ///
    /// # Errors
    /// When the disk's process could not hand it over.
    pub fn recorded(&self) -> anyhow::Result<Recording> {
        let file = tempfile::NamedTempFile::new().context("make a file for a recording")?;
        let answer = self.order(&format!("dump {}", file.path().display()));
        anyhow::ensure!(
            answer == "Ok(Ok(()))",
            "the disk answered {answer} to the order for its recording"
        );
        Recording::read(file.path())
    }

    /// How many writes are not stable now.
    #[must_use]
    pub fn unsynced(&self) -> u64 {
        self.order("unsynced").parse().unwrap_or(0)
    }

    /// How many syncs there have been.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.order("syncs").parse().unwrap_or(0)
    }

    fn order(&self, order: &str) -> String {
        let mut helper = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &mut helper.orders {
            writeln!(orders, "{order}").expect("the disk's process takes orders");
        }
        helper.answer().expect("the disk's process answers")
    }
}

impl Helper {
    fn answer(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("read the disk's answer")?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let helper = self.helper.get_mut().unwrap_or_else(PoisonError::into_inner);
        // the end of its orders is its sign to unmount and end
        helper.orders = None;
        let _ended = helper.child.wait();
    }
}
