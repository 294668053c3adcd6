use std::{io::Write, path::Path};

use keepstone::format::{self, Codec, Limits, Metadata, ReadAt, Reader, Writer, WriterOptions};

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
    let options = WriterOptions::of(reader).head(head).codec(codec.unwrap_or(Codec::None));
    let mut writer = Writer::new(out, options)?;
    for section in reader.sections() {
        match codec {
            Some(_) => writer.recode_section(reader, section)?,
            None => writer.copy_section(reader, section)?,
        }
    }
    let (out, written) = writer.finish(reader.tail().clone())?;
    Ok((out, written.sections))
}
