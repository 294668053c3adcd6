use std::{
    error, io,
    path::{Path, PathBuf},
};

use keepstone::{
    checkpoint::{self, CheckpointId, ContentId},
    compat, ecs, forge,
    format::{self, FirstBytes, Format, Kind},
    slots::{self, SaveId},
    storage, world,
};

/// Why a verb could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Storage(#[from] storage::Error),

    /// A failure of what is written.
    #[error(transparent)]
    Out(storage::Error),

    #[error(transparent)]
    Files(#[from] world::Error),

    #[error(transparent)]
    Slots(Box<slots::Error>),

    #[error(transparent)]
    Checkpoints(Box<checkpoint::Error>),

    #[error("there is no checkpoint #{number}; list those that there are")]
    NoNumber { number: u64 },

    #[error("checkpoint {id} is not of that session but of {session:?}; leave --session out")]
    ElsewhereMade { id: CheckpointId, session: String },

    #[error(
        "checkpoint {id}: its state is not the one that was checkpointed: content {found}, expected {expected}; take another checkpoint, or put the store back from a backup"
    )]
    OtherState { id: CheckpointId, expected: ContentId, found: ContentId },

    #[error("{}: a {found} found; only a checkpoint export is imported", path.display())]
    NoExport { path: PathBuf, found: String },

    #[error("{}: is no export of forge; leave --env-vars out", path.display())]
    NoEnvVars { path: PathBuf },

    #[error("{}", path.display())]
    Forge { path: PathBuf, source: Box<forge::Error> },

    #[error("{}: {found} found; that of a root of saves is a container of kind save root", path.display())]
    NoSaveRoot { path: PathBuf, found: String },

    #[error("save {id} is not there but {}; leave --player and --slot out", elsewhere(player, *slot))]
    ElsewhereSaved { id: SaveId, player: String, slot: Option<u8> },

    #[error("save {id} holds a value, not bytes; add --json to see it, or export it")]
    IsValue { id: SaveId },

    #[error("save {id} holds more than bytes: sections {sections}; write it to a file with `keepstone slot export {} {id} OUT.keep`, which inspect, convert and diff take", root.display())]
    IsSections { id: SaveId, sections: String, root: PathBuf },

    #[error("{}", path.display())]
    Keep { path: PathBuf, source: format::Error },

    #[error("{}", path.display())]
    World { path: PathBuf, source: ecs::Error },

    #[error("{}", path.display())]
    Foreign { path: PathBuf, source: compat::Error },

    #[error("{}: not a file that keepstone knows: at byte 0 it begins with {found}", path.display())]
    UnknownFormat { path: PathBuf, found: FirstBytes },

    #[error("{}: {} found; reading these is not built yet", path.display(), format.name())]
    NotBuilt { path: PathBuf, format: Format },

    #[error("{}: is a directory without a write-ahead log; name a file in it", path.display())]
    Directory { path: PathBuf },

    #[error("{}: is a directory without a write-ahead log, recycled generations, saves or checkpoints of its own; name what is in it: {}", path.display(), below.join(", "))]
    DirectoryAbove { path: PathBuf, below: Vec<String> },

    #[error("{}: is neither a file nor a directory", path.display())]
    NotAFile { path: PathBuf },

    #[error("{}: is the file that is read; name another one to write", path.display())]
    SameFile { path: PathBuf },

    #[error("{}: {} found; only keepstone containers and snapshots of EdgeVec are repaired", path.display(), format.name())]
    NotRepaired { path: PathBuf, format: Format },

    #[error("{}: {} found; only snapshots of EdgeVec (.evec) are imported; convert may take it", path.display(), format.name())]
    NotImported { path: PathBuf, format: Format },

    #[error("{}: {} found; only snapshots of EdgeVec (.evec) and containers have vectors", path.display(), format.name())]
    NoVectorsIn { path: PathBuf, format: Format },

    #[error("{}: no generation is committed in it, or it has lost its name: a number and .gen", path.display())]
    NoGeneration { path: PathBuf },

    #[error("{}: has no array `vectors`{}", path.display(), listed(faults))]
    NoVectors { path: PathBuf, faults: Vec<String> },

    #[error("{}: its array `vectors` is of {layout}; only f32 are looked at", path.display())]
    NotF32 { path: PathBuf, layout: String },

    #[error("{}: holds no write-ahead log; name its directory or a segment of it", path.display())]
    NoLog { path: PathBuf },

    #[error("{}: becomes a log, which has no codec; leave --codec out", path.display())]
    NoCodec { path: PathBuf },

    #[error("{}: is a write-ahead log, which has no other format; repair copies it", path.display())]
    IsLog { path: PathBuf },

    #[error("{}: is a root of saves; --to awsv makes directories of aw-save of it, and repair copies it", path.display())]
    IsSaves { path: PathBuf },

    #[error("{}: is there already; name a directory that is not", path.display())]
    OutExists { path: PathBuf },

    #[error("{}: is inside of the log that is read; name a directory elsewhere", path.display())]
    OutInside { path: PathBuf },

    /// Appending failed half-way; what is in the log by then matters as much.
    #[error("{}: {}; appending stopped", path.display(), acknowledged(*acked))]
    AppendStopped { path: PathBuf, acked: Option<u64>, source: Box<Error> },

    #[error("standard input")]
    Stdin { source: io::Error },

    #[error("standard output")]
    Stdout { source: io::Error },

    #[error("{}: nothing of it is left that could be saved", path.display())]
    NothingLeft { path: PathBuf },

    #[error("{}: is a delta of which something is lost, and what is left would make another state than the next delta of its chain is for; load the base with the deltas before it, or take a new base", path.display())]
    DeltaLost { path: PathBuf },

    #[error("{}: {found} found, which is no save of aw-save; only .awsv files and the containers that convert makes of them are taken here", path.display())]
    NoSave { path: PathBuf, found: String },

    #[error("{}: is to be a save of aw-save, which is always lz4; leave --codec out", path.display())]
    AlwaysLz4 { path: PathBuf },

    #[error("{}: {found} found, which holds no worlds; only worlds (.keep, .pecs, JSON) are taken here", path.display())]
    NoWorlds { path: PathBuf, found: String },

    #[error("{}: holds {count} worlds, and a file of PECS holds one; convert it to json or keep", path.display())]
    OneWorld { path: PathBuf, count: usize },

    #[error("{}: is to be text, which has no codec; leave --codec out", path.display())]
    TextCodec { path: PathBuf },

    #[error("the demonstration's world could not be captured")]
    Capture { source: ecs::Error },
}

