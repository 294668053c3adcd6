//! Recycled generations: what is saved over and over, without changing a name or a length.
//!
//! A directory holds a few files that are written over in turn. A save writes the container into the file of the oldest
//! generation, syncs it, writes the commit page in front of it and syncs that: two syncs of one file, where replacing
//! a file takes a sync, a rename and a sync of the directory. The bytes are specified in
//! section 5 of `FORMAT.md` in the repository. It is for saves that rotate, such as automatic ones; one that a
//! player names is a file of its own, for [`atomic`](crate::atomic).
//!
//! ```
//! use std::{path::Path, sync::Arc};
//!
//! use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions};
//! use keepstone_storage::{Files, MemFiles, generation::{self, Check, GenerationOptions, Generations}};
//!
//! let files: Arc<dyn Files> = Arc::new(MemFiles::new());
//! let options = GenerationOptions::default().files(files.clone());
//! let mut generations = Generations::open("saves/auto", options)?;
//! for state in ["in the village", "at the bridge"] {
//!     let mut draft = generations.begin()?;
//!     let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
//!     writer.coded_from(SectionId::BYTES, 0, &[state.as_bytes()])?;
//!     let (_, written) = writer.finish(Metadata::new())?;
//!     draft.commit(written)?;
//! }
//!
//! let loaded = generation::load(&*files, Path::new("saves/auto"), Limits::default(), Check::Opens)?;
//! let section = loaded.reader.find(SectionId::BYTES, 0)?;
//! assert_eq!(&*loaded.reader.read(section)?, b"at the bridge");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What survives
//!
//! | moment of a crash | what is loaded then |
//! |---|---|
//! | while a draft is written, or dropped | the last committed generation |
//! | while it is committed | the last committed generation, or this one whole |
//! | after [`Draft::commit`] returned `Ok` | this generation, or a later one |
//! | after it returned an error | the last committed generation; if the last sync failed perhaps this one, whole |
//! | while [`Generations::open`] runs | what was loaded before |
//!
//! Opening makes durable what it believes: a generation whose commit was only in the page cache when its writer was
//! killed is synced before anything is written over.
//!
//! # What a reader sees
//!
//! Readers take no part in the lock of the directory and write nothing. What a killed writer left in the page cache they hand out,
//! although a power cut may still take it back.
//!
//! | in the directory | [`open_newest`] | [`load`] |
//! |---|---|---|
//! | a generation that is being committed | the one before it, or this one | the same |
//! | the newest has a damaged container | that one; its [`reader`](Generation::reader) says so | the next lower one, and why |
//! | a damaged commit page | the newest of the others, and that page in [`damaged`](Generation::damaged) | the same |
//! | a page of another major version | [`Error::Newer`], or [`Error::Container`] for an older one | the same |
//! | the newest has a container of another version | that one; its [`reader`](Generation::reader) says so | [`Error::Container`], nothing older |
//! | no generation | [`Error::NoGeneration`] | the same |
//! | what is read is wanted for the next save | its file loses its name, and is read on | the same |
//!
//! # Limits
//!
//! A generation is one container. There are one more files than generations kept, each with the length of the longest
//! container it has held and up to an eighth more, in steps of 64 KiB; none ever shrinks. Where
//! the file system has no locks, see [`GenerationOptions::without_locks`]. On Windows a reader's lock bars writers as well:
//! an opening for writing is refused while the newest generation is being read.

mod draft;
mod load;
mod options;
mod read;
mod scan;
mod stock;

use std::{
    cmp::Reverse,
    io,
    path::{Path, PathBuf},
};

pub use draft::{Committed, Draft};
pub use load::{Check, Loaded, load};
pub use options::GenerationOptions;
pub use read::{Content, Found, Generation, Listed, list, open, open_newest};

use crate::{
    Error, File, Files, Lock, Op,
    atomic::found,
    committed::{Commit, GENERATION_MAX, PAGE_LEN, Page, is_unsupported, is_version, refusal},
    planted::{self, Plant},
};
use scan::{Entry, path_of, read_header, scan};
use stock::{Slot, Stock};

/// A directory of generations that is open for writing, by this one handle.
#[derive(Debug)]
pub struct Generations {
    dir: PathBuf,
    options: GenerationOptions,
    stock: Stock,
    /// The number of the next generation.
    next: u64,
    /// What small writes gather in, kept from draft to draft.
    buffer: Vec<u8>,
    opened: Opened,
    _lock: Option<Lock>,
}

