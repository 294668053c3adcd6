//! Saves that cost one sync, since the file they go to was made ready ahead of time.
//!
//! Replacing a file costs a sync of the file, a rename and a sync of the directory, and the file system has to give the
//! new file its blocks meanwhile. Here a file of zeros is made and synced before it is needed, under a durable name
//! `<n>.spare`. A save writes its container and commit page into it and syncs its data once: neither a length nor a name has
//! to change on the disk. Then the file is renamed, and nobody waits for that name. Files whose saves are not kept any longer become spares again. The bytes
//! are specified in sections 5.1, 13.1 and 13.2 of `FORMAT.md` in the repository.
//!
//! ```
//! use std::{ffi::OsStr, path::Path, sync::Arc};
//!
//! use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions};
//! use keepstone_storage::{Files, MemFiles, spare::{self, Spares}};
//!
//! let files: Arc<dyn Files> = Arc::new(MemFiles::new());
//! let (spares, unnamed) = Spares::open(Arc::clone(&files), Path::new("saves"), None)?;
//! assert!(unnamed.is_empty(), "else a crash came before a name: adopt or discard each");
//! // In the background, now and after each save.
//! spares.make_ready(2, 4096)?;
//!
//! let mut draft = spares.begin(1, 4096)?;
//! let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
//! writer.coded_from(SectionId::BYTES, 0, &[b"at the bridge"])?;
//! let (_, written) = writer.finish(Metadata::new())?;
//! let saved = draft.seal(written)?.sync()?.publish(OsStr::new("bridge.save"))?;
//! assert!(saved.is_named() && saved.recycled);
//!
//! let reader = spare::open(&*files, &saved.path)?.reader(Limits::default())?;
//! assert_eq!(&*reader.read(reader.find(SectionId::BYTES, 0)?)?, b"at the bridge");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why one sync is enough
//!
//! - What is in the file before the sync counts for nothing: its page is *none* on the disk, and so it is no save.
//! - Its name is durable, so what is in it can be found. A reader tells a save by what is in a file and looks into spares as well; so it does
//!   not matter which of its two names a file has after a power cut.
//! - Page and container may reach the disk in any order and in part. A save that is torn so has not been acknowledged, and is seen to be torn: by the CRC of
//!   the page, which stands in one sector, and by the container's CRC-64 and those of its chunks. These are seeded with the generation, so what an earlier save left in the file
//!   never fits.
//! - A number is not used for a second spare before the directory was synced, so that no name of a later file takes the place of an acknowledged save.
//!
//! It rests on what `docs/durability.md` assumes of a disk: 512 bytes are written whole or not at all, and a rename
//! is one step. It needs no order among names that were not synced.
//!
//! # What survives
//!
//! | moment of a crash | what is found then |
//! |---|---|
//! | while a draft is written or dropped, or sealed | all saves that were durable; if sealed perhaps this one, whole |
//! | while [`Sealed::sync`] runs, or after it failed | the same |
//! | after [`Sealed::sync`] returned `Ok` | this save, under its spare's name or the one it was given |
//! | after [`Sealed::leave`] | with the power on, this save; after a power cut perhaps |
//! | after [`Spares::retire`] | the save, under any name it had, or nothing of it |
//! | after [`Spares::recycle`] returned `Ok` | nothing of what was made a spare; what was removed, perhaps |
//! | while [`Unnamed::adopt`] runs | the save, in the spare, under its name, or both |
//!
//! # Readers
//!
//! They need no lock of the store. One that holds a save ([`open`]) has a shared lock of its file: then the file is removed instead of
//! written over, and what is read stays what it was. Where the file system has no locks no file is written over that ever held a save.
//! What a killed writer left in the page cache readers hand out, although a power cut may still take it back.
//!
//! # Limits
//!
//! One writer has a directory, and who that is is settled elsewhere, by a [`Lock`](crate::Lock) that is held until the last draft is
//! gone. A spare keeps its length, which is that of the longest save it held and an eighth more. In one opening no more than 2^32 files are begun.

mod draft;
mod held;
mod name;
mod prefix;
mod recycle;
mod shared;
mod unnamed;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::Limits;

pub use draft::{Committed, Draft, Sealed, Synced};
pub use held::{Held, open};
pub use prefix::{Prefix, prefix, prefix_of};
pub use unnamed::Unnamed;

use crate::{
    Error, Files,
    atomic::{enter, found},
    committed::GENERATION_MAX,
};
use name::{Name, path_of};
use shared::{Shared, Stock};

/// The files of one directory into which saves are written, each with one sync.
///
/// It is for the one writer of the directory, who holds the store's lock elsewhere. Drafts are independent of each
/// other, so several threads write at the same time, also through clones, which are the same handle; nothing waits for another but [`make_ready`](Self::make_ready) and
/// [`recycle`](Self::recycle) for each other.
#[derive(Debug, Clone)]
pub struct Spares {
    shared: Arc<Shared>,
}

