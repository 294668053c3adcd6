use std::path::Path;

use keepstone::{
    compat::awsv,
    format::{Kind, Limits},
};

use super::{Damage, Verified};
use crate::error::Error;
use crate::source;

/// The header, and as much data as its length field can announce: what a save can have at most.
const LEN_MAX: u64 = awsv::Header::LEN as u64 + u32::MAX as u64;

/// Reads a whole save.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    source::read(path, LEN_MAX)
}

/// What reading a save of this length may cost.
pub(crate) fn limits(bytes: &[u8]) -> Limits {
    Limits::for_file_len(bytes.len() as u64)
}

/// Checks the checksum and the whole structure of a save.
pub(super) fn verify(path: &Path) -> Result<Verified, Error> {
    let bytes = read(path)?;
    let mut verified = Verified::new(path, "awsv", bytes.len() as u64);
    "save of aw-save".clone_into(&mut verified.kind);
    match awsv::verify(&bytes, &limits(&bytes)) {
        Ok(warnings) => verified.warnings = warnings.iter().map(ToString::to_string).collect(),
        Err(error) if error.kind() == Kind::Damaged => verified.damage.push(Damage::of_foreign(&error)),
        Err(source) => return Err(Error::Foreign { path: path.to_owned(), source }),
    }
    Ok(verified)
}
