//! The disk under the journal: how full it is, the reserve, and what to do when it lies.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::io::Errno;
use tillwire_agent_core::journal::Space;
use tillwire_agent_core::settings::Limits;

/// Exit code after an error of the disk (`EX_IOERR` of sysexits.h).
pub const EXIT_IO: i32 = 74;

/// Ends the process: after a failed sync nobody knows what the disk holds, and only the next start can read it.
pub(crate) fn die(why: &dyn std::fmt::Display) -> ! {
    tracing::error!("the journal's disk failed: {why}; ending, the next start reads what is really there");
    std::process::exit(EXIT_IO)
}

/// How full the disk is for the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Used part of the room that the journal counts on, in percent: of the file system, or of its own limit where
    /// that is fuller.
    pub(crate) percent: u8,
    /// What may still be written before sources must wait, in bytes.
    pub(crate) free_len: u64,
    /// What the journal holds, in bytes.
    pub(crate) used_len: u64,
}

/// Looks. Pages that the database holds but does not use count as free, because the next appends go there.
pub(crate) fn fill(db: &Connection, dir: &Path, limits: &Limits) -> Fill {
    let pragma = |name| {
        db.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap_or(0)
            .unsigned_abs()
    };
    let (page, pages, unused) = (
        pragma("page_size"),
        pragma("page_count"),
        pragma("freelist_count"),
    );
    let used_len = pages.saturating_sub(unused) * page;
    let disk = rustix::fs::statvfs(dir).ok().map(|stat| Space {
        free: stat
            .f_bavail
            .saturating_mul(stat.f_frsize)
            .saturating_add(unused * page),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    });
    let own = limits.journal_len_max.map(|total| Space {
        free: total.saturating_sub(used_len),
        total,
    });
    let rooms = [disk, own].into_iter().flatten();
    Fill {
        percent: rooms.clone().map(Space::used_percent).max().unwrap_or(0),
        free_len: rooms.map(|room| room.until_busy(limits)).min().unwrap_or(0),
        used_len,
    }
}

/// A file that only takes up room, so that there is some when it is needed.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    len: u64,
}

impl Reserve {
    pub(crate) fn new(state_dir: &Path, len: u64) -> Self {
        Self {
            path: state_dir.join("reserve"),
            len,
        }
    }

    /// Makes the file if it is not there in full, with its blocks allocated: a hole reserves nothing.
    /// True when it is there.
    pub(crate) fn make(&self) -> bool {
        if self.len == 0 || std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() == self.len) {
            return true;
        }
        let made = File::create(&self.path).and_then(|file| self.allocate(&file));
        if let Err(error) = made {
            tracing::warn!(%error, path = %self.path.display(), "cannot make the reserve file");
            self.give_up();
            return false;
        }
        true
    }

    /// Takes the blocks at once where the file system can; others (FAT, many in user space) get them written.
    fn allocate(&self, file: &File) -> std::io::Result<()> {
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, self.len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                std::io::copy(&mut std::io::repeat(0).take(self.len), &mut &*file)?;
                file.sync_all()
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the file.
    pub(crate) fn give_up(&self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the reserve file");
        }
    }
}
