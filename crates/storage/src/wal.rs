//! A write-ahead log: records that survive, in the order in which they were appended.
//!
//! A log is a directory. One writer appends ([`Wal`]); any number of readers, in this process or others,
//! go through what is there ([`Log::open`], [`Reader`]). Its bytes are specified in section 6 of
//! `FORMAT.md` in the repository.
//!
//! What is durable: a record appended with [`Durability::Durable`], all records before it, and after
//! [`Wal::sync`] all records. With [`Durability::Buffered`] a record is in the memory of this program
//! until [`WalOptions::buffer_bytes`] have come together, or [`Wal::flush`]; after that it survives
//! the program, and after a sync a power cut.
//!
//! After a crash the log holds all that was durable and perhaps some of the records after that, without
//! a gap, in their order. What an unfinished write left is cut off. What was durable and has changed is
//! [`Error::Damaged`] and says which records are lost; all others are served, and the files are left as
//! they are. What is not known to be on the disk when a log is opened, such as what a killed writer
//! left in the page cache, is copied and synced before it is handed out.
//!
//! ```
//! use std::sync::Arc;
//! use keepstone_storage::{Durability, MemFiles, Wal, WalOptions};
//!
//! let files = Arc::new(MemFiles::new());
//! let options = WalOptions::default().files(files.clone());
//! let wal = Wal::open("index/wal", options.clone())?;
//! wal.append(b"insert 1", Durability::Durable)?;
//! let second = wal.append(b"insert 2", Durability::Buffered)?;
//! wal.close()?;
//!
//! let wal = Wal::open("index/wal", options)?;
//! let mut records = wal.read_from(second)?;
//! assert_eq!(records.next()?.map(|record| record.bytes.to_vec()), Some(b"insert 2".to_vec()));
//! assert_eq!(records.next()?, None);
//! # Ok::<(), keepstone_storage::Error>(())
//! ```
//!
//! # Limits
//!
//! A record has 0 bytes to 1 GiB, a batch 16 GiB. Reading takes 2 MiB and the longest record, or 2 MiB
//! with [`Reader::next_part`]. Recovery reads only the newest segment (64 MiB by default).

mod chain;
mod cursor;
mod frame;
mod frames;
mod header;
mod open;
mod options;
mod reader;
mod segment;
mod shared;
mod state;
mod stats;
mod stock;
mod survey;
mod walk;

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "planted")]
#[doc(hidden)]
pub use crate::planted;
#[cfg(not(feature = "planted"))]
pub(crate) use crate::planted;
use keepstone_format::LogPosition;
pub use open::Opened;
pub use options::{GivenUp, WalOptions};
pub use reader::{Part, Reader, Record};
pub use stats::Stats;

use crate::{
    Durability, Error, Lock, random_id,
    sync::{
        Condvar, Mutex,
        thread::{self, JoinHandle},
    },
};

/// The number of a record: 1 for the first of a log, one more for each next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number of the record after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A log that is open for writing. Appending takes `&self`: threads share it, and share syncs.
///
/// Dropping it writes what is buffered but syncs nothing; [`close`](Self::close) does both and tells
/// of errors.
#[derive(Debug)]
pub struct Wal {
    shared: Arc<shared::Shared>,
    opened: Opened,
    thread: Option<JoinHandle<()>>,
}

impl Wal {
    /// Opens the log in `dir` for writing, making directory and log if they are missing.
    ///
    /// When it returns, all that can be read from the log is durable. A crash half-way leaves the log as
    /// it was.
    ///
    /// # Errors
    /// [`Error::Busy`] if another writer has it, [`Error::Newer`] if a newer version wrote it,
    /// [`Error::NoHeader`] if no segment has a header left, [`Error::Options`], else
    /// [`Error::Io`]. Other damage is in [`Opened::damage`], and errors of the [`Reader`].
    pub fn open(dir: impl AsRef<Path>, options: WalOptions) -> Result<Self, Error> {
        let dir = dir.as_ref().to_owned();
        check(&dir, &options)?;
        let lock = Lock::acquire(&options.files, &dir.join("LOCK"))?;
        let (state, opened) = open::open(&dir, &options, options.log_id.unwrap_or_else(random_id))?;
        let background = options.background;
        let shared = Arc::new(shared::Shared {
            dir,
            options,
            state: Mutex::new(state),
            changed: Condvar::new(),
            work: Condvar::new(),
            _lock: lock,
        });
        let thread = background.then(|| spawn(&shared)).transpose()?;
        Ok(Self { shared, opened, thread })
    }

