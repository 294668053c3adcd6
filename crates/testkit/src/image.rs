use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::content::Content;

/// One state of a disk, as a mount would find it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// By path; a directory comes before what it holds.
    pub(crate) nodes: BTreeMap<Arc<Path>, Found>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Dir,
    File(Saved),
}

/// A file with the number it keeps under any name, and the sum of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) inode: u64,
    pub(crate) content: Content,
    pub(crate) mode: u32,
}

impl Image {
    /// The names on the disk, files and directories, in order.
    pub fn names(&self) -> Vec<PathBuf> {
        self.nodes.keys().map(|path| path.to_path_buf()).collect()
    }
}

/// Lists the names, lengths and first bytes.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, found) in &self.nodes {
            match found {
                Found::Dir => writeln!(f, "  {}/", path.display())?,
                Found::File(Saved { inode, content, mode }) => {
                    writeln!(f, "  {} inode {inode}, mode {mode:o}, {content:?}", path.display())?;
                }
            }
        }
        Ok(())
    }
}
