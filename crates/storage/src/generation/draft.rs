use std::{io, path::PathBuf};

use keepstone_format::{Error as FormatError, Writer, WriterOptions, Written};

use super::{
    Generations,
    ends::Ends,
    page::{CONTAINER_AT, Commit, PAGE_LEN},
    stock::Slot,
};
use crate::{
    Error, File,
    planted::{self, Plant},
};

/// How many bytes of small writes come together before they are given to the system.
pub(super) const BUFFER_LEN: usize = 256 << 10;
/// How much is written before the disk is set to work: less is not worth a call, and more lets it wait.
const PIECE_LEN: usize = 1 << 20;
/// Files grow by multiples of this.
const GROWTH_LEN: u64 = 64 << 10;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A generation that is being written, not visible before [`commit`](Self::commit).
///
/// It takes one container, whose epoch is [`generation`](Self::generation): written here through
/// [`container`](Self::container), or elsewhere and handed over as bytes. Small writes are gathered, large
/// ones passed on. Dropping it without a commit leaves all kept generations as they were.
#[derive(Debug)]
pub struct Draft<'a> {
    owner: &'a mut Generations,
    file: Box<dyn File>,
    /// The file as it was, without its generation once that is being written over.
    slot: Slot,
    generation: u64,
    /// Whether the file holds, or held, an earlier generation.
    recycled: bool,
    ends: Ends,
    /// Up to where the file has been written.
    at: u64,
    /// Up to where the system was asked to begin writing to the disk.
    begun: u64,
    failed: bool,
    /// Whether the file is not to be written to again.
    given_up: bool,
}

