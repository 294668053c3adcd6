//! Exports as containers, FORMAT.md section 14.7.

use std::io::Write;

use keepstone_format::{
    Chunks, Codec, CodedWriter, Error as FormatError, FileKind, Limits, Metadata, ReadAt, Reader, SectionId,
    Writer, WriterOptions,
};

use super::select::Selected;
use crate::{
    Error,
    catalog::{Broken, Catalog},
    checkpoint::Checkpoint,
    form::{Body, Form, PackPlace, Place},
    id::Sequence,
    op::{Decoder, Encoder, Op},
    pack::crc_of,
};

/// What errors call one.
const EXPORT: &str = "an export";
/// The number that the one pack of an export has.
const PACK: u64 = 1;

/// An error of the container of an export.
pub(crate) fn failed(source: FormatError) -> Error {
    Error::format(EXPORT, source)
}

fn damaged(what: impl Into<String>) -> Error {
    Error::damaged(EXPORT, what)
}

/// Begins an export.
pub(crate) fn begin<W: Write>(out: W) -> Result<Writer<W>, Error> {
    Writer::new(out, WriterOptions::new(FileKind::CHECKPOINT_EXPORT).codec(Codec::None)).map_err(failed)
}

/// Writes the payloads of an export, in the order of their checkpoints.
pub(crate) struct Payloads<'w, W> {
    section: CodedWriter<'w, W>,
    offset: u64,
    bodies: Vec<Body>,
}

impl<'w, W: Write> Payloads<'w, W> {
    pub(crate) fn begin(writer: &'w mut Writer<W>) -> Result<Self, Error> {
        Ok(Self { section: writer.coded(SectionId::PACK, 0).map_err(failed)?, offset: 0, bodies: Vec::new() })
    }

    /// Takes the bytes of the next checkpoint.
    pub(crate) fn add(&mut self, sequence: Sequence, form: Form, bytes: &[u8]) -> Result<(), Error> {
        let place = if let Form::Same(_) = form {
            Place::Journal(std::sync::Arc::default())
        } else {
            let len = bytes.len() as u64;
            let place = PackPlace { pack: PACK, offset: self.offset, len, crc: crc_of(sequence, bytes) };
            self.section
                .write_all(bytes)
                .map_err(|source| failed(FormatError::Io { op: "write", source }))?;
            self.offset += len;
            Place::Pack(place)
        };
        self.bodies.push(Body { form, place });
        Ok(())
    }

    /// Ends them, and says where all of them are.
    pub(crate) fn finish(self) -> Result<Vec<Body>, Error> {
        self.section.finish().map_err(failed)?;
        Ok(self.bodies)
    }
}

/// Writes the operations behind the payloads, and answers how long the container is.
pub(crate) fn finish<W: Write>(
    mut writer: Writer<W>,
    selected: &Selected,
    bodies: &[Body],
) -> Result<u64, Error> {
    let (mut encoder, mut operations) = (Encoder::new(), Vec::new());
    for op in selected.ops(bodies) {
        encoder.put(&op, &mut operations).map_err(failed)?;
    }
    writer.coded_from(SectionId::OPERATIONS, 0, &[&operations]).map_err(failed)?;
    let (mut out, written) = writer.finish(Metadata::new()).map_err(failed)?;
    out.flush().map_err(|source| failed(FormatError::Io { op: "write", source }))?;
    Ok(written.bytes)
}

/// An export that is read.
#[derive(Debug)]
pub(crate) struct Export<R> {
    reader: Reader<R>,
    /// What it makes of nothing.
    pub(crate) catalog: Catalog,
}

impl<R: ReadAt> Export<R> {
    pub(crate) fn open(source: R) -> Result<Self, Error> {
        let limits = Limits::for_file_len(source.len());
        let reader = Reader::open(source, limits).map_err(failed)?;
        if reader.header().kind != FileKind::CHECKPOINT_EXPORT {
            return Err(damaged(format!("it is a {}, and no export of checkpoints", reader.header().kind)));
        }
        let sections = reader.sections().iter().map(|section| (section.id(), section.instance()));
        if !sections.eq([(SectionId::PACK, 0), (SectionId::OPERATIONS, 0)]) {
            return Err(damaged("it has other sections than an export"));
        }
        let catalog = {
            let operations =
                reader.find(SectionId::OPERATIONS, 0).and_then(|found| reader.read(found)).map_err(failed)?;
            catalog_of(&operations)?
        };
        Ok(Self { reader, catalog })
    }

