use std::path::Path;

use keepstone::{
    compat::{awsv::Converted, edgevec::snapshot::read_metadata},
    ecs::{WorldDelta, WorldDoc},
    format::{FileKind, Header, Kind, Limits, ReadAt, Reader},
};

use super::{Damage, Verified, parts};
use crate::arrays;
use crate::error::Error;
use crate::inspect::{holds_worlds, world_numbers};
use crate::source::Source;
use crate::text::hex;

/// Places whose section and component are looked up: each takes a reading of the schema.
const LOCATED_MAX: usize = 100;

/// What a container holds, once all its checksums do.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub(crate) damage: Vec<Damage>,
    warnings: Vec<String>,
    /// Entities of its worlds; absent when they are damaged, and where there are none.
    entities: Option<u64>,
}

/// Checks every byte of a container, and the structure of what it holds once all checksums hold.
pub(super) fn verify(path: &Path, source: Source) -> Result<Verified, Error> {
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let mut verified = Verified::new(path, "keep", source.len());
    let limits = Limits::for_file_len(source.len());
    let mut first = [0; Header::LEN];
    if source.read_exact_at(0, &mut first).is_ok()
        && let Ok(header) = Header::read(&first)
    {
        verified.kind = header.kind.to_string();
    }
    let reader = match Reader::open(source, limits) {
        Ok(reader) => reader,
        // Without head and footer it isn't known where the rest begins.
        Err(error) if error.kind() == Kind::Damaged => {
            verified.damage.push(Damage::of_container(&error));
            return Ok(verified);
        }
        Err(error) => return Err(keep(error)),
    };
    check(path, &reader, &mut verified)?;
    Ok(verified)
}

/// Checks every byte of an open container, and the structure of what it holds once all checksums hold.
pub(super) fn check<R: ReadAt + Sync>(
    path: &Path,
    reader: &Reader<R>,
    verified: &mut Verified,
) -> Result<(), Error> {
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let mut damage = Vec::new();
    let checked = reader.verify(&mut |error| damage.push(Damage::of_container(&error))).map_err(keep)?;
    for place in damage.iter_mut().take(LOCATED_MAX) {
        place.locate(reader);
    }
    verified.sections = checked.sections;
    verified.chunks = checked.chunks;
    verified.undecoded = checked.undecoded;
    verified.damage = damage;
    if verified.is_good() {
        let structure = structure(path, reader)?;
        verified.damage = structure.damage;
        verified.warnings = structure.warnings;
        verified.entities = structure.entities;
    }
    Ok(())
}

/// Checks what the sections of a container say, as far as it is of a kind that is known.
pub(crate) fn structure<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Structure, Error> {
    let mut structure = match reader.header().kind {
        FileKind::DELTA => check_delta(path, reader)?,
        _ if !holds_worlds(reader) => Structure::default(),
        _ if reader.header().is_in_parts() => parts::check(path, reader)?,
        _ => check_worlds(path, reader)?,
    };
    check_arrays(path, reader, &mut structure)?;
    if !Converted::is_in(reader) {
        return Ok(structure);
    }
    match Converted::read(reader) {
        Ok(save) => {
            let warning = |part| format!("section {part} is missing: it was lost before");
            structure.warnings.extend(save.missing().map(warning));
        }
        Err(error) if [Kind::Damaged, Kind::NotFound].contains(&error.kind()) => {
            structure.damage.push(Damage::of_save(&error));
        }
        Err(source) => return Err(Error::Foreign { path: path.to_owned(), source }),
    }
    Ok(structure)
}

