//! Snapshots of vectors, beside the same bytes written, read or mapped by hand.

mod map;
mod open;
mod save;

pub(super) use map::{mapped, verified, verified_alone};
pub(super) use open::{first, first_alone, warm, warm_alone};
pub(super) use save::{random, repeated};

use std::{num::NonZeroUsize, path::Path};

use anyhow::Result;
use keepstone::{
    format::crc32,
    storage::{Files as _, OsFiles, snapshot::Options},
};

use crate::{
    Scratch,
    case::{Case, Plan},
    vectors::Vectors,
};

/// How a snapshot is opened: by all processors where that is worth it, or by one thread as the floor.
fn options(is_alone: bool) -> Options<'static> {
    let options = Options::default();
    if is_alone { options.threads(NonZeroUsize::MIN) } else { options }
}

/// A case whose times are told by the vector.
fn case(plan: &Plan) -> Case {
    plan.case().per("vector", plan.amount)
}

/// A CRC-32 of as many bytes as 100,000 vectors have, beside the same by the crate `crc32fast`.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn summed(plan: &Plan, _: &Path) -> Result<Case> {
    let bytes = super::durable::random_bytes(plan.amount);
    let same = bytes.clone();
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.together(|| Ok(crc32(&bytes)))
    });
    Ok(case.floor(1.0, "crc32fast", move |watch| watch.together(|| Ok(crc32fast::hash(&same)))))
}

/// A snapshot in a directory of its own.
struct Stored {
    scratch: Scratch,
    /// Bytes of the file.
    len: u64,
}

impl Stored {
    fn new(plan: &Plan, dir: &Path, name: &str) -> Result<Self> {
        let scratch = Scratch::new(dir, name)?;
        let path = scratch.path().join(NAME);
        Vectors::random(plan.amount)?.save(&OsFiles, &path)?;
        let len = OsFiles.metadata(&path)?.len;
        Ok(Self { scratch, len })
    }

    fn path(&self) -> std::path::PathBuf {
        self.scratch.path().join(NAME)
    }
}

const NAME: &str = "vectors.keep";
