use std::path::Path;

use keepstone_format::{Kind, Limits, Reader};

use super::{
    read::{Content, Generation, Search},
    scan::TRIES_MAX,
};
use crate::{Error, Files, committed::is_version};

/// How much of a container is looked at before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// Its head and its footer: a few pages, all tables, no payload.
    Opens,
    /// Every byte. What is then read is read twice.
    Verifies,
}

/// A generation that was chosen for being whole.
#[non_exhaustive]
#[derive(Debug)]
pub struct Loaded {
    /// Its container.
    pub reader: Reader<Content>,
    /// Its number.
    pub generation: u64,
    /// Why later ones are not loaded, newest first; behind these the commit pages that are damaged. Empty if
    /// all is well.
    pub passed_over: Vec<Error>,
}

/// Opens the newest generation in `dir` whose container is whole, and tells which ones were passed over.
///
/// Only for damage is one passed over: what can't be read for another reason is an error, so that nothing
/// older is taken for the newest.
///
/// # Errors
/// Those of [`open_newest`](super::open_newest); if all are damaged that of the newest; [`Error::Container`] with a
/// [`Limit`](keepstone_format::Error::Limit) or if another version has written the container.
pub fn load(files: &dyn Files, dir: &Path, limits: Limits, check: Check) -> Result<Loaded, Error> {
    let mut passed_over = Vec::new();
    let mut below = None;
    let mut superseded = 0;
    loop {
        let mut opened = match (Search { files, dir, below }).run() {
            Ok(opened) => opened,
            // Nothing is left below the damaged ones.
            Err(Error::NoGeneration { .. } | Error::Container { .. }) if !passed_over.is_empty() => {
                return Err(passed_over.swap_remove(0));
            }
            Err(err) => return Err(err),
        };
        let damaged = opened.take_damaged();
        let generation = opened.generation();
        match whole(opened, limits, check) {
            Ok(reader) => {
                passed_over.extend(damaged);
                return Ok(Loaded { reader, generation, passed_over });
            }
            // It was being written over: there is a newer one.
            Err(Error::Superseded { .. }) if superseded < TRIES_MAX => superseded += 1,
            Err(err) if is_damage(&err) => {
                passed_over.push(err);
                below = Some(generation);
            }
            Err(err) => return Err(err),
        }
    }
}

/// Whether an earlier generation may be read instead: not where another version keeps this one from being read.
fn is_damage(err: &Error) -> bool {
    err.kind() == Kind::Damaged && !matches!(err, Error::Container { source, .. } if is_version(source))
}

fn whole(opened: Generation, limits: Limits, check: Check) -> Result<Reader<Content>, Error> {
    let path = opened.path().to_owned();
    let reader = opened.reader(limits)?;
    let mut damage = None;
    if check == Check::Verifies {
        let verified = reader.verify(&mut |found| {
            damage.get_or_insert(found);
        });
        damage = verified.err().or(damage);
    }
    let Some(source) = damage else { return Ok(reader) };
    reader.into_inner().still()?;
    Err(Error::Container { path, source })
}
