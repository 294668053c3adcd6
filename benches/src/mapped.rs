//! Files as memory, ours and by hand, and fresh memory to read them into.
#![expect(unsafe_code, reason = "mapping a file is a promise about the file, which the benches can give")]

use std::{fs::File, io, path::Path};

use anyhow::Result;
use keepstone::storage::{
    Snapshot,
    snapshot::{Options, Verify},
};
use memmap2::{Mmap, MmapMut, MmapOptions};

/// Maps a snapshot that a bench has written.
///
/// Only for files in a directory of this program alone: they are replaced there, and never written to or cut.
///
/// # Errors
/// Those of [`Snapshot::map`].
pub fn snapshot(path: &Path, verify: Verify, options: Options<'_>) -> Result<Snapshot> {
    // SAFETY: the file is in a directory that only this program uses, and it changes files there by replacing them
    // under their names, which leaves what is mapped as it is.
    Ok(unsafe { Snapshot::map(path, verify, options)? })
}

/// Maps a whole file that a bench has written, by as few calls as there can be.
///
/// Only for files in a directory of this program alone: they are replaced there, and never written to or cut.
///
/// # Errors
/// Those of the system.
#[expect(clippy::disallowed_methods, reason = "this is what `Snapshot::map` is compared with")]
pub fn by_hand(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the file is in a directory that only this program uses, and it changes files there by replacing them
    // under their names, which leaves what is mapped as it is.
    unsafe { Mmap::map(&file) }
}

/// Takes new memory of `len` bytes, in huge pages where the system has them.
///
/// # Errors
/// Those of the system.
pub fn fresh(len: usize) -> io::Result<MmapMut> {
    let map = MmapOptions::new().len(len).map_anon()?;
    #[cfg(target_os = "linux")]
    map.advise(memmap2::Advice::HugePage)?;
    Ok(map)
}