/// What an opening found.
#[non_exhaustive]
#[derive(Debug, Default)]
pub struct Opened {
    /// The newest generation, which is durable by now; none if there is none.
    pub newest: Option<u64>,
    /// Files whose commit page is damaged. They are left as they are, and one of them may have held a later generation.
    pub damaged: Vec<PathBuf>,
}

impl Generations {
    /// Opens the generations in `dir` for writing, making the directory if it is missing.
    ///
    /// When it returns the generations that are kept are durable, and so is the name of the directory. A crash
    /// half-way leaves the generations as they were. Files in which nothing is committed are removed. But for its version, what is in the containers is not looked at.
    ///
    /// # Errors
    /// [`Error::Busy`] if another writer has it; [`Error::Newer`] if a newer version has written one of the files, and
    /// [`Error::Container`] if another has, or has written the newest container, which this one can't read; [`Error::Twice`] if the newest generation stands in two
    /// files; [`Error::Options`]; else [`Error::Io`], with `Unsupported` where there are no locks.
    pub fn open(dir: impl AsRef<Path>, options: GenerationOptions) -> Result<Self, Error> {
        let dir = dir.as_ref().to_owned();
        if options.keep == 0 {
            return Err(Error::Options { path: dir, what: "no generation would be kept; keep at least one" });
        }
        let lock = match Lock::acquire(&options.files, &dir.join("LOCK")) {
            Ok(lock) => Some(lock),
            Err(err) if options.without_locks && is_unsupported(&err) => None,
            Err(err) => return Err(err),
        };
        let files = &*options.files;
        // Nobody else writes, so that one look shows it.
        let entries = scan(files, &dir)?.entries;
        let newest = newest(&entries)?;
        if let Some((entry, _)) = newest
            && let Err(source) = read_header(files, &entry.path)?
            && is_version(&source)
        {
            return Err(Error::Container { path: entry.path.clone(), source });
        }
        let generation = newest.map(|(_, generation)| generation);
        let next = next(files, &dir, &entries)?;
        settle(files, &entries, options.keep)?;
        let mut opened = Opened { newest: generation, damaged: Vec::new() };
        let stock = stock_of(files, entries, &mut opened)?;
        // What was removed may not be gone yet, and what was made not be there.
        if !planted::is(Plant::UnsyncedNames) {
            files.sync_dir(&dir)?;
        }
        Ok(Self { dir, options, stock, next, buffer: Vec::new(), opened, _lock: lock })
    }

    /// What the opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Begins the next generation, in a file whose generation is not kept, or in a new one.
    ///
    /// Its number is above that of all before it, committed or not. Nothing is written yet.
    ///
    /// # Errors
    /// [`Error::Io`]; all generations are as they were.
    pub fn begin(&mut self) -> Result<Draft<'_>, Error> {
        if self.next > GENERATION_MAX {
            return Err(exhausted(&self.dir));
        }
        let recycled = self.recycle()?;
        let is_recycled = recycled.is_some();
        let (file, slot) = recycled.map_or_else(|| self.create(), Ok)?;
        self.next += 1;
        Ok(Draft::new(self, file, slot, is_recycled))
    }

    /// Opens and locks a file to write over; one that can't be had loses its name.
    fn recycle(&mut self) -> Result<Option<Chosen>, Error> {
        let Some(slot) = self.stock.take_spare(self.options.keep) else { return Ok(None) };
        let path = path_of(&self.dir, slot.number);
        let locked = found(self.options.files.open_rw(&path)).and_then(lock);
        match locked {
            Ok(Some(file)) => return Ok(Some((file, slot))),
            // Whoever reads it goes on with what it holds.
            Ok(None) => {}
            Err(err) => {
                self.stock.put(slot);
                return Err(err);
            }
        }
        if let Err(err) = found(self.options.files.remove(&path)) {
            self.stock.put(slot);
            return Err(err);
        }
        Ok(None)
    }

    /// Makes a file under a new name and locks it.
    fn create(&mut self) -> Result<Chosen, Error> {
        loop {
            let number = self.stock.free_number().ok_or_else(|| exhausted(&self.dir))?;
            let path = path_of(&self.dir, number);
            let file = match self.options.files.create_new(&path) {
                Ok(file) => file,
                // Somebody else's: it is left alone.
                Err(err) if err.io_kind() == Some(io::ErrorKind::AlreadyExists) => {
                    self.stock.take_number(number);
                    continue;
                }
                Err(err) => return Err(err),
            };
            // It need not be locked before anything is committed in it: readers pass by what holds nothing.
            // A commit that is under way is told by the lock.
            match file.try_lock() {
                Err(err) if !is_unsupported(&err) => {
                    self.give_up(number);
                    return Err(err);
                }
                _ => return Ok((file, Slot { number, generation: None, len: 0, named: false })),
            }
        }
    }

    /// Removes the name of a file that is not written to again.
    fn give_up(&mut self, number: u32) {
        if found(self.options.files.remove(&path_of(&self.dir, number))).is_err() {
            self.stock.take_number(number);
        }
    }
}