/// Receipt of a generation that is durable.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number.
    pub generation: u64,
    /// Length of its container.
    pub bytes: u64,
    /// The file it stands in, until it is written over.
    pub path: PathBuf,
    /// Whether an earlier generation was written over; else the file is new.
    pub recycled: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(owner: &'a mut Generations, file: Box<dyn File>, slot: Slot, recycled: bool) -> Self {
        owner.buffer.clear();
        owner.buffer.reserve_exact(BUFFER_LEN);
        // Goes out before the first byte of the container: the old one is not to be found from there on.
        owner.buffer.resize(PAGE_LEN, 0);
        let generation = owner.next - 1;
        let ends = Ends::new();
        let (at, begun, failed, given_up) = (0, 0, false, false);
        Self { owner, file, slot, generation, recycled, ends, at, begun, failed, given_up }
    }

    /// The number of this generation: the epoch of its container.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Begins the container in this draft, with the generation as its epoch.
    ///
    /// # Errors
    /// [`Misuse`](FormatError::Misuse) if something has been written already, else those of [`Writer::new`].
    pub fn container(&mut self, mut options: WriterOptions) -> Result<Writer<&mut Self>, FormatError> {
        if self.ends.len > 0 {
            return Err(FormatError::Misuse { what: "a draft takes one container; begin another draft" });
        }
        options.epoch = self.generation;
        Writer::new(self, options)
    }

    /// Makes the generation durable and visible.
    ///
    /// When it returns `Ok` it is the newest and on the disk. A crash half-way leaves the newest before it or this
    /// one, whole.
    ///
    /// # Errors
    /// [`Misuse`](FormatError::Misuse) in [`Error::Container`] if what was written is not the one container that
    /// `written` tells of; [`Error::Poisoned`] after a failed write; [`Error::Io`]. The generation before it is as it was and stays
    /// the newest for this handle; if the last sync failed, an opening after a crash may find this one
    /// instead, whole. The next draft gets another number, and another file where anything but `Misuse` failed.
    pub fn commit(mut self, written: Written) -> Result<Committed, Error> {
        let path = self.file.path().to_owned();
        if self.failed {
            return Err(Error::Poisoned { path });
        }
        if !self.ends.are_of(self.generation, &written) {
            let what = "the draft doesn't hold the container that is committed, in one piece and with the generation as its epoch; write it anew";
            return Err(Error::Container { path, source: FormatError::Misuse { what } });
        }
        let done = self.write_rest();
        self.failed = done.is_err();
        done?;
        // What fails from here on leaves a file of which is not known what is on the disk.
        self.given_up = true;
        self.sync_body()?;
        let (container_len, container_crc) = (written.bytes, written.container_crc);
        let page = Commit { generation: self.generation, container_len, container_crc }.encode();
        self.file.write_all_at(&page, 0)?;
        self.file.sync_data()?;
        self.given_up = false;
        self.slot.generation = Some(self.generation);
        let (generation, recycled) = (self.generation, self.recycled);
        Ok(Committed { generation, bytes: container_len, path, recycled })
    }

    /// Makes the container durable, and the name of a new file: the page may stand in front of nothing less.
    fn sync_body(&mut self) -> Result<(), Error> {
        if !planted::is(Plant::OneSyncGeneration) {
            self.file.sync_data()?;
        }
        if !self.slot.named {
            self.owner.options.files.sync_dir(&self.owner.dir)?;
            self.slot.named = true;
        }
        Ok(())
    }

    /// Writes what is gathered, and the zeros behind the container.
    fn write_rest(&mut self) -> Result<(), Error> {
        let end = CONTAINER_AT + self.ends.len;
        let target = if end > self.slot.len {
            end.saturating_add(self.ends.len / 8).next_multiple_of(GROWTH_LEN)
        } else {
            // A last page that is whole needs not be read first.
            end.next_multiple_of(CONTAINER_AT).min(self.slot.len)
        };
        let mut missing = target - end;
        while missing > 0 {
            let room = BUFFER_LEN - self.owner.buffer.len();
            let count = usize::try_from(missing).unwrap_or(room).min(room);
            let zeros = ZEROS.get(..count).unwrap_or(&ZEROS);
            self.owner.buffer.extend_from_slice(zeros);
            missing -= zeros.len() as u64;
            if self.owner.buffer.len() == BUFFER_LEN {
                self.flush_buffer()?;
            }
        }
        self.flush_buffer()?;
        self.slot.len = self.slot.len.max(target);
        Ok(())
    }

    /// Gathers small writes; of a large one passes the whole pages on.
    fn put(&mut self, data: &[u8]) -> Result<(), Error> {
        let buffered = self.owner.buffer.len();
        if data.len() <= BUFFER_LEN - buffered {
            self.owner.buffer.extend_from_slice(data);
            return Ok(());
        }
        // Written up to the end of a page, so that none is written in two parts.
        let lead = (BUFFER_LEN - buffered) % PAGE_LEN;
        let (lead, rest) = data.split_at_checked(lead).unwrap_or((data, &[]));
        self.owner.buffer.extend_from_slice(lead);
        self.flush_buffer()?;
        let tail = if rest.len() < BUFFER_LEN { rest.len() } else { rest.len() % PAGE_LEN };
        let (pages, tail) = rest.split_at_checked(rest.len() - tail).unwrap_or((rest, &[]));
        for piece in pages.chunks(PIECE_LEN) {
            write_on(&*self.file, piece, &mut self.at, &mut self.begun)?;
        }
        self.owner.buffer.extend_from_slice(tail);
        Ok(())
    }

    fn flush_buffer(&mut self) -> Result<(), Error> {
        if self.owner.buffer.is_empty() {
            return Ok(());
        }
        self.slot.generation = None;
        write_on(&*self.file, &self.owner.buffer, &mut self.at, &mut self.begun)?;
        self.owner.buffer.clear();
        Ok(())
    }
}

/// Writes at `at`, and sets the disk to work once enough has come together.
fn write_on(file: &dyn File, data: &[u8], at: &mut u64, begun: &mut u64) -> Result<(), Error> {
    file.write_all_at(data, *at)?;
    *at += data.len() as u64;
    let due = *at - *begun;
    if due >= PIECE_LEN as u64 {
        file.write_back(*begun, due);
        *begun = *at;
    }
    Ok(())
}

/// Takes all bytes of each write, or fails for good. The error inside the [`io::Error`] is [`Error`].
impl io::Write for Draft<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let path = || self.file.path().to_owned();
        let done = if self.failed { Err(Error::Poisoned { path: path() }) } else { self.put(data) };
        self.failed = done.is_err();
        done.map_err(|err| io::Error::new(err.io_kind().unwrap_or(io::ErrorKind::Other), err))?;
        self.ends.pass(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let committed = self.slot.generation == Some(self.generation);
        if planted::is(Plant::ReusedNumber) && !committed {
            self.owner.next = self.generation;
        }
        if (self.given_up || self.failed) && !planted::is(Plant::ReusedFile) {
            self.owner.give_up(self.slot.number);
        } else {
            self.owner.stock.put(self.slot);
        }
    }
}
