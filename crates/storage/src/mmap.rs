//! Files as memory.
#![expect(
    unsafe_code,
    reason = "what is mapped may change under the program; the caller promises that it does not"
)]

use std::{io, path::Path};

use memmap2::{Mmap, MmapOptions};

use crate::{
    Error, File, Op, Snapshot,
    snapshot::{Options, Verify, opened_by},
};

impl Snapshot {
    /// Maps the snapshot at `path` into memory instead of reading it: arrays come from the disk when they are
    /// looked at, and go when the system needs the memory. Where files can't be mapped it is read.
    ///
    /// # Safety
    ///
    /// As long as a handle of this snapshot exists, nobody writes to the file or cuts it: what is read
    /// through a view would change, or end the program by a signal. To replace it by
    /// [`Writer::commit`](crate::snapshot::Writer::commit), to rename or to remove it is no harm. (Windows
    /// refuses that while the file is mapped.)
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub unsafe fn map(path: impl AsRef<Path>, verify: Verify, options: Options<'_>) -> Result<Self, Error> {
        // SAFETY: the caller promises what `map` asks for.
        opened_by(path.as_ref(), &options, verify, |file, len| unsafe { map(file, len) })
    }
}

/// Maps the first `len` bytes of a file; `None` where it isn't one of the operating system.
///
/// # Safety
///
/// While the mapping exists nobody changes these bytes or makes the file shorter. To give its name to
/// another file, or to remove the name, changes nothing.
unsafe fn map(file: &dyn File, len: u64) -> Result<Option<Mmap>, Error> {
    let Some(os) = file.as_os_file() else { return Ok(None) };
    let too_long = |_| Error::io(Op::Map, file.path(), io::Error::from(io::ErrorKind::OutOfMemory));
    let len = usize::try_from(len).map_err(too_long)?;
    // SAFETY: the caller promises that nobody changes or cuts the file while it is mapped.
    let mapped = unsafe { MmapOptions::new().len(len).map(os) };
    mapped.map(Some).map_err(|source| Error::io(Op::Map, file.path(), source))
}