/// A file to write to, and what is known of it.
type Chosen = (Box<dyn File>, Slot);

/// The file of the highest generation, if nothing in the directory is of another version.
fn newest(entries: &[Entry]) -> Result<Option<(&Entry, u64)>, Error> {
    let refused = |entry: &Entry| match entry.page {
        Some(page @ Page::Version(_)) => refusal(&entry.path, page),
        _ => None,
    };
    if let Some(refused) = entries.iter().find_map(refused) {
        return Err(refused);
    }
    let newest =
        entries.iter().filter_map(|entry| Some((entry, entry.generation()?))).max_by_key(|found| found.1);
    if let Some((entry, generation)) = newest {
        let other = |other: &&Entry| other.number != entry.number && other.generation() == Some(generation);
        if let Some(other) = entries.iter().find(other) {
            let (path, other) = (entry.path.clone(), other.path.clone());
            return Err(Error::Twice { path, other, generation });
        }
    }
    Ok(newest)
}

/// The number of the next generation: above that of the newest, and of any that a damaged page may have been of.
fn next(files: &dyn Files, dir: &Path, entries: &[Entry]) -> Result<u64, Error> {
    let mut highest = 0;
    for entry in entries {
        let seen = match entry.page {
            Some(Page::Damaged) => read_header(files, &entry.path)?.map_or(0, |header| header.epoch),
            _ => entry.generation().unwrap_or(0),
        };
        highest = highest.max(seen);
    }
    if highest < GENERATION_MAX { Ok(highest + 1) } else { Err(exhausted(dir)) }
}

/// Makes the commits of the generations that are kept durable: they may have been left in the page cache. Their
/// containers were synced before their pages were written.
fn settle(files: &dyn Files, entries: &[Entry], keep: u32) -> Result<(), Error> {
    if planted::is(Plant::UnsettledPage) {
        return Ok(());
    }
    let mut committed: Vec<&Entry> = entries.iter().filter(|entry| entry.generation().is_some()).collect();
    committed.sort_by_key(|entry| Reverse(entry.generation()));
    for entry in committed.into_iter().take(usize::try_from(keep).unwrap_or(usize::MAX)) {
        let file = files.open_rw(&entry.path)?;
        let mut page = [0; PAGE_LEN];
        let count = file.read_full_at(&mut page, 0)?;
        // What is read again may have another content only if somebody else writes here.
        if Some(Page::decode(page.get(..count).unwrap_or_default())) != entry.page {
            return Err(Error::Superseded { path: entry.path.clone() });
        }
        // Where a sync has failed before, only what is written again is known to go to the disk.
        file.write_all_at(&page, 0)?;
        file.sync_data()?;
    }
    Ok(())
}

fn stock_of(files: &dyn Files, entries: Vec<Entry>, opened: &mut Opened) -> Result<Stock, Error> {
    let mut stock = Stock::default();
    for Entry { number, path, len, page } in entries {
        match page {
            Some(Page::Committed(Commit { generation, .. })) => {
                stock.put(Slot { number, generation: Some(generation), len, named: true });
                continue;
            }
            // A killed writer may have left it after a sync that failed: then it isn't known what of it, its
            // length included, is on the disk.
            Some(Page::None) => {
                found(files.remove(&path))?;
                continue;
            }
            Some(Page::Damaged | Page::Version(_)) => opened.damaged.push(path),
            None => {}
        }
        stock.take_number(number);
    }
    Ok(stock)
}

/// The file with its lock; none where that can't be had, its bytes are somebody else's too, or there is no file.
fn lock(file: Option<Box<dyn File>>) -> Result<Option<Box<dyn File>>, Error> {
    let Some(file) = file else { return Ok(None) };
    if planted::is(Plant::UnaskedLock) {
        return Ok(Some(file));
    }
    // A backup of links has the same bytes under another name.
    if file.metadata()?.is_shared() {
        return Ok(None);
    }
    match file.try_lock() {
        Ok(locked) => Ok(locked.then_some(file)),
        Err(err) if is_unsupported(&err) => Ok(None),
        Err(err) => Err(err),
    }
}

/// Why there is no number left, for a generation or a file: somebody else's doing.
fn exhausted(dir: &Path) -> Error {
    Error::io(Op::CreateNew, dir, io::Error::other("there are no higher numbers; begin another directory"))
}
