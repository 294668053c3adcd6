//! Snapshots of EdgeVec.

use std::path::Path;

use keepstone::{
    compat::{self, edgevec::Snapshot},
    format::{Codec, Limits},
};

use crate::convert::replace;
use crate::error::Error;
use crate::source;

/// Reads a whole file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    source::read(path, u64::MAX)
}

/// What reading a snapshot of this length may cost.
pub(crate) fn limits(bytes: &[u8]) -> Limits {
    Limits::for_file_len(bytes.len() as u64)
}

/// Takes a snapshot apart.
pub(crate) fn read<'a>(path: &Path, bytes: &'a [u8]) -> Result<Snapshot<'a>, Error> {
    Snapshot::read(bytes, &limits(bytes)).map_err(|source| foreign(path, source))
}

pub(crate) fn foreign(path: &Path, source: compat::Error) -> Error {
    Error::Foreign { path: path.to_owned(), source }
}

/// Writes a snapshot as a container. Returns how many sections it has and how long it is.
pub(crate) fn write(
    path: &Path,
    out: &Path,
    snapshot: &Snapshot<'_>,
    codec: Codec,
) -> Result<(u32, u64), Error> {
    replace(out, |writer| {
        snapshot.write_keep(writer, codec).map_err(|source| match source {
            compat::Error::Container(source) => Error::Keep { path: out.to_owned(), source },
            source => foreign(path, source),
        })
    })
}
