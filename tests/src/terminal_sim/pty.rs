//! A serial cable in software: one end is a device path that a program opens as its serial port, the other end is a
//! stream in our hands. The cable stays when the program goes and comes back.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

/// How often a quiet cable is looked at.
const QUIET: Duration = Duration::from_millis(1);

/// How often a cable that nobody holds the other end of is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// The cable. Dropping it pulls it out.
#[derive(Debug)]
pub struct Pty {
    path: PathBuf,
    pumps: [JoinHandle<()>; 2],
}

impl Pty {
    /// A new cable and our end of it.
    ///
    /// # Errors
    /// When the system gives no pseudo terminal.
    pub fn open() -> anyhow::Result<(Self, DuplexStream)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).context("open a pseudo terminal")?;
        grantpt(&master).context("grant the pseudo terminal")?;
        unlockpt(&master).context("unlock the pseudo terminal")?;
        let name = ptsname(&master, Vec::new()).context("name the pseudo terminal")?;
        let path = PathBuf::from(
            name.into_string()
                .context("the pseudo terminal's path is not text")?,
        );
        make_raw(&path)?;
        rustix::io::ioctl_fionbio(&master, true).context("make the pseudo terminal non-blocking")?;
        let master = Arc::new(master);
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (from_us, to_us) = tokio::io::split(theirs);
        let pumps = [
            tokio::spawn(pump_out(master.clone(), from_us)),
            tokio::spawn(pump_in(master, to_us)),
        ];
        Ok((Self { path, pumps }, ours))
    }

    /// What a program opens as its serial port.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.pumps.iter().for_each(JoinHandle::abort);
    }
}

/// No echo and no line editing, also before a program has opened its end.
fn make_raw(path: &Path) -> anyhow::Result<()> {
    let end = OpenOptions::new().read(true).write(true).open(path);
    let end = end.with_context(|| format!("open {}", path.display()))?;
    let mut modes = tcgetattr(&end).context("read the terminal's modes")?;
    modes.make_raw();
    tcsetattr(&end, OptionalActions::Now, &modes).context("set the terminal's modes")
}

async fn pump_in(master: Arc<OwnedFd>, mut to_us: WriteHalf<DuplexStream>) {
    let mut buffer = [0; 4096];
    loop {
        match rustix::io::read(&master, &mut buffer) {
            Ok(len @ 1..) => {
                if to_us.write_all(&buffer[..len]).await.is_err() {
                    return;
                }
            }
            // asked again rather than waited for: once nobody held the other end, the system calls it ready for ever
            Err(Errno::AGAIN) => tokio::time::sleep(QUIET).await,
            // EIO: nobody holds the other end just now
            Ok(_) | Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

async fn pump_out(master: Arc<OwnedFd>, mut from_us: ReadHalf<DuplexStream>) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = from_us.read(&mut buffer).await {
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            match rustix::io::write(&master, rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }
}
