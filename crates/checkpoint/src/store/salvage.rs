//! Reading what is left of a store: what a damaged manifest, pack or journal does not say is left out and told, and the rest goes on.

mod journal;
mod manifests;
mod timeline;

use keepstone_format::{Error as FormatError, Kind};

use super::open::Ground;
use crate::{Error, object::Folder};

pub(super) use journal::Piece;
pub(super) use manifests::Manifests;
pub use timeline::LostCommits;
pub(super) use timeline::{Stray, Timeline};

/// What is wrong with an object of a store: a manifest, a pack, commits, a segment of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectFault {
    /// Its name, or the path of the file.
    pub object: String,
    /// Where it is damaged, in bytes from its beginning, if that is known.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What the caller should do.
    pub kind: Kind,
}

impl ObjectFault {
    pub(super) fn new(object: impl Into<String>, what: impl Into<String>) -> Self {
        Self { object: object.into(), offset: None, what: what.into(), kind: Kind::Damaged }
    }

    /// What an error says of an object.
    pub(super) fn of(object: impl Into<String>, error: &Error) -> Self {
        Self { object: object.into(), offset: offset_in(error), what: error.to_string(), kind: error.kind() }
    }
}

/// Why there is nothing to read: there is no store, or there are packs alone, and nothing says what is in them.
pub(super) fn nothing_known(ground: &Ground) -> Error {
    let packs = ground.backend().list(Folder::PACKS.prefix).unwrap_or_default();
    let packs: Vec<_> = packs.iter().filter(|pack| Folder::PACKS.number(&pack.name).is_some()).collect();
    if packs.is_empty() {
        return ground.no_store();
    }
    let bytes = packs.iter().fold(0, |sum: u64, pack| sum.saturating_add(pack.len));
    let what = format!(
        "no manifest is left and no journal from the first commit on, so that nothing says which checkpoints the {bytes} bytes of {} packs are of",
        packs.len()
    );
    Error::damaged(Folder::MANIFESTS.prefix, what)
}

/// Where in an object an error found something.
fn offset_in(error: &Error) -> Option<u64> {
    let Error::Format { source, .. } = error else { return None };
    match **source {
        FormatError::Checksum { offset, .. } | FormatError::Codec { offset, .. } => Some(offset),
        FormatError::Invalid { offset, .. } => Some(offset).filter(|offset| *offset > 0),
        _ => None,
    }
}

/// Whether what failed is the bytes: then they are left out. Anything else ends the work, for it may go away.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), Kind::Damaged | Kind::NotFound)
}
