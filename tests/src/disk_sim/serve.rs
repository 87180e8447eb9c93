//! Carries the kernel's calls to the disk's state; decides nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    AccessFlags, BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::state::{Body, Contents, Failure, Node, State};

/// Nothing may be cached: after a power cut everything may be different.
const TTL: Duration = Duration::ZERO;

/// Reported where no capacity was set.
const LARGE: u64 = 64 << 30;

const BLOCK: u32 = 4096;

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Served(pub(super) Arc<Mutex<State>>);

impl Served {
    fn state(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = lock(&self.0);
        if state.cut { Err(Errno::EIO) } else { Ok(state) }
    }

    /// A call that reads; it may be the one that was told to fail.
    fn reads(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state()?;
        match state.call() {
            Some(_) => Err(Errno::EIO),
            None => Ok(state),
        }
    }

    /// A call that needs room.
    fn writes(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state()?;
        match state.call() {
            Some(Failure::Medium) => Err(Errno::EIO),
            Some(Failure::Room) => Err(Errno::ENOSPC),
            None => Ok(state),
        }
    }

    fn attributes(&self, node: Node) -> Result<FileAttr, Errno> {
        attributes(&*self.state()?, node)
    }

    fn lookup(&self, parent: Node, name: &OsStr) -> Result<FileAttr, Errno> {
        let state = self.state()?;
        attributes(&state, state.find(parent, name).ok_or(Errno::ENOENT)?)
    }

    fn add(&self, parent: Node, name: &OsStr, mode: u32, body: Body) -> Result<FileAttr, Errno> {
        let mut state = self.writes()?;
        if state.find(parent, name).is_some() {
            return Err(Errno::EEXIST);
        }
        let mode = u16::try_from(mode & 0o7777).unwrap_or(0o600);
        let node = state.add(parent, name, mode, body);
        attributes(&state, node)
    }

    fn set(&self, node: Node, mode: Option<u32>, size: Option<u64>) -> Result<FileAttr, Errno> {
        let mut state = self.writes()?;
        if let (Some(mode), Some(inode)) = (mode, state.inodes.get_mut(&node)) {
            inode.mode = u16::try_from(mode & 0o7777).unwrap_or(inode.mode);
        }
        if let Some(size) = size {
            let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
            if !state.has_room(node, size) {
                return Err(Errno::ENOSPC);
            }
            state.file(node).ok_or(Errno::EISDIR)?;
            state.resize(node, size);
        }
        attributes(&state, node)
    }

    fn write(&self, node: Node, offset: u64, data: &[u8]) -> Result<u32, Errno> {
        let mut state = self.writes()?;
        let offset = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        if !state.has_room(node, offset + data.len()) {
            return Err(Errno::ENOSPC);
        }
        state.file(node).ok_or(Errno::EISDIR)?;
        state.write(node, offset, data);
        u32::try_from(data.len()).map_err(|_| Errno::EFBIG)
    }

    fn read(&self, node: Node, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let mut state = self.reads()?;
        let bytes = &state.file(node).ok_or(Errno::EISDIR)?.live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = bytes.len().min(start.saturating_add(size as usize));
        Ok(bytes[start..end].to_vec())
    }

