//! What the disk holds: the files as programs see them, and what of them is stable.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::record::Op;

/// The smallest piece that a disk writes as a whole.
const SECTOR: usize = 512;

/// What is left of un-synced writes after a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the cache was never written back.
    Nothing,
    /// Some, in no order, a few of them torn: the cache was being written back.
    Some,
}

/// How one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The medium cannot be read or written there (`EIO`).
    Medium,
    /// There is no room (`ENOSPC`); a call that needs none fails as by the medium.
    Room,
}

pub(super) type Node = u64;

/// The top directory.
pub(super) const ROOT: Node = 1;

/// A file or a directory.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) mode: u16,
    pub(super) body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Contents),
    Dir(BTreeMap<OsString, Node>),
}

/// A file's bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub(super) live: Vec<u8>,
    stable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

/// A change of names that its directories' sync makes stable.
#[derive(Debug, Clone)]
enum Naming {
    Set {
        dir: Node,
        name: OsString,
        node: Node,
    },
    Remove {
        dir: Node,
        name: OsString,
    },
    Rename {
        from: (Node, OsString),
        to: (Node, OsString),
        node: Node,
    },
}

/// The whole disk.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<Node, Inode>,
    stable_names: BTreeMap<Node, BTreeMap<OsString, Node>>,
    namings: Vec<Naming>,
    next: Node,
    pub(super) cut: bool,
    pub(super) capacity: Option<u64>,
    pub(super) fail_syncs: bool,
    /// Syncs of file contents are answered and not done, as by a drive that lies about its cache.
    pub(super) lies: bool,
    pub(super) syncs: u64,
    /// After so many calls more one fails, so.
    pub(super) failure: Option<(u64, Failure)>,
    /// How many calls failed so.
    pub(super) failed: u64,
    /// What was done, where that is recorded.
    pub(super) record: Option<Vec<Op>>,
}

impl Default for State {
    fn default() -> Self {
        let root = Inode {
            mode: 0o755,
            body: Body::Dir(BTreeMap::new()),
        };
        Self {
            inodes: BTreeMap::from([(ROOT, root)]),
            stable_names: BTreeMap::from([(ROOT, BTreeMap::new())]),
            namings: Vec::new(),
            next: ROOT + 1,
            cut: false,
            capacity: None,
            fail_syncs: false,
            lies: false,
            syncs: 0,
            failure: None,
            failed: 0,
            record: None,
        }
    }
}

impl Contents {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let change = Change::Write {
            offset,
            bytes: bytes.to_vec(),
        };
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    fn resize(&mut self, len: usize) {
        let change = Change::Resize { len };
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.stable, &change);
        }
    }

    fn crash(&mut self, rng: &mut ChaCha8Rng, keep: Keep) {
        let mut pending = std::mem::take(&mut self.pending);
        if keep == Keep::Some {
            let kept = rng.random_range(0.0..1.0);
            pending.retain(|_| rng.random_bool(kept));
            for change in &mut pending {
                tear(rng, change);
                apply(&mut self.stable, change);
            }
        }
        self.live.clone_from(&self.stable);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Resize { len } => bytes.resize(*len, 0),
        Change::Write { offset, bytes: new } => {
            let end = offset + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(new);
        }
    }
}

/// Three in ten kept writes reach the disk only up to some sector; half of those end in rubbish.
fn tear(rng: &mut ChaCha8Rng, change: &mut Change) {
    let Change::Write { bytes, .. } = change else {
        return;
    };
    let sectors = bytes.len() / SECTOR;
    if sectors < 2 || !rng.random_bool(0.3) {
        return;
    }
    let whole = rng.random_range(1..sectors) * SECTOR;
    if rng.random_bool(0.5) {
        let end = bytes.len().min(whole + SECTOR);
        rng.fill(&mut bytes[whole..end]);
        bytes.truncate(end);
    } else {
        bytes.truncate(whole);
    }
}

