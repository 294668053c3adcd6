use std::{io, path::PathBuf};

use keepstone_format::{Error as FormatError, Writer, WriterOptions, Written};

use super::{Generations, stock::Slot};
use crate::{
    Error, File,
    committed::{Body, CONTAINER_AT, Commit, into_io},
    planted::{self, Plant},
};

/// Files grow by multiples of this.
const GROWTH_LEN: u64 = 64 << 10;

/// A generation that is being written, not visible before [`commit`](Self::commit).
///
/// It takes one container, whose epoch is [`generation`](Self::generation): written here through
/// [`container`](Self::container), or elsewhere and handed over as bytes. Small writes are gathered, large
/// ones passed on. Dropping it without a commit leaves all kept generations as they were.
#[derive(Debug)]
pub struct Draft<'a> {
    owner: &'a mut Generations,
    body: Body,
    /// The file as it was, without its generation once that is being written over.
    slot: Slot,
    generation: u64,
    /// Whether the file holds, or held, an earlier generation.
    recycled: bool,
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
        let generation = owner.next - 1;
        let body = Body::new(file, std::mem::take(&mut owner.buffer));
        Self { owner, body, slot, generation, recycled, given_up: false }
    }

    /// The number of this generation: the epoch of its container.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Begins the container in this draft, with the generation as its epoch.
    ///
    /// # Errors
    /// [`Misuse`](FormatError::Misuse) if something has been written already, else those of [`Writer::new`].
    pub fn container(&mut self, options: WriterOptions) -> Result<Writer<&mut Self>, FormatError> {
        let (len, generation) = (self.body.len(), self.generation);
        Body::container(self, len, generation, options)
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
        let path = self.body.file().path().to_owned();
        self.body.check(self.generation, &written)?;
        self.write_rest()?;
        // What fails from here on leaves a file of which is not known what is on the disk.
        self.given_up = true;
        self.sync_body()?;
        let (container_len, container_crc) = (written.bytes, written.container_crc);
        let page = Commit { generation: self.generation, container_len, container_crc }.encode();
        self.body.file().write_all_at(&page, 0)?;
        self.body.file().sync_data()?;
        self.given_up = false;
        self.slot.generation = Some(self.generation);
        let (generation, recycled) = (self.generation, self.recycled);
        Ok(Committed { generation, bytes: container_len, path, recycled })
    }

    /// Makes the container durable, and the name of a new file: the page may stand in front of nothing less.
    fn sync_body(&mut self) -> Result<(), Error> {
        if !planted::is(Plant::OneSyncGeneration) {
            self.body.file().sync_data()?;
        }
        if !self.slot.named {
            self.owner.options.files.sync_dir(&self.owner.dir)?;
            self.slot.named = true;
        }
        Ok(())
    }

    /// Writes what is gathered, and the zeros behind the container.
    fn write_rest(&mut self) -> Result<(), Error> {
        let end = CONTAINER_AT + self.body.len();
        let target = if end > self.slot.len {
            end.saturating_add(self.body.len() / 8).next_multiple_of(GROWTH_LEN)
        } else {
            // A last page that is whole needs not be read first.
            end.next_multiple_of(CONTAINER_AT).min(self.slot.len)
        };
        self.body.write_rest(target)?;
        self.slot.len = self.slot.len.max(target);
        Ok(())
    }
}

/// Takes all bytes of each write, or fails for good. The error inside the [`io::Error`] is [`Error`].
impl io::Write for Draft<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.body.write(data).map_err(into_io)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let committed = self.slot.generation == Some(self.generation);
        let failed = self.body.failed();
        if planted::is(Plant::ReusedNumber) && !committed {
            self.owner.next = self.generation;
        }
        if self.body.touched() && !committed {
            self.slot.generation = None;
        }
        self.owner.buffer = self.body.take_buffer();
        if (self.given_up || failed) && !planted::is(Plant::ReusedFile) {
            self.owner.give_up(self.slot.number);
        } else {
            self.owner.stock.put(self.slot);
        }
    }
}
