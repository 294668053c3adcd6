use std::path::{Path, PathBuf};

use keepstone::{
    slots::Player,
    storage::{Files, OsFiles},
};

use super::{IndexState, Name, What};
use crate::error::Error;

/// The files in the directory of a player, in the order of their names.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) player: Player,
    pub(crate) dir: PathBuf,
    pub(crate) files: Vec<(Name, String)>,
    /// Names that no reader looks at.
    pub(crate) others: usize,
    pub(crate) index: IndexState,
}

impl Folder {
    /// Reads the names in a directory, and its index.
    pub(crate) fn read(player: &Player, dir: &Path) -> Result<Self, Error> {
        // Before the names: what comes meanwhile makes an index older, never one that names too much.
        let index = super::index::read(dir);
        let (mut files, mut others) = (Vec::new(), 0);
        for name in OsFiles.list(dir)? {
            match (Name::parse(&name), name.to_str()) {
                (Some(parsed), Some(text)) => files.push((parsed, text.to_owned())),
                _ => others += 1,
            }
        }
        files.sort_by(|(_, left), (_, right)| left.cmp(right));
        let indexed = |(name, _): &&(Name, String)| {
            matches!(name.what, What::Save | What::Deleted | What::SetAside | What::Note)
        };
        let there = files.iter().filter(indexed).map(|(_, name)| name.as_str());
        let index = index.compared_with(there.collect());
        Ok(Self { player: player.clone(), dir: dir.to_owned(), files, others, index })
    }

    /// How many files there are of a sort.
    pub(crate) fn count(&self, what: What) -> usize {
        self.files.iter().filter(|(name, _)| name.what == what).count()
    }
}