impl State {
    pub(super) fn dir(&self, node: Node) -> Option<&BTreeMap<OsString, Node>> {
        match &self.inodes.get(&node)?.body {
            Body::Dir(names) => Some(names),
            Body::File(_) => None,
        }
    }

    pub(super) fn find(&self, dir: Node, name: &OsStr) -> Option<Node> {
        self.dir(dir)?.get(name).copied()
    }

    pub(super) fn file(&mut self, node: Node) -> Option<&mut Contents> {
        match &mut self.inodes.get_mut(&node)?.body {
            Body::File(contents) => Some(contents),
            Body::Dir(_) => None,
        }
    }

    fn note(&mut self, op: impl FnOnce() -> Op) {
        if let Some(record) = &mut self.record {
            record.push(op());
        }
    }

    /// Whether this call is the one that fails.
    pub(super) fn call(&mut self) -> Option<Failure> {
        let (left, failure) = self.failure.as_mut()?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        let failure = *failure;
        self.failure = None;
        self.failed += 1;
        Some(failure)
    }

    /// Somebody outside was told something that rests on all before it.
    pub(super) fn mark(&mut self, mark: u64) {
        self.note(|| Op::Mark(mark));
    }

    /// Writes into a file; into a directory it writes nothing.
    pub(super) fn write(&mut self, node: Node, offset: usize, bytes: &[u8]) {
        if let Some(contents) = self.file(node) {
            contents.write(offset, bytes);
            let bytes = bytes.to_vec();
            self.note(|| Op::Write { node, offset, bytes });
        }
    }

    /// Makes a file longer or shorter.
    pub(super) fn resize(&mut self, node: Node, len: usize) {
        if let Some(contents) = self.file(node) {
            contents.resize(len);
            self.note(|| Op::Resize { node, len });
        }
    }

    /// A name under which a file or folder is found.
    pub(super) fn name_of(&self, node: Node) -> Option<&OsStr> {
        let folders = self.inodes.values().filter_map(|inode| match &inode.body {
            Body::Dir(names) => Some(names),
            Body::File(_) => None,
        });
        let mut named = folders.flatten().filter(|(_, named)| **named == node);
        named.next().map(|(name, _)| name.as_os_str())
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        let len = |inode: &Inode| match &inode.body {
            Body::File(contents) => contents.live.len() as u64,
            Body::Dir(_) => 0,
        };
        // what has no name any more takes no room once the last program lets go of it
        let named: std::collections::BTreeSet<_> = self
            .inodes
            .values()
            .filter_map(|i| {
                if let Body::Dir(names) = &i.body {
                    Some(names.values())
                } else {
                    None
                }
            })
            .flatten()
            .collect();
        self.inodes
            .iter()
            .filter(|(node, _)| named.contains(node))
            .map(|(_, inode)| len(inode))
            .sum()
    }

    /// Whether a file may grow to `len`.
    pub(super) fn has_room(&mut self, node: Node, len: usize) -> bool {
        let Some(capacity) = self.capacity else {
            return true;
        };
        let old = self.file(node).map_or(0, |f| f.live.len());
        len <= old || self.used() + (len - old) as u64 <= capacity
    }

    pub(super) fn add(&mut self, dir: Node, name: &OsStr, mode: u16, body: Body) -> Node {
        let node = self.next;
        self.next += 1;
        let is_dir = matches!(body, Body::Dir(_));
        self.note(|| Op::Add {
            dir,
            name: name.as_bytes().to_vec(),
            mode,
            is_dir,
        });
        if is_dir {
            self.stable_names.insert(node, BTreeMap::new());
        }
        self.inodes.insert(node, Inode { mode, body });
        self.name(Naming::Set {
            dir,
            name: name.to_owned(),
            node,
        });
        node
    }

    pub(super) fn remove(&mut self, dir: Node, name: &OsStr) {
        self.note(|| Op::Remove {
            dir,
            name: name.as_bytes().to_vec(),
        });
        self.name(Naming::Remove {
            dir,
            name: name.to_owned(),
        });
    }

