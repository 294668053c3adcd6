use std::{
    io::{BufReader, Cursor, Error as IoError, ErrorKind, Read},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use keepstone_ecs_persist::{
    FIRST_BYTES_MAX, PersistenceManager, ReadOptions, Schema, WorldDoc, WorldFormat, list_worlds,
};
use keepstone_format::{FileKind, Header, Limits, Reader};
use keepstone_storage::{File, Files};

use crate::{
    deltas::Loaded,
    error::Error,
    options::{LoadOptions, unknown_format},
};

/// Headers of a container in parts are small reads.
const BUFFER_LEN: usize = 256 << 10;

/// How a file becomes a document: what of [`LoadOptions`] concerns neither the world nor its registry, so that it can go to another
/// thread.
#[derive(Clone)]
pub(crate) struct Source {
    formats: PersistenceManager,
    /// The name of the format, where the first bytes are not asked.
    format: Option<String>,
    world: Option<String>,
    /// Whether a file of several worlds is refused when none is named.
    strict: bool,
    bytes_max: u64,
    limits: Option<Limits>,
    threads: NonZeroUsize,
    /// Whether containers in parts are handed out as they are.
    takes_parts: bool,
    files: Arc<dyn Files>,
}

/// What was found in a file or stream.
pub(crate) enum Found<'a> {
    /// A document.
    Whole(Box<Decoded<'a>>),
    /// A container in parts, which nobody has read; its length, where that is known.
    Parts(&'a mut dyn Read, Option<u64>),
}

/// A document that was read.
#[derive(Debug, Clone)]
pub(crate) struct Decoded<'a> {
    pub(crate) doc: WorldDoc<'a>,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    pub(crate) read_time: Duration,
    pub(crate) decode_time: Duration,
    /// What its values may take.
    pub(crate) values_max: u64,
}

impl<'a> Found<'a> {
    /// The document, from a source that takes no parts.
    pub(crate) fn whole(self) -> Result<Decoded<'a>, Error> {
        match self {
            Self::Whole(decoded) => Ok(*decoded),
            Self::Parts(..) => Err(Error::NotInParts { option: "a load in one piece" }),
        }
    }
}

impl Source {
    pub(crate) fn of<R>(options: &LoadOptions<'_, R>) -> Self {
        Self {
            formats: options.formats.clone(),
            format: options.format.clone(),
            world: options.world.clone(),
            strict: options.strict,
            bytes_max: options.bytes_max,
            limits: options.limits,
            threads: options.threads,
            takes_parts: false,
            files: Arc::clone(&options.files),
        }
    }

    /// Hands out containers in parts as they are.
    pub(crate) fn parts(mut self, takes_parts: bool) -> Self {
        self.takes_parts = takes_parts;
        self
    }

