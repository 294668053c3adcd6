use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use keepstone::format::Codec;

const EXIT_CODES: &str = "\
Exit codes:
  0  good
  1  damaged or cut short, not a format that is known, or not found
  2  everything else: newer than this build, over a limit, not built in, wrong usage, input or output";

const REPAIR_EXIT_CODES: &str = "\
Exit codes:
  0  everything was saved
  1  OUT has been written and something was lost; or there is no OUT: nothing could be saved, or PATH was not found
  2  everything else: newer than this build, over a limit, not a container, wrong usage, input or output";

/// Looks into the files that keepstone keeps, checks, repairs and converts them.
#[derive(Debug, Parser)]
#[command(name = "keepstone", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    /// Print one JSON document instead of text, for errors as well
    // A script may add it to arguments that have it.
    #[arg(long, global = true, overrides_with = "json")]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a file is: kind, version, metadata, schema, counts and sizes
    ///
    /// The format is told from the first bytes, not from the name. Of a .keep file only header, footer, schema and tables are
    /// read, however large it is; `verify` checks the rest. Saves of aw-save (.awsv) and worlds of PECS (.pecs) are read whole.
    #[command(after_help = EXIT_CODES)]
    Inspect {
        /// The file
        path: PathBuf,
    },
    /// Check every checksum of a file and say where it is damaged
    ///
    /// Reads the whole file and changes nothing. When all checksums hold, the structure of worlds, of saves of
    /// aw-save (.awsv) and of worlds of PECS (.pecs) is decoded as well.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The file
        path: PathBuf,
    },
    /// Save what is left of a damaged container into a new one
    ///
    /// Every chunk whose checksum holds counts, wherever the damage is. Sections that are complete are kept. Of a world, columns that are
    /// complete and consistent are kept; entities stay, without the components that are lost. What was lost is listed.
    /// OUT is on the disk when this returns, and PATH is left as it is.
    #[command(after_help = REPAIR_EXIT_CODES)]
    Repair(RepairArgs),
    /// Write a file anew as a keepstone container
    ///
    /// IN may be a save of aw-save (.awsv), which becomes a save with a section for each part of it; a world of PECS (.pecs),
    /// which becomes a world; or a container (.keep), which is copied, with another codec if one is named. OUT is
    /// on the disk when this returns. If it was there it is replaced in one step, and stays as it was when anything fails.
    #[command(after_help = EXIT_CODES)]
    Convert(ConvertArgs),
    /// Build a world of bevy_ecs, save it durably, load it, check that both are equal, and print what it took
    ///
    /// Each time is a median, and stands beside a floor: the least that the machine takes for the same bytes, measured in turns
    /// with it in the same run.
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How many entities the world has
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) entities: u32,
    /// Keep the files, in this directory; without it they are removed
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    /// The damaged container
    pub(crate) path: PathBuf,
    /// The file that is written; not the damaged one
    #[arg(long, value_name = "OUT")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The file that is read
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file that is written; not the one that is read
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// The format that is written; only keep exists yet
    #[arg(long, value_enum, default_value_t = Target::Keep)]
    pub(crate) to: Target,
    /// How sections are compressed; without it those of a container stay as they are, and others take lz4
    #[arg(long, value_enum)]
    pub(crate) codec: Option<CodecName>,
}

/// A format that a file may be asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Keep,
    Pecs,
    Json,
    Awsv,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Pecs => "pecs",
            Self::Json => "json",
            Self::Awsv => "awsv",
        }
    }
}

/// A codec as it is called on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CodecName {
    None,
    Lz4,
    Zstd,
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::None => Self::None,
            CodecName::Lz4 => Self::Lz4,
            CodecName::Zstd => Self::Zstd,
        }
    }
}
