use keepstone_format::Kind;

use crate::error::Error;

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Format(source) => source.kind(),
            Self::Value { source, .. } => source.kind(),
            Self::Invalid { .. } => Kind::Damaged,
            Self::NoWorld { .. } => Kind::NotFound,
            #[cfg(feature = "json")]
            Self::Json { problem, .. } => problem.kind(),
            Self::MigrationFailed { source, .. } => source.kind(),
            Self::Read { .. } | Self::Write { .. } => Kind::Io,
            Self::Custom { kind, .. } => *kind,
            Self::Store(source) => source.kind(),
            Self::DuplicateId { .. }
            | Self::BadSelection { .. }
            | Self::NoPersistId { .. }
            | Self::WrongBase { .. }
            | Self::Edit { .. }
            | Self::NoWorldMigration { .. }
            | Self::BadMigration { .. }
            | Self::MigrationPanicked { .. }
            | Self::MarkTooOld { .. } => Kind::Misuse,
            Self::NewerWorld { .. }
            | Self::NewerFormat { .. }
            | Self::NewerComponent { .. }
            | Self::NewerSection { .. } => Kind::Newer,
            Self::Limit { .. } => Kind::Limit,
            Self::UnknownComponent { .. }
            | Self::KeptOtherwise { .. }
            | Self::Mismatch { .. }
            | Self::DuplicateName { .. }
            | Self::MissingField { .. }
            | Self::NoMigration { .. }
            | Self::BadName { .. }
            | Self::WouldLeaveOut { .. }
            | Self::HiddenReferences { .. }
            | Self::Dangling { .. }
            | Self::NotSupported { .. }
            | Self::SameComponent { .. }
            | Self::SeveralWorlds { .. }
            | Self::DuplicateFormat { .. }
            | Self::UnknownFormat { .. }
            | Self::DuplicatePlugin { .. }
            | Self::UnknownPlugin { .. }
            | Self::BadPluginName { .. }
            | Self::DuplicateType { .. } => Kind::Misuse,
        }
    }
}