    /// Reads a file. `schema` says what components are that the file says nothing of.
    pub(crate) fn file<T>(
        &self,
        path: &Path,
        schema: impl FnOnce() -> Result<Schema, Error>,
        then: impl FnOnce(Found<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let read = || {
            let begin = Instant::now();
            if !self.files.metadata(path)?.is_file {
                return Err(keepstone_storage::Error::NotAFile { path: path.to_owned() }.into());
            }
            let file = self.files.open(path)?;
            let mut start = [0; FIRST_BYTES_MAX];
            let len = file.read_full_at(&mut start, 0)?;
            let start = start.get(..len).unwrap_or_default();
            if !self.format_of(start, || path.display().to_string())?.is_columnar() {
                let needs = file.metadata()?.len;
                if needs > self.bytes_max {
                    let (path, allowed) = (path.to_owned(), self.bytes_max);
                    return Err(keepstone_storage::Error::Limit { path, needs, allowed }.into());
                }
                let mut stream = FileStream { file: &*file, at: 0 };
                return then(Found::Whole(Box::new(self.other(&mut stream, schema, begin)?)));
            }
            // A damaged or later header is told before the file is read.
            let header = Header::read(start).map_err(keepstone_ecs_persist::Error::from)?;
            if header.is_in_parts() && self.takes_parts {
                let needs = file.metadata()?.len;
                if needs > self.bytes_max {
                    let (path, allowed) = (path.to_owned(), self.bytes_max);
                    return Err(keepstone_storage::Error::Limit { path, needs, allowed }.into());
                }
                let mut stream = BufReader::with_capacity(BUFFER_LEN, FileStream { file: &*file, at: 0 });
                return then(Found::Parts(&mut stream, Some(needs)));
            }
            drop(file);
            let mut bytes = Vec::new();
            keepstone_storage::read(&*self.files, path, self.bytes_max, &mut bytes)?;
            self.container(&bytes, begin.elapsed(), then)
        };
        read().map_err(|error| error.in_file(path))
    }

    /// Reads a file with a delta.
    pub(crate) fn delta_file(&self, path: &Path) -> Result<Loaded, Error> {
        let read = || {
            if !self.files.metadata(path)?.is_file {
                return Err(keepstone_storage::Error::NotAFile { path: path.to_owned() }.into());
            }
            let mut bytes = Vec::new();
            keepstone_storage::read(&*self.files, path, self.bytes_max, &mut bytes)?;
            self.delta(&bytes)
        };
        read().map_err(|error| error.in_file(path))
    }

    /// Reads a delta from a stream, to its end.
    pub(crate) fn delta_stream(&self, from: &mut dyn Read) -> Result<Loaded, Error> {
        let mut bytes = Vec::new();
        let mut from = from.take(self.bytes_max.saturating_add(1));
        from.read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        if bytes.len() as u64 > self.bytes_max {
            return Err(Error::TooLong { allowed: self.bytes_max });
        }
        self.delta(&bytes)
    }

    /// Decodes a delta of the format that its first bytes are of; of the container if no other knows them.
    fn delta(&self, bytes: &[u8]) -> Result<Loaded, Error> {
        let start = bytes.get(..FIRST_BYTES_MAX).unwrap_or(bytes);
        let others = self.formats.delta_formats().filter(|format| !format.is_columnar());
        match others.into_iter().find(|format| format.detect(start)) {
            Some(format) => Loaded::of_format(&**format, bytes, self.limits),
            None => Loaded::decode(bytes, self.limits),
        }
    }

    /// Reads a stream to its end.
    pub(crate) fn stream<T>(
        &self,
        from: &mut dyn Read,
        schema: impl FnOnce() -> Result<Schema, Error>,
        then: impl FnOnce(Found<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let begin = Instant::now();
        let mut from = from.take(self.bytes_max.saturating_add(1));
        let mut bytes = Vec::new();
        let mut head = (&mut from).take(FIRST_BYTES_MAX as u64);
        head.read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        if !self.format_of(&bytes, || "the stream".to_owned())?.is_columnar() {
            let mut stream = Cursor::new(bytes).chain(from);
            return then(Found::Whole(Box::new(self.other(&mut stream, schema, begin)?)));
        }
        let too_long = Error::TooLong { allowed: self.bytes_max };
        if self.takes_parts && Header::read(&bytes).is_ok_and(|header| header.is_in_parts()) {
            if bytes.len() as u64 > self.bytes_max {
                return Err(too_long);
            }
            // What is beyond the limit stays in the stream; whether there is more is asked when the world seems cut short.
            from.set_limit(from.limit().saturating_sub(1));
            let result = then(Found::Parts(&mut Cursor::new(bytes).chain(&mut from), None));
            let is_cut = result.is_err() && from.limit() == 0;
            let is_longer = is_cut && from.get_mut().read(&mut [0]).is_ok_and(|more| more > 0);
            return if is_longer { Err(too_long) } else { result };
        }
        from.read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        if bytes.len() as u64 > self.bytes_max {
            return Err(too_long);
        }
        self.container(&bytes, begin.elapsed(), then)
    }

    /// Reads what is in memory, where it lies.
    pub(crate) fn bytes<T>(
        &self,
        bytes: &[u8],
        schema: impl FnOnce() -> Result<Schema, Error>,
        then: impl FnOnce(Found<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if bytes.len() as u64 > self.bytes_max {
            return Err(Error::TooLong { allowed: self.bytes_max });
        }
        let start = bytes.get(..FIRST_BYTES_MAX).unwrap_or(bytes);
        let is_columnar = self.format_of(start, || "what is in memory".to_owned())?.is_columnar();
        let mut stream = bytes;
        if !is_columnar {
            return then(Found::Whole(Box::new(self.other(&mut stream, schema, Instant::now())?)));
        }
        if self.takes_parts && Header::read(start).is_ok_and(|header| header.is_in_parts()) {
            return then(Found::Parts(&mut stream, Some(bytes.len() as u64)));
        }
        self.container(bytes, Duration::ZERO, then)
    }

    fn format_of(&self, start: &[u8], what: impl Fn() -> String) -> Result<&Arc<dyn WorldFormat>, Error> {
        let Some(name) = &self.format else {
            return self
                .formats
                .detect(start)
                .map_err(|source| Error::Unrecognised { what: what().into(), source });
        };
        self.formats.get(name).ok_or_else(|| unknown_format(&self.formats, name))
    }

    /// Decodes the container, borrowing what lies in it uncompressed.
    fn container<T>(
        &self,
        bytes: &[u8],
        read_time: Duration,
        then: impl FnOnce(Found<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let begin = Instant::now();
        let limits = self.limits.unwrap_or_else(|| Limits::for_file_len(bytes.len() as u64));
        let values_max = limits.decoded_max;
        let reader = Reader::open(bytes, limits).map_err(keepstone_ecs_persist::Error::from)?;
        if reader.header().kind == FileKind::DELTA {
            return Err(Error::IsADelta { what: "the stream".into() });
        }
        if self.strict && self.world.is_none() {
            refuse_several(&reader)?;
        }
        let doc = match &self.world {
            Some(name) => WorldDoc::decode_named(&reader, name)?,
            None => WorldDoc::decode_with(&reader, 0, self.threads)?,
        };
        let bytes = bytes.len() as u64;
        then(Found::Whole(Box::new(Decoded {
            doc,
            bytes,
            read_time,
            decode_time: begin.elapsed(),
            values_max,
        })))
    }

    /// Lets a format read and decode.
    fn other(
        &self,
        from: &mut dyn Read,
        schema: impl FnOnce() -> Result<Schema, Error>,
        begin: Instant,
    ) -> Result<Decoded<'static>, Error> {
        let schema = schema()?;
        let mut options = ReadOptions::default().bytes_max(self.bytes_max).schema(&schema).guess(true);
        options.limits = self.limits;
        options.world.clone_from(&self.world);
        let mut from = Counted { inner: from, bytes: 0, time: Duration::ZERO };
        let doc = match &self.format {
            Some(name) => self.formats.load_as(name, &mut from, &options)?,
            None => self.formats.load(&mut from, &options)?,
        };
        let limits = self.limits.unwrap_or_else(|| Limits::for_file_len(from.bytes));
        let decode_time = begin.elapsed().saturating_sub(from.time);
        let (bytes, read_time, values_max) = (from.bytes, from.time, limits.decoded_max);
        Ok(Decoded { doc, bytes, read_time, decode_time, values_max })
    }
}

fn refuse_several(reader: &Reader<&[u8]>) -> Result<(), Error> {
    let worlds = list_worlds(reader)?;
    if worlds.len() > 1 {
        return Err(Error::SeveralWorlds { names: worlds.into_iter().map(|world| world.name).collect() });
    }
    Ok(())
}

/// A file from its start.
struct FileStream<'f> {
    file: &'f dyn File,
    at: u64,
}

impl Read for FileStream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buf, self.at);
        let len = read.map_err(|error| IoError::new(error.io_kind().unwrap_or(ErrorKind::Other), error))?;
        self.at = self.at.saturating_add(len as u64);
        Ok(len)
    }
}

/// Knows how much was read and how long that took.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    bytes: u64,
    time: Duration,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let begin = Instant::now();
        let len = self.inner.read(buf)?;
        self.time += begin.elapsed();
        self.bytes = self.bytes.saturating_add(len as u64);
        Ok(len)
    }
}
