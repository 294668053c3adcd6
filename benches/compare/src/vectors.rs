//! Formats that are looked at where they lie: what they take to be saved, durable, and to be opened.

mod formats;

use std::{path::Path, rc::Rc};

use anyhow::{Result, ensure};
use keepstone::storage::{
    Files as _, OsFiles, Snapshot,
    snapshot::{Options, Verify},
};
use keepstone_benches::{Case, Plan, Scratch, mapped, vectors::Vectors};

use formats::{Format, Saved};

const COUNT: u32 = 100_000;
/// One vector of so many is looked at.
const STEP: usize = 1000;

/// The cases.
pub(crate) fn plans() -> Vec<Plan> {
    let size = || format!("{}k x 128", COUNT / 1000);
    let look = |name: &'static str, verify: Verify| {
        Plan::new(name, size(), COUNT, move |plan, dir| looked_at(plan, dir, verify))
    };
    vec![
        Plan::new("snapshot save", size(), COUNT, saved),
        look("snapshot map, never checked", Verify::Never),
        look("snapshot map, checked on use", Verify::OnUse),
        look("snapshot map, checked now", Verify::Now),
    ]
}

fn saved(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "snapshot-rivals")?);
    let vectors = Vectors::random(plan.amount)?;
    let mut case = plan.case();
    for format in Format::ALL {
        let path = scratch.path().join(format.name());
        let rival = Saved::new(format, &vectors)?;
        rival.save(&path)?;
        let bytes = OsFiles.metadata(&path)?.len;
        case = case.rival(format.name(), move |watch| {
            watch.note_bytes(bytes);
            watch.each(|| rival.save(&path))
        });
    }
    let path = scratch.path().join("ours.keep");
    vectors.save(&OsFiles, &path)?;
    let bytes = OsFiles.metadata(&path)?.len;
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        watch.note_bytes(bytes);
        watch.each(|| vectors.save(&OsFiles, &path))
    }))
}

/// Mapped, opened and looked at, with as much of ours checked.
fn looked_at(plan: &Plan, dir: &Path, verify: Verify) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "snapshot-rivals")?);
    let vectors = Vectors::random(plan.amount)?;
    let expected = sum((0..vectors.ids.len()).step_by(STEP).map(|index| vectors.row(index)))?;
    let same = move |found: f32| {
        ensure!(found.to_bits() == expected.to_bits(), "other vectors: {found} instead of {expected}");
        Ok(())
    };
    let mut case = if verify == Verify::Never { plan.case() } else { plan.case().rivals_promise_less() };
    for format in Format::ALL {
        let path = scratch.path().join(format.name());
        Saved::new(format, &vectors)?.save(&path)?;
        let bytes = OsFiles.metadata(&path)?.len;
        case = case.rival(format.name(), move |watch| {
            watch.note_bytes(bytes);
            watch.together(|| same(format.look(&path)?))
        });
    }
    let path = scratch.path().join("ours.keep");
    vectors.save(&OsFiles, &path)?;
    let bytes = OsFiles.metadata(&path)?.len;
    Ok(case.ours(move |watch| {
        let _ = scratch.path();
        watch.note_bytes(bytes);
        watch.together(|| same(look(&mapped::snapshot(&path, verify, Options::default())?)?))
    }))
}

fn look(snapshot: &Snapshot) -> Result<f32> {
    let vectors = snapshot.array("vectors")?;
    ensure!(snapshot.array("ids")?.rows() == vectors.rows(), "ids are missing");
    sum((0..vectors.rows()).step_by(STEP).map(|index| Ok(vectors.view_rows::<f32>(index..index + 1)?)))
}

/// Adds up all numbers of some vectors.
fn sum<V: AsRef<[f32]>>(vectors: impl Iterator<Item = Result<V>>) -> Result<f32> {
    let mut sum = 0.0;
    for vector in vectors {
        sum += vector?.as_ref().iter().sum::<f32>();
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_gives_back_what_was_saved() {
        let name = format!("vectors-{}", std::process::id());
        let scratch = Scratch::new(&std::env::temp_dir(), &name).unwrap();
        let vectors = Vectors::random(3000).unwrap();
        let expected = sum([0, 1000, 2000].into_iter().map(|index| vectors.row(index))).unwrap();
        for format in Format::ALL {
            let path = scratch.path().join("saved");
            Saved::new(format, &vectors).unwrap().save(&path).unwrap();
            assert_eq!(format.look(&path).unwrap().to_bits(), expected.to_bits(), "{format:?}");
            assert_eq!(OsFiles.list(scratch.path()).unwrap(), ["saved"], "{format:?}");
            OsFiles.remove(&path).unwrap();
        }
    }
}
