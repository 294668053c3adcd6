use std::path::{Path, PathBuf};

use keepstone_format::Kind;

/// Why a world could not be saved or loaded.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world could not be captured, encoded, decoded or spawned.
    #[error(transparent)]
    World(keepstone_ecs_persist::Error),

    /// The file could not be written or read.
    #[error(transparent)]
    Storage(#[from] keepstone_storage::Error),

    /// What a file holds is not a world that can be loaded.
    #[error("{} could not be loaded", path.display())]
    File {
        /// The file.
        path: Box<Path>,
        /// What is wrong with it.
        #[source]
        source: keepstone_ecs_persist::Error,
    },

    /// No format knows how a file starts: it is no world, its first bytes are damaged, or its format was not added.
    #[error(
        "{what} is of no format that this program reads; if it is a world, add its format with LoadOptions::formats"
    )]
    Unrecognised {
        /// The file, or the stream.
        what: Box<str>,
        /// How it starts, and which formats are known.
        #[source]
        source: keepstone_ecs_persist::Error,
    },

    /// A file was read back after it was written, and is another.
    #[error("{}: read back after the save, it is not what was written", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
    },

    /// The last bytes of a file could not be written.
    #[error("the last bytes of the world could not be written")]
    Write {
        /// What the file said.
        #[source]
        source: std::io::Error,
    },

    /// A stream given by the caller failed.
    #[error("the stream with the world could not be read")]
    Read {
        /// What the stream said.
        #[source]
        source: std::io::Error,
    },

    /// The file holds several worlds, and the caller named none.
    #[error("the file holds several worlds: {}; name one with LoadOptions::world", names.join(", "))]
    SeveralWorlds {
        /// Their names.
        names: Vec<String>,
    },

    /// A save in parts was asked for something that needs the world in one piece.
    #[error("a world that is saved in parts can't have {option}; save it without SaveOptions::in_parts")]
    NotInParts {
        /// What.
        option: &'static str,
    },

    /// A chain of deltas was asked for something that needs a save by itself.
    #[error(
        "a base or a delta can't have {option}: the rows of the file would not be those of the chain; save the world as a file of its own"
    )]
    NotInChain {
        /// What.
        option: &'static str,
    },

    /// What was to be loaded as a world is a delta.
    #[error(
        "{what} is a delta and no world; load its base and the deltas up to it with load_deltas, or apply it to a world that has them"
    )]
    IsADelta {
        /// The file, or the stream.
        what: Box<str>,
    },

    /// What was to be applied as a delta is something else.
    #[error(
        "{what} is no delta but a {kind}; a base comes first in load_deltas, and any world is loaded with load"
    )]
    NotADelta {
        /// The file, or the stream.
        what: Box<str>,
        /// What it is.
        kind: keepstone_format::FileKind,
    },

    /// A world can't be restored from a part of it: all that a filter left out would be despawned.
    #[error(
        "a filter leaves out what a restore would then despawn; restore without a filter, or load with LoadMode::Merge"
    )]
    RestoreOfPart,

    /// A step of a loaded world failed.
    #[error("the step of the loaded world from version {from} to {into} failed: {why}")]
    WorldStep {
        /// The version that it begins at.
        from: u32,
        /// The version that it leads to.
        into: u32,
        /// What it said.
        why: String,
    },

    /// A store of entities failed, or has no such entity.
    #[error(transparent)]
    Store(#[from] keepstone_ecs_persist::StoreError),

    /// An entity was asked for, and none was named.
    #[error("no entity was named; name one")]
    NoEntity,

    /// A stream has more bytes than the limit allows.
    #[error("the world has more than {allowed} bytes; raise LoadOptions::bytes_max if the source is trusted")]
    TooLong {
        /// The limit.
        allowed: u64,
    },

    /// A slot or a store of checkpoints was asked for something that a world in it can't have.
    #[cfg(any(feature = "checkpoint", feature = "slots"))]
    #[error("a world in a slot or checkpoint can't have {option}")]
    NotInStore {
        /// What, and what to do instead.
        option: &'static str,
    },

    /// The saves of a directory.
    #[cfg(feature = "slots")]
    #[error(transparent)]
    Slots(Box<keepstone_slots::Error>),

    /// The checkpoints of a store.
    #[cfg(feature = "checkpoint")]
    #[error(transparent)]
    Checkpoints(Box<keepstone_checkpoint::Error>),

    /// The worker did not do what it was given: a full queue, a later save of the same file, a panic.
    #[error(transparent)]
    Background(#[from] keepstone_store::Error),
}

impl From<keepstone_ecs_persist::Error> for Error {
    fn from(error: keepstone_ecs_persist::Error) -> Self {
        match error {
            // The same under one name, whichever format the file has.
            keepstone_ecs_persist::Error::SeveralWorlds { names } => Self::SeveralWorlds { names },
            other => Self::World(other),
        }
    }
}

#[cfg(feature = "checkpoint")]
impl From<keepstone_checkpoint::Error> for Error {
    fn from(error: keepstone_checkpoint::Error) -> Self {
        Self::Checkpoints(Box::new(error))
    }
}

#[cfg(feature = "slots")]
impl From<keepstone_slots::Error> for Error {
    fn from(error: keepstone_slots::Error) -> Self {
        Self::Slots(Box::new(error))
    }
}

fn io_kind(error: &std::io::Error) -> Kind {
    match error.kind() {
        std::io::ErrorKind::NotFound => Kind::NotFound,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::NoSpace,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Kind::Denied,
        _ => Kind::Io,
    }
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::World(source) | Self::File { source, .. } => source.kind(),
            Self::Storage(source) => source.kind(),
            Self::Store(source) => source.kind(),
            Self::Background(source) => source.kind(),
            Self::Write { source } | Self::Read { source } => io_kind(source),
            Self::Unrecognised { .. } | Self::ReadBack { .. } => Kind::Damaged,
            Self::TooLong { .. } => Kind::Limit,
            #[cfg(feature = "slots")]
            Self::Slots(source) => source.kind(),
            #[cfg(any(feature = "checkpoint", feature = "slots"))]
            Self::NotInStore { .. } => Kind::Misuse,
            #[cfg(feature = "checkpoint")]
            Self::Checkpoints(source) => source.kind(),
            Self::SeveralWorlds { .. }
            | Self::NotInParts { .. }
            | Self::NotInChain { .. }
            | Self::IsADelta { .. }
            | Self::NotADelta { .. }
            | Self::NoEntity
            | Self::WorldStep { .. }
            | Self::RestoreOfPart => Kind::Misuse,
        }
    }

    /// Whether a later save of the same file, submitted before this one began, has taken its place. Nothing is lost then: the ticket of
    /// that one tells how it went.
    pub fn is_superseded(&self) -> bool {
        #[cfg(feature = "slots")]
        if let Self::Slots(source) = self {
            return source.is_superseded();
        }
        matches!(self, Self::Background(keepstone_store::Error::Superseded { .. }))
    }

    /// Says which file it is about.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::World(source) => Self::File { path: path.into(), source },
            Self::IsADelta { .. } => Self::IsADelta { what: path.display().to_string().into() },
            Self::NotADelta { kind, .. } => Self::NotADelta { what: path.display().to_string().into(), kind },
            other => other,
        }
    }
}