    /// The payloads of its checkpoints.
    pub(crate) fn payloads(&self) -> Result<Stream<'_, R>, Error> {
        let section = self.reader.find(SectionId::PACK, 0).map_err(failed)?;
        Ok(Stream {
            chunks: self.reader.chunks(section).map_err(failed)?,
            offset: 0,
            chunk: Vec::new(),
            taken: 0,
        })
    }
}

/// What the operations of an export make.
fn catalog_of(operations: &[u8]) -> Result<Catalog, Error> {
    let (mut catalog, mut decoder) = (Catalog::default(), Decoder::new());
    for op in decoder.ops(operations) {
        let op = op.map_err(failed)?;
        let is_allowed = match &op {
            Op::Session { .. }
            | Op::Branch { head: None, .. }
            | Op::EndedBranch { .. }
            | Op::Skip { .. }
            | Op::HeadIs { .. } => true,
            Op::Checkpoint(new) => new.id.is_some(),
            _ => false,
        };
        if !is_allowed {
            return Err(damaged("it has an operation that no export has"));
        }
        catalog.apply(op).map_err(|Broken(what)| damaged(what))?;
    }
    Ok(catalog)
}

/// The payloads of an export, one after the other.
#[derive(Debug)]
pub(crate) struct Stream<'r, R> {
    chunks: Chunks<'r, R>,
    /// Where the next payload begins.
    offset: u64,
    chunk: Vec<u8>,
    /// How much of the chunk is taken.
    taken: usize,
}

impl<R: ReadAt> Stream<'_, R> {
    /// The bytes of the next checkpoint.
    pub(crate) fn next(&mut self, checkpoint: &Checkpoint) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let Some(place) = self.place(checkpoint)? else { return Ok(bytes) };
        self.pass(place.len, |part| {
            bytes.try_reserve(part.len()).map_err(|_| {
                failed(FormatError::OutOfMemory { what: "payload of a checkpoint", bytes: place.len })
            })?;
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        let found = crc_of(checkpoint.sequence, &bytes);
        if found != place.crc {
            let what = format!("its payload has checksum {found:08x}, expected {:08x}", place.crc);
            return Err(Error::state(checkpoint.id, what));
        }
        Ok(bytes)
    }

    /// Goes by the bytes of the next checkpoint.
    pub(crate) fn skip(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let Some(place) = self.place(checkpoint)? else { return Ok(()) };
        self.pass(place.len, |_| Ok(()))
    }

    /// Sees that nothing is behind the last payload.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if self.taken < self.chunk.len() || self.more()? {
            return Err(damaged("it has bytes behind the last payload"));
        }
        Ok(())
    }

    fn place(&self, checkpoint: &Checkpoint) -> Result<Option<PackPlace>, Error> {
        match &checkpoint.body.place {
            Place::Journal(_) if matches!(checkpoint.body.form, Form::Same(_)) => Ok(None),
            Place::Pack(place) if place.pack == PACK && place.offset == self.offset => Ok(Some(*place)),
            _ => Err(Error::state(checkpoint.id, "its payload is not behind the one before it")),
        }
    }

    fn pass(&mut self, len: u64, mut each: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut rest = len;
        while rest > 0 {
            let part = self.chunk.get(self.taken..).unwrap_or_default();
            if part.is_empty() {
                if !self.more()? {
                    return Err(damaged(format!("its payloads end {rest} bytes early")));
                }
                continue;
            }
            let wanted = usize::try_from(rest).unwrap_or(usize::MAX).min(part.len());
            each(part.get(..wanted).unwrap_or_default())?;
            self.taken += wanted;
            rest -= wanted as u64;
        }
        self.offset = self.offset.saturating_add(len);
        Ok(())
    }

    /// Reads the next chunk that has bytes; false: there is none.
    fn more(&mut self) -> Result<bool, Error> {
        (self.taken, self.chunk) = (0, std::mem::take(&mut self.chunk));
        self.chunk.clear();
        while self.chunk.is_empty() {
            let Some(bytes) = self.chunks.next_chunk().map_err(failed)? else { return Ok(false) };
            self.chunk.extend_from_slice(bytes);
        }
        Ok(true)
    }
}