    fn remove(&self, parent: Node, name: &OsStr) -> Result<(), Errno> {
        let mut state = self.reads()?;
        let node = state.find(parent, name).ok_or(Errno::ENOENT)?;
        if state.dir(node).is_some_and(|names| !names.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        state.remove(parent, name);
        Ok(())
    }

    fn sync(&self, node: Node) -> Result<(), Errno> {
        let mut state = self.reads()?;
        if state.fail_syncs {
            return Err(Errno::EIO);
        }
        state.sync(node);
        Ok(())
    }

    fn list(&self, node: Node) -> Result<Vec<(Node, FileType, std::ffi::OsString)>, Errno> {
        let state = self.state()?;
        let names = state.dir(node).ok_or(Errno::ENOTDIR)?;
        let entry = |(name, node): (&std::ffi::OsString, &Node)| {
            let kind = if state.dir(*node).is_some() {
                FileType::Directory
            } else {
                FileType::RegularFile
            };
            (*node, kind, name.clone())
        };
        Ok(names.iter().map(entry).collect())
    }
}

fn attributes(state: &State, node: Node) -> Result<FileAttr, Errno> {
    let inode = state.inodes.get(&node).ok_or(Errno::ENOENT)?;
    let (kind, size) = match &inode.body {
        Body::File(Contents { live, .. }) => (FileType::RegularFile, live.len() as u64),
        Body::Dir(_) => (FileType::Directory, 0),
    };
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let epoch = SystemTime::UNIX_EPOCH;
    Ok(FileAttr {
        ino: INodeNo(node),
        size,
        blocks: size.div_ceil(512),
        atime: epoch,
        mtime: epoch,
        ctime: epoch,
        crtime: epoch,
        kind,
        perm: inode.mode,
        nlink: 1,
        uid,
        gid,
        rdev: 0,
        flags: 0,
        blksize: BLOCK,
    })
}

macro_rules! answer {
    ($reply:ident, $result:expr, |$value:pat_param| $ok:expr) => {
        match $result {
            Ok($value) => $ok,
            Err(error) => $reply.error(error),
        }
    };
}

impl Filesystem for Served {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer!(reply, self.lookup(parent.0, name), |attr| reply.entry(
            &TTL,
            &attr,
            Generation(0)
        ));
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        answer!(reply, self.attributes(ino.0), |attr| reply.attr(&TTL, &attr));
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        answer!(reply, self.set(ino.0, mode, size), |attr| reply.attr(&TTL, &attr));
    }

    fn mkdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let added = self.add(parent.0, name, mode & !umask, Body::Dir(BTreeMap::new()));
        answer!(reply, added, |attr| reply.entry(&TTL, &attr, Generation(0)));
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(reply, self.remove(parent.0, name), |()| reply.ok());
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(reply, self.remove(parent.0, name), |()| reply.ok());
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let rename = || {
            if !flags.is_empty() {
                return Err(Errno::EINVAL);
            }
            let mut state = self.writes()?;
            let node = state.find(parent.0, name).ok_or(Errno::ENOENT)?;
            state.rename((parent.0, name), (newparent.0, newname), node);
            Ok(())
        };
        answer!(reply, rename(), |()| reply.ok());
    }

    fn open(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        answer!(reply, self.attributes(ino.0), |_| reply
            .opened(FileHandle(0), FopenFlags::empty()));
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let added = self.add(parent.0, name, mode & !umask, Body::File(Contents::default()));
        answer!(reply, added, |attr| reply.created(
            &TTL,
            &attr,
            Generation(0),
            FileHandle(0),
            FopenFlags::empty()
        ));
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        answer!(reply, self.read(ino.0, offset, size), |bytes| reply.data(&bytes));
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        answer!(reply, self.write(ino.0, offset, data), |len| reply.written(len));
    }

    fn flush(&self, _req: &Request, _ino: INodeNo, _fh: FileHandle, _owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        answer!(reply, self.sync(ino.0), |()| reply.ok());
    }

    fn fsyncdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        answer!(reply, self.sync(ino.0), |()| reply.ok());
    }

    fn readdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let entries = match self.list(ino.0) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error),
        };
        for (index, (node, kind, name)) in entries.into_iter().enumerate().skip(skip) {
            if reply.add(INodeNo(node), index as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn fallocate(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let grown = self.attributes(ino.0).and_then(|attr| {
            let len = attr.size.max(offset + length);
            self.set(ino.0, None, (len > attr.size).then_some(len))
        });
        answer!(reply, grown, |_| reply.ok());
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let state = lock(&self.0);
        let total = state.capacity.unwrap_or(LARGE);
        let free = total.saturating_sub(state.used());
        let block = u64::from(BLOCK);
        reply.statfs(
            total / block,
            free / block,
            free / block,
            1 << 20,
            1 << 20,
            BLOCK,
            255,
            BLOCK,
        );
    }

    fn access(&self, _req: &Request, _ino: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }
}
