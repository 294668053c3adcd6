use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_checkpoint::{Backend, DirBackend, Files, MemBackend, MemFiles, OsFiles};
use keepstone_checkpoint_conformance::{BoxError, InMemory, Openings, Place, Suite};

/// A directory, which one handle at a time has open for writing.
struct Dir {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// Goes with the place.
    _temporary: Option<tempfile::TempDir>,
}

impl Dir {
    fn in_memory() -> Self {
        Self { files: Arc::new(MemFiles::new()), path: "some/store".into(), _temporary: None }
    }

    /// On a file system of the kernel, in memory where there is one: what is lost in a power cut is tried elsewhere, and thousands of syncs would take minutes.
    fn on_a_file_system() -> Self {
        let memory = Path::new("/dev/shm");
        let temporary =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        Self { files: Arc::new(OsFiles), path: temporary.path().join("store"), _temporary: Some(temporary) }
    }
}

impl Place for Dir {
    fn open(&self) -> Result<Arc<dyn Backend>, BoxError> {
        Ok(Arc::new(DirBackend::open(Arc::clone(&self.files), &self.path)?))
    }

    fn openings(&self) -> Openings {
        Openings::InTurn
    }
}

#[test]
fn objects_in_memory_are_complete() {
    Suite::new(|| InMemory::new(MemBackend::new())).run().assert_complete();
}

#[test]
fn a_directory_of_files_in_memory_is_complete() {
    Suite::new(Dir::in_memory).run().assert_complete();
}

#[test]
fn a_directory_of_a_file_system_is_complete() {
    Suite::new(Dir::on_a_file_system).run().assert_complete();
}
