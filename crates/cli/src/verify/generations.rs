use std::path::Path;

use keepstone::format::Kind;

use super::{Damage, Verified, keep};
use crate::error::Error;
use crate::generations::Found;
use crate::text::plural;

/// Checks every byte of every generation.
pub(super) fn verify(path: &Path, found: Found) -> Result<Verified, Error> {
    let mut verified = Verified::new(path, "generations", 0);
    verified.kind = plural(found.generations.len() as u64, "recycled generation");
    for one in &found.generations {
        let reader = match found.open(one) {
            Ok(reader) => reader,
            Err(error) if error.kind() == Kind::Damaged => {
                verified.damage.push(Damage::of_generation(&error));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut own = Verified::new(path, "keep", one.bytes);
        keep::check(path, &reader, &mut own)?;
        // A writer that is faster than this, where there are no locks, is no damage.
        if !own.damage.is_empty() {
            reader.source().still()?;
        }
        let of = |damage: Damage| damage.within(&format!("generation {}", one.generation));
        verified.bytes += one.bytes;
        verified.sections += own.sections;
        verified.chunks += own.chunks;
        verified.undecoded += own.undecoded;
        verified.damage.extend(own.damage.into_iter().map(of));
        verified.warnings.extend(own.warnings);
    }
    for error in found.refused {
        match error.kind() {
            Kind::Damaged => verified.damage.push(Damage::of_generation(&error)),
            _ => return Err(error.into()),
        }
    }
    Ok(verified)
}
