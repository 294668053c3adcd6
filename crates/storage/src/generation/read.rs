//! Reading generations: FORMAT.md section 5.4.

use std::{
    cmp::Reverse,
    path::{Path, PathBuf},
};

use keepstone_format::{Limits, Reader};

use super::scan::{Entry, TRIES_MAX, look};
pub use crate::committed::Content;
use crate::{
    Error, Files,
    atomic::{found, is_named},
    committed::{Commit, Page, is_unsupported, read_page, refusal},
};

/// A generation as its commit page tells of it.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub generation: u64,
    /// Length of its container.
    pub bytes: u64,
    /// The file it stands in.
    pub path: PathBuf,
}

/// What the commit pages of a directory tell.
#[non_exhaustive]
#[derive(Debug, Default)]
pub struct Listed {
    /// The generations, newest first.
    pub generations: Vec<Found>,
    /// Why other files are passed by: their commit page is damaged or of another version. Any of them may hold a later generation.
    pub refused: Vec<Error>,
}

/// Lists the generations in `dir` from their commit pages alone. Nothing is locked or written.
///
/// # Errors
/// [`Error::Superseded`] if a writer was faster many times, [`Error::Io`], with `NotFound` if there is no such directory.
pub fn list(files: &dyn Files, dir: &Path) -> Result<Listed, Error> {
    let entries = look(files, dir)?;
    let refused = entries.iter().filter_map(|entry| refusal(&entry.path, entry.page?)).collect();
    let mut generations: Vec<Found> = entries.into_iter().filter_map(Entry::into_found).collect();
    generations.sort_by_key(|found| Reverse(found.generation));
    Ok(Listed { generations, refused })
}

/// Opens the newest generation in `dir` and holds it back from being written over.
///
/// It is the last that a writer has been told is durable, or one later. A container that is damaged is not passed
/// over: see [`load`](super::load).
///
/// # Errors
/// [`Error::NoGeneration`] if nothing has been committed, [`Error::Newer`] if a newer version has written one of
/// the files, [`Error::Twice`] if the newest stands in two files, [`Error::Container`] if all pages are damaged or one is of an older version,
/// [`Error::Superseded`] if writers were faster many times, else [`Error::Io`].
pub fn open_newest(files: &dyn Files, dir: &Path) -> Result<Generation, Error> {
    Search { files, dir, below: None }.run()
}

/// Opens one generation in `dir` and holds it back from being written over.
///
/// # Errors
/// [`Error::NoGeneration`] if it is not there (any more), else as [`open_newest`].
pub fn open(files: &dyn Files, dir: &Path, generation: u64) -> Result<Generation, Error> {
    let none = || Error::NoGeneration { path: dir.to_owned() };
    let below = generation.checked_add(1);
    let opened = Search { files, dir, below }.run()?;
    if opened.generation() == generation { Ok(opened) } else { Err(none()) }
}

/// The search for the highest generation below a bound.
pub(super) struct Search<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) dir: &'a Path,
    pub(super) below: Option<u64>,
}

impl Search<'_> {
    pub(super) fn run(&self) -> Result<Generation, Error> {
        // What was locked at the last try; if it still is, it is being committed.
        let mut locked: Option<Found> = None;
        for _ in 0..TRIES_MAX {
            let (found, damaged) = self.look()?;
            let mut found = found.into_iter();
            let Some(first) = found.next() else {
                return Err(damaged.into_iter().next().unwrap_or_else(|| self.none()));
            };
            if let Some(opened) = hold(self.files, &first)? {
                return Ok(Generation { content: opened, damaged });
            }
            if locked.as_ref() != Some(&first) {
                locked = Some(first);
                continue;
            }
            // Nobody has been told of it yet, so the one before it is the last that is acknowledged, unless the
            // page has changed by now.
            let before = found.next().map(|before| hold(self.files, &before)).transpose()?;
            if page_of(self.files, &first.path)? != Some(first.generation) {
                continue;
            }
            match before {
                Some(Some(content)) => return Ok(Generation { content, damaged }),
                Some(None) => {}
                None => return Err(self.none()),
            }
        }
        Err(Error::Superseded { path: self.dir.to_owned() })
    }

    /// The generations below the bound, newest first, and the damaged pages.
    fn look(&self) -> Result<(Vec<Found>, Vec<Error>), Error> {
        let entries = look(self.files, self.dir)?;
        if self.below.is_none() {
            super::newest(&entries)?;
        }
        let refused = entries.iter().filter_map(|entry| refusal(&entry.path, entry.page?)).collect();
        let mut found: Vec<Found> = entries.into_iter().filter_map(Entry::into_found).collect();
        found.retain(|found| self.below.is_none_or(|below| found.generation < below));
        found.sort_by_key(|found| Reverse(found.generation));
        Ok((found, refused))
    }

    fn none(&self) -> Error {
        Error::NoGeneration { path: self.dir.to_owned() }
    }
}

/// The generation that a file holds by now.
fn page_of(files: &dyn Files, path: &Path) -> Result<Option<u64>, Error> {
    let Some(file) = found(files.open(path))? else { return Ok(None) };
    Ok(match read_page(&*file)? {
        Page::Committed(commit) => Some(commit.generation),
        _ => None,
    })
}

/// Opens a file and holds it back; none if it is locked, or holds something else by now.
fn hold(files: &dyn Files, wanted: &Found) -> Result<Option<Content>, Error> {
    let Some(file) = found(files.open(&wanted.path))? else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        // Where there are no locks nothing is written over.
        Err(err) if is_unsupported(&err) => {}
        Err(err) => return Err(err),
    }
    // Between the look at its page and the lock it may have been written over or removed.
    let Page::Committed(commit) = read_page(&*file)? else { return Ok(None) };
    if commit.generation != wanted.generation || !is_named(files, &*file, &wanted.path)? {
        return Ok(None);
    }
    Content::new(file, commit).map(Some)
}

impl Entry {
    pub(super) fn generation(&self) -> Option<u64> {
        match self.page {
            Some(Page::Committed(commit)) => Some(commit.generation),
            _ => None,
        }
    }

    fn into_found(self) -> Option<Found> {
        let Some(Page::Committed(Commit { generation, container_len: bytes, .. })) = self.page else {
            return None;
        };
        Some(Found { generation, bytes, path: self.path })
    }
}

/// A generation that is held for reading: its file is not written over while this lives.
#[derive(Debug)]
pub struct Generation {
    content: Content,
    damaged: Vec<Error>,
}

impl Generation {
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

    /// The file it stands in.
    pub fn path(&self) -> &Path {
        self.content.path()
    }

    /// Commit pages in the directory that are damaged: one of them may have been that of a later generation.
    pub fn damaged(&self) -> &[Error] {
        &self.damaged
    }

    pub(super) fn take_damaged(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.damaged)
    }

    /// Opens the container, and sees that it is the one that was committed.
    ///
    /// # Errors
    /// [`Error::Container`] with that of [`Reader::open`], or with [`Invalid`](keepstone_format::Error::Invalid) or [`Truncated`](keepstone_format::Error::Truncated) if
    /// the container is another than the commit page says; [`Error::Superseded`] if the file is being written over, which can be
    /// only without locks.
    pub fn reader(self, limits: Limits) -> Result<Reader<Content>, Error> {
        self.content.into_reader(limits)
    }

    /// The container as it is, compared with nothing: for salvage. To read it use [`reader`](Self::reader).
    pub fn into_content(self) -> Content {
        self.content
    }
}
