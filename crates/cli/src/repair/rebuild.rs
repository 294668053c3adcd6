use std::{io, path::Path};

use keepstone::{
    WorldMeta,
    compat::{awsv::Part, edgevec::Snapshot},
    ecs::{
        EncodeOptions, PartSink as _, PartWriter, WorldDelta, WorldDoc, encode_worlds, for_each_part,
        list_worlds,
    },
    format::{
        self, FileKind, Kind, Limits, Metadata, Reader, SalvageReport, SectionId, SectionLayout, Writer,
        WriterOptions, tag,
    },
};

use super::found::{self, FoundSection};
use super::lost::Lost;
use super::parts::{self, InParts};
use super::{LeftOut, Written, world};
use crate::arrays::is_of_array;
use crate::convert::{blamed, replace};
use crate::error::{Error, with_causes};
use crate::inspect::is_of_world;

/// Worlds as a container in memory.
type Rebuilt = Reader<Vec<u8>>;

/// Puts a container together from complete sections.
pub(super) fn rebuild(
    path: &Path,
    out: &Path,
    report: &SalvageReport,
    sections: &[FoundSection],
    limits: &Limits,
    mut lost: Vec<Lost>,
) -> Result<(Written, u64), Error> {
    let kind = report.header.map_or_else(|| kind_of(sections), |header| header.kind);
    let is_other = |section: &&FoundSection| kind != FileKind::WORLD || !is_of_world(section.id);
    let others: Vec<&FoundSection> = sections.iter().filter(is_other).collect();
    let (complete, damaged): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|section| section.state == found::State::Complete);
    lost.extend(damaged.into_iter().map(Lost::section));
    let complete: Vec<_> =
        complete.into_iter().filter(|section| is_readable(section, limits, &mut lost)).collect();

    let (mut entities, mut worlds) = (None, None);
    if kind == FileKind::WORLD {
        let (count, left) = rebuild_worlds(path, report, sections, limits, &mut lost)?;
        (entities, worlds) = (Some(count), left);
    }
    if complete.is_empty() && worlds.is_none() {
        return Err(Error::NothingLeft { path: path.to_owned() });
    }
    let mut head = report.head.clone().unwrap_or_default();
    if kind == FileKind::DELTA {
        check_delta(path, report, &head, &complete, lost.len(), limits)?;
    }
    let left_out = head.log_position().filter(|_| !lost.is_empty()).map(LeftOut::new);
    if left_out.is_some() {
        head.remove(tag::LOG_POSITION);
    }
    let (sections, bytes_out) = replace(out, |writer| {
        write(writer, report, head, kind, worlds.as_ref(), &complete)
            .map_err(|source| blamed(path, out, source))
    })?;
    Ok((Written { kind, sections, entities, lost, left_out }, bytes_out))
}

/// The worlds that are left, and how many entities they have.
fn rebuild_worlds(
    path: &Path,
    report: &SalvageReport,
    sections: &[FoundSection],
    limits: &Limits,
    lost: &mut Vec<Lost>,
) -> Result<(u64, Option<Rebuilt>), Error> {
    if parts::are_parts(report, sections, limits) {
        let Some(left) = parts::salvage(report, sections, limits, lost) else { return Ok((0, None)) };
        return Ok((left.total.into(), Some(encode_parts(path, &left, sections)?)));
    }
    let docs = world::salvage(report, sections, limits, lost);
    let entities = docs.iter().map(|doc| u64::from(doc.entity_count())).sum();
    let docs: Vec<&WorldDoc<'_>> = docs.iter().collect();
    let worlds = if docs.is_empty() { None } else { Some(encode(path, &docs, sections)?) };
    Ok((entities, worlds))
}

/// What a container seems to be whose header is lost.
fn kind_of(sections: &[FoundSection]) -> FileKind {
    let has = |is: fn(SectionId) -> bool| sections.iter().any(|section| is(section.id));
    if has(|id| id == SectionId::DELTA) {
        FileKind::DELTA
    } else if has(is_of_world) {
        FileKind::WORLD
    } else if has(is_of_array) {
        FileKind::SNAPSHOT
    } else {
        FileKind::SAVE
    }
}

