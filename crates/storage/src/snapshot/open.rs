use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, OnceLock},
    thread,
};

use keepstone_format::{Limits, Reader};

use super::{
    Snapshot,
    memory::{Memory, OnDisk},
    stored::Inner,
    writer::named,
};
use crate::{Buffer, Error, Files, Op, OsFiles};

/// Files that are shorter are not worth a second thread.
const THREADS_FROM: u64 = 16 << 20;

/// How a snapshot is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options<'f> {
    files: &'f dyn Files,
    limits: Option<Limits>,
    threads: Option<NonZeroUsize>,
}

/// When the arrays of a mapped snapshot are checked. Its head, footer and the heads of arrays are checked always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// When it is opened.
    Now,
    /// When they are viewed, each piece of 1 MiB once.
    OnUse,
    /// Never. A byte that has changed on the disk goes unnoticed.
    Never,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { files: &OsFiles, limits: None, threads: None }
    }
}

impl Options<'_> {
    /// Opens from other files.
    #[must_use]
    pub fn files(self, files: &dyn Files) -> Options<'_> {
        Options { files, ..self }
    }

    /// Sets what decoding may take; the default is [`Limits::for_file_len`].
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Sets how many threads read and check. The default is as many as there are processors, 1 for files below 16 MiB.
    #[must_use]
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads: Some(threads), ..self }
    }
}

/// Reads a whole snapshot and checks it.
pub(super) fn read(path: &Path, mut buffer: Buffer, options: &Options<'_>) -> Result<Snapshot, Error> {
    let (source, threads) = begin(path, options)?;
    let container = |source| named(Op::Read, path, source);
    // Head and footer first: memory is taken for what they bear out.
    let reader = reader(source, options).map_err(container)?;
    let bytes = usize::try_from(reader.bytes()).map_err(|_| no_memory(path))?;
    let memory = buffer.resize(bytes).map_err(|source| Error::io(Op::Read, path, source))?;
    reader.load(memory, threads).map_err(container)?;
    let reader = reader.with_source(Memory::Read(buffer));
    let inner = Inner::new(path.to_owned(), reader, Verify::Now, threads)?;
    Ok(Snapshot { inner: Arc::new(inner) })
}

/// Opens a snapshot whose file is mapped by `map`, or is read where it can't be.
pub(crate) fn opened_by(
    path: &Path,
    options: &Options<'_>,
    verify: Verify,
    map: impl FnOnce(&dyn crate::File, u64) -> Result<Option<memmap2::Mmap>, Error>,
) -> Result<Snapshot, Error> {
    let (source, threads) = begin(path, options)?;
    let container = |source| named(Op::Read, path, source);
    let Some(map) = map(&*source.file, source.len)? else { return read(path, Buffer::new(), options) };
    let reader = reader(Memory::Mapped(map), options).map_err(container)?;
    if verify == Verify::Now {
        reader.check_all(threads).map_err(container)?;
    }
    let inner = Inner::new(path.to_owned(), reader, verify, threads)?;
    Ok(Snapshot { inner: Arc::new(inner) })
}

fn begin(path: &Path, options: &Options<'_>) -> Result<(OnDisk, NonZeroUsize), Error> {
    // Asked before opening, which waits where a pipe has no writer.
    if !options.files.metadata(path)?.is_file {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let file = options.files.open(path)?;
    let len = file.metadata()?.len;
    let threads = if len >= THREADS_FROM { processors() } else { NonZeroUsize::MIN };
    let threads = options.threads.unwrap_or(threads);
    Ok((OnDisk { file, len }, threads))
}

fn reader<R: keepstone_format::ReadAt>(
    source: R,
    options: &Options<'_>,
) -> Result<Reader<R>, keepstone_format::Error> {
    let limits = options.limits.unwrap_or_else(|| Limits::for_file_len(source.len()));
    Reader::open(source, limits)
}

/// How many threads are worth starting. The system is asked once: it takes longer than to map a file.
fn processors() -> NonZeroUsize {
    static PROCESSORS: OnceLock<NonZeroUsize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

fn no_memory(path: &Path) -> Error {
    Error::io(Op::Read, path, std::io::ErrorKind::OutOfMemory.into())
}
