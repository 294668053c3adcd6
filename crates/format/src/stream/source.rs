use std::io::{self, Read};

use crate::Error;

/// Most bytes that are read at a time where more than that may be zeros or told by the file alone.
const BLOCK: usize = 1 << 16;

/// Bytes that come one behind the other, and how many came.
pub(super) struct Source<R> {
    inner: R,
    offset: u64,
}

impl<R> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Source<R> {
    /// Makes `buf` the next `len` bytes.
    pub(super) fn fill(&mut self, len: usize, buf: &mut Vec<u8>) -> Result<(), Error> {
        buf.truncate(len);
        let no_memory = |_| Error::OutOfMemory { what: "part of the container", bytes: len as u64 };
        buf.try_reserve(len - buf.len()).map_err(no_memory)?;
        buf.resize(len, 0);
        self.read_exact(buf)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Takes `len` bytes, fewer than 64, that must be zero.
    pub(super) fn zeros(&mut self, what: &'static str, len: u64) -> Result<(), Error> {
        let (mut bytes, offset) = ([0; 64], self.offset);
        let room = bytes.get_mut(..usize::try_from(len).unwrap_or(usize::MAX)).unwrap_or_default();
        self.read_exact(room)?;
        crate::wire::Input::at(what, room, offset).zeros(room.len())
    }

    /// Appends up to `len` bytes: fewer only where the source ends.
    pub(super) fn append_up_to(&mut self, len: usize, buf: &mut Vec<u8>) -> Result<(), Error> {
        let read = self.inner.by_ref().take(len as u64).read_to_end(buf).map_err(failed)?;
        self.offset += read as u64;
        Ok(())
    }

    /// Takes as many bytes as `expected` has; answers whether they are the same, or where the first block
    /// begins that differs.
    pub(super) fn compare(&mut self, expected: &[u8]) -> Result<Result<(), u64>, Error> {
        let mut buf = Vec::new();
        for block in expected.chunks(BLOCK) {
            let offset = self.offset;
            self.fill(block.len(), &mut buf)?;
            if buf != block {
                return Ok(Err(offset));
            }
        }
        Ok(Ok(()))
    }

    fn read_exact(&mut self, mut room: &mut [u8]) -> Result<(), Error> {
        while !room.is_empty() {
            match self.inner.read(room) {
                Ok(0) => return Err(Error::NoEndMark { len: self.offset }),
                Ok(len) => {
                    self.offset += len as u64;
                    room = room.get_mut(len..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io { op: "reading the container", source }
}