    /// What the opening found and did.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Appends one record and returns its number.
    ///
    /// With [`Durability::Durable`] it is durable when this returns, with all before it: one write and one
    /// sync, shared with all threads that append meanwhile. With [`Durability::Buffered`] it will be
    /// after the next [`sync`](Self::sync) or durable append.
    ///
    /// # Errors
    /// [`Error::RecordTooLong`]; [`Error::NotAppended`] if a write failed: the records from the LSN on that it
    /// names are not in the log, and the next one gets that LSN. If buffered records are among them, whose
    /// appenders have gone on, every call answers this until the log is opened again. A crash, or
    /// an opening, before the next durable append may bring what failed back; [`Error::LogPoisoned`], or once [`Error::Io`], if a sync failed: then the record may
    /// or may not be there after the next opening.
    pub fn append(&self, record: &[u8], durability: Durability) -> Result<Lsn, Error> {
        self.shared.append(&[record], durability).map(|(first, _)| Lsn(first))
    }

    /// Appends records that belong together, and returns their numbers.
    ///
    /// After a crash all of them are in the log or none. None at all is [`Error::Options`].
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_batch(&self, records: &[&[u8]], durability: Durability) -> Result<Range<Lsn>, Error> {
        if records.is_empty() {
            return Err(Error::Options {
                path: self.shared.dir.clone(),
                what: "a batch has no records; append at least one",
            });
        }
        self.shared.append(records, durability).map(|(first, behind)| Lsn(first)..Lsn(behind))
    }