impl Spares {
    /// Opens a directory for saves, making it durably if it is missing, and finds the saves that have no name yet.
    ///
    /// A whole container behind a committed page in a spare is one, and nothing is done to it: [adopt](Unnamed::adopt) it or [discard](Unnamed::discard) it. All other
    /// spares, and the files that were retired, are removed. Every byte of such a container is read. `limits` are those for
    /// opening it, without them the ones for its length.
    ///
    /// When it returns `Ok` all names in the directory are durable. A crash half-way loses no save.
    ///
    /// # Errors
    /// [`Error::Newer`], or [`Error::Container`] for what is of another version or over a limit, and [`Error::Busy`] if
    /// somebody is still writing to a spare: then nothing is removed. Else [`Error::Io`].
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        limits: Option<Limits>,
    ) -> Result<(Self, Vec<Unnamed>), Error> {
        enter(&*files, &dir.join("0.spare"))?;
        let mut stock = Stock::default();
        let (mut kept, mut surplus) = (Vec::new(), Vec::new());
        for listed in files.list(dir)? {
            let Some(name) = Name::parse(&listed) else { continue };
            let path = dir.join(&listed);
            let Some(named) = found(files.metadata(&path))? else { continue };
            let unnamed = match name {
                _ if !named.is_file => {
                    stock.take_number(name.number());
                    continue;
                }
                Name::Old(_) => None,
                Name::Spare(_) => unnamed::find(&files, &path, limits)?,
            };
            match unnamed {
                Some(unnamed) => {
                    stock.take_number(name.number());
                    kept.push(unnamed);
                }
                None => surplus.push((name, path)),
            }
        }
        for (name, path) in surplus {
            if found(files.remove(&path)).is_err() {
                stock.take_number(name.number());
                stock.unremoved.push(path);
            }
        }
        // From here on a number may be used that a name had which was removed, or renamed by a writer that was killed.
        files.sync_dir(dir)?;
        kept.sort_by_key(Unnamed::generation);
        let shared = Shared::new(files, dir.to_owned(), stock);
        Ok((Self { shared: Arc::new(shared) }, kept))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// How many files are ready for a save.
    pub fn ready(&self) -> usize {
        self.shared.stock().ready.len()
    }

    /// Begins a save of about `len_hint` bytes, as generation `generation`, above that of every save before it.
    ///
    /// It goes to a file that is ready: the shortest that is long enough, else the longest, which then grows; if there is none that can be had, to a
    /// new one, which costs two more syncs. The file is locked exclusively until the save has its name.
    ///
    /// # Errors
    /// [`Error::Options`] for a generation of 0 or above 2^63; [`Error::Io`] if no file can be made.
    pub fn begin(&self, generation: u64, len_hint: u64) -> Result<Draft, Error> {
        if !(1..=GENERATION_MAX).contains(&generation) {
            let what = "a generation is 1 to 2^63; number the saves from 1";
            return Err(Error::Options { path: self.dir().to_owned(), what });
        }
        let target = match self.shared.take_ready(len_hint) {
            Some(chosen) => chosen,
            None => self.shared.create()?,
        };
        Ok(Draft::new(target, self.shared.take_buffer(), generation, len_hint))
    }

    /// Makes files ready until there are `count`, each for a container of `len` bytes and an eighth more.
    ///
    /// For a background thread: it writes that many zeros and syncs them and their names. It does nothing if there are enough files, of whatever
    /// length. A crash half-way leaves files that the next opening removes.
    ///
    /// # Errors
    /// [`Error::Io`] and, for lack of space, [`Error::Full`]: fewer are ready, and no save is harmed. [`Error::Options`] if `len` is above 2^62.
    pub fn make_ready(&self, count: usize, len: u64) -> Result<(), Error> {
        self.shared.make_ready(count, len)
    }

    /// Gives up the save in a file of this directory: its file gets the name `<n>.old`.
    ///
    /// It is one rename: nothing is synced, and after a power cut the save may be there again. [`recycle`](Self::recycle) does the rest.
    ///
    /// # Errors
    /// [`Error::Options`] for a path outside the directory, else [`Error::Io`]; then the save is where it was.
    pub fn retire(&self, path: &Path) -> Result<(), Error> {
        self.shared.retire(path)
    }

    /// Turns files that were given up into spares, until `keep` are ready, and removes the others.
    ///
    /// One that a reader has locked is removed as well, and its reader goes on with what it holds. For a
    /// background thread: it syncs each file it turns into a spare, and the directory before and after all of them. What failed before is
    /// tried again.
    ///
    /// # Errors
    /// The first [`Error::Io`]; all files that it did not concern have been dealt with.
    pub fn recycle(&self, keep: usize) -> Result<(), Error> {
        self.shared.recycle(keep)
    }

    /// The path of a name in this directory.
    fn path_of(&self, name: &OsStr) -> Result<PathBuf, Error> {
        path_of(&self.shared.dir, name)
    }
}
