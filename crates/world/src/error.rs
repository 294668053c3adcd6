use std::path::PathBuf;

use keepstone_format::Kind;

/// Why a world could not be saved or loaded.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world could not be captured, encoded, decoded or spawned.
    #[error(transparent)]
    World(#[from] keepstone_ecs_persist::Error),

    /// The file could not be written or read.
    #[error(transparent)]
    Storage(#[from] keepstone_storage::Error),

    /// What a file holds is not a world that can be loaded.
    #[error("{} could not be loaded", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: keepstone_ecs_persist::Error,
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

    /// A stream has more bytes than the limit allows.
    #[error("the world has more than {allowed} bytes; raise LoadOptions::bytes_max if the source is trusted")]
    TooLong {
        /// The limit.
        allowed: u64,
    },
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
            Self::Write { source } | Self::Read { source } => io_kind(source),
            Self::TooLong { .. } => Kind::Limit,
            Self::SeveralWorlds { .. } => Kind::Misuse,
        }
    }
}
