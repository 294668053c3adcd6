//! Snapshots: arrays of plain values in one file, which are used where they lie in memory.
//!
//! A snapshot holds what an index or a simulation works on: vectors, ids, flags. [`Writer`] writes one in the place of
//! the last, array by array, whether or not they fit into memory together. [`Snapshot::open`] reads it whole into
//! aligned memory and checks every checksum; nothing is copied after that: [`Snapshot::view`] borrows an array as a
//! slice. [`Snapshot::map`] maps the file instead, which is `unsafe`, since another program that cuts the file would
//! take the memory away. The bytes are those of a container (`FORMAT.md`, sections 2 and 10).
//!
//! ```
//! use keepstone_storage::{MemFiles, Snapshot, snapshot};
//! use keepstone_format::Metadata;
//!
//! let files = MemFiles::new();
//! let vectors: Vec<f32> = (0..12).map(|n| n as f32).collect();
//!
//! let mut writer = snapshot::Writer::create(&files, "vectors.keep", Metadata::new())?;
//! writer.rows("vectors", 4, &vectors)?;
//! writer.array("ids", &[10_u64, 20, 30])?;
//! writer.commit()?;
//!
//! let snapshot = Snapshot::open_with("vectors.keep", snapshot::Options::default().files(&files))?;
//! let ids: &[u64] = snapshot.view("ids")?;
//! assert_eq!(ids, [10, 20, 30]);
//! let array = snapshot.array("vectors")?;
//! assert_eq!((array.rows(), array.width()), (3, 4));
//! assert_eq!(array.view_rows::<f32>(1..2)?, [4.0, 5.0, 6.0, 7.0]);
//! # Ok::<(), keepstone_storage::Error>(())
//! ```
//!
//! # With a log
//!
//! A snapshot says which records of a write-ahead log are in it: [`Wal::position`](crate::Wal::position) gives what
//! [`Metadata::set_log_position`](keepstone_format::Metadata::set_log_position) takes. [`recover()`] opens both and hands
//! out the records behind it. Once a snapshot is committed, [`Wal::truncate`](crate::Wal::truncate) gives up what is in it.
//!
//! # Limits
//!
//! A row has at most 16 MiB, an array at most 4 PiB; the names and layouts of all arrays have at most 1 MiB. Opening takes as much memory as the file is long; compressed arrays
//! take their decoded length besides, once they are looked at, which [`Limits`](keepstone_format::Limits) bounds for all
//! of them together.

mod array;
mod memory;
mod open;
mod recover;
mod stored;
mod writer;

use std::{fmt, path::Path, sync::Arc};

use keepstone_format::{Metadata, plain::Plain};

use crate::{Buffer, Error};
pub use array::Array;
pub use open::{Options, Verify};
pub use recover::{Recovered, recover};
pub use writer::{ArrayWriter, Writer};

pub(crate) use open::opened_by;

/// An open snapshot. Clones share it; views borrow from any of them.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<stored::Inner>,
}

impl Snapshot {
    /// Reads the snapshot at `path` into new memory and checks all of it.
    ///
    /// # Errors
    /// [`Error::NotAFile`], [`Error::Io`]; [`Error::Container`] if it is damaged, newer or over a limit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Options::default())
    }

    /// Reads the snapshot at `path` and checks all of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: Options<'_>) -> Result<Self, Error> {
        Self::open_into(path, Buffer::new(), options)
    }

    /// Reads the snapshot at `path` into memory of an earlier one and checks all of it.
    ///
    /// # Errors
    /// As [`open`](Self::open). The memory is gone then.
    pub fn open_into(path: impl AsRef<Path>, buffer: Buffer, options: Options<'_>) -> Result<Self, Error> {
        open::read(path.as_ref(), buffer, &options)
    }

    /// Gives the memory back for the next snapshot; none if there are other handles, or the file was mapped.
    pub fn into_buffer(self) -> Option<Buffer> {
        Arc::try_unwrap(self.inner).ok()?.into_buffer()
    }

    /// What the snapshot says of itself: name, time, the position in a log, and the application's own entries.
    pub fn head(&self) -> &Metadata {
        self.inner.reader.head()
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.inner.reader.bytes()
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// All arrays, in the order of the file.
    pub fn arrays(&self) -> impl ExactSizeIterator<Item = Array<'_>> {
        self.inner.arrays.iter().map(|stored| Array { inner: &self.inner, stored })
    }

    /// The array of a name.
    ///
    /// # Errors
    /// [`Error::NoArray`], which says what there is.
    pub fn array(&self, name: &str) -> Result<Array<'_>, Error> {
        self.inner.stored(name).map(|stored| Array { inner: &self.inner, stored })
    }

    /// An array as a slice of its values, row after row: [`Array::view`].
    ///
    /// # Errors
    /// [`Error::NoArray`] and those of [`Array::view`].
    pub fn view<T: Plain>(&self, name: &str) -> Result<&[T], Error> {
        self.array(name)?.view()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.arrays().map(|array| array.name()).collect();
        let mut debug = f.debug_struct("Snapshot");
        debug.field("path", &self.path()).field("bytes", &self.bytes()).field("arrays", &names);
        debug.finish_non_exhaustive()
    }
}
