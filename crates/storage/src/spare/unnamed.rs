//! Saves that have no name yet.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::{Head, Kind, Limits, ReadAt, Reader};

use super::{
    Spares,
    draft::{Committed, move_free},
    held::{committed, open, open_file},
    prefix,
    shared::{Fate, full},
};
use crate::{
    Durability, Error, File, Files, Op,
    atomic::{found, move_unsynced},
    committed::{
        CONTAINER_AT, Commit, Content, PAGE_LEN, Page, is_unsupported, is_version, read_page, refusal,
        write_on,
    },
    planted::{self, Plant},
};

/// How much is copied at a time.
const PIECE_LEN: u64 = 1 << 20;

/// A save that was found whole in a spare: its writer did not come to give it its name, or the name was lost in a power cut.
///
/// Dropped, it stays where it is, and the next opening finds it again.
#[derive(Debug)]
pub struct Unnamed {
    files: Arc<dyn Files>,
    content: Content,
    head: Head,
}

/// The save in a spare, if there is a whole one.
pub(super) fn find(
    files: &Arc<dyn Files>,
    path: &Path,
    limits: Option<Limits>,
) -> Result<Option<Unnamed>, Error> {
    let file = open_file(&**files, path)?;
    match file.try_lock_shared() {
        Ok(true) => {}
        // Not a reader: these share their locks.
        Ok(false) => return Err(Error::Busy { path: path.to_owned() }),
        Err(err) if is_unsupported(&err) => {}
        Err(err) => return Err(err),
    }
    let page = read_page(&*file)?;
    let commit = match page {
        Page::Committed(commit) => commit,
        Page::None | Page::Damaged => return Ok(None),
        Page::Version(_) => return Err(refusal(path, page).unwrap_or(Error::Busy { path: path.to_owned() })),
    };
    let limits = limits.unwrap_or_else(|| Limits::for_file_len(commit.container_len));
    let head = prefix::read(&*file);
    let Some(content) = torn(whole(Content::new(file, commit)?, limits))? else { return Ok(None) };
    let Some(prefix) = torn(head)? else { return Ok(None) };
    Ok(Some(Unnamed { files: Arc::clone(files), content, head: prefix.head }))
}

/// None for what was never finished; what can't be read for another reason may be a save.
fn torn<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Error::Container { source, .. }) if source.kind() == Kind::Damaged && !is_version(&source) => {
            Ok(None)
        }
        Err(err) => Err(err),
    }
}

/// Reads every byte of a container.
fn whole(content: Content, limits: Limits) -> Result<Content, Error> {
    let path = content.path().to_owned();
    let reader: Reader<Content> = content.into_reader(limits)?;
    let mut damage = None;
    let verified = reader.verify(&mut |found| {
        damage.get_or_insert(found);
    });
    match verified.err().or(damage) {
        Some(source) => Err(Error::Container { path, source }),
        None => Ok(reader.into_inner()),
    }
}

impl Unnamed {
    /// The spare.
    pub fn path(&self) -> &Path {
        self.content.path()
    }

    /// Its number.
    pub fn generation(&self) -> u64 {
        self.content.generation()
    }

    /// Length of its container.
    pub fn bytes(&self) -> u64 {
        self.content.commit().container_len
    }

    /// The CRC-64 of its container.
    pub fn container_crc(&self) -> u64 {
        self.content.commit().container_crc
    }

    /// Header and metadata.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Gives the save its name: it is copied to a file of its own, byte by byte, and the spare is removed.
    ///
    /// It is copied since a killed writer may have left it in the page cache alone, after a sync that failed: then only what is written
    /// again is known to go to the disk. When it returns `Ok`, content and name are durable. If the very same save has
    /// that name already, left by a crash in an earlier adoption, the spare is removed and nothing copied. A crash half-way leaves the save in the spare,
    /// under its name, or both.
    ///
    /// # Errors
    /// [`Error::NoFileName`] or [`Error::Options`] for a name that it can't have; [`Error::Io`], with `AlreadyExists` if the name is taken
    /// by something else; [`Error::Full`]: the save is still in the spare. [`Error::NotDurable`], and [`Error::Io`] if the spare can't be removed: it has both names.
    pub fn adopt(self, spares: &Spares, name: &OsStr) -> Result<Committed, Error> {
        let to = spares.path_of(name)?;
        let shared = &spares.shared;
        if planted::is(Plant::AdoptInPlace) {
            move_unsynced(&*self.files, self.path(), &to)?;
            return Ok(self.receipt(to));
        }
        if !self.is_adopted(&to)? {
            let (file, mut target) = shared.create()?;
            let needs = CONTAINER_AT + self.bytes();
            let copied = self.copy(&*file).and_then(|()| file.sync_all());
            copied.map_err(|err| full(err, &to, needs))?;
            move_free(&*self.files, &target.path(), &to)?;
            target.fate = Fate::Keep;
        }
        let synced = self.files.sync_dir(&shared.dir);
        synced.map_err(|source| Error::NotDurable { path: to.clone(), source: Box::new(source) })?;
        // A spare that stayed would bring the save back once it is deleted under its name.
        shared.remove(self.path())?;
        Ok(self.receipt(to))
    }

    /// Removes the save. A power cut may bring it back until the directory is synced.
    ///
    /// # Errors
    /// [`Error::Io`]; then it is still there.
    pub fn discard(self) -> Result<(), Error> {
        found(self.files.remove(self.path())).map(drop)
    }

    /// Whether the same save, whole, has this name.
    fn is_adopted(&self, to: &Path) -> Result<bool, Error> {
        if found(self.files.metadata(to))?.is_none() {
            return Ok(false);
        }
        let taken = || Error::io(Op::Rename, to, std::io::ErrorKind::AlreadyExists.into());
        let held = match open(&*self.files, to) {
            Ok(held) if held.content().commit() == self.content.commit() => held,
            Err(err @ Error::Io { .. }) => return Err(err),
            _ => return Err(taken()),
        };
        let limits = Limits::for_file_len(self.bytes());
        match torn(whole(held.into_content(), limits))? {
            Some(_) => Ok(true),
            None => Err(taken()),
        }
    }

    fn copy(&self, to: &dyn File) -> Result<(), Error> {
        let unread = |err| Error::io(Op::Read, self.path(), err);
        let len = usize::try_from(PIECE_LEN.min(self.bytes())).unwrap_or(PAGE_LEN);
        let mut buffer = vec![0; len];
        let (mut at, mut begun) = (0, 0);
        while at < self.bytes() {
            let rest = usize::try_from(self.bytes() - at).unwrap_or(len).min(len);
            let piece = buffer.get_mut(..rest).unwrap_or_default();
            self.content.read_exact_at(at, piece).map_err(unread)?;
            let mut end = CONTAINER_AT + at;
            write_on(to, piece, &mut end, &mut begun)?;
            at += rest as u64;
        }
        let page = self.content.page()?;
        committed(self.path(), Page::decode(&page))?;
        to.write_all_at(&page, 0)
    }

    fn receipt(&self, path: PathBuf) -> Committed {
        let Commit { generation, container_len: bytes, .. } = self.content.commit();
        let file_len = CONTAINER_AT + bytes;
        let (recycled, durability, unnamed) = (false, Durability::Durable, None);
        Committed { path, generation, bytes, file_len, recycled, durability, unnamed }
    }
}
