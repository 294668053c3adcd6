//! What the first bytes of a file say, and why it is no use.

use std::{io, path::Path};

use keepstone_format::Error as FormatError;

use super::page::{MAJOR, PAGE_LEN, Page};
use crate::{Error, File};

/// Reads what the first bytes of a file say.
pub(crate) fn read_page(file: &dyn File) -> Result<Page, Error> {
    let mut bytes = [0; PAGE_LEN];
    match file.read_full_at(&mut bytes, 0) {
        Ok(count) => Ok(Page::decode(bytes.get(..count).unwrap_or_default())),
        Err(err) if is_barred(&err) => Ok(Page::None),
        Err(err) => Err(err),
    }
}

/// Whether a writer's lock keeps the bytes from being read, as locks on Windows do (`ERROR_LOCK_VIOLATION`):
/// nothing is committed in the file then.
pub(crate) fn is_barred(err: &Error) -> bool {
    cfg!(windows) && matches!(err, Error::Io { source, .. } if source.raw_os_error() == Some(33))
}

/// Whether the file system has no such thing: locks, where this is asked.
pub(crate) fn is_unsupported(err: &Error) -> bool {
    err.io_kind() == Some(io::ErrorKind::Unsupported)
}

/// Whether it is a version, not damage, that keeps a container from being read.
pub(crate) fn is_version(err: &FormatError) -> bool {
    matches!(err, FormatError::Version { .. } | FormatError::UnknownFeatures { .. })
}

/// Why a file is no use, if its page is not one to believe.
pub(crate) fn refusal(path: &Path, page: Page) -> Option<Error> {
    let path = path.to_owned();
    match page {
        Page::None | Page::Committed(_) => None,
        Page::Version(found) if found > MAJOR => {
            let (found, known) = (found.into(), MAJOR.into());
            Some(Error::Newer { path, what: "major version", found, known })
        }
        Page::Version(found) => {
            let (found, known) = (found.into(), MAJOR.into());
            let source = FormatError::Version { what: "commit page", found, oldest: known, newest: known };
            Some(Error::Container { path, source })
        }
        Page::Damaged => {
            let rule = "it is damaged, and may have been that of the newest generation";
            let source = FormatError::Invalid { what: "commit page", rule, offset: 0 };
            Some(Error::Container { path, source })
        }
    }
}
