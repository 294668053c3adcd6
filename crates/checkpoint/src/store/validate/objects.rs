use super::{Tell, Validated, Validation};
use crate::{
    Error,
    object::Folder,
    pack,
    store::{
        open::Ground,
        prune::Stage,
        salvage::{Manifests, ObjectFault, is_damage},
    },
};

/// Checks every byte of the packs that the newest manifest names; false: it was stopped.
pub(super) fn check(
    ground: &Ground,
    manifests: &Manifests,
    found: &mut Validation,
    tell: Tell<'_>,
) -> Result<bool, Error> {
    let Some(newest) = manifests.read.first() else { return Ok(true) };
    let total = newest.manifest.packs.len() as u64;
    for (done, info) in (0..).zip(&newest.manifest.packs) {
        if tell(Validated { stage: Stage::Objects, done, total, finding: None }).is_break() {
            return Ok(false);
        }
        let name = Folder::PACKS.name(info.number);
        let Some(bytes) = ground.backend().get(&name)? else {
            found.faults.push(ObjectFault::new(&name, "it is not there; put this object back from a backup"));
            continue;
        };
        found.bytes_read = found.bytes_read.saturating_add(bytes.len() as u64);
        match pack::verify(info.number, &newest.manifest.store_id, &bytes) {
            Ok(_) if bytes.len() as u64 != info.len => {
                let what = format!("it has {} bytes, and {} were written", bytes.len(), info.len);
                found.faults.push(ObjectFault::new(&name, what));
            }
            Ok(_) => {}
            Err(error) if is_damage(&error) => found.faults.push(ObjectFault::of(&name, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
