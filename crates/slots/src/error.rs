use std::path::{Path, PathBuf};

use keepstone_format::{Error as FormatError, Kind};
use keepstone_storage::Error as StorageError;
use keepstone_store::{Error as StoreError, PayloadError};

use crate::id::SaveId;

/// Why a save was not saved, found or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory can't be read or written.
    #[error(transparent)]
    Storage(Box<StorageError>),
    /// The bytes of a save, note or index.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<FormatError>,
    },
    /// The payload can't be encoded, or not be made again from what a save holds.
    #[error("payload of {what}: {source}")]
    Payload {
        /// Which save.
        what: String,
        /// Why.
        source: Box<PayloadError>,
    },
    /// What works in the background.
    #[error(transparent)]
    Background(#[from] StoreError),
    /// A name that no player can have.
    #[error("a player's name has 1 to 128 bytes, this one has {len}; choose another")]
    PlayerName {
        /// Its bytes.
        len: usize,
    },
    /// Text that is not the id of a save.
    #[error("{text:?} is not the id of a save: that has 32 hexadecimal digits")]
    NotAnId {
        /// The text, or its beginning.
        text: String,
    },
    /// A directory holds no saves.
    #[error("{}: there are no saves; give the directory that a program saves to", path.display())]
    NoRoot {
        /// The directory.
        path: PathBuf,
    },
    /// There is no such save.
    #[error("there is no save {id}; list the saves that there are")]
    NoSave {
        /// The id.
        id: SaveId,
    },
    /// Nothing is saved in a slot.
    #[error("player {player:?} has no save in slot {slot}")]
    EmptySlot {
        /// The player.
        player: String,
        /// The slot.
        slot: u8,
    },
    /// There is no profile.
    #[error("player {player:?} has no profile")]
    NoProfile {
        /// The player.
        player: String,
    },
    /// A slot has saves, and the request says to refuse then.
    #[error(
        "slot {slot} of player {player:?} is taken by save {id}; ask the player, then save with Overwrite::Rotate"
    )]
    SlotTaken {
        /// The player.
        player: String,
        /// The slot.
        slot: u8,
        /// Its latest save.
        id: SaveId,
    },
    /// A save is locked, so it is not deleted.
    #[error("save {id} is locked; unlock it first")]
    Locked {
        /// The save.
        id: SaveId,
    },
    /// All saves of a slot are damaged.
    #[error("{}: it is damaged, and so is every earlier save of the slot; repair it with the keepstone command: {reason}", path.display())]
    Damaged {
        /// The newest of them.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A save that nobody waited for could not be synced: the system may have thrown it away, and says so once.
    #[error("{}: an earlier sync of it failed, so a power cut may take it; save the slot again", path.display())]
    InDoubt {
        /// The save.
        path: PathBuf,
    },
    /// A newer program has written the save.
    #[error("save {id} has version {found} of {name}, this build reads up to {known}; update the program")]
    Newer {
        /// The save.
        id: SaveId,
        /// The type of the payload.
        name: String,
        /// Its version in the save.
        found: u32,
        /// The highest version that is known.
        known: u32,
    },
    /// A save is older than what the program reads, and no migration leads on.
    #[error(
        "save {id} has version {found} of {name}, and no migration leads from it to version {wanted}; add one"
    )]
    NoMigration {
        /// The save.
        id: SaveId,
        /// The type of the payload.
        name: String,
        /// Its version in the save.
        found: u32,
        /// The version that is wanted.
        wanted: u32,
    },
    /// A step of a migration has failed. The save is as it was.
    #[error("save {id} can't be migrated: the step from version {from} failed: {source}")]
    Step {
        /// The save.
        id: SaveId,
        /// The version that the step leads from.
        from: u32,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Two steps of a migration don't fit each other.
    #[error(
        "migrations of {name}: what leads to version {version} gives {found}, and what goes on from there takes {wanted}; make them one type"
    )]
    StepType {
        /// The type of the payload.
        name: String,
        /// The version between them.
        version: u32,
        /// The type that the first gives.
        found: &'static str,
        /// The type that the second takes.
        wanted: &'static str,
    },
    /// A step of a migration is out of place.
    #[error("migrations of {name}: the step from version {from} {what}")]
    StepVersion {
        /// The type of the payload.
        name: String,
        /// The version that the step leads from.
        from: u32,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// A save holds another type of payload.
    #[error("save {id} holds {found:?}, and {wanted:?} is wanted; load it as what it is")]
    OtherType {
        /// The save.
        id: SaveId,
        /// The type in the save.
        found: String,
        /// The type that is wanted.
        wanted: String,
    },
    /// The state that was loaded isn't the one that was saved.
    #[error(
        "save {id}: hash of the loaded state is {found:016x}, that of the saved one was {expected:016x}; the types or the program have changed"
    )]
    StateHash {
        /// The save.
        id: SaveId,
        /// The hash in the save.
        expected: u64,
        /// The hash of what was loaded.
        found: u64,
    },
    /// The saves of a player would take more than they may.
    #[error(
        "saves of player {player:?} would take {needs} bytes, {allowed} are allowed; delete some or raise the quota"
    )]
    Quota {
        /// The player.
        player: String,
        /// Bytes with the new save, without what it rotates out.
        needs: u64,
        /// The quota.
        allowed: u64,
    },
    /// Something in a request is longer than it may be.
    #[error("{what} has {needs} bytes, {allowed} are allowed; shorten it")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its bytes.
        needs: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// The request can't be served.
    #[error("{what}")]
    Misuse {
        /// Why, and what to do.
        what: &'static str,
    },
    /// There is no slot that a fork or an import could go to.
    #[error("player {player:?} has no free slot; delete a save first")]
    NoFreeSlot {
        /// The player.
        player: String,
    },
    /// The other side of a synchronization.
    #[error("{target}: {what} failed: {source}")]
    Target {
        /// What it calls itself.
        target: String,
        /// What was asked for.
        what: &'static str,
        /// Why.
        source: Box<crate::sync::TargetError>,
    },
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Storage(source) => source.kind(),
            Self::Format { source, .. } => source.kind(),
            Self::Payload { source, .. } => source.kind(),
            Self::Background(source) => source.kind(),
            Self::NoRoot { .. } | Self::NoSave { .. } | Self::EmptySlot { .. } | Self::NoProfile { .. } => {
                Kind::NotFound
            }
            Self::Damaged { .. } | Self::StateHash { .. } => Kind::Damaged,
            Self::Newer { .. } => Kind::Newer,
            Self::InDoubt { .. } => Kind::Poisoned,
            Self::Quota { .. } | Self::TooLong { .. } | Self::NoFreeSlot { .. } => Kind::Limit,
            Self::Target { source, .. } => source.kind(),
            Self::PlayerName { .. }
            | Self::NotAnId { .. }
            | Self::SlotTaken { .. }
            | Self::Locked { .. }
            | Self::NoMigration { .. }
            | Self::Step { .. }
            | Self::StepType { .. }
            | Self::StepVersion { .. }
            | Self::OtherType { .. }
            | Self::Misuse { .. } => Kind::Misuse,
        }
    }

    /// Whether what failed may go well the next time.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.kind(), Kind::Io | Kind::NoSpace | Kind::Busy | Kind::Poisoned)
    }

    /// Whether it is a save in the background whose place a later one took.
    pub fn is_superseded(&self) -> bool {
        matches!(self, Self::Background(StoreError::Superseded { .. }))
    }

    pub(crate) fn taken(player: &str, slot: u8, id: SaveId) -> Self {
        Self::SlotTaken { player: player.to_owned(), slot, id }
    }

    /// An error of the payload of a slot.
    pub(crate) fn payload(player: &str, slot: Option<u8>, source: PayloadError) -> Self {
        let what = match slot {
            Some(slot) => format!("slot {slot} of player {player:?}"),
            None => format!("the profile of player {player:?}"),
        };
        Self::Payload { what, source: Box::new(source) }
    }

    /// An error of a payload that is being written: one of the disk keeps its place.
    pub(crate) fn writing(player: &str, slot: Option<u8>, source: PayloadError) -> Self {
        match source {
            PayloadError::Format(FormatError::Io { op, source }) => match source.downcast::<StorageError>() {
                Ok(storage) => storage.into(),
                Err(source) => Self::payload(player, slot, FormatError::Io { op, source }.into()),
            },
            source => Self::payload(player, slot, source),
        }
    }

    /// An error of the payload of a save that is loaded.
    pub(crate) fn loading(save: &crate::SaveEntry, source: PayloadError) -> Self {
        Self::Payload { what: format!("save {}", save.id()), source: Box::new(source) }
    }

    /// An error of a container that is written to a file.
    pub(crate) fn writing_file(path: &Path, source: FormatError) -> Self {
        match source {
            FormatError::Io { op, source } => match source.downcast::<StorageError>() {
                Ok(storage) => storage.into(),
                Err(source) => Self::format(path, FormatError::Io { op, source }),
            },
            source => Self::format(path, source),
        }
    }

    /// An error of the container in a file.
    pub(crate) fn format(path: &Path, source: FormatError) -> Self {
        Self::Format { path: path.to_owned(), source: Box::new(source) }
    }
}

impl From<StorageError> for Error {
    fn from(source: StorageError) -> Self {
        Self::Storage(Box::new(source))
    }
}
