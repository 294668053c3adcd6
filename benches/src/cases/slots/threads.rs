use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::{Result, ensure};
use keepstone_slots::{Keep, SaveManager, SaveOptions};

use super::{SLOT, bundle};
use crate::{
    Crew, Scratch,
    case::{Case, Plan},
};

const THREADS: u32 = 8;
const TIMES: u32 = 100;

/// Durable saves of eight players by a thread each, beside as many by one thread; all are listed then.
pub(in crate::cases) fn at_once(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots-threads")?);
    let (ours, theirs) = (open(&scratch, "ours")?, open(&scratch, "theirs")?);
    let bundle = Arc::new(bundle(plan)?);
    let mut number = 0;
    let crew = Crew::new(usize::try_from(THREADS)?, || {
        let (manager, bundle) = (Arc::clone(&ours), Arc::clone(&bundle));
        let player = player(number);
        number += 1;
        Ok(Box::new(move || Ok(manager.save(&player, SLOT, &*bundle).map(drop)?)))
    })?;
    let case = plan.case().limit(1.0).per("save", THREADS * TIMES).ours(move |watch| {
        let _ = scratch.path();
        watch.each(|| crew.run(TIMES))?;
        ours.settle();
        all_are_listed(&ours)
    });
    Ok(case.floor(1.0, "the same by one thread", move |watch| {
        watch.each(|| {
            for _ in 0..TIMES {
                for number in 0..THREADS {
                    theirs.save(&player(number), SLOT, &*bundle)?;
                }
            }
            Ok(())
        })?;
        theirs.settle();
        all_are_listed(&theirs)
    }))
}

fn open(scratch: &Scratch, name: &str) -> Result<Arc<SaveManager>> {
    let options = SaveOptions::default().keep(Keep::all(TIMES));
    Ok(Arc::new(SaveManager::open(scratch.path().join(name), options)?))
}

fn player(number: u32) -> String {
    format!("player-{number}")
}

fn all_are_listed(manager: &SaveManager) -> Result<()> {
    for number in 0..THREADS {
        let found = manager.list(&player(number))?.len();
        ensure!(found == usize::try_from(TIMES)?, "{found} saves of {TIMES} are listed");
    }
    Ok(())
}
