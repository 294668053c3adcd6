use std::{
    io::{self, Write},
    path::Path,
};

use keepstone::format::{
    self, Codec, Filter, Limits, Metadata, ReadAt, Reader, Section, SectionLayout, SectionOptions, Writer,
    WriterOptions,
};

use super::{Written, replace};
use crate::error::Error;
use crate::source::Source;

/// What the writer of containers calls its own work in errors.
pub(crate) const WRITING: &str = "writing the container";

/// Says which of two files an error of a copy is about.
pub(crate) fn blamed(path: &Path, out: &Path, source: format::Error) -> Error {
    let path = if matches!(source, format::Error::Io { op: WRITING, .. }) { out } else { path };
    Error::Keep { path: path.to_owned(), source }
}

/// Copies a container section by section, decoded and encoded again if there is a codec for it.
pub(super) fn convert(
    path: &Path,
    out: &Path,
    source: Source,
    codec: Option<Codec>,
) -> Result<(Written, u64), Error> {
    let limits = Limits::for_file_len(source.len());
    let reader =
        Reader::open(source, limits).map_err(|source| Error::Keep { path: path.to_owned(), source })?;
    convert_from(path, out, &reader, codec)
}

/// As [`convert`], of a container that is open.
pub(super) fn convert_from<R: ReadAt>(
    path: &Path,
    out: &Path,
    reader: &Reader<R>,
    codec: Option<Codec>,
) -> Result<(Written, u64), Error> {
    let (sections, bytes_out) =
        replace(out, |writer| copy(reader, writer, codec).map_err(|source| blamed(path, out, source)))?;
    let written = Written {
        kind: reader.header().kind.to_string(),
        codec,
        bytes_in: reader.bytes(),
        sections,
        entities: reader.tail().entity_count(),
        records: None,
        damage_count: 0,
        warnings: Vec::new(),
        lost: Vec::new(),
    };
    Ok((written, bytes_out))
}

/// Copies every section. Returns how many there are.
pub(crate) fn copy<W: Write, R: ReadAt>(
    reader: &Reader<R>,
    out: W,
    codec: Option<Codec>,
) -> Result<(W, u32), format::Error> {
    copy_with(reader, out, codec, reader.head().clone())
}

/// As [`copy`], under another head.
pub(crate) fn copy_with<W: Write, R: ReadAt>(
    reader: &Reader<R>,
    out: W,
    codec: Option<Codec>,
    head: Metadata,
) -> Result<(W, u32), format::Error> {
    let header = reader.header();
    let mut options = WriterOptions::new(header.kind)
        .store(header.store_id, 0)
        .head(head)
        .codec(codec.unwrap_or(Codec::None));
    options.in_parts = header.is_in_parts();
    let mut writer = Writer::new(out, options)?;
    copy_sections(reader, &mut writer, codec)?;
    let (out, written) = writer.finish(reader.tail().clone())?;
    Ok((out, written.sections))
}

/// Copies every section, as it is or with another codec.
pub(crate) fn copy_sections<W: Write, R: ReadAt>(
    reader: &Reader<R>,
    writer: &mut Writer<W>,
    codec: Option<Codec>,
) -> Result<(), format::Error> {
    for section in reader.sections() {
        match codec {
            // What is skipped by whoever doesn't know it is nothing to touch either.
            Some(codec) if section.layout() == SectionLayout::Coded && !section.id().is_ancillary() => {
                encode_again(writer, reader, section, codec)?;
            }
            _ => writer.copy_section(reader, section)?,
        }
    }
    Ok(())
}

fn encode_again<W: Write, R: ReadAt>(
    writer: &mut Writer<W>,
    reader: &Reader<R>,
    section: &Section,
    codec: Codec,
) -> Result<(), format::Error> {
    let mut options = SectionOptions::new(codec);
    // A filter only helps a codec; a chunk that the codec didn't make smaller has none.
    if codec != Codec::None {
        let filters = reader.chunk_entries(section).iter();
        let mut filters =
            filters.filter_map(|entry| Filter::from_parts(entry.filter, entry.filter_parameter));
        options = options.filter(filters.find(|filter| *filter != Filter::None).unwrap_or_default());
    }
    let mut section_out = writer.coded_with(section.id(), section.instance(), options)?;
    let mut chunks = reader.chunks(section)?;
    while let Some(chunk) = chunks.next_chunk()? {
        section_out.write_all(chunk).map_err(write_failed)?;
    }
    section_out.finish()
}

fn write_failed(source: io::Error) -> format::Error {
    format::Error::Io { op: WRITING, source }
}
