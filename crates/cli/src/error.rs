use std::{error::Error as _, path::PathBuf};

use keepstone::{
    compat, ecs,
    format::{self, FirstBytes, Format, Kind},
    storage, world,
};

/// Why a verb could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Storage(#[from] storage::Error),

    #[error(transparent)]
    Files(#[from] world::Error),

    #[error("{}", path.display())]
    Keep { path: PathBuf, source: format::Error },

    #[error("{}", path.display())]
    World { path: PathBuf, source: ecs::Error },

    #[error("{}", path.display())]
    AwSave { path: PathBuf, source: compat::Error },

    #[error("{}: not a file that keepstone knows: at byte 0 it begins with {found}", path.display())]
    UnknownFormat { path: PathBuf, found: FirstBytes },

    #[error("{}: {} found; reading these is not built yet", path.display(), format.name())]
    NotBuilt { path: PathBuf, format: Format },

    #[error("{}: is a directory; name a file in it", path.display())]
    Directory { path: PathBuf },

    #[error("{}: is neither a file nor a directory", path.display())]
    NotAFile { path: PathBuf },

    #[error("the demonstration's world could not be captured")]
    Capture { source: ecs::Error },
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Storage(source) => source.kind(),
            Self::Files(source) => source.kind(),
            Self::Keep { source, .. } => source.kind(),
            Self::World { source, .. } | Self::Capture { source } => source.kind(),
            Self::AwSave { source, .. } => source.kind(),
            Self::UnknownFormat { .. } => Kind::Damaged,
            Self::NotBuilt { .. } | Self::Directory { .. } | Self::NotAFile { .. } => Kind::Misuse,
        }
    }

    /// The message with those of all causes that it doesn't repeat already.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // The number of the system's error is of no use behind its words.
            let words = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
            if !message.to_lowercase().contains(&words) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        message
    }
}

/// What a kind is called in JSON.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "not_found",
        Kind::Damaged => "damaged",
        Kind::Newer => "newer",
        Kind::Busy => "busy",
        Kind::Limit => "limit",
        Kind::NoSpace => "no_space",
        Kind::Denied => "denied",
        Kind::Poisoned => "poisoned",
        Kind::Misuse => "misuse",
        _ => "io",
    }
}
