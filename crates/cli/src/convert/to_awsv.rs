//! Saves that become files of aw-save.

use std::{io::Write as _, path::Path};

use keepstone::{
    compat::{
        self,
        awsv::{Converted, File, Part, SaveBundle, SaveId},
    },
    format::{self, Codec, FileKind, Format, Limits, Metadata, ReadAt as _, Reader, tag},
};

use super::{Written, keep::WRITING, refuse_same, replace};
use crate::error::Error;
use crate::progress::Progress;
use crate::source::Source;
use crate::verify::awsv::{limits, read};

/// A save, and what can't be written.
struct Save {
    bundle: SaveBundle,
    bytes: u64,
    warnings: Vec<String>,
    lost: Vec<String>,
}

/// Writes a save in a container, or one of aw-save itself, as a file of version 2 of aw-save.
pub(super) fn convert(
    path: &Path,
    out: &Path,
    codec: Option<Codec>,
    progress: &Progress,
) -> Result<(&'static str, Written, u64), Error> {
    if codec.is_some_and(|codec| codec != Codec::Lz4) {
        return Err(Error::AlwaysLz4 { path: out.to_owned() });
    }
    let (source, format) = Source::open(path, progress)?;
    refuse_same(path, out)?;
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    let (name, mut save) = match format {
        Format::Keep => ("keep", of_container(path, source)?),
        Format::AwSave => ("awsv", of_aw_save(path)?),
        format => return Err(Error::NoSave { path: path.to_owned(), found: format.name().to_owned() }),
    };
    if save.bundle.save_id.is_none() {
        let (bytes, _) = save.bundle.write_keep(Vec::new(), Codec::None).map_err(foreign)?;
        let id = SaveId::derived(&bytes);
        save.warnings.push(format!("the save has no id; it is given {id}, which what it holds always gives"));
        save.bundle.save_id = Some(id);
    }
    if save.bundle.version == 1 {
        save.lost.push("that the save was of version 1; it becomes version 2".to_owned());
    }
    let bytes = save.bundle.to_awsv().map_err(foreign)?;
    let ((), bytes_out) = replace(out, |mut writer| {
        writer.write_all(&bytes).map_err(|source| Error::Keep {
            path: out.to_owned(),
            source: format::Error::Io { op: WRITING, source },
        })?;
        Ok((writer, ()))
    })?;
    let written = Written {
        kind: FileKind::SAVE.to_string(),
        codec: Some(Codec::Lz4),
        bytes_in: save.bytes,
        sections: 0,
        entities: None,
        records: None,
        damage_count: 0,
        warnings: save.warnings,
        lost: save.lost,
    };
    Ok((name, written, bytes_out))
}

fn of_aw_save(path: &Path) -> Result<Save, Error> {
    let bytes = read(path)?;
    let file = File::read(&bytes, &limits(&bytes))
        .map_err(|source| Error::Foreign { path: path.to_owned(), source })?;
    let mut bundle = file.bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(&bytes));
    let warnings = file.warnings.iter().map(ToString::to_string).collect();
    Ok(Save { bundle, bytes: bytes.len() as u64, warnings, lost: Vec::new() })
}

fn of_container(path: &Path, source: Source) -> Result<Save, Error> {
    let bytes = source.len();
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let reader = Reader::open(source, Limits::for_file_len(bytes)).map_err(keep)?;
    if !Converted::is_in(&reader) {
        let found = format!("a container of kind {}", reader.header().kind);
        return Err(Error::NoSave { path: path.to_owned(), found });
    }
    let bundle = SaveBundle::read_keep(&reader).map_err(|source| match source {
        compat::Error::Container(source) => keep(source),
        source => Error::Foreign { path: path.to_owned(), source },
    })?;
    let others = reader
        .sections()
        .iter()
        .filter(|section| section.instance() != 0 || Part::of(section.id()).is_none());
    let others = others.map(|section| format!("section {}, instance {}", section.id(), section.instance()));
    let lost = others.chain(lost_metadata(reader.head(), reader.tail())).collect();
    Ok(Save { bundle, bytes, warnings: Vec::new(), lost })
}

/// What the metadata of a container say beside what the save itself has.
fn lost_metadata(head: &Metadata, tail: &Metadata) -> Vec<String> {
    let is_known = |key: &str| key == "origin" || key.starts_with("awsv.");
    let customs = head.customs().filter(|(key, _)| !is_known(key));
    let mut lost: Vec<String> = customs.map(|(key, _)| format!("custom metadata {key:?}")).collect();
    let tags = head.tags().filter(|(tag, _)| !matches!(*tag, tag::CREATED_AT | tag::TICK));
    lost.extend(tags.map(|(tag, _)| format!("metadata {tag:#06x}")));
    lost.extend((!tail.is_empty()).then(|| "the tail metadata".to_owned()));
    lost
}
