use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    path::PathBuf,
    sync::Arc,
};

use keepstone_storage::{Error, Files, MemFiles};

/// One state of a disk, as a mount would find it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Image {
    /// By path; a directory comes before what it holds.
    pub(crate) nodes: BTreeMap<PathBuf, Found>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Found {
    Dir,
    File { bytes: Arc<[u8]>, mode: u32 },
}

impl Image {
    /// Makes files in memory with this content.
    ///
    /// # Errors
    /// [`Error::Io`] if memory runs out.
    pub fn mount(&self) -> Result<MemFiles, Error> {
        let files = MemFiles::new();
        for (path, found) in &self.nodes {
            match found {
                Found::Dir => files.create_dir(path)?,
                Found::File { bytes, mode } => {
                    let file = files.create_new(path)?;
                    file.write_all_at(bytes, 0)?;
                    file.set_mode(*mode)?;
                }
            }
        }
        Ok(files)
    }
}

/// Lists the names, lengths and, for short files, the first bytes.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, found) in &self.nodes {
            match found {
                Found::Dir => writeln!(f, "  {}/", path.display())?,
                Found::File { bytes, mode } => {
                    let len = bytes.len();
                    write!(f, "  {} mode {mode:o}, {len} bytes ", path.display())?;
                    bytes.iter().take(16).try_for_each(|b| write!(f, "{b:02x}"))?;
                    f.write_char('\n')?;
                }
            }
        }
        Ok(())
    }
}
