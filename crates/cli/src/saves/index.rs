use std::path::Path;

use keepstone::{
    slots::directory::{INDEX_LEN_MAX, IndexedNames, Name},
    storage::{self, OsFiles},
};
use serde::Serialize;

/// How an index stands to its directory. Whatever is wrong with it costs time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IndexState {
    Fresh,
    /// It names other files than there are.
    Stale,
    Missing,
    Damaged,
}

impl IndexState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }
}

/// What an index names.
pub(super) enum Index {
    Names(IndexedNames),
    Missing,
    Damaged,
}

/// Reads the index of a directory.
pub(super) fn read(dir: &Path) -> Index {
    let path = dir.join(Name::Index.to_string());
    if !path.is_file() {
        return Index::Missing;
    }
    let mut bytes = Vec::new();
    let read = storage::read(&OsFiles, &path, INDEX_LEN_MAX, &mut bytes);
    read.ok().and_then(|()| IndexedNames::decode(bytes)).map_or(Index::Damaged, Index::Names)
}

impl Index {
    pub(super) fn compared_with(self, there: impl Iterator<Item = Name>) -> IndexState {
        match self {
            Self::Names(names) if names.are(there) => IndexState::Fresh,
            Self::Names(_) => IndexState::Stale,
            Self::Missing => IndexState::Missing,
            Self::Damaged => IndexState::Damaged,
        }
    }
}