/// Whether a section is what it has to be, as far as its kind is known. One that isn't is lost.
fn is_readable(section: &FoundSection, limits: &Limits, lost: &mut Vec<Lost>) -> bool {
    let checked = match Part::of(section.id).filter(|_| section.instance == 0) {
        Some(part) => part.check(&section.pieces.concat(), limits),
        None if section.id == SectionId::EVEC_METADATA && section.instance == 0 => {
            Snapshot::check_metadata(&section.pieces.concat(), limits)
        }
        None => return true,
    };
    if let Err(error) = &checked {
        lost.push(Lost::section_with(section, format!("its checksums hold, but {}", with_causes(error))));
    }
    checked.is_ok()
}

/// The worlds as a container in memory, each of which can be loaded.
fn encode(path: &Path, docs: &[&WorldDoc<'_>], sections: &[FoundSection]) -> Result<Rebuilt, Error> {
    let world = |source| Error::World { path: path.to_owned(), source };
    let options = EncodeOptions::default().codec(found::codec(sections));
    let (bytes, _) = encode_worlds(docs, Vec::new(), &options).map_err(world)?;
    let reader = open_new(path, bytes)?;
    for entry in list_worlds(&reader).map_err(world)? {
        WorldDoc::decode(&reader, entry.world).map_err(world)?;
    }
    Ok(reader)
}

/// A world in parts as a container in memory, each of which can be read.
fn encode_parts(path: &Path, left: &InParts<'_>, sections: &[FoundSection]) -> Result<Rebuilt, Error> {
    let world = |source| Error::World { path: path.to_owned(), source };
    let options = EncodeOptions::default().codec(found::codec(sections));
    let mut writer =
        PartWriter::new(Vec::new(), &left.name, &WorldMeta::default(), &options).map_err(world)?;
    writer.begin(left.schema.clone(), left.total).map_err(world)?;
    for part in left.parts() {
        writer.part(part).map_err(world)?;
    }
    let (bytes, _) = writer.finish().map_err(world)?;
    let reader = open_new(path, bytes)?;
    for_each_part(&reader, &mut |_| Ok(())).map_err(world)?;
    Ok(reader)
}

/// Opens what was made of worlds, which were within the limits already.
fn open_new(path: &Path, bytes: Vec<u8>) -> Result<Rebuilt, Error> {
    let mut limits = Limits::for_file_len(bytes.len() as u64);
    limits.decoded_max = u64::MAX;
    Reader::open(bytes, limits).map_err(|source| Error::Keep { path: path.to_owned(), source })
}

/// A delta of which something is lost would lead to another state than the next one of its chain expects.
fn check_delta(
    path: &Path,
    report: &SalvageReport,
    head: &Metadata,
    complete: &[&FoundSection],
    lost: usize,
    limits: &Limits,
) -> Result<(), Error> {
    let damaged = || Error::DeltaLost { path: path.to_owned() };
    if lost > 0 {
        return Err(damaged());
    }
    let (bytes, _) = write(Vec::new(), report, head.clone(), FileKind::DELTA, None, complete)
        .map_err(|source| Error::Keep { path: path.to_owned(), source })?;
    let reader = Reader::open(bytes, *limits).map_err(|_| damaged())?;
    match WorldDelta::decode(&reader) {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == Kind::Limit => Err(Error::World { path: path.to_owned(), source }),
        Err(_) => Err(damaged()),
    }
}

fn write<W: io::Write>(
    out: W,
    report: &SalvageReport,
    head: Metadata,
    kind: FileKind,
    worlds: Option<&Rebuilt>,
    others: &[&FoundSection],
) -> Result<(W, u32), format::Error> {
    let store_id = report.header.map(|header| header.store_id).unwrap_or_default();
    let mut options = WriterOptions::new(kind).store(store_id, 0).head(head);
    options.in_parts = worlds.is_some_and(|worlds| worlds.header().is_in_parts());
    let mut writer = Writer::new(out, options)?;
    // Counts are those of the new worlds; what the application put beside them stays.
    let mut tail = worlds.map(|worlds| worlds.tail().clone()).unwrap_or_default();
    for (key, value) in report.tail.iter().flat_map(Metadata::customs) {
        tail.set_custom(key, value);
    }
    if let Some(worlds) = worlds {
        for section in worlds.sections() {
            writer.copy_section(worlds, section)?;
        }
    }
    for section in others {
        let pieces: Vec<&[u8]> = section.pieces.iter().map(AsRef::as_ref).collect();
        match section.layout {
            SectionLayout::Raw => writer.raw_from(section.id, section.instance, &pieces)?,
            SectionLayout::Coded => {
                writer.coded_from_with(section.id, section.instance, &pieces, section.options)?;
            }
        }
    }
    let (out, written) = writer.finish(tail)?;
    Ok((out, written.sections))
}
