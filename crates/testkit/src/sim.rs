use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{Error as IoError, ErrorKind, Result as IoResult},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_storage::{Error, File, Files, MemFiles, Metadata, Op};

use crate::{
    Fault, FaultFiles, Image, Step, Until,
    disk::{Disk, Inode, Node},
    image::{Found, Saved},
};

/// A simulated disk: files in memory that record each change and each sync.
///
/// Clones share it. Use it from one thread: the record is in the order in which calls are made. A
/// rename from one directory to another is refused, since what of it a sync makes durable differs
/// between systems.
#[derive(Debug, Clone)]
pub struct SimFiles {
    disk: Arc<Mutex<Disk>>,
}

impl SimFiles {
    /// Makes an empty disk.
    pub fn empty() -> Self {
        Self::mount(&Image::default(), 0, 0)
    }

    /// Records that the caller has been told its work is durable: one acknowledgement more.
    pub fn acknowledge(&self) {
        self.acknowledge_as(self.acknowledged() + 1);
    }

    /// Records that the caller has been told that all up to `value` is durable: a position in a log.
    pub fn acknowledge_as(&self, value: u64) {
        let mut disk = held(&self.disk);
        disk.acknowledged = value;
        disk.steps.push(Step::Acknowledge { value });
    }

    /// What was acknowledged last, before a crash included; 0 if nothing was.
    pub fn acknowledged(&self) -> u64 {
        held(&self.disk).acknowledged
    }

    /// What has happened since the disk was made, or since the crash before a recovery or check.
    pub fn steps(&self) -> Vec<Step> {
        held(&self.disk).steps.clone()
    }

    /// Lets call number `at` (from 0) meet `fault`, as [`FaultFiles::over`] does.
    ///
    /// This disk then knows of a failed sync: what was dirty may be lost although a later sync succeeds,
    /// unless it is written again.
    pub fn faults(&self, at: u64, fault: Fault, until: Until) -> FaultFiles {
        FaultFiles::telling(self.clone(), at, fault, until)
    }

    /// Makes a disk with this content. New files get numbers from `inode_next` on.
    pub(crate) fn mount(image: &Image, inode_next: u64, acknowledged: u64) -> Self {
        let mut inodes = BTreeMap::new();
        let mut nodes = BTreeMap::new();
        for (path, found) in &image.nodes {
            let node = match found {
                Found::Dir => Node::Dir,
                Found::File(Saved { inode, content, mode }) => {
                    let content = content.clone();
                    inodes.insert(*inode, Inode { content, mode: *mode, shared: 0, exclusive: false });
                    Node::File(*inode)
                }
            };
            nodes.insert(Arc::clone(path), node);
        }
        let disk = Disk { nodes, inodes, inode_next, steps: Vec::new(), acknowledged };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Records that a sync of a file has failed.
    pub(crate) fn fail_sync(&self, inode: u64) {
        held(&self.disk).steps.push(Step::SyncFailed { inode });
    }

    /// Forgets the steps made so far and answers them.
    pub(crate) fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut held(&self.disk).steps)
    }

    fn on<T>(
        &self,
        op: Op,
        path: &Path,
        act: impl FnOnce(&mut Disk, PathBuf) -> IoResult<T>,
    ) -> Result<T, Error> {
        act(&mut held(&self.disk), MemFiles::resolve(path)).map_err(|e| Error::io(op, path, e))
    }

    fn handle(&self, inode: u64, path: &Path) -> Box<dyn File> {
        let lock = Mutex::new(Lock::None);
        Box::new(SimFile { disk: Arc::clone(&self.disk), inode, path: path.to_owned(), lock })
    }
}

