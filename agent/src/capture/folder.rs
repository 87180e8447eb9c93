//! A folder that somebody drops files into.
//!
//! A file is taken when it has stood unchanged for a while (or was renamed into place before), is a plain file, and its
//! name does not look like one under way. All of its tickets are journaled, each after its commit; only then is the file
//! moved to `done`. A crash between the two offers the same tickets again, and the journal knows them. A file with
//! anything in it that cannot be read counts for nothing: it is journaled as unreadable with its bytes, moved to
//! `refused`, and a text beside it says why.
//!
//! Card data is replaced before anything is kept; of a file that held some, the copy without it is what stays.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tillwire_agent_core::capture::folder::{self as core, FILE_LEN_MAX, FileError, Told};
use tillwire_agent_core::capture::settings::{FolderSettings, HeartlandRetailSettings};
use tillwire_agent_core::capture::tripwire::{self, Redactions};
use tillwire_agent_core::capture::unreadable;
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{ATTACHMENT_LEN_MAX, Fact, Witness};
use tokio_util::sync::CancellationToken;

use super::notices::Notices;
use crate::journal::{AppendError, Sink};

/// Between two looks into the folder.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Endings of names that are under way.
const UNDER_WAY: [&str; 5] = [".tmp", ".part", ".partial", ".crdownload", ".error.txt"];

/// A file as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    len: u64,
    changed: Option<SystemTime>,
}

/// A watched folder.
#[derive(Debug)]
pub struct Folder {
    settings: FolderSettings,
    retail: HeartlandRetailSettings,
    sink: Arc<dyn Sink>,
    notices: Notices,
    seen: BTreeMap<OsString, (Seen, Instant)>,
    told_missing: bool,
}

/// A file's contents, swept, and what they say.
struct Opened {
    bytes: Vec<u8>,
    redactions: Redactions,
    read: Result<Vec<Told>, FileError>,
}

impl Folder {
    /// Watches a folder.
    #[must_use]
    pub fn new(settings: FolderSettings, retail: HeartlandRetailSettings, sink: Arc<dyn Sink>) -> Self {
        Self {
            notices: Notices::new(settings.lane.clone()),
            settings,
            retail,
            sink,
            seen: BTreeMap::new(),
            told_missing: false,
        }
    }

