use keepstone::{
    format::ReadAt as _,
    storage::{self, OsFiles, generation},
};

use super::{Repaired, mend};
use crate::args::RepairArgs;
use crate::convert::refuse_same;
use crate::error::Error;
use crate::generations::Found;

/// Writes what is left of the newest generation of a directory, or of the one in a file, as a container of its own.
pub(super) fn run(args: &RepairArgs, found: Found) -> Result<Repaired, Error> {
    let Some(one) = found.generations.first() else {
        // Nothing says then how long the container was, and whether it was ever committed.
        let none = || storage::Error::NoGeneration { path: args.path.clone() };
        return Err(found.refused.into_iter().next().unwrap_or_else(none).into());
    };
    refuse_same(&one.path, &args.out)?;
    let content = generation::open(&OsFiles, found.dir(), one.generation)?.into_content();
    let mut first = [0; 8];
    let first = content.read_exact_at(0, &mut first).map_or(&[][..], |()| &first[..]);
    let repaired = mend(&one.path, &args.out, &content, first)?;
    content.still()?;
    let mut warnings: Vec<String> =
        found.refused.iter().map(|error| crate::error::with_causes(error)).collect();
    warnings.extend(repaired.warnings);
    Ok(Repaired { generation: Some(one.generation), warnings, ..repaired })
}
