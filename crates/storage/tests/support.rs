use std::{io::ErrorKind, path::Path, sync::Arc};

use keepstone_storage::{Durability, Error, Files, MemFiles, OsFiles, atomic, read};

/// Runs one check on files in memory and on those of the operating system.
pub(crate) fn on_both(check: impl Fn(&Arc<dyn Files>, &Path)) {
    let memory: Arc<dyn Files> = Arc::new(MemFiles::new());
    let root = Path::new("root");
    memory.create_dir(root).unwrap();
    check(&memory, root);

    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let dir = tempfile::tempdir().unwrap();
    check(&disk, dir.path());
}

pub(crate) fn save(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<atomic::Committed, Error> {
    atomic::replace(files, path, Durability::Durable, bytes)
}

/// The content of a file, or `None` where there is none.
pub(crate) fn load(files: &dyn Files, path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match read(files, path, 1 << 20, &mut bytes) {
        Ok(()) => Some(bytes),
        Err(err) if err.io_kind() == Some(ErrorKind::NotFound) => None,
        Err(err) => panic!("{err}"),
    }
}

pub(crate) fn names(files: &dyn Files, dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        files.list(dir).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Bytes without zeros that differ from those of any other `tag` in every sector.
pub(crate) fn payload(tag: u8, len: usize) -> Vec<u8> {
    let byte = |index: usize| u8::try_from(index % 251 / 9).unwrap() + 32 * tag + 1;
    (0..len).map(byte).collect()
}
