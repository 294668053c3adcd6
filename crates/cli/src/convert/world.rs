//! Worlds of one format written in another.

use std::{io::Write as _, path::Path};

use keepstone::{
    compat::pecs::PecsRows,
    ecs::{EncodeOptions, Json, WorldDoc, WorldFormat as _, WriteOptions, encode_worlds},
    format::{self, Codec, FileKind, Limits, ReadAt as _, Reader},
};

use super::{Written, keep::WRITING, replace, worlds::Worlds};
use crate::args::Target;
use crate::error::Error;
use crate::progress::Progress;
use crate::source::Source;

/// Writes all worlds of a file in the format that is asked for.
pub(super) fn convert(
    path: &Path,
    out: &Path,
    to: Target,
    codec: Option<Codec>,
    progress: &Progress,
) -> Result<(&'static str, Written, u64), Error> {
    if to == Target::Json && codec.is_some() {
        return Err(Error::TextCodec { path: out.to_owned() });
    }
    let worlds = Worlds::read(path, progress)?;
    let docs: Vec<&WorldDoc<'_>> = worlds.docs.iter().collect();
    let failed = |source| Error::World { path: out.to_owned(), source };
    let codec = match to {
        Target::Json => None,
        Target::Pecs => Some(codec.unwrap_or(Codec::None)),
        _ => Some(codec.unwrap_or_default()),
    };
    let ((), bytes_out) = match to {
        Target::Json => replace(out, |mut writer| {
            Json.save(&docs, &mut writer, &WriteOptions::default()).map_err(failed)?;
            Ok((writer, ()))
        })?,
        Target::Pecs => {
            let bytes = as_pecs(path, &docs, codec.unwrap_or(Codec::None))?;
            replace(out, |mut writer| {
                writer.write_all(&bytes).map_err(|source| Error::Keep {
                    path: out.to_owned(),
                    source: format::Error::Io { op: WRITING, source },
                })?;
                Ok((writer, ()))
            })?
        }
        _ => {
            let options = EncodeOptions::default().codec(codec.unwrap_or_default());
            replace(out, |writer| {
                let (writer, _) = encode_worlds(&docs, writer, &options).map_err(failed)?;
                Ok((writer, ()))
            })?
        }
    };
    let sections = if to == Target::Keep { sections_of(out, progress)? } else { 0 };
    let written = Written {
        kind: FileKind::WORLD.to_string(),
        codec,
        bytes_in: worlds.bytes,
        sections,
        entities: Some(docs.iter().map(|doc| u64::from(doc.entity_count())).sum()),
        records: None,
        damage_count: 0,
        warnings: worlds.warnings,
        lost: worlds.not_in_docs,
    };
    Ok((worlds.format, written, bytes_out))
}

/// The bytes of a file of PECS that has everything of a world.
fn as_pecs(path: &Path, docs: &[&WorldDoc<'_>], codec: Codec) -> Result<Vec<u8>, Error> {
    let [doc] = docs else {
        return Err(Error::OneWorld { path: path.to_owned(), count: docs.len() });
    };
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    PecsRows::new().extended().codec(codec).encode(doc).map_err(foreign)
}

fn sections_of(out: &Path, progress: &Progress) -> Result<u32, Error> {
    let (source, _) = Source::open(out, progress)?;
    let limits = Limits::for_file_len(source.len());
    let reader =
        Reader::open(source, limits).map_err(|source| Error::Keep { path: out.to_owned(), source })?;
    Ok(u32::try_from(reader.sections().len()).unwrap_or(u32::MAX))
}
