use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::Kind;
use keepstone_storage::{Durability, Error as StorageError, Files, atomic};

use super::target::{SyncTarget, TargetError};

/// Bytes of a file that is fetched at most.
const LEN_MAX: u64 = 1 << 40;

/// A directory as the other side: one that a cloud's own program synchronizes, as that of Steam does, or a shared disk.
///
/// Files are replaced whole, so that whoever copies the directory never sees half of one. When [`SyncTarget::put`] returns, the file is on the disk.
#[derive(Debug, Clone)]
pub struct DirTarget {
    files: Arc<dyn Files>,
    dir: PathBuf,
    name: String,
}

impl DirTarget {
    /// Takes a directory of the system's files ([`OsFiles`](keepstone_storage::OsFiles)) or others, which is made when the first file is put, and names it after its path.
    pub fn new(files: Arc<dyn Files>, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        let name = dir.display().to_string();
        Self { files, dir, name }
    }

    /// Names it otherwise: by the account, where several share a path one after the other.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Where a file is. A name leads nowhere else.
    fn path_of(&self, name: &str) -> Result<PathBuf, TargetError> {
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        if !name.split('/').all(is_plain) {
            let message = format!(
                "{name:?} is no name of a file here: letters, digits, '-', '_' and '.' between single '/'"
            );
            return Err(TargetError::new(Kind::Misuse, message));
        }
        Ok(name.split('/').fold(self.dir.clone(), |path, part| path.join(part)))
    }

    /// The names in a directory; none if it is missing.
    fn names_in(&self, dir: &Path) -> Result<Vec<String>, TargetError> {
        let names = found(self.files.list(dir))?.unwrap_or_default();
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }
}

impl SyncTarget for DirTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TargetError> {
        let path = self.path_of(name)?;
        atomic::replace(&*self.files, &path, Durability::Durable, bytes).map(drop).map_err(|err| failed(&err))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TargetError> {
        let path = self.path_of(name)?;
        let mut bytes = Vec::new();
        let read = keepstone_storage::read(&*self.files, &path, LEN_MAX, &mut bytes);
        Ok(found(read)?.map(|()| bytes))
    }

    /// Lists one directory: what is behind the last `/` is the beginning of names in it.
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, TargetError> {
        let (parent, beginning) =
            prefix.rsplit_once('/').map_or((None, prefix), |(dir, rest)| (Some(dir), rest));
        let dir = parent.map_or_else(|| Ok(self.dir.clone()), |parent| self.path_of(parent))?;
        let mut listed = Vec::new();
        for name in self.names_in(&dir)?.into_iter().filter(|name| name.starts_with(beginning)) {
            // Gone meanwhile, if there is none.
            let Some(metadata) = found(self.files.metadata(&dir.join(&name)))? else { continue };
            let full = parent.map_or_else(|| name.clone(), |parent| format!("{parent}/{name}"));
            if metadata.is_file {
                listed.push((full, metadata.len));
            }
        }
        Ok(listed)
    }

    fn delete(&self, name: &str) -> Result<(), TargetError> {
        let path = self.path_of(name)?;
        found(self.files.remove(&path)).map(drop)
    }
}

/// None if there is no such file.
fn found<T>(result: Result<T, StorageError>) -> Result<Option<T>, TargetError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(err) if err.io_kind() == Some(io::ErrorKind::NotFound) => Ok(None),
        Err(err) => Err(failed(&err)),
    }
}

fn failed(err: &StorageError) -> TargetError {
    TargetError::new(err.kind(), crate::manager::load::reason(err))
}

#[cfg(test)]
mod tests {
    use keepstone_storage::MemFiles;

    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let target = DirTarget::new(Arc::new(MemFiles::new()), "cloud");
        for name in ["../a", "/a", "a/../b", "a//b", "", "a/", ".", "a\\b", "c:a", ".hidden", "a\0b"] {
            assert_eq!(target.put(name, b"x").unwrap_err().kind(), Kind::Misuse, "{name:?}");
            assert_eq!(target.get(name).unwrap_err().kind(), Kind::Misuse, "{name:?}");
            assert_eq!(target.delete(name).unwrap_err().kind(), Kind::Misuse, "{name:?}");
        }
        target.put("p-a/x.keep", b"x").unwrap();
    }

    #[test]
    fn what_is_put_is_listed_and_fetched_until_it_is_deleted() {
        let target = DirTarget::new(Arc::new(MemFiles::new()), "some/cloud");
        assert_eq!(target.list("p-a/").unwrap(), []);
        assert_eq!(target.get("p-a/x").unwrap(), None);
        target.put("p-a/x", b"one").unwrap();
        target.put("p-a/x", b"other").unwrap();
        target.put("p-b/x", b"one").unwrap();
        assert_eq!(target.list("p-a/").unwrap(), [("p-a/x".to_owned(), 5)]);
        assert_eq!(target.get("p-a/x").unwrap().unwrap(), b"other");
        target.delete("p-a/x").unwrap();
        target.delete("p-a/x").unwrap();
        assert_eq!(target.list("p-a/").unwrap(), []);
        assert_eq!(target.get("p-b/x").unwrap().unwrap(), b"one");
    }
}
