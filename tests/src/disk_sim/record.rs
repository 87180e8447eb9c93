//! Everything that was done to a disk, in order: so that it can be done again, and the power cut at any point of it, as
//! often and in as many ways as one likes.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::state::{Body, Contents, Keep, Node, ROOT, State};

/// One thing done to the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Op {
    Add {
        dir: Node,
        name: Vec<u8>,
        mode: u16,
        is_dir: bool,
    },
    Remove {
        dir: Node,
        name: Vec<u8>,
    },
    Rename {
        from: (Node, Vec<u8>),
        to: (Node, Vec<u8>),
        node: Node,
    },
    Write {
        node: Node,
        offset: usize,
        bytes: Vec<u8>,
    },
    Resize {
        node: Node,
        len: usize,
    },
    Sync(Node),
    /// Nothing was done: somebody outside was told something that rests on all before it.
    Mark(u64),
}

/// What was done to a disk since it was mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording(pub(super) Vec<Op>);

impl Recording {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).context("read a recording")?;
        Ok(postcard::from_bytes(&bytes)?)
    }

    /// How many things were done.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does it again, from an empty disk on; with a flaw, as a program or a drive does that has it.
    #[must_use]
    pub fn replay(&self, flaw: Option<Flaw>) -> Replay<'_> {
        Replay {
            state: State::default(),
            flaw,
            ops: self.0.iter(),
            marked: None,
        }
    }
}

/// Syncs that were not done: what a campaign of power cuts must find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// SQLite's write-ahead log is not synced at each commit, as with `synchronous = NORMAL`.
    LogUnsynced,
    /// No file is synced, as with `synchronous = OFF`, or by a drive that answers syncs and does none.
    FilesUnsynced,
    /// Folders are not synced after a file in them was made or renamed.
    FoldersUnsynced,
}

impl Flaw {
    /// Each.
    pub const ALL: [Self; 3] = [Self::LogUnsynced, Self::FilesUnsynced, Self::FoldersUnsynced];

    fn skips(self, state: &State, node: Node) -> bool {
        let is_folder = state.dir(node).is_some();
        match self {
            Self::FilesUnsynced => !is_folder,
            Self::LogUnsynced => state
                .name_of(node)
                .is_some_and(|name| name.as_encoded_bytes().ends_with(b"-wal")),
            Self::FoldersUnsynced => is_folder,
        }
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Replay<'a> {
    state: State,
    flaw: Option<Flaw>,
    ops: std::slice::Iter<'a, Op>,
    marked: Option<u64>,
}

impl Replay<'_> {
    /// Does the next thing. False at the end.
    pub fn step(&mut self) -> bool {
        let Some(op) = self.ops.next() else {
            return false;
        };
        let name = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let state = &mut self.state;
        match op {
            Op::Add {
                dir,
                name: called,
                mode,
                is_dir,
            } => {
                let body = if *is_dir {
                    Body::Dir(std::collections::BTreeMap::new())
                } else {
                    Body::File(Contents::default())
                };
                state.add(*dir, &name(called), *mode, body);
            }
            Op::Remove { dir, name: called } => state.remove(*dir, &name(called)),
            Op::Rename { from, to, node } => {
                state.rename((from.0, &name(&from.1)), (to.0, &name(&to.1)), *node);
            }
            Op::Write { node, offset, bytes } => state.write(*node, *offset, bytes),
            Op::Resize { node, len } => state.resize(*node, *len),
            Op::Sync(node) if self.flaw.is_some_and(|flaw| flaw.skips(state, *node)) => {}
            Op::Sync(node) => state.sync(*node),
            Op::Mark(mark) => self.marked = Some(*mark),
        }
        true
    }

    /// The newest mark so far.
    #[must_use]
    pub const fn marked(&self) -> Option<u64> {
        self.marked
    }

    /// What is found if the power goes now. The disk itself goes on as if nothing had been.
    #[must_use]
    pub fn crash(&self, seed: u64, keep: Keep) -> Found {
        let mut state = self.state.clone();
        state.crash(seed, keep);
        let mut found = Found(Vec::new());
        found.gather(&state, ROOT, &PathBuf::new());
        found
    }
}

/// The files of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Found(Vec<Piece>);

/// A file with its bytes, or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Piece {
    path: PathBuf,
    mode: u16,
    bytes: Option<Vec<u8>>,
}

impl Found {
    fn gather(&mut self, state: &State, dir: Node, path: &Path) {
        for (name, node) in state.dir(dir).into_iter().flatten() {
            let path = path.join::<&OsStr>(name);
            let Some(inode) = state.inodes.get(node) else {
                continue;
            };
            let bytes = match &inode.body {
                Body::Dir(_) => None,
                Body::File(contents) => Some(contents.live.clone()),
            };
            self.0.push(Piece {
                path: path.clone(),
                mode: inode.mode,
                bytes,
            });
            self.gather(state, *node, &path);
        }
    }

    /// Those in a folder, as paths from there.
    #[must_use]
    pub fn under(&self, folder: &str) -> Self {
        let inside = self.0.iter().filter_map(|piece| {
            let path = piece.path.strip_prefix(folder).ok()?;
            (path != Path::new("")).then(|| Piece {
                path: path.to_owned(),
                ..piece.clone()
            })
        });
        Self(inside.collect())
    }

    /// Turns a bit of a file as if it had rotted: the `bit`-th of all bits in files whose name `fits`, counted around.
    /// False when there is none.
    pub fn rot(&mut self, bit: u64, fits: impl Fn(&Path) -> bool) -> bool {
        let files = || self.0.iter().filter(|piece| fits(&piece.path));
        let len = |piece: &Piece| piece.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64 * 8);
        let all: u64 = files().map(len).sum();
        let mut bit = bit.checked_rem(all).unwrap_or(0);
        for piece in self.0.iter_mut().filter(|piece| fits(&piece.path)) {
            let own = len(piece);
            if let Some(bytes) = piece.bytes.as_mut().filter(|_| bit < own) {
                let at = usize::try_from(bit / 8).unwrap_or(0);
                bytes[at] ^= 1 << (bit % 8);
                return true;
            }
            bit -= own;
        }
        false
    }

    /// Puts them into an empty folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_to(&self, folder: &Path) -> anyhow::Result<()> {
        for Piece { path, mode, bytes } in &self.0 {
            let path = folder.join(path);
            match bytes {
                None => std::fs::create_dir(&path),
                Some(bytes) => std::fs::write(&path, bytes),
            }
            .and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode((*mode).into())))
            .with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}
