use std::{path::PathBuf, time::Duration};

use clap::{Subcommand, ValueEnum};
use keepstone::slots::{SaveId, SaveKind};

use super::{CodecName, EXIT_CODES};

#[derive(Debug, Subcommand)]
pub(crate) enum SlotVerb {
    /// Save standard input to a slot, and print its id when it is on the disk
    ///
    /// The bytes are kept as they are. `ACK <id>` is printed when a power cut can no longer take the save, and the command ends when nothing else
    /// is left to do. Root and player are made if they are missing. Of older saves of the slot that are of the same kind so many stay as --keep says, and those that are locked.
    #[command(after_help = EXIT_CODES)]
    Save(Box<SaveArgs>),
    /// Write what a slot holds to standard output: its latest save that isn't damaged, or the one with an id
    ///
    /// Bytes come as they were saved. Other values of a program are printed with --json; worlds are for `export`, and --json says how many entities they have. When an earlier save had
    /// to be taken, standard error says which ones are damaged. Changes nothing, and works while a game has the saves open.
    #[command(after_help = EXIT_CODES)]
    Load(LoadArgs),
    /// List the saves of a root, by player, the newest first
    ///
    /// No payload is read, nothing is changed, and it works while a game has the saves open.
    #[command(after_help = EXIT_CODES)]
    List(ListArgs),
    /// Read every byte of every save, deleted ones as well, and say where one is damaged; changes nothing
    ///
    /// Worlds are decoded as well. A file that the system refuses to read is named; where nothing is damaged the command then ends with 2.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The directory of the saves
        root: PathBuf,
        /// Only the saves of this player
        #[arg(long)]
        player: Option<String>,
    },
    /// Delete a save; `undelete` brings it back until it is purged
    #[command(after_help = EXIT_CODES)]
    Delete(IdArgs),
    /// Bring a deleted save back to its place
    #[command(after_help = EXIT_CODES)]
    Undelete(IdArgs),
    /// Copy a save to a slot, as its latest
    #[command(after_help = EXIT_CODES)]
    Copy(CopyArgs),
    /// Give a save another name to display
    #[command(after_help = EXIT_CODES)]
    Rename {
        #[command(flatten)]
        save: IdArgs,
        /// The name
        name: String,
    },
    /// Lock a save: it is neither deleted nor does it make room for newer ones
    #[command(after_help = EXIT_CODES)]
    Lock(IdArgs),
    /// Unlock a save
    #[command(after_help = EXIT_CODES)]
    Unlock(IdArgs),
    /// Write a save to a file of its own: a container that every verb and `import` takes
    ///
    /// OUT is on the disk when this returns. If it was there it is replaced in one step. Works while a game has the saves open.
    #[command(after_help = EXIT_CODES)]
    Export(ExportArgs),
    /// Save what was exported to a slot, as its latest
    ///
    /// Everything in IN is checked first. The save keeps its id, unless --new says otherwise.
    #[command(after_help = EXIT_CODES)]
    Import(ImportArgs),
    /// Remove the deleted saves of all players for good whose time is over
    #[command(after_help = EXIT_CODES)]
    Purge {
        /// The directory of the saves
        root: PathBuf,
        /// How many days ago a save has to have been deleted; 0: all go
        #[arg(long, value_name = "N", default_value_t = 7)]
        days: u32,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct SaveArgs {
    /// The directory of the saves
    pub(crate) root: PathBuf,
    #[command(flatten)]
    pub(crate) to: SlotArgs,
    /// Why it is saved; without it the kind that the slot is for: 0 to 9 manual, 10 to 14 auto, 15 quick
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindName>,
    /// An entry of the application's own; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    pub(crate) meta: Vec<(String, String)>,
    /// The name to display
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where in the game
    #[arg(long)]
    pub(crate) place: Option<String>,
    /// The tick of the simulation
    #[arg(long)]
    pub(crate) tick: Option<u64>,
    /// The time played, in seconds
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) play_time: Option<Duration>,
    /// A picture: a PNG file
    #[arg(long, value_name = "FILE")]
    pub(crate) thumbnail: Option<PathBuf>,
    /// How it is compressed
    #[arg(long, value_enum, default_value_t = CodecName::Lz4)]
    pub(crate) codec: CodecName,
    /// Refuse a slot that has a save
    #[arg(long)]
    pub(crate) refuse: bool,
}

/// The slot that a save goes to.
#[derive(Debug, clap::Args)]
pub(crate) struct SlotArgs {
    /// The player
    #[arg(long)]
    pub(crate) player: String,
    /// The slot, 0 to 255
    #[arg(long)]
    pub(crate) slot: u8,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    /// How many saves of its kind the slot keeps, the new one included
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// The directory of the saves
    pub(crate) root: PathBuf,
    /// The player
    #[arg(long, required_unless_present = "id")]
    pub(crate) player: Option<String>,
    /// The slot, 0 to 255
    #[arg(long, required_unless_present = "id")]
    pub(crate) slot: Option<u8>,
    /// The save, instead of the latest that isn't damaged
    #[arg(long)]
    pub(crate) id: Option<SaveId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The directory of the saves
    pub(crate) root: PathBuf,
    /// Only the saves of this player
    #[arg(long)]
    pub(crate) player: Option<String>,
    /// The saves that were deleted and can be brought back, instead of the others
    #[arg(long)]
    pub(crate) deleted: bool,
}

/// One save of a root.
#[derive(Debug, clap::Args)]
pub(crate) struct IdArgs {
    /// The directory of the saves
    pub(crate) root: PathBuf,
    /// The save: 32 hexadecimal digits, as `list` shows them
    pub(crate) id: SaveId,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CopyArgs {
    #[command(flatten)]
    pub(crate) save: IdArgs,
    /// The slot, 0 to 255
    #[arg(long)]
    pub(crate) slot: u8,
    /// The player; without it that of the save
    #[arg(long)]
    pub(crate) player: Option<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) save: IdArgs,
    /// The file that is written
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// How it is compressed
    #[arg(long, value_enum, default_value_t = CodecName::Zstd)]
    pub(crate) codec: CodecName,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The directory of the saves
    pub(crate) root: PathBuf,
    /// The file that is read
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) to: SlotArgs,
    /// Make a new save of it, with an id of its own
    #[arg(long)]
    pub(crate) new: bool,
}

/// A kind of saves as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    Manual,
    Auto,
    Quick,
    Checkpoint,
}

impl From<KindName> for SaveKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Manual => Self::Manual,
            KindName::Auto => Self::Auto,
            KindName::Quick => Self::Quick,
            KindName::Checkpoint => Self::Checkpoint,
        }
    }
}

pub(super) fn entry(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it has to be a key, an equals sign and a value".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it has to be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|source| source.to_string())
}
