use std::fmt;

use crate::{check::Check, groups};

/// Checks that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// What the backend does by itself: put-if-absent, get, ranges, list, delete, names.
    Objects,
    /// What one opening of a place has done as the next one sees it.
    Openings,
    /// Checkpoints that are made, alone and in batches, and what is said about them.
    Creation,
    /// Parents, forks, restores, undo, heads.
    Lineage,
    /// Every filter, against a plain reference.
    Listing,
    /// Pages of any size in both directions, while the store changes.
    Pages,
    /// States over forks and chains of differences, against copies.
    States,
    /// Retention: what goes, what stays, what the space does.
    Prune,
    /// Copies: exports, imports, forks.
    Copies,
    /// Sessions and runs that are deleted.
    Endings,
    /// Tags, annotations, messages and locks, given afterwards.
    Edits,
    /// Many threads, and several openings that write.
    Writers,
    /// Readers beside a writer and a prune.
    Readers,
    /// A crash before and after any request of any operation, and again within the recovery.
    Crashes,
    /// Requests that fail once.
    Failures,
    /// No room, at any put of any operation.
    Room,
    /// Objects that a crash leaves.
    Leftovers,
    /// Objects whose bytes are not what was put.
    Corruption,
    /// A hundred thousand checkpoints.
    Scale,
}

impl Group {
    /// All groups, in the order in which they are run.
    pub const ALL: [Self; 19] = [
        Self::Objects,
        Self::Openings,
        Self::Creation,
        Self::Lineage,
        Self::Listing,
        Self::Pages,
        Self::States,
        Self::Prune,
        Self::Copies,
        Self::Endings,
        Self::Edits,
        Self::Writers,
        Self::Readers,
        Self::Crashes,
        Self::Failures,
        Self::Room,
        Self::Leftovers,
        Self::Corruption,
        Self::Scale,
    ];

    /// Its name: one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Openings => "openings",
            Self::Creation => "creation",
            Self::Lineage => "lineage",
            Self::Listing => "listing",
            Self::Pages => "pages",
            Self::States => "states",
            Self::Prune => "prune",
            Self::Copies => "copies",
            Self::Endings => "endings",
            Self::Edits => "edits",
            Self::Writers => "writers",
            Self::Readers => "readers",
            Self::Crashes => "crashes",
            Self::Failures => "failures",
            Self::Room => "room",
            Self::Leftovers => "leftovers",
            Self::Corruption => "corruption",
            Self::Scale => "scale",
        }
    }

    pub(crate) fn checks(self) -> &'static [Check] {
        match self {
            Self::Objects => groups::objects::CHECKS,
            Self::Openings => groups::openings::CHECKS,
            Self::Creation => groups::creation::CHECKS,
            Self::Lineage => groups::lineage::CHECKS,
            Self::Listing => groups::listing::CHECKS,
            Self::Pages => groups::pages::CHECKS,
            Self::States => groups::states::CHECKS,
            Self::Prune => groups::prune::CHECKS,
            Self::Copies => groups::copies::CHECKS,
            Self::Endings => groups::endings::CHECKS,
            Self::Edits => groups::edits::CHECKS,
            Self::Writers => groups::writers::CHECKS,
            Self::Readers => groups::readers::CHECKS,
            Self::Crashes => groups::crashes::CHECKS,
            Self::Failures => groups::failures::CHECKS,
            Self::Room => groups::room::CHECKS,
            Self::Leftovers => groups::leftovers::CHECKS,
            Self::Corruption => groups::corruption::CHECKS,
            Self::Scale => groups::scale::CHECKS,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
