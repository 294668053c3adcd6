use std::path::Path;

use keepstone::{
    compat::{self, pecs},
    format::{Kind, Limits},
};

use super::{Damage, Verified};
use crate::error::Error;
use crate::source;

/// Reads a whole world of PECS.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    source::read(path, u64::MAX)
}

/// What reading a world of this length may cost.
pub(crate) fn limits(bytes: &[u8]) -> Limits {
    Limits::for_file_len(bytes.len() as u64)
}

/// Checks the checksum and the whole structure of a world of PECS.
pub(super) fn verify(path: &Path) -> Result<Verified, Error> {
    let bytes = read(path)?;
    let mut verified = Verified::new(path, "pecs", bytes.len() as u64);
    "world of PECS".clone_into(&mut verified.kind);
    match check(&bytes) {
        Ok((entities, warnings)) => {
            verified.entities = Some(entities);
            verified.warnings = warnings;
        }
        Err(error) if error.kind() == Kind::Damaged => verified.damage.push(Damage::of_foreign(&error)),
        Err(source) => return Err(Error::Foreign { path: path.to_owned(), source }),
    }
    Ok(verified)
}

/// Counts the entities and lists what is odd. What keepstone coded or extended is decoded.
fn check(bytes: &[u8]) -> Result<(u64, Vec<String>), compat::Error> {
    let limits = limits(bytes);
    let plain = pecs::decoded(bytes, &limits)?;
    let file = pecs::File::read(&plain, &limits)?;
    if file.extended().is_some() {
        pecs::PecsRows::decode(bytes, &limits, None)?;
    }
    Ok((file.counts().entities, file.warnings.iter().map(ToString::to_string).collect()))
}
