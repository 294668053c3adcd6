//! What is written behind a commit page.

use std::io;

use keepstone_format::{Error as FormatError, Writer, WriterOptions, Written};

use super::{
    ends::Ends,
    page::{CONTAINER_AT, PAGE_LEN},
};
use crate::{Error, File};

/// How many bytes of small writes come together before they are given to the system.
pub(crate) const BUFFER_LEN: usize = 256 << 10;
/// How much is written by one call.
const PIECE_LEN: usize = 1 << 20;
/// How much is written before the disk is set to work: less is not worth a call, and more lets it wait.
const BEGUN_LEN: u64 = 256 << 10;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A page that commits nothing, and the container as it comes: small writes are gathered, large ones passed on.
#[derive(Debug)]
pub(crate) struct Body {
    file: Box<dyn File>,
    /// What small writes gather in.
    buffer: Vec<u8>,
    ends: Ends,
    /// Up to where the file has been written.
    at: u64,
    /// Up to where the system was asked to begin writing to the disk.
    begun: u64,
    /// Whether anything has been given to the system, whatever became of it.
    touched: bool,
    failed: bool,
}

impl Body {
    /// Begins at the start of `file`; the buffer may come from an earlier body.
    pub(crate) fn new(file: Box<dyn File>, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.reserve_exact(BUFFER_LEN);
        // Goes out before the first byte of the container: the old one is not to be found from there on.
        buffer.resize(PAGE_LEN, 0);
        Self { file, buffer, ends: Ends::new(), at: 0, begun: 0, touched: false, failed: false }
    }

    pub(crate) fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Bytes of the container that have come so far.
    pub(crate) fn len(&self) -> u64 {
        self.ends.len
    }

    /// Whether anything has been given to the system.
    pub(crate) fn touched(&self) -> bool {
        self.touched
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// The buffer, for the next body; nothing is written after that.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.failed = true;
        std::mem::take(&mut self.buffer)
    }

    /// The file and the buffer, for the next body.
    pub(crate) fn into_parts(self) -> (Box<dyn File>, Vec<u8>) {
        (self.file, self.buffer)
    }

    /// Begins the container of `epoch` in what writes here.
    pub(crate) fn container<W: io::Write>(
        into: W,
        len: u64,
        epoch: u64,
        mut options: WriterOptions,
    ) -> Result<Writer<W>, FormatError> {
        if len > 0 {
            return Err(FormatError::Misuse { what: "a draft takes one container; begin another draft" });
        }
        options.epoch = epoch;
        Writer::new(into, options)
    }

    /// Takes all of `data`, or fails for good.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.failed {
            return Err(self.poisoned());
        }
        let done = self.put(data);
        self.failed = done.is_err();
        done?;
        self.ends.pass(data);
        Ok(())
    }

    /// Sees that what has come is the one container of `epoch` that `written` tells of.
    pub(crate) fn check(&self, epoch: u64, written: &Written) -> Result<(), Error> {
        if self.failed {
            return Err(self.poisoned());
        }
        if self.ends.are_of(epoch, written) {
            return Ok(());
        }
        let what = "the draft doesn't hold the container that is committed, in one piece and with the generation as its epoch; write it anew";
        let path = self.file.path().to_owned();
        Err(Error::Container { path, source: FormatError::Misuse { what } })
    }

    /// Writes what is gathered, and zeros behind it up to `target`.
    pub(crate) fn write_rest(&mut self, target: u64) -> Result<(), Error> {
        let done = self.fill(target);
        self.failed = done.is_err();
        done
    }

    /// Does the same and writes the page as well: with all else in one call if nothing has gone out yet, else last.
    pub(crate) fn write_rest_and_page(&mut self, target: u64, page: &[u8; PAGE_LEN]) -> Result<(), Error> {
        let in_buffer = self.buffer.first_chunk_mut().filter(|_| self.at == 0);
        let written = in_buffer.map(|gathered| *gathered = *page).is_some();
        self.write_rest(target)?;
        if written {
            return Ok(());
        }
        let done = self.file.write_all_at(page, 0);
        self.failed = done.is_err();
        done
    }

    fn poisoned(&self) -> Error {
        Error::Poisoned { path: self.file.path().to_owned() }
    }

    fn fill(&mut self, target: u64) -> Result<(), Error> {
        let mut missing = target.saturating_sub(CONTAINER_AT + self.ends.len);
        while missing > 0 {
            let room = BUFFER_LEN - self.buffer.len();
            let count = usize::try_from(missing).unwrap_or(room).min(room);
            let zeros = ZEROS.get(..count).unwrap_or(&ZEROS);
            self.buffer.extend_from_slice(zeros);
            missing -= zeros.len() as u64;
            if self.buffer.len() == BUFFER_LEN {
                self.flush()?;
            }
        }
        self.flush()
    }

    /// Gathers small writes; of a large one passes the whole pages on.
    fn put(&mut self, data: &[u8]) -> Result<(), Error> {
        let buffered = self.buffer.len();
        if data.len() <= BUFFER_LEN - buffered {
            self.buffer.extend_from_slice(data);
            return Ok(());
        }
        // Written up to the end of a page, so that none is written in two parts.
        let lead = (BUFFER_LEN - buffered) % PAGE_LEN;
        let (lead, rest) = data.split_at_checked(lead).unwrap_or((data, &[]));
        self.buffer.extend_from_slice(lead);
        self.flush()?;
        let tail = if rest.len() < BUFFER_LEN { rest.len() } else { rest.len() % PAGE_LEN };
        let (pages, tail) = rest.split_at_checked(rest.len() - tail).unwrap_or((rest, &[]));
        for piece in pages.chunks(PIECE_LEN) {
            write_on(&*self.file, piece, &mut self.at, &mut self.begun)?;
        }
        self.buffer.extend_from_slice(tail);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.touched = true;
        write_on(&*self.file, &self.buffer, &mut self.at, &mut self.begun)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Makes a file of zeros up to `len`.
pub(crate) fn write_zeros(file: &dyn File, len: u64) -> Result<(), Error> {
    let (mut at, mut begun) = (0, 0);
    while at < len {
        let count = usize::try_from(len - at).unwrap_or(ZEROS.len());
        write_on(file, ZEROS.get(..count).unwrap_or(&ZEROS), &mut at, &mut begun)?;
    }
    Ok(())
}

/// Writes at `at`, and sets the disk to work once enough has come together.
pub(crate) fn write_on(file: &dyn File, data: &[u8], at: &mut u64, begun: &mut u64) -> Result<(), Error> {
    file.write_all_at(data, *at)?;
    *at += data.len() as u64;
    let due = *at - *begun;
    if due >= BEGUN_LEN {
        file.write_back(*begun, due);
        *begun = *at;
    }
    Ok(())
}

/// The error inside the [`io::Error`] is [`Error`].
pub(crate) fn into_io(err: Error) -> io::Error {
    io::Error::new(err.io_kind().unwrap_or(io::ErrorKind::Other), err)
}
