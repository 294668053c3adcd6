use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use keepstone::storage::{File, Files as _, OsFiles};

const ZEROS_LEN: usize = 1 << 18;

/// An empty directory that is removed, with all in it, when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory `name` in `dir`; what an earlier run left of it is removed.
    ///
    /// # Errors
    /// When it can't be removed or made.
    #[expect(clippy::disallowed_methods, reason = "what is measured here need not survive a crash")]
    pub fn new(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir(&path)?,
        }
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a file of `len` zeros in it that are on the disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn zeros(&self, name: &str, len: u64) -> Result<Box<dyn File>> {
        let file = OsFiles.create_new(&self.0.join(name))?;
        let zeros = vec![0; ZEROS_LEN];
        let mut at = 0;
        while at < len {
            let count = usize::try_from(len - at).unwrap_or(ZEROS_LEN).min(ZEROS_LEN);
            file.write_all_at(zeros.get(..count).unwrap_or_default(), at)?;
            at += count as u64;
        }
        file.sync_all()?;
        OsFiles.sync_dir(&self.0)?;
        Ok(file)
    }
}

impl Drop for Scratch {
    #[expect(clippy::disallowed_methods, reason = "what is measured here need not survive a crash")]
    fn drop(&mut self) {
        // What can't be removed now is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that is written from its beginning to its end, and then from its beginning again.
#[derive(Debug)]
pub struct Ring {
    file: Box<dyn File>,
    len: u64,
    at: u64,
}

impl Ring {
    /// Goes around in `len` bytes of a file.
    pub fn new(file: Box<dyn File>, len: u64) -> Self {
        Self { file, len, at: 0 }
    }

    /// Writes bytes behind those written last.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let count = bytes.len() as u64;
        if self.at + count > self.len {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at)?;
        self.at += count;
        Ok(())
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}

#[cfg(test)]
mod tests {
    use keepstone::storage::read;

    use super::*;

    #[test]
    fn a_ring_begins_again_where_a_write_would_not_fit() {
        let scratch = Scratch::new(&std::env::temp_dir(), &format!("ring-{}", std::process::id())).unwrap();
        let mut ring = Ring::new(scratch.zeros("ring", 10).unwrap(), 10);
        for bytes in [b"abcd", b"efgh", b"ijkl"] {
            ring.write(bytes).unwrap();
        }
        ring.sync().unwrap();
        let mut found = Vec::new();
        read(&OsFiles, &scratch.path().join("ring"), 10, &mut found).unwrap();
        assert_eq!(found, b"ijklefgh\0\0");
        let path = scratch.path().to_owned();
        drop(scratch);
        assert!(!path.exists());
    }
}