impl Error {
    /// Says how a file begins that nobody knows.
    pub(crate) fn unknown(path: &Path, first: &[u8]) -> Self {
        Self::UnknownFormat { path: path.to_owned(), found: FirstBytes::of(first) }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Storage(source) => source.kind(),
            // Not found is what is read, for whoever goes by the exit code.
            Self::Out(source) => match source.kind() {
                Kind::NotFound => Kind::Io,
                kind => kind,
            },
            Self::Files(source) => source.kind(),
            Self::Slots(source) => source.kind(),
            Self::Checkpoints(source) => source.kind(),
            Self::Keep { source, .. } => source.kind(),
            Self::World { source, .. } | Self::Capture { source } => source.kind(),
            Self::Foreign { source, .. } => source.kind(),
            Self::Forge { source, .. } => source.kind(),
            Self::UnknownFormat { .. }
            | Self::NothingLeft { .. }
            | Self::DeltaLost { .. }
            | Self::OtherState { .. }
            | Self::NoSaveRoot { .. } => Kind::Damaged,
            Self::NoLog { .. }
            | Self::NoVectors { .. }
            | Self::NoGeneration { .. }
            | Self::ElsewhereSaved { .. }
            | Self::ElsewhereMade { .. }
            | Self::NoNumber { .. } => Kind::NotFound,
            Self::AppendStopped { source, .. } => source.kind(),
            Self::Stdin { .. } | Self::Stdout { .. } => Kind::Io,
            Self::NotBuilt { .. }
            | Self::Directory { .. }
            | Self::DirectoryAbove { .. }
            | Self::NotAFile { .. }
            | Self::NotRepaired { .. }
            | Self::NotImported { .. }
            | Self::NoVectorsIn { .. }
            | Self::NotF32 { .. }
            | Self::SameFile { .. }
            | Self::OutExists { .. }
            | Self::IsLog { .. }
            | Self::IsSaves { .. }
            | Self::NoCodec { .. }
            | Self::OutInside { .. }
            | Self::NoWorlds { .. }
            | Self::OneWorld { .. }
            | Self::TextCodec { .. }
            | Self::IsValue { .. }
            | Self::IsSections { .. }
            | Self::NoSave { .. }
            | Self::NoExport { .. }
            | Self::NoEnvVars { .. }
            | Self::AlwaysLz4 { .. } => Kind::Misuse,
        }
    }

    /// The message with those of all causes that it doesn't repeat already.
    pub(crate) fn message(&self) -> String {
        with_causes(self)
    }
}

impl From<slots::Error> for Error {
    fn from(source: slots::Error) -> Self {
        Self::Slots(Box::new(source))
    }
}

impl From<checkpoint::Error> for Error {
    fn from(source: checkpoint::Error) -> Self {
        Self::Checkpoints(Box::new(source))
    }
}

fn elsewhere(player: &str, slot: Option<u8>) -> String {
    match slot {
        Some(slot) => format!("in slot {slot} of player {player:?}"),
        None => format!("the profile of player {player:?}"),
    }
}

fn listed(faults: &[String]) -> String {
    faults.iter().flat_map(|fault| ["; ", fault]).collect()
}

fn acknowledged(acked: Option<u64>) -> String {
    match acked {
        Some(lsn) => format!("all records up to {lsn} are durable"),
        None => "no record is known to be durable".to_owned(),
    }
}

/// The message of an error with those of all causes that it doesn't repeat already.
pub(crate) fn with_causes(error: &dyn error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
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
