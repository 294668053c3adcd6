//! Formats that are looked at where they lie: what they take to be saved, durable, and to be opened.

mod formats;

use std::{path::Path, rc::Rc};

use anyhow::{Result, ensure};
use keepstone::storage::{
    Files as _, OsFiles, Snapshot,
    snapshot::{Options, Verify},
};
use keepstone_benches::{Case, Scratch, mapped, vectors::Vectors};

use formats::{Format, Saved};

const COUNT: u32 = 100_000;
/// One vector of so many is looked at.
const STEP: usize = 1000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Save,
    /// Opened and looked at, with as much of ours checked.
    Look(Verify),
}

/// A rival and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    work: Work,
    format: Format,
}

/// Everything that each rival can do.
pub fn plans() -> Vec<Plan> {
    let looks = [Verify::Never, Verify::OnUse, Verify::Now].map(Work::Look);
    let works = [Work::Save].into_iter().chain(looks);
    works.flat_map(|work| Format::ALL.map(|format| Plan { work, format })).collect()
}

impl Plan {
    /// The name that a filter looks into.
    pub fn name(&self) -> String {
        let work = match self.work {
            Work::Save => "snapshot save",
            Work::Look(Verify::Never) => "snapshot map, never checked",
            Work::Look(Verify::OnUse) => "snapshot map, checked on use",
            Work::Look(Verify::Now) => "snapshot map, checked now",
        };
        format!("{work}/{}", self.format.name())
    }

    /// Builds the case in a directory.
    pub fn case(&self, dir: &Path) -> Result<Case> {
        let scratch = Rc::new(Scratch::new(dir, "snapshot-rivals")?);
        let [ours, theirs] = ["ours.keep", "rival"].map(|name| scratch.path().join(name));
        let vectors = Vectors::random(COUNT)?;
        let expected = sum((0..vectors.ids.len()).step_by(STEP).map(|index| vectors.row(index)))?;
        let rival = Saved::new(self.format, &vectors)?;
        rival.save(&theirs)?;
        vectors.save(&OsFiles, &ours)?;
        let (our_bytes, its_bytes) = (OsFiles.metadata(&ours)?.len, OsFiles.metadata(&theirs)?.len);
        let case = Case::new(self.name(), format!("{}k x 128", COUNT / 1000));
        let Work::Look(verify) = self.work else {
            let case = case.ours(move |watch| {
                // The directory is there as long as the case.
                let _ = scratch.path();
                watch.note_bytes(our_bytes);
                watch.each(|| vectors.save(&OsFiles, &ours))
            });
            return Ok(case.floor(1.0, "rival", move |watch| {
                watch.note_bytes(its_bytes);
                watch.each(|| rival.save(&theirs))
            }));
        };
        let format = self.format;
        let same = move |found: f32| {
            ensure!(found.to_bits() == expected.to_bits(), "other vectors: {found} instead of {expected}");
            Ok(())
        };
        let case = case.ours(move |watch| {
            let _ = scratch.path();
            watch.note_bytes(our_bytes);
            watch.together(|| same(look(&mapped::snapshot(&ours, verify, Options::default())?)?))
        });
        Ok(case.floor(1.0, "rival", move |watch| {
            watch.note_bytes(its_bytes);
            watch.together(|| same(format.look(&theirs)?))
        }))
    }
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
