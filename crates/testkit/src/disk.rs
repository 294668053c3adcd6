use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{ErrorKind, Result as IoResult},
    path::Path,
    sync::Arc,
};

use keepstone_storage::{FileId, Metadata};

use crate::{Step, content::Content};

/// Names and files of a simulated disk as a process sees them, and the record of what was done.
#[derive(Debug)]
pub(crate) struct Disk {
    /// By resolved path; the root itself is not listed.
    pub(crate) nodes: BTreeMap<Arc<Path>, Node>,
    /// Those without a name, too, since a handle may be open.
    pub(crate) inodes: BTreeMap<u64, Inode>,
    pub(crate) inode_next: u64,
    pub(crate) steps: Vec<Step>,
    pub(crate) acknowledged: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Dir,
    File(u64),
}

#[derive(Debug)]
pub(crate) struct Inode {
    pub(crate) content: Content,
    pub(crate) mode: u32,
    /// Handles with a shared lock.
    pub(crate) shared: usize,
    pub(crate) exclusive: bool,
}

impl Disk {
    pub(crate) fn find(&self, path: &Path) -> IoResult<Option<Node>> {
        let Some(parent) = path.parent() else {
            return Ok(Some(Node::Dir));
        };
        if let Some(node) = self.nodes.get(path) {
            return Ok(Some(*node));
        }
        match self.find(parent)? {
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Node::Dir) | None => Ok(None),
        }
    }

    pub(crate) fn dir(&self, path: &Path) -> IoResult<()> {
        match self.find(path)? {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn file(&self, path: &Path) -> IoResult<u64> {
        match self.find(path)? {
            Some(Node::File(inode)) => Ok(inode),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn insert(&mut self, path: Arc<Path>, node: Node) -> IoResult<()> {
        if self.find(&path)?.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.dir(path.parent().unwrap_or(Path::new("")))?;
        self.nodes.insert(path, node);
        Ok(())
    }

    pub(crate) fn create(&mut self, path: Arc<Path>) -> IoResult<u64> {
        let inode = self.inode_next;
        self.insert(Arc::clone(&path), Node::File(inode))?;
        self.inode_next += 1;
        let content = Content::default();
        self.inodes.insert(inode, Inode { content, mode: 0o644, shared: 0, exclusive: false });
        self.steps.push(Step::CreateNew { path, inode });
        Ok(inode)
    }

    pub(crate) fn list(&self, dir: &Path) -> IoResult<Vec<OsString>> {
        self.dir(dir)?;
        let from: Arc<Path> = dir.into();
        let inside = self.nodes.range(from..).map(|(path, _)| path);
        Ok(inside
            .take_while(|path| path.starts_with(dir))
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name().map(OsString::from))
            .collect())
    }

    pub(crate) fn rename(&mut self, from: Arc<Path>, to: Arc<Path>) -> IoResult<()> {
        if from.parent() != to.parent() {
            return Err(ErrorKind::Unsupported.into());
        }
        let inode = self.file(&from)?;
        if let Some(Node::Dir) = self.find(&to)? {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.nodes.remove(&from);
        self.nodes.insert(Arc::clone(&to), Node::File(inode));
        self.steps.push(Step::Rename { from, to });
        Ok(())
    }

    pub(crate) fn inode(&self, inode: u64) -> IoResult<&Inode> {
        self.inodes.get(&inode).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(crate) fn inode_mut(&mut self, inode: u64) -> IoResult<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(crate) fn metadata(&self, inode: u64) -> IoResult<Metadata> {
        let Inode { content, mode, .. } = self.inode(inode)?;
        let id = Some(FileId { device: 0, inode });
        Ok(Metadata { len: content.len() as u64, is_file: true, mode: Some(*mode), id, links: Some(1) })
    }
}
