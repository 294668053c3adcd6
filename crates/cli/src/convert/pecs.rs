use std::path::Path;

use keepstone::{
    compat::pecs::File,
    ecs::EncodeOptions,
    format::{Codec, FileKind},
};

use super::{Written, replace};
use crate::error::Error;
use crate::verify::pecs::{limits, read};

/// Writes a world of PECS as a world of opaque columns.
pub(super) fn convert(path: &Path, out: &Path, codec: Codec) -> Result<(Written, u64), Error> {
    let bytes = read(path)?;
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    let file = File::read(&bytes, &limits(&bytes)).map_err(foreign)?;
    let mut doc = file.to_world();
    doc.meta.custom.insert("origin".to_owned(), b"pecs".to_vec());
    doc.meta.custom.insert("pecs.flags".to_owned(), format!("{:08x}", file.header.flags).into_bytes());
    let world = |source| Error::World { path: path.to_owned(), source };
    // What no world may have is found before anything is written.
    doc.check().map_err(world)?;
    let options = EncodeOptions::default().codec(codec);
    let (entities, bytes_out) = replace(out, |writer| {
        let encoded = doc.encode(writer, &options);
        let (writer, report) = encoded.map_err(|source| Error::World { path: out.to_owned(), source })?;
        Ok((writer, report.entities))
    })?;
    // Schema, tables and ids, then values and lengths of each column.
    let sections = 3 + 2 * u32::try_from(doc.columns.len()).unwrap_or(u32::MAX / 2);
    let written = Written {
        kind: FileKind::WORLD.to_string(),
        codec: Some(codec),
        bytes_in: bytes.len() as u64,
        sections,
        entities: Some(entities),
        records: None,
        damage_count: 0,
        warnings: file.warnings.iter().map(ToString::to_string).collect(),
    };
    Ok((written, bytes_out))
}