    /// Makes all records durable that have been appended.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn sync(&self) -> Result<(), Error> {
        self.shared.sync()
    }

    /// Gives all records that have been appended to the system, so that they survive this program.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn flush(&self) -> Result<(), Error> {
        self.shared.flush()
    }

    /// Reads the records from `from` on that have been appended so far.
    ///
    /// # Errors
    /// [`Error::GivenUp`] if `from` has been truncated away, else as [`flush`](Self::flush).
    pub fn read_from(&self, from: Lsn) -> Result<Reader, Error> {
        self.shared.flush()?;
        let state = self.shared.lock();
        if from.0 < state.start_lsn {
            return Err(Error::GivenUp {
                path: self.shared.dir.clone(),
                asked: from.0,
                start: state.start_lsn,
            });
        }
        // What other threads have appended since the flush need not be written yet.
        let (links, next_lsn) = state.readable();
        let files = Arc::clone(&self.shared.options.files);
        Ok(Reader::new(files, self.shared.dir.clone(), &links, from.0, next_lsn))
    }

    /// Gives up all records below `below`, which must not be needed any more.
    ///
    /// When it returns, that they are given up is durable. Whole segments that only hold such records
    /// are removed, archived or recycled, as [`WalOptions::given_up`] says; a crash half-way leaves
    /// some of them for the next time.
    ///
    /// # Errors
    /// As [`append`](Self::append), and [`Error::Io`] if a segment can't be removed: the records are given
    /// up all the same.
    pub fn truncate(&self, below: Lsn) -> Result<(), Error> {
        self.shared.give_up(below.0)?;
        loop {
            let oldest = {
                let mut state = self.shared.lock();
                let start_lsn = state.start_lsn;
                // Until the successor's header is durable, this one is all that a crash would leave.
                let successor = state.links.get(1).map(chain::Link::epoch);
                let successor = successor.or_else(|| state.head.as_ref().map(|head| head.segment.epoch));
                let safe = successor.is_some_and(|epoch| epoch <= state.durable_epoch);
                match state.links.front() {
                    Some(link) if link.next_lsn <= start_lsn && safe => state.links.pop_front(),
                    _ => None,
                }
            };
            let Some(link) = oldest else { return Ok(()) };
            if let Err(err) = stock::give_up(&self.shared, link.epoch(), link.header.segment_len) {
                self.shared.lock().links.push_front(link);
                return Err(err);
            }
        }
    }

    /// Gives up all records, and goes on in a segment of 12 KiB: what a log takes on the disk that nobody appends to for a while.
    ///
    /// When it returns, that they are given up is durable. The next segments grow as those of a new log.
    ///
    /// # Errors
    /// As [`truncate`](Self::truncate).
    pub fn shrink(&self) -> Result<(), Error> {
        self.shared.begin_least()?;
        self.truncate(self.end())
    }

    /// The first record that has not been given up.
    pub fn start(&self) -> Lsn {
        Lsn(self.shared.lock().start_lsn)
    }

    /// The number that the next record will get.
    pub fn end(&self) -> Lsn {
        Lsn(self.shared.lock().next_lsn)
    }

    /// The number below which all records are known durable.
    pub fn durable_end(&self) -> Lsn {
        Lsn(self.shared.lock().durable_lsn)
    }

    /// The random number that tells this log from others.
    pub fn log_id(&self) -> [u8; 16] {
        self.shared.lock().log_id
    }

    /// The directory of the log.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The position behind record `last`, for a snapshot that holds what it and all before it have made;
    /// [`Lsn(0)`](Lsn) for none.
    ///
    /// When it returns these records are durable: a snapshot must not hold what the log may still lose.
    ///
    /// # Errors
    /// [`Error::Options`] if the record was never appended, [`Error::GivenUp`] if records behind it have been given
    /// up, else as [`append`](Self::append).
    pub fn position(&self, last: Lsn) -> Result<LogPosition, Error> {
        let start = self.start();
        if last.next() < start {
            let path = self.shared.dir.clone();
            return Err(Error::GivenUp { path, asked: last.next().0, start: start.0 });
        }
        if last >= self.end() {
            let what = "the position is behind the end of the log; name a record that has been appended";
            return Err(Error::Options { path: self.shared.dir.clone(), what });
        }
        if last >= self.durable_end() {
            self.sync()?;
        }
        Ok(LogPosition { log_id: self.log_id(), lsn: last.0 })
    }

    /// What has been done since the log was opened.
    pub fn stats(&self) -> Stats {
        let state = self.shared.lock();
        let segments = state.links.len() as u64 + u64::from(state.head.is_some());
        Stats { segments, ..state.stats }
    }

    /// Makes all records durable and closes the log, so that the next opening has nothing to copy.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn close(mut self) -> Result<(), Error> {
        self.stop();
        let synced = self.shared.sync();
        self.shared.close()?;
        synced
    }

    /// Lets the thread end and waits for it.
    fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.lock().stock.shut = true;
        self.shared.work.notify_all();
        // A panic of the thread has nothing to add here.
        let _ = thread.join();
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.stop();
        // There is nobody to tell; `close` tells.
        let _ = self.shared.flush();
        let _ = self.shared.close();
        stock::clear(&self.shared);
    }
}

/// A log that is read and not written: no lock is taken and no byte changed.
///
/// It is the log as it was when it was opened. If a writer has it open, or was killed, records behind the
/// last sync are seen that a power cut may still take away.
#[derive(Debug)]
pub struct Log {
    options: WalOptions,
    dir: PathBuf,
    chain: chain::Chain,
}

