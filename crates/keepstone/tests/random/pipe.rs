//! Streams that give and take bytes as a pipe does: some at a time, and sometimes nothing yet.

use std::io::{self, ErrorKind, Read, Write};

use keepstone_testkit::Random;

/// Bytes between a writer and a reader.
pub(crate) struct Pipe {
    bytes: Vec<u8>,
    read: usize,
    random: Random,
}

impl Pipe {
    pub(crate) fn new(seed: u64) -> Self {
        Self { bytes: Vec::new(), read: 0, random: Random::new(seed) }
    }

    fn some(&mut self, len: usize) -> io::Result<usize> {
        if self.random.one_in(20) {
            return Err(ErrorKind::Interrupted.into());
        }
        let most = if self.random.one_in(3) { 7 } else { 4096 };
        Ok(len.min(1 + self.random.index(most)))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.some(bytes.len())?;
        self.bytes.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.some(into.len().min(self.bytes.len() - self.read))?;
        into[..len].copy_from_slice(&self.bytes[self.read..self.read + len]);
        self.read += len;
        Ok(len)
    }
}
