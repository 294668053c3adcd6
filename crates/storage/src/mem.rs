use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{Error as IoError, ErrorKind, Result as IoResult},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Error, File, FileId, Files, Metadata, Op};

/// Files in memory, for tests and for programs without a disk.
///
/// Clones share their content. Relative and absolute paths start at the same root, which exists, and
/// `..` is taken off by name. Syncing does nothing: all is gone with the last clone and handle.
#[derive(Debug, Clone, Default)]
pub struct MemFiles {
    tree: Arc<Mutex<Tree>>,
}

impl MemFiles {
    /// Makes an empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the one form in which this disk knows `path`: relative to its root, without `.` and `..`.
    pub fn resolve(path: &Path) -> PathBuf {
        let mut resolved = PathBuf::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => resolved.push(name),
                Component::ParentDir => {
                    resolved.pop();
                }
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        resolved
    }
}

impl Files for MemFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let inode = held(&self.tree).file(&Self::resolve(path));
        let inode = inode.map_err(|e| Error::io(Op::Open, path, e))?;
        Ok(MemFile::boxed(inode, path))
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        self.open(path)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let inode = held(&self.tree).create(&Self::resolve(path));
        let inode = inode.map_err(|e| Error::io(Op::CreateNew, path, e))?;
        Ok(MemFile::boxed(inode, path))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        let tree = held(&self.tree);
        match tree.find(&Self::resolve(path)) {
            Ok(Some(Node::File(inode))) => Ok(inode.metadata()),
            Ok(Some(Node::Dir)) => {
                Ok(Metadata { len: 0, is_file: false, mode: Some(0o755), id: None, links: None })
            }
            Ok(None) => Err(Error::io(Op::Metadata, path, ErrorKind::NotFound.into())),
            Err(e) => Err(Error::io(Op::Metadata, path, e)),
        }
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, Error> {
        let names = held(&self.tree).list(&Self::resolve(dir));
        names.map_err(|e| Error::io(Op::List, dir, e))
    }

    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        let made = held(&self.tree).insert(Self::resolve(dir), Node::Dir);
        made.map_err(|e| Error::io(Op::CreateDir, dir, e))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let renamed = held(&self.tree).rename(&Self::resolve(from), Self::resolve(to));
        renamed.map_err(|e| Error::io(Op::Rename, to, e))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        let removed = held(&self.tree).remove(&Self::resolve(path));
        removed.map_err(|e| Error::io(Op::Remove, path, e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        let found = held(&self.tree).dir(&Self::resolve(dir));
        found.map_err(|e| Error::io(Op::SyncDir, dir, e))
    }
}

#[derive(Debug, Default)]
struct Tree {
    /// By resolved path; the root itself is not listed.
    nodes: BTreeMap<PathBuf, Node>,
    inodes_made: u64,
}

#[derive(Debug, Clone)]
enum Node {
    Dir,
    File(Arc<Inode>),
}