impl Files for SimFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let inode = self.on(Op::Open, path, |disk, at| disk.file(&at))?;
        Ok(self.handle(inode, path))
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        self.open(path)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let inode = self.on(Op::CreateNew, path, |disk, at| disk.create(at.into()))?;
        Ok(self.handle(inode, path))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.on(Op::Metadata, path, |disk, at| match disk.find(&at)? {
            Some(Node::File(inode)) => disk.metadata(inode),
            Some(Node::Dir) => {
                Ok(Metadata { len: 0, is_file: false, mode: Some(0o755), id: None, links: None })
            }
            None => Err(ErrorKind::NotFound.into()),
        })
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, Error> {
        self.on(Op::List, dir, |disk, at| disk.list(&at))
    }

    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        self.on(Op::CreateDir, dir, |disk, at| {
            let path: Arc<Path> = at.into();
            disk.insert(Arc::clone(&path), Node::Dir)?;
            disk.steps.push(Step::CreateDir { path });
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let source = MemFiles::resolve(from);
        self.on(Op::Rename, to, |disk, to| disk.rename(source.into(), to.into()))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.on(Op::Remove, path, |disk, at| {
            disk.file(&at)?;
            disk.nodes.remove(&*at);
            disk.steps.push(Step::Remove { path: at.into() });
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        self.on(Op::SyncDir, dir, |disk, at| {
            disk.dir(&at)?;
            disk.steps.push(Step::SyncDir { path: at.into() });
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<Disk>>,
    inode: u64,
    path: PathBuf,
    /// What this handle has of the file's locks.
    lock: Mutex<Lock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    Shared,
    Exclusive,
}

impl SimFile {
    fn on<T>(&self, op: Op, act: impl FnOnce(&mut Disk, u64) -> IoResult<T>) -> Result<T, Error> {
        act(&mut held(&self.disk), self.inode).map_err(|e| Error::io(op, &self.path, e))
    }

    /// Gives up this handle's lock for another, or answers false and keeps it.
    fn swap_lock(&self, wanted: Lock) -> Result<bool, Error> {
        let mut mine = held(&self.lock);
        self.on(Op::Lock, |disk, inode| {
            let file = disk.inode_mut(inode)?;
            let shared = file.shared - usize::from(*mine == Lock::Shared);
            let exclusive = file.exclusive && *mine != Lock::Exclusive;
            let free = match wanted {
                Lock::None => true,
                Lock::Shared => !exclusive,
                Lock::Exclusive => !exclusive && shared == 0,
            };
            if free {
                *mine = wanted;
                file.shared = shared + usize::from(wanted == Lock::Shared);
                file.exclusive = exclusive || wanted == Lock::Exclusive;
            }
            Ok(free)
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        // A file that was opened stays in the table, so this cannot fail.
        let _ = self.swap_lock(Lock::None);
    }
}

impl File for SimFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn metadata(&self) -> Result<Metadata, Error> {
        self.on(Op::Metadata, |disk, inode| disk.metadata(inode))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.on(Op::Read, |disk, inode| Ok(disk.inode(inode)?.content.read(buf, offset)))
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        let too_large = || IoError::from(ErrorKind::FileTooLarge);
        self.on(Op::Write, |disk, inode| {
            let start = usize::try_from(offset).map_err(|_| too_large())?;
            start.checked_add(data.len()).filter(|end| *end <= LEN_MAX).ok_or_else(too_large)?;
            disk.inode_mut(inode)?.content.write(data, start);
            disk.steps.push(Step::Write { inode, offset, data: data.into() });
            Ok(data.len())
        })
    }

    fn set_mode(&self, mode: u32) -> Result<(), Error> {
        self.on(Op::SetMode, |disk, inode| {
            disk.inode_mut(inode)?.mode = mode;
            disk.steps.push(Step::SetMode { inode, mode });
            Ok(())
        })
    }

    fn sync_data(&self) -> Result<(), Error> {
        held(&self.disk).steps.push(Step::SyncData { inode: self.inode });
        Ok(())
    }

    fn sync_all(&self) -> Result<(), Error> {
        held(&self.disk).steps.push(Step::SyncAll { inode: self.inode });
        Ok(())
    }

    fn try_lock(&self) -> Result<bool, Error> {
        self.swap_lock(Lock::Exclusive)
    }

    fn try_lock_shared(&self) -> Result<bool, Error> {
        self.swap_lock(Lock::Shared)
    }
}

/// The longest file; the table of its pages is in memory even where it is empty.
const LEN_MAX: usize = 1 << 34;

/// A panic elsewhere leaves nothing half-changed under these locks.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