/// Checks heads, lengths and lost ranges of arrays, and the metadata of a converted snapshot.
fn check_arrays<R: ReadAt>(path: &Path, reader: &Reader<R>, structure: &mut Structure) -> Result<(), Error> {
    let found = arrays::list(reader).map_err(|source| Error::Keep { path: path.to_owned(), source })?;
    structure.damage.extend(found.faults.iter().map(|fault| Damage::of_array(fault)));
    for array in &found.arrays {
        let name = &array.head.name;
        let warning = match (array.lost_rows, array.is_end_lost) {
            _ if array.values.is_none() => "its values were lost before".to_owned(),
            (0, false) => continue,
            (0, true) => "rows behind its end were lost before, nobody knows how many".to_owned(),
            (lost, false) => format!("{lost} of {} rows were lost before", array.rows()),
            (lost, true) => {
                let rows = array.rows();
                format!(
                    "{lost} of {rows} rows were lost before, and those behind them, nobody knows how many"
                )
            }
        };
        structure.warnings.push(format!("array {name}: {warning}"));
    }
    match read_metadata(reader) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == Kind::Damaged => {
            structure.damage.push(Damage::of_metadata(&error));
            Ok(())
        }
        Err(source) => Err(Error::Foreign { path: path.to_owned(), source }),
    }
}

fn check_worlds<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Structure, Error> {
    let mut structure = Structure::default();
    let world_error = |source| Error::World { path: path.to_owned(), source };
    let mut totals = (0, 0);
    for world in world_numbers(reader) {
        check_size(path, reader, world)?;
        match WorldDoc::decode(reader, world) {
            Ok(doc) => {
                totals.0 += u64::from(doc.entity_count());
                totals.1 += doc.value_count();
                if world == 0 {
                    let hash = doc.schema().hash().map_err(world_error)?;
                    structure.damage.extend(hash_damage(reader, hash));
                }
            }
            Err(error) if [Kind::Damaged, Kind::NotFound].contains(&error.kind()) => {
                structure.damage.push(Damage::of_world(world, &error));
            }
            Err(source) => return Err(world_error(source)),
        }
    }
    structure.check_totals(reader, totals);
    Ok(structure)
}

fn check_delta<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Structure, Error> {
    let mut structure = Structure::default();
    let delta_error = |source| Error::World { path: path.to_owned(), source };
    check_size(path, reader, 0)?;
    match WorldDelta::decode(reader) {
        Ok(delta) => {
            let hash = delta.doc.schema().hash().map_err(delta_error)?;
            structure.damage.extend(hash_damage(reader, hash));
            structure.check_totals(reader, (delta.doc.entity_count().into(), delta.doc.value_count()));
        }
        Err(error) if [Kind::Damaged, Kind::NotFound].contains(&error.kind()) => {
            structure.damage.push(Damage::of_delta(&error));
        }
        Err(source) => return Err(delta_error(source)),
    }
    Ok(structure)
}

/// Compares the schema hash of the tail, where there is one.
pub(super) fn hash_damage<R: ReadAt>(reader: &Reader<R>, expected: [u8; 16]) -> Option<Damage> {
    let found = reader.tail().schema_hash().map(|hash| hex(&hash));
    tail_damage("schema hash", found, hex(&expected))
}

impl Structure {
    /// Compares what the tail metadata says with what was counted, where nothing else is damaged.
    pub(super) fn check_totals<R: ReadAt>(&mut self, reader: &Reader<R>, (entities, values): (u64, u64)) {
        if !self.damage.is_empty() {
            return;
        }
        self.entities = Some(entities);
        let told = (reader.tail().entity_count(), reader.tail().value_count());
        let entities = tail_damage("entity count", told.0.map(|n| n.to_string()), entities.to_string());
        let values = tail_damage("value count", told.1.map(|n| n.to_string()), values.to_string());
        self.damage.extend(entities.into_iter().chain(values));
    }
}

/// A world is decoded as a whole, so its columns are limited together.
fn check_size<R: ReadAt>(path: &Path, reader: &Reader<R>, world: u16) -> Result<(), Error> {
    let own = reader.sections().iter().filter(|section| section.instance() >> 16 == u32::from(world));
    let needs = own.fold(0_u64, |sum, section| sum.saturating_add(section.decoded_len()));
    let allowed = reader.limits().decoded_max;
    if needs > allowed {
        let source = keepstone::ecs::Error::Limit { what: "bytes of a decoded world", needs, allowed };
        return Err(Error::World { path: path.to_owned(), source });
    }
    Ok(())
}

/// What the tail metadata says, where it says something, has to be what the world says.
fn tail_damage(what: &str, found: Option<String>, expected: String) -> Option<Damage> {
    let found = found.filter(|found| *found != expected)?;
    Some(Damage::of_tail(what, expected, found))
}
