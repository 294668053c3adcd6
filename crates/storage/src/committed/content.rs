//! The container behind a commit page, for reading.

use std::{io, path::Path, sync::Arc};

use keepstone_format::{Error as FormatError, Limits, ReadAt, Reader};

use super::{
    look::{is_barred, read_page},
    page::{CONTAINER_AT, Commit, PAGE_LEN, Page},
};
use crate::{
    Error, File,
    planted::{self, Plant},
};

/// The container of a generation, or of a save, that is held for reading.
#[derive(Debug)]
pub struct Content {
    file: Arc<dyn File>,
    commit: Commit,
    /// Bytes of the container that are there.
    len: u64,
    /// The first bytes of the file, which are all of a short one; none of a long one.
    whole: Vec<u8>,
}

/// A file of up to so many bytes is read by one call. A longer one is read in parts, which need less memory at a time.
const WHOLE_MAX: u64 = 96 << 10;

impl Content {
    /// The container behind the page that is in `file`.
    pub(crate) fn new(file: Box<dyn File>, commit: Commit) -> Result<Self, Error> {
        let file_len = file.metadata()?.len;
        Ok(Self::behind(file, commit, file_len, Vec::new()))
    }

    /// The container of a file that has `file_len` bytes, if `check` finds that its page commits one.
    pub(crate) fn open(
        file: Box<dyn File>,
        file_len: u64,
        check: impl FnOnce(Page) -> Result<Commit, Error>,
    ) -> Result<Self, Error> {
        let Some(len) = usize::try_from(file_len).ok().filter(|_| file_len <= WHOLE_MAX) else {
            let commit = check(read_page(&*file)?)?;
            return Ok(Self::behind(file, commit, file_len, Vec::new()));
        };
        let mut whole = vec![0; len];
        let read = file.read_full_at(&mut whole, 0);
        let filled = match read {
            Ok(filled) => filled,
            Err(err) if is_barred(&err) => 0,
            Err(err) => return Err(err),
        };
        whole.truncate(filled);
        let commit = check(Page::decode(whole.get(..PAGE_LEN).unwrap_or(&whole)))?;
        Ok(Self::behind(file, commit, filled as u64, whole))
    }

    fn behind(file: Box<dyn File>, commit: Commit, file_len: u64, whole: Vec<u8>) -> Self {
        let there = file_len.saturating_sub(CONTAINER_AT);
        Self { file: file.into(), commit, len: there.min(commit.container_len), whole }
    }

    pub(crate) fn commit(&self) -> Commit {
        self.commit
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The page as it is in the file.
    pub(crate) fn page(&self) -> Result<[u8; PAGE_LEN], Error> {
        let mut page = [0; PAGE_LEN];
        self.file.read_full_at(&mut page, 0)?;
        Ok(page)
    }

    /// Opens the container, and sees that it is the one that was committed.
    pub(crate) fn into_reader(self, limits: Limits) -> Result<Reader<Self>, Error> {
        let (file, commit) = (Arc::clone(&self.file), self.commit);
        let read = self.check_len().and_then(|()| Reader::open(self, limits));
        let read = read.and_then(|reader| commit.check(&reader).map(|()| reader));
        read.or_else(|source| {
            still(&*file, &commit)?;
            let path = file.path().to_owned();
            Err(Error::Container { path, source })
        })
    }

    /// The number of the generation.
    pub fn generation(&self) -> u64 {
        self.commit.generation
    }

    /// Sees that the file still holds this generation. Where there are no locks, what was read is good only if
    /// this is asked afterwards.
    ///
    /// # Errors
    /// [`Error::Superseded`] if it does not, [`Error::Io`].
    pub fn still(&self) -> Result<(), Error> {
        still(&*self.file, &self.commit)
    }

    fn check_len(&self) -> Result<(), FormatError> {
        let (needs, available) = (self.commit.container_len, self.len);
        if available < needs {
            return Err(FormatError::Truncated { what: "container", needs, available });
        }
        Ok(())
    }
}

impl Commit {
    /// Sees that a container is the one that was committed.
    fn check<R: ReadAt>(&self, reader: &Reader<R>) -> Result<(), FormatError> {
        let agrees = reader.header().epoch == self.generation && reader.container_crc() == self.container_crc;
        if agrees || planted::is(Plant::UncomparedContainer) {
            return Ok(());
        }
        let rule = "it is not the one that its commit page tells of; load an earlier generation";
        Err(FormatError::Invalid { what: "container", rule, offset: 0 })
    }
}

/// Sees that a file holds what was committed in it.
fn still(file: &dyn File, commit: &Commit) -> Result<(), Error> {
    if read_page(file)? == Page::Committed(*commit) {
        return Ok(());
    }
    Err(Error::Superseded { path: file.path().to_owned() })
}

impl ReadAt for Content {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let end = offset.checked_add(buf.len() as u64).filter(|&end| end <= self.len).ok_or_else(ended)?;
        if let Some(bytes) = self.borrow(offset, buf.len()) {
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        let from = end - buf.len() as u64 + CONTAINER_AT;
        let count = self.file.read_full_at(buf, from);
        let count =
            count.map_err(|err| io::Error::new(err.io_kind().unwrap_or(io::ErrorKind::Other), err))?;
        if count < buf.len() { Err(ended()) } else { Ok(()) }
    }

    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_add(CONTAINER_AT)?).ok()?;
        let end = start.checked_add(len)?;
        let is_of_container = offset.checked_add(len as u64)? <= self.len;
        self.whole.get(start..end).filter(|_| is_of_container)
    }
}
