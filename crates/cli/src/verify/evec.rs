use std::path::Path;

use keepstone::format::Kind;

use super::{Damage, Verified};
use crate::error::Error;
use crate::evec;

/// Checks both checksums and the whole structure of a snapshot of EdgeVec.
pub(super) fn verify(path: &Path) -> Result<Verified, Error> {
    let bytes = evec::bytes(path)?;
    let mut verified = Verified::new(path, "evec", bytes.len() as u64);
    "snapshot of EdgeVec".clone_into(&mut verified.kind);
    match keepstone::compat::edgevec::snapshot::verify(&bytes, &evec::limits(&bytes)) {
        Ok(warnings) => verified.warnings = warnings.iter().map(ToString::to_string).collect(),
        Err(error) if error.kind() == Kind::Damaged => verified.damage.push(Damage::of_foreign(&error)),
        Err(source) => return Err(evec::foreign(path, source)),
    }
    Ok(verified)
}