impl Log {
    /// Opens the log in `dir` for reading. Of the options it takes `files` alone.
    ///
    /// # Errors
    /// As [`Wal::open`], but never [`Error::Busy`]; without a directory [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, options: WalOptions) -> Result<Self, Error> {
        let dir = dir.as_ref().to_owned();
        let mut window = cursor::Window::default();
        let chain = chain::read_beside_a_writer(&*options.files, &dir, &mut window)?;
        Ok(Self { options, dir, chain })
    }

    /// The records from `from` on.
    ///
    /// # Errors
    /// [`Error::GivenUp`] if `from` has been truncated away.
    pub fn read_from(&self, from: Lsn) -> Result<Reader, Error> {
        if from < self.start() {
            return Err(Error::GivenUp { path: self.dir.clone(), asked: from.0, start: self.start().0 });
        }
        let files = Arc::clone(&self.options.files);
        Ok(Reader::new(files, self.dir.clone(), &self.chain.links, from.0, self.chain.next_lsn()))
    }

    /// All records that are left, also those that were given up and whose segment is still there: for a repair.
    ///
    /// Of those that were given up some may be missing, which is no error.
    pub fn read_left(&self) -> Reader {
        let first = self.chain.links.first().map_or(self.chain.start_lsn, |link| link.header.first_lsn);
        let files = Arc::clone(&self.options.files);
        Reader::new(files, self.dir.clone(), &self.chain.links, first, self.chain.next_lsn())
    }

    /// The first record that has not been given up.
    pub fn start(&self) -> Lsn {
        Lsn(self.chain.start_lsn)
    }

    /// The number that the next record would get.
    pub fn end(&self) -> Lsn {
        Lsn(self.chain.next_lsn())
    }

    /// Whether the log was closed in order.
    pub fn closed(&self) -> bool {
        self.chain.closed()
    }

    /// Where an unfinished write will be cut off: the segment and the offset in it.
    pub fn torn(&self) -> Option<(PathBuf, u64)> {
        let torn = self.chain.newest.filter(|newest| newest.torn)?;
        let newest = self.chain.links.last()?;
        Some((segment::path_of(&self.dir, newest.epoch()), torn.end))
    }

    /// What is damaged or missing, as far as it is known without reading all: go through
    /// [`read_from`](Self::read_from) for the rest.
    pub fn damage(&self) -> &[Error] {
        &self.chain.losses
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.chain.links.iter().map(|link| Segment {
            path: segment::path_of(&self.dir, link.epoch()),
            epoch: link.epoch(),
            first: Lsn(link.header.first_lsn),
            behind: Lsn(link.next_lsn),
            content_end: link.end,
            len: link.header.segment_len,
        })
    }

    /// The random number that all segments of the log carry; none if there is none.
    pub fn id(&self) -> Option<[u8; 16]> {
        self.chain.links.last().map(|link| link.header.log_id)
    }
}

/// A segment of a log.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The file.
    pub path: PathBuf,
    /// Its number, which no other segment of the log ever has.
    pub epoch: u64,
    /// The first record.
    pub first: Lsn,
    /// The record behind the last one.
    pub behind: Lsn,
    /// Where in the file its content ends.
    pub content_end: u64,
    /// The length that the file was made with.
    pub len: u64,
}

fn check(dir: &Path, options: &WalOptions) -> Result<(), Error> {
    let (first, max) = (options.segment_bytes_first, options.segment_bytes_max);
    let what = if first < options::SEGMENT_LEN_LEAST || first > max || max > header::SEGMENT_LEN_MAX {
        "segments must be 12 KiB to 16 GiB long, the first no longer than the longest; mend the options"
    } else if !first.is_multiple_of(8) || !max.is_multiple_of(8) {
        "lengths of segments must be multiples of 8; mend the options"
    } else if options.record_bytes_max > options::RECORD_LEN_MAX {
        "records have at most 1 GiB; mend the options"
    } else {
        return Ok(());
    };
    Err(Error::Options { path: dir.to_owned(), what })
}

fn spawn(shared: &Arc<shared::Shared>) -> Result<JoinHandle<()>, Error> {
    let log = Arc::clone(shared);
    let thread = thread::Builder::new().name("keepstone-wal".to_owned()).spawn(move || stock::run(&log));
    thread.map_err(|e| Error::io(crate::Op::Spawn, &shared.dir, e))
}
