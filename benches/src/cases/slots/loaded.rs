use std::{path::Path, rc::Rc};

use anyhow::{Result, ensure};
use keepstone_slots::{Bytes, FromPayload, Payload, SaveOptions};

use super::{KEPT, Root, SLOT, Theirs, bundle};
use crate::{
    Scratch,
    bundle::{Blob, Data, SaveBundle},
    case::{Case, Plan},
    named::PLAYER,
};

/// The latest save of a slot, beside what aw-save does to load it.
pub(in crate::cases) fn latest(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(loaded::<SaveBundle<Blob>>(plan, dir, &bundle(plan)?)?.limit(0.5))
}

/// The same of bytes that serde doesn't see.
pub(in crate::cases) fn bytes(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes: Bytes<'static> = Data::Mixed.bytes(usize::try_from(plan.amount)?).into();
    Ok(loaded::<Bytes<'static>>(plan, dir, &bytes)?.limit(0.5))
}

fn loaded<P: Payload + FromPayload + PartialEq + 'static>(
    plan: &Plan,
    dir: &Path,
    payload: &P,
) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots-load")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    for _ in 0..KEPT {
        root.manager().save(PLAYER, SLOT, payload)?;
    }
    root.manager().settle();
    let same = root.manager().load_latest::<P>(PLAYER, SLOT)?.value == *payload;
    ensure!(same, "what is loaded is not what was saved");
    let case = plan.case().ours(move |watch| {
        let mut bytes = 0;
        watch.each(|| {
            let loaded = root.manager().load_latest::<P>(PLAYER, SLOT)?;
            bytes = loaded.save.bytes();
            Ok(loaded)
        })?;
        watch.note_bytes(bytes);
        Ok(())
    });
    let mut theirs = Theirs::new(&scratch, plan.amount)?;
    theirs.fill()?;
    Ok(case.floor(1.0, "aw-save's sequence", move |watch| watch.each(|| theirs.saves.load_latest(SLOT))))
}
