use std::path::Path;

use keepstone::{
    compat::{self, awsv::File},
    format::{Codec, FileKind},
};

use super::{Written, replace};
use crate::error::Error;
use crate::verify::awsv::{limits, read};

/// Writes a save of aw-save as a container of kind save, one section for each part of its bundle. One of version 1, which
/// has no id, is given the one that is derived from its file.
pub(super) fn convert(path: &Path, out: &Path, codec: Codec) -> Result<(Written, u64), Error> {
    let bytes = read(path)?;
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    let file = File::read(&bytes, &limits(&bytes)).map_err(foreign)?;
    let mut bundle = file.bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(&bytes));
    let (sections, bytes_out) = replace(out, |writer| {
        bundle.write_keep(writer, codec).map_err(|source| match source {
            compat::Error::Container(source) => Error::Keep { path: out.to_owned(), source },
            source => foreign(source),
        })
    })?;
    let written = Written {
        kind: FileKind::SAVE.to_string(),
        codec: Some(codec),
        bytes_in: bytes.len() as u64,
        sections,
        entities: None,
        records: None,
        damage_count: 0,
        warnings: file.warnings.iter().map(ToString::to_string).collect(),
        lost: Vec::new(),
    };
    Ok((written, bytes_out))
}
