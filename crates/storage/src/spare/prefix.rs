//! What a list of saves needs of each.

use std::path::Path;

use keepstone_format::{Error as FormatError, Head};

use super::held::{committed, open_file};
use crate::{
    Error, File, Files,
    committed::{Commit, PAGE_LEN, Page, is_barred},
};

/// How much is read at first: most heads are shorter.
const FIRST_LEN: usize = PAGE_LEN + 1024;
/// How much page and head can take.
const LEN_MAX: usize = PAGE_LEN + Head::LEN_MAX;

/// Commit page and head of a save. They say nothing of what is behind them.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Its number.
    pub generation: u64,
    /// Length of its container.
    pub bytes: u64,
    /// The CRC-64 of its container.
    pub container_crc: u64,
    /// Header and metadata.
    pub head: Head,
}

/// Reads commit page and head of a save from the first bytes of its file, mostly with one read.
///
/// Nothing is locked: beside a writer it may be the prefix of a save that is not durable yet, or of what the
/// file held before.
///
/// # Errors
/// [`Error::Container`] if there is no save, if page or head are damaged or of an older version, or if they are of two saves; [`Error::Newer`];
/// [`Error::Superseded`] if a writer's lock bars reading; [`Error::NotAFile`]; [`Error::Io`].
pub fn prefix(files: &dyn Files, path: &Path) -> Result<Prefix, Error> {
    read(&*open_file(files, path)?)
}

/// Reads the prefix of an open file.
pub(super) fn read(file: &dyn File) -> Result<Prefix, Error> {
    let mut bytes = [0; LEN_MAX];
    let (mut filled, mut wanted) = (0, FIRST_LEN);
    loop {
        let rest = bytes.get_mut(filled..wanted).unwrap_or_default();
        let read = file.read_full_at(rest, filled as u64);
        filled += read.map_err(|err| {
            if is_barred(&err) { Error::Superseded { path: file.path().to_owned() } } else { err }
        })?;
        let found = prefix_of(file.path(), bytes.get(..filled).unwrap_or_default());
        // A longer head is cut short here, unless the file is.
        let is_short = matches!(
            &found,
            Err(Error::Container { source: FormatError::Truncated { .. }, .. }) if filled == wanted
        );
        if !is_short || wanted == LEN_MAX {
            return found;
        }
        wanted = LEN_MAX;
    }
}

/// Reads commit page and head from the first bytes of the file at `path`, which is named in errors.
///
/// The length of a page and of the longest head, 4096 bytes and [`Head::LEN_MAX`], or the whole file if it is shorter, are always enough.
///
/// # Errors
/// [`Error::Container`] and [`Error::Newer`], as [`prefix`](prefix()); with [`Truncated`](FormatError::Truncated) if there are too few bytes for the head.
pub fn prefix_of(path: &Path, first_bytes: &[u8]) -> Result<Prefix, Error> {
    let (page, rest) = first_bytes.split_at_checked(PAGE_LEN).unwrap_or((first_bytes, &[]));
    let Commit { generation, container_len, container_crc } = committed(path, Page::decode(page))?;
    let container = |source| Error::Container { path: path.to_owned(), source };
    let head = Head::read(rest).map_err(container)?;
    if head.header.epoch != generation {
        let rule = "it is not the one that its commit page tells of; load another save";
        return Err(container(FormatError::Invalid { what: "container", rule, offset: 0 }));
    }
    Ok(Prefix { generation, bytes: container_len, container_crc, head })
}
