use std::path::{Path, PathBuf};

use keepstone::{
    slots::{Player, directory::Name},
    storage::{Files, OsFiles},
};

use super::IndexState;
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
            match Name::parse(&name) {
                Name::Other => others += 1,
                name => files.push((name, name.to_string())),
            }
        }
        files.sort_by(|(_, left), (_, right)| left.cmp(right));
        let index = index.compared_with(files.iter().map(|(name, _)| *name));
        Ok(Self { player: player.clone(), dir: dir.to_owned(), files, others, index })
    }

    /// How many files there are of a sort.
    pub(crate) fn count(&self, is_one: impl Fn(&Name) -> bool) -> usize {
        self.files.iter().filter(|(name, _)| is_one(name)).count()
    }
}