    /// Looks until `stop`. A folder that is not there is waited for.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            self.look().await;
            let pause = stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
            if pause.is_none() {
                return;
            }
        }
    }

    async fn look(&mut self) {
        let ready = match self.ready(Instant::now()) {
            Ok(ready) => ready,
            Err(error) => return self.missing(&error).await,
        };
        if std::mem::take(&mut self.told_missing) {
            let words = format!("the folder {} is there again", self.settings.folder.display());
            let _ = self.sink.append(self.notices.source(&words)).await;
        }
        for name in ready {
            match self.file(&name).await {
                Ok(()) => drop(self.seen.remove(&name)),
                Err(error) => {
                    tracing::warn!(file = ?name, %error, "a file stays where it is and is tried again");
                }
            }
        }
    }

    /// Told once, and when it is there again; what the folder holds meanwhile is safe with whoever wrote it.
    async fn missing(&mut self, error: &io::Error) {
        if std::mem::replace(&mut self.told_missing, true) {
            return;
        }
        let words = format!(
            "the folder {} cannot be read: {error}",
            self.settings.folder.display()
        );
        let _ = self.sink.append(self.notices.source(&words)).await;
    }

    /// Files that have stood unchanged long enough, in order of name.
    fn ready(&mut self, now: Instant) -> io::Result<Vec<OsString>> {
        let mut here = BTreeMap::new();
        for entry in fs::read_dir(&self.settings.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            // not followed: a link could lead anywhere
            let about = entry.metadata()?;
            if about.is_file() && self.is_wanted(&name) {
                let seen = Seen {
                    len: about.len(),
                    changed: about.modified().ok(),
                };
                here.insert(name, seen);
            }
        }
        self.seen.retain(|name, _| here.contains_key(name));
        let mut ready = Vec::new();
        for (name, seen) in here {
            let entry = self.seen.entry(name.clone()).or_insert((seen, now));
            if entry.0 != seen {
                *entry = (seen, now);
            }
            if now.duration_since(entry.1) >= self.settings.settle {
                ready.push(name);
            }
        }
        Ok(ready)
    }

    fn is_wanted(&self, name: &OsString) -> bool {
        let Some(name) = name.to_str() else { return true };
        let lower = name.to_ascii_lowercase();
        let ending = self.settings.ending.as_deref();
        !name.starts_with('.')
            && !UNDER_WAY.iter().any(|ending| lower.ends_with(ending))
            && ending.is_none_or(|ending| lower.ends_with(ending))
    }

    async fn file(&self, name: &OsString) -> Result<(), Trouble> {
        let path = self.settings.folder.join(name);
        let (settings, retail, open) = (self.settings.clone(), self.retail.clone(), path.clone());
        let opened = tokio::task::spawn_blocking(move || open_file(&open, &settings, &retail)).await;
        let opened = opened.map_err(|error| Trouble::Io(io::Error::other(error)))??;
        if let Some(notice) = self.notices.card_data(&opened.redactions) {
            self.sink.append(notice).await?;
        }
        match &opened.read {
            Ok(told) => {
                for one in told {
                    self.sink.append(self.ticket(one)).await?;
                }
                self.put_away(&path, name, "done", &opened)?;
            }
            Err(error) => {
                self.sink.append(self.refusal(name, error, &opened)).await?;
                let kept = self.put_away(&path, name, "refused", &opened)?;
                let mut beside = kept.into_os_string();
                beside.push(".error.txt");
                fs::write(beside, format!("{error}\n"))?;
            }
        }
        Ok(())
    }

    fn ticket(&self, told: &Told) -> Captured {
        let mut raw = told.raw.clone();
        raw.truncate(ATTACHMENT_LEN_MAX);
        Captured {
            lane: self.settings.lane.clone(),
            witness: Witness::File,
            redacted: 0,
            raw,
            fact: Fact::Transaction(Box::new(told.transaction.clone())),
        }
    }

    fn refusal(&self, name: &OsString, error: &FileError, opened: &Opened) -> Captured {
        let words = format!("{}, {error}; nothing of this file counts", name.display());
        let mut raw = opened.bytes.clone();
        raw.truncate(ATTACHMENT_LEN_MAX);
        Captured {
            lane: self.settings.lane.clone(),
            witness: Witness::File,
            redacted: opened.redactions.total(),
            raw,
            fact: unreadable("file-refused", &words, None),
        }
    }

    /// Moves a file out of the way, and makes sure that this is on the disk. Returns where it is now.
    fn put_away(&self, path: &Path, name: &OsString, place: &str, opened: &Opened) -> io::Result<PathBuf> {
        let folder = self.settings.folder.join(place);
        fs::create_dir_all(&folder)?;
        let target = free_name(&folder, name)?;
        if opened.redactions.is_alarming() {
            // the original holds card data: what is kept is the copy without it
            let mut copy = File::create_new(&target)?;
            copy.write_all(&opened.bytes)?;
            copy.sync_all()?;
            fs::remove_file(path)?;
        } else {
            fs::rename(path, &target)?;
        }
        File::open(&folder)?.sync_all()?;
        File::open(&self.settings.folder)?.sync_all()?;
        Ok(target)
    }
}

/// Why a file stays where it is.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Journal(#[from] AppendError),
    #[error("it changed while it was read")]
    Changed,
}

fn open_file(
    path: &Path,
    settings: &FolderSettings,
    retail: &HeartlandRetailSettings,
) -> Result<Opened, Trouble> {
    let about = fs::symlink_metadata(path)?;
    if about.len() > FILE_LEN_MAX {
        let words = format!(
            "found {} bytes, wanted at most {FILE_LEN_MAX}; split it",
            about.len()
        );
        return Ok(Opened {
            bytes: Vec::new(),
            redactions: Redactions::default(),
            read: Err(FileError {
                place: "the file".to_owned(),
                words,
            }),
        });
    }
    let mut bytes = fs::read(path)?;
    let after = fs::symlink_metadata(path)?;
    if bytes.len() as u64 != about.len()
        || after.len() != about.len()
        || after.modified()? != about.modified()?
    {
        return Err(Trouble::Changed);
    }
    let redactions = tripwire::sweep(&mut bytes);
    let read = core::read(&settings.format, &bytes, retail);
    Ok(Opened {
        bytes,
        redactions,
        read,
    })
}

/// The name, or the first of `name.1`, `name.2` ... that is free: a second file of a name is another file.
fn free_name(folder: &Path, name: &OsString) -> io::Result<PathBuf> {
    let plain = folder.join(name);
    if !plain.try_exists()? {
        return Ok(plain);
    }
    for number in 1..100_000_u32 {
        let mut other = name.clone();
        other.push(format!(".{number}"));
        let other = folder.join(other);
        if !other.try_exists()? {
            return Ok(other);
        }
    }
    Err(io::Error::other(
        "100000 files of this name were put away; clear the folder",
    ))
}
