use std::io;

use keepstone_format::ReadAt;
use memmap2::Mmap;

use crate::{Buffer, File};

/// The bytes of a snapshot in memory.
#[derive(Debug)]
pub(super) enum Memory {
    Read(Buffer),
    Mapped(Mmap),
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(buffer) => buffer.bytes(),
            Self::Mapped(map) => map,
        }
    }
}

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.bytes().read_exact_at(offset, buf)
    }

    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.bytes().borrow(offset, len)
    }
}

/// A file that is read where it is asked for.
#[derive(Debug)]
pub(super) struct OnDisk {
    pub(super) file: Box<dyn File>,
    pub(super) len: u64,
}

impl ReadAt for OnDisk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let count = self.file.read_full_at(buf, offset).map_err(|error| {
            let kind = error.io_kind().unwrap_or(io::ErrorKind::Other);
            io::Error::new(kind, error)
        })?;
        // The file was cut since it was opened.
        if count < buf.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
