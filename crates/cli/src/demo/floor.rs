use std::{
    borrow::Cow,
    hint::black_box,
    path::{Path, PathBuf},
    process,
};

use keepstone::{
    ecs::{Capture, ColumnData},
    format::crc32,
    storage::{self, Files, OsFiles},
};

use crate::error::Error;
use crate::source;

/// The least that the machine takes: the same bytes, by hand, without a format.
pub(super) struct Floor<'w> {
    /// The columns of fixed-size rows, where they are in the world.
    pieces: Vec<&'w [u8]>,
    buf: Vec<u8>,
    /// The bytes of a file.
    file: Vec<u8>,
    dir: PathBuf,
    temporary: PathBuf,
    target: PathBuf,
}

impl<'w> Floor<'w> {
    pub(super) fn new<E: Copy>(capture: &'w Capture<'_, E>, dir: &Path) -> Self {
        let plain = capture.doc.columns.iter().filter_map(|column| match &column.data {
            ColumnData::Plain(pieces) => Some(pieces),
            _ => None,
        });
        let pieces = plain.flatten().map(Cow::as_ref).collect();
        let name = |end| dir.join(format!(".keepstone-demo-floor-{}.{end}", process::id()));
        let (temporary, target) = (name("tmp"), name("bin"));
        Self { pieces, buf: Vec::new(), file: Vec::new(), dir: dir.to_owned(), temporary, target }
    }

    /// Bytes of the columns.
    pub(super) fn plain_len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Copies the columns and computes the checksum of the copy.
    pub(super) fn copy_and_checksum(&mut self) {
        self.buf.clear();
        for piece in &self.pieces {
            self.buf.extend_from_slice(piece);
        }
        black_box(crc32(&self.buf));
    }

    /// Takes the bytes of this file for what follows, and returns how many they are.
    pub(super) fn set_file(&mut self, path: &Path) -> Result<u64, Error> {
        self.file = source::read(path, u64::MAX)?;
        Ok(self.file.len() as u64)
    }

    /// Replaces a file by the bytes and waits until they are on the disk.
    pub(super) fn write_durably(&self) -> Result<(), Error> {
        let file = OsFiles.create_new(&self.temporary)?;
        file.write_all_at(&self.file, 0)?;
        file.sync_data()?;
        drop(file);
        // The one name outside `storage::atomic` that is changed: a floor owes nothing to what it is compared with.
        OsFiles.rename(&self.temporary, &self.target)?;
        Ok(OsFiles.sync_dir(&self.dir)?)
    }

    /// Reads a file and computes its checksum.
    pub(super) fn read_and_checksum(&mut self, path: &Path) -> Result<(), Error> {
        storage::read(&OsFiles, path, u64::MAX, &mut self.buf)?;
        black_box(crc32(&self.buf));
        Ok(())
    }
}

impl Drop for Floor<'_> {
    fn drop(&mut self) {
        // One of them is there at most, and none when nothing was written.
        for path in [&self.temporary, &self.target] {
            let _ = OsFiles.remove(path);
        }
    }
}
