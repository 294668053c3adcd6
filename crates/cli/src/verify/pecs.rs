use std::path::Path;

use keepstone::{
    compat::pecs,
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
    match pecs::File::read(&bytes, &limits(&bytes)) {
        Ok(file) => {
            verified.entities = Some(file.counts().entities);
            verified.warnings = file.warnings.iter().map(ToString::to_string).collect();
        }
        Err(error) if error.kind() == Kind::Damaged => verified.damage.push(Damage::of_foreign(&error)),
        Err(source) => return Err(Error::Foreign { path: path.to_owned(), source }),
    }
    Ok(verified)
}
