use std::path::Path;

use keepstone::{
    ecs::{Schema, for_each_part},
    format::{Kind, ReadAt, Reader},
};

use super::{
    Damage,
    keep::{Structure, hash_damage},
    ranks::Ranks,
};
use crate::error::Error;
use crate::inspect::is_of_world;

/// Checks a world in parts, of which one is in memory at a time.
pub(super) fn check<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Structure, Error> {
    let mut structure = Structure::default();
    if let Some(damage) = out_of_order(reader) {
        structure.damage.push(damage);
        return Ok(structure);
    }
    let (mut part_count, mut totals) = (0_u16, (0, 0));
    let mut ranks = Ranks::new(reader.limits().decoded_max);
    let read = for_each_part(reader, &mut |part| {
        totals.0 += u64::from(part.doc.entity_count());
        totals.1 += part.doc.value_count();
        ranks.add(&part)?;
        part_count = part_count.saturating_add(1);
        Ok(())
    });
    let world_error = |source| Error::World { path: path.to_owned(), source };
    let is_damage = |error: &keepstone::ecs::Error| [Kind::Damaged, Kind::NotFound].contains(&error.kind());
    match read {
        Ok(()) => {}
        Err(error) if is_damage(&error) => {
            structure.damage.push(Damage::of_part(part_count, &error));
            return Ok(structure);
        }
        Err(source) => return Err(world_error(source)),
    }
    structure.damage.extend(ranks.finish().err().map(|error| Damage::of_world(0, &error)));
    let hash = Schema::read(reader, 0).and_then(|schema| schema.hash()).map_err(world_error)?;
    structure.damage.extend(hash_damage(reader, hash));
    structure.check_totals(reader, totals);
    Ok(structure)
}

/// Whoever reads a stream needs the parts one after the other; the tables lead everyone else to any place.
fn out_of_order<R: ReadAt>(reader: &Reader<R>) -> Option<Damage> {
    let own = reader.sections().iter().filter(|section| is_of_world(section.id()));
    let mut before = 0;
    for part in own.filter_map(|section| u16::try_from(section.instance() >> 16).ok()) {
        if part < before {
            return Some(Damage::of_order(part, before));
        }
        before = part;
    }
    None
}
