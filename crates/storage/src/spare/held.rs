//! Reading saves.

use std::path::Path;

use keepstone_format::{Error as FormatError, Limits, Reader};

use crate::{
    Error, File, Files,
    atomic::{found, names},
    committed::{Commit, Page, is_unsupported, refusal},
    generation::Content,
};

/// Opens a file with a save, whatever its name, and holds it back from being written over.
///
/// It needs no lock of the store and writes nothing. What is behind the commit page is not looked at yet.
///
/// # Errors
/// [`Error::Superseded`] if the file is being written, or was taken for something else meanwhile; [`Error::Container`]
/// if it holds no save, or the commit page is damaged or of an older version; [`Error::Newer`]; [`Error::NotAFile`]; else [`Error::Io`], with `NotFound`
/// if it is not there.
pub fn open(files: &dyn Files, path: &Path) -> Result<Held, Error> {
    let file = open_plain(files, path)?;
    let superseded = || Error::Superseded { path: path.to_owned() };
    match file.try_lock_shared() {
        Ok(true) => {}
        Ok(false) => return Err(superseded()),
        // Where there are no locks no file is written over.
        Err(err) if is_unsupported(&err) => {}
        Err(err) => return Err(err),
    }
    let known = file.metadata()?;
    if !known.is_file {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    // Before it was locked the file may have become a spare, and even another save.
    if !names(files, path, &known)? {
        files.metadata(path)?;
        return Err(superseded());
    }
    Ok(Held { content: Content::open(file, known.len, |page| committed(path, page))? })
}

/// Opens what may be a file, without waiting for a pipe.
fn open_plain(files: &dyn Files, path: &Path) -> Result<Box<dyn File>, Error> {
    files.open_at_once(path).map_err(|err| match files.metadata(path) {
        Ok(named) if !named.is_file => Error::NotAFile { path: path.to_owned() },
        _ => err,
    })
}

/// Opens what is a file.
pub(super) fn open_file(files: &dyn Files, path: &Path) -> Result<Box<dyn File>, Error> {
    // Asked before opening, which waits where a pipe has no writer.
    if found(files.metadata(path))?.is_some_and(|named| !named.is_file) {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    files.open(path)
}

/// What a page commits, or why it is no use.
pub(super) fn committed(path: &Path, page: Page) -> Result<Commit, Error> {
    let rule = match page {
        Page::Committed(commit) => return Ok(commit),
        Page::None => "nothing is committed in the file, so there is no save in it",
        Page::Damaged | Page::Version(_) => "it is damaged; salvage what is behind it or load another save",
    };
    let source = FormatError::Invalid { what: "commit page", rule, offset: 0 };
    let path = path.to_owned();
    match page {
        Page::Version(_) => Err(refusal(&path, page).unwrap_or(Error::Container { path, source })),
        _ => Err(Error::Container { path, source }),
    }
}

/// A save that is held for reading: its file is not written over while this lives.
#[derive(Debug)]
pub struct Held {
    content: Content,
}

impl Held {
    /// Its number.
    pub fn generation(&self) -> u64 {
        self.content.generation()
    }

    /// Length of its container, as the commit page says.
    pub fn bytes(&self) -> u64 {
        self.content.commit().container_len
    }

    /// The CRC-64 of its container, as the commit page says.
    pub fn container_crc(&self) -> u64 {
        self.content.commit().container_crc
    }

    /// The path it was opened under.
    pub fn path(&self) -> &Path {
        self.content.path()
    }

    /// Opens the container, and sees that it is the one that was committed.
    ///
    /// # Errors
    /// [`Error::Container`] with that of [`Reader::open`], or with [`Invalid`](FormatError::Invalid) or [`Truncated`](FormatError::Truncated) if
    /// the container is another than the commit page says; [`Error::Superseded`] if the file is being written over, which can be
    /// only where there are no locks.
    pub fn reader(self, limits: Limits) -> Result<Reader<Content>, Error> {
        self.content.into_reader(limits)
    }

    /// The container as it is, compared with nothing: for salvage. To read it use [`reader`](Self::reader).
    pub fn into_content(self) -> Content {
        self.content
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }
}