    pub(super) fn rename(&mut self, from: (Node, &OsStr), to: (Node, &OsStr), node: Node) {
        self.note(|| Op::Rename {
            from: (from.0, from.1.as_bytes().to_vec()),
            to: (to.0, to.1.as_bytes().to_vec()),
            node,
        });
        self.name(Naming::Rename {
            from: (from.0, from.1.to_owned()),
            to: (to.0, to.1.to_owned()),
            node,
        });
    }

    fn name(&mut self, naming: Naming) {
        let names = |dir: Node,
                     inodes: &mut BTreeMap<Node, Inode>,
                     edit: &mut dyn FnMut(&mut BTreeMap<OsString, Node>)| {
            if let Some(Inode {
                body: Body::Dir(names),
                ..
            }) = inodes.get_mut(&dir)
            {
                edit(names);
            }
        };
        apply_naming(&naming, &mut |dir, edit| names(dir, &mut self.inodes, edit));
        self.namings.push(naming);
    }

    /// Makes a file's bytes or a directory's names stable.
    pub(super) fn sync(&mut self, node: Node) {
        self.syncs += 1;
        self.note(|| Op::Sync(node));
        let lies = self.lies;
        if let Some(contents) = self.file(node) {
            if !lies {
                contents.sync();
            }
            return;
        }
        let (done, rest) = std::mem::take(&mut self.namings)
            .into_iter()
            .partition(|naming| naming.touches(node));
        self.namings = rest;
        let done: Vec<Naming> = done;
        done.iter().for_each(|naming| self.make_stable(naming));
    }

    fn make_stable(&mut self, naming: &Naming) {
        let stable = &mut self.stable_names;
        apply_naming(naming, &mut |dir, edit| {
            if let Some(names) = stable.get_mut(&dir) {
                edit(names);
            }
        });
    }

    pub(super) fn unsynced(&self) -> usize {
        let pending = |inode: &Inode| match &inode.body {
            Body::File(contents) => contents.pending.len(),
            Body::Dir(_) => 0,
        };
        self.inodes.values().map(pending).sum::<usize>() + self.namings.len()
    }

    /// Becomes what is found after the power came back.
    pub(super) fn crash(&mut self, seed: u64, keep: Keep) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for inode in self.inodes.values_mut() {
            if let Body::File(contents) = &mut inode.body {
                contents.crash(&mut rng, keep);
            }
        }
        // names are journaled by every file system in use: they reach the disk in order, up to some point
        let namings = std::mem::take(&mut self.namings);
        let kept = if keep == Keep::Some {
            rng.random_range(0..=namings.len())
        } else {
            0
        };
        namings
            .iter()
            .take(kept)
            .for_each(|naming| self.make_stable(naming));
        for (node, names) in &self.stable_names {
            if let Some(Inode {
                body: Body::Dir(live),
                ..
            }) = self.inodes.get_mut(node)
            {
                live.clone_from(names);
            }
        }
    }
}

impl Naming {
    fn touches(&self, node: Node) -> bool {
        match self {
            Self::Set { dir, .. } | Self::Remove { dir, .. } => *dir == node,
            Self::Rename { from, to, .. } => from.0 == node || to.0 == node,
        }
    }
}

type Edit<'a> = dyn FnMut(&mut BTreeMap<OsString, Node>) + 'a;

fn apply_naming(naming: &Naming, on: &mut dyn FnMut(Node, &mut Edit<'_>)) {
    match naming {
        Naming::Set { dir, name, node } => on(*dir, &mut |names| {
            names.insert(name.clone(), *node);
        }),
        Naming::Remove { dir, name } => on(*dir, &mut |names| {
            names.remove(name);
        }),
        Naming::Rename { from, to, node } => {
            on(from.0, &mut |names| {
                names.remove(&from.1);
            });
            on(to.0, &mut |names| {
                names.insert(to.1.clone(), *node);
            });
        }
    }
}