impl Tree {
    fn find(&self, path: &Path) -> IoResult<Option<Node>> {
        let Some(parent) = path.parent() else {
            return Ok(Some(Node::Dir));
        };
        if let Some(node) = self.nodes.get(path) {
            return Ok(Some(node.clone()));
        }
        match self.find(parent)? {
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Node::Dir) | None => Ok(None),
        }
    }

    fn dir(&self, path: &Path) -> IoResult<()> {
        match self.find(path)? {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn file(&self, path: &Path) -> IoResult<Arc<Inode>> {
        match self.find(path)? {
            Some(Node::File(inode)) => Ok(inode),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn insert(&mut self, path: PathBuf, node: Node) -> IoResult<()> {
        if self.find(&path)?.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.dir(path.parent().unwrap_or(Path::new("")))?;
        self.nodes.insert(path, node);
        Ok(())
    }

    fn create(&mut self, path: &Path) -> IoResult<Arc<Inode>> {
        let inode = Arc::new(Inode::new(self.inodes_made));
        self.insert(path.to_owned(), Node::File(Arc::clone(&inode)))?;
        self.inodes_made += 1;
        Ok(inode)
    }

    fn list(&self, dir: &Path) -> IoResult<Vec<OsString>> {
        self.dir(dir)?;
        let inside = self.nodes.range(dir.to_owned()..);
        Ok(inside
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(dir))
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name().map(OsString::from))
            .collect())
    }

    fn rename(&mut self, from: &Path, to: PathBuf) -> IoResult<()> {
        let inode = self.file(from)?;
        self.dir(to.parent().unwrap_or(Path::new("")))?;
        if let Some(Node::Dir) = self.find(&to)? {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.nodes.remove(from);
        self.nodes.insert(to, Node::File(inode));
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> IoResult<()> {
        self.file(path)?;
        self.nodes.remove(path);
        Ok(())
    }
}

#[derive(Debug)]
struct Inode {
    id: FileId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    mode: u32,
    locks: Locks,
}

impl Inode {
    fn new(inode: u64) -> Self {
        let state = State { bytes: Vec::new(), mode: 0o644, locks: Locks::default() };
        Self { id: FileId { device: 0, inode }, state: Mutex::new(state) }
    }

    fn metadata(&self) -> Metadata {
        let state = held(&self.state);
        Metadata {
            len: state.bytes.len() as u64,
            is_file: true,
            mode: Some(state.mode),
            id: Some(self.id),
            links: Some(1),
        }
    }
}

#[derive(Debug)]
struct MemFile {
    inode: Arc<Inode>,
    path: PathBuf,
    /// What this handle has of the file's locks.
    lock: Mutex<Lock>,
}

impl MemFile {
    fn boxed(inode: Arc<Inode>, path: &Path) -> Box<dyn File> {
        Box::new(Self { inode, path: path.to_owned(), lock: Mutex::new(Lock::None) })
    }
}

/// The handles that have a file locked.
#[derive(Debug, Default)]
struct Locks {
    shared: usize,
    exclusive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    Shared,
    Exclusive,
}

impl MemFile {
    /// Gives up this handle's lock for another, or answers false and keeps it.
    fn swap_lock(&self, wanted: Lock) -> bool {
        let mut mine = held(&self.lock);
        let locks = &mut held(&self.inode.state).locks;
        let others = Locks {
            shared: locks.shared - usize::from(*mine == Lock::Shared),
            exclusive: locks.exclusive && *mine != Lock::Exclusive,
        };
        let free = match wanted {
            Lock::None => true,
            Lock::Shared => !others.exclusive,
            Lock::Exclusive => !others.exclusive && others.shared == 0,
        };
        if free {
            *mine = wanted;
            locks.shared = others.shared + usize::from(wanted == Lock::Shared);
            locks.exclusive = others.exclusive || wanted == Lock::Exclusive;
        }
        free
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        self.swap_lock(Lock::None);
    }
}

impl File for MemFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn metadata(&self) -> Result<Metadata, Error> {
        Ok(self.inode.metadata())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let state = held(&self.inode.state);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = state.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        let too_large = || Error::io(Op::Write, &self.path, ErrorKind::FileTooLarge.into());
        let start = usize::try_from(offset).map_err(|_| too_large())?;
        let end = start.checked_add(data.len()).ok_or_else(too_large)?;
        let mut state = held(&self.inode.state);
        if state.bytes.len() < end {
            let more = end - state.bytes.len();
            let room = state.bytes.try_reserve(more);
            room.map_err(|e| Error::io(Op::Write, &self.path, IoError::from(e)))?;
            state.bytes.resize(end, 0);
        }
        if let Some(to) = state.bytes.get_mut(start..end) {
            to.copy_from_slice(data);
        }
        Ok(data.len())
    }

    fn set_mode(&self, mode: u32) -> Result<(), Error> {
        held(&self.inode.state).mode = mode;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        Ok(())
    }

    fn sync_all(&self) -> Result<(), Error> {
        Ok(())
    }

    fn try_lock(&self) -> Result<bool, Error> {
        Ok(self.swap_lock(Lock::Exclusive))
    }

    fn try_lock_shared(&self) -> Result<bool, Error> {
        Ok(self.swap_lock(Lock::Shared))
    }
}

/// A panic elsewhere leaves nothing half-changed under these locks.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
