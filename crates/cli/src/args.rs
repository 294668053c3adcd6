mod checkpoint;
mod prune;
mod slot;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use keepstone::format::Codec;

pub(crate) use checkpoint::{
    BranchArgs, CheckpointVerb, CreateArgs, DiffsArg, ExportArgs as CheckpointExportArgs, ExportFormat,
    FindArgs, GetArgs, ImportArgs as CheckpointImportArgs, Point, PointArgs, RestoreArgs,
    VerifyArgs as CheckpointVerifyArgs,
};
pub(crate) use prune::PruneArgs;
pub(crate) use slot::{
    CopyArgs, ExportArgs, IdArgs, ImportArgs as SlotImportArgs, KeepArgs, ListArgs, LoadArgs, SaveArgs,
    SlotVerb,
};

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  good
  1  damaged or cut short, not a format that is known, or not found
  2  everything else: newer than this build, over a limit, not built in, wrong usage, input or output";

const REPAIR_EXIT_CODES: &str = "\
Exit codes:
  0  everything was saved
  1  OUT has been written and something was lost; or there is no OUT: nothing could be saved, or PATH was not found
  2  everything else: newer than this build, over a limit, not a container, wrong usage, input or output";

const DIFF_EXIT_CODES: &str = "\
Exit codes:
  0  both hold the same
  1  they differ
  2  everything else: damaged, not found, not a world, newer than this build, over a limit, wrong usage, input or output";

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
    /// read, however large it is; `verify` checks the rest. Of a write-ahead log (a directory, or one segment of it) headers and the newest segment are read. Of a root of saves the files are counted, and of one file of it all is said that it says of itself. Of a store of checkpoints sessions, checkpoints and bytes are counted. Saves of aw-save (.awsv), worlds of PECS (.pecs) and snapshots of EdgeVec (.evec) are read whole.
    #[command(after_help = EXIT_CODES)]
    Inspect {
        /// The file, or the directory of a log, of saves or of checkpoints
        path: PathBuf,
    },
    /// Check every checksum of a file and say where it is damaged
    ///
    /// Reads the whole file and changes nothing. When all checksums hold, the structure of worlds and arrays, of saves of
    /// aw-save (.awsv), of worlds of PECS (.pecs) and of snapshots of EdgeVec (.evec) is decoded as well. Of a store of checkpoints every state is put together.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The file, or the directory of a log, of saves or of checkpoints
        path: PathBuf,
    },
    /// Save what is left of a damaged container, write-ahead log, root of saves, store of checkpoints or snapshot of EdgeVec into a new one
    ///
    /// Every chunk whose checksum holds counts, wherever the damage is. Sections that are complete are kept. Of a world, columns that are
    /// complete and consistent are kept; entities stay, without the components that are lost. What was lost is listed.
    /// Of an array, chunks that are whole are kept where they were, and what is lost is zero.
    /// Of a snapshot of EdgeVec (.evec), the rows that are in the file are kept, and what is behind them if it is whole.
    /// Of a log, all records that verify are copied in their order, and are numbered anew; a repair that was stopped leaves a part of them in OUT.
    /// Of a root of saves, all saves that verify are copied, under their ids and numbers and with their notes, into a new root.
    /// Of a store of checkpoints, all whose states can be put together are kept under their ids and numbers, in a new store.
    /// OUT is on the disk when this returns, and PATH is left as it is.
    #[command(after_help = REPAIR_EXIT_CODES)]
    Repair(RepairArgs),
    /// Write a file anew: as a keepstone container, worlds as JSON or rows of PECS, saves as files of aw-save
    ///
    /// IN may be worlds in a container (.keep) or in a save of a slot (.save), as JSON or of PECS (.pecs), which become worlds in the format of --to. What the new
    /// format has no place for is said on standard error. As a container may also be written: a save of aw-save (.awsv), which becomes a save with a section for each part of it; a snapshot of EdgeVec (.evec), which becomes a snapshot of arrays; a write-ahead log of EdgeVec, which becomes a log, in a new directory OUT; or a container (.keep), which is copied, with another codec if one is named. With --to awsv, a save of aw-save, or a container that was made of one, becomes a file that aw-save reads (version 2). A directory of saves of aw-save becomes a root of saves, in a new directory OUT, and a root with --to awsv such a directory. OUT is
    /// on the disk when this returns. If it was there it is replaced in one step, and stays as it was when anything fails.
    #[command(after_help = EXIT_CODES)]
    Convert(ConvertArgs),
    /// Say what changed between two worlds, by entity, component and field
    ///
    /// A and B may be of different formats: containers (.keep), saves of slots (.save), JSON, PECS. Entities are matched by the component keepstone.PersistId if
    /// both worlds have it, else by the ids of another system if both have those, else by their place. References are the same if they lead
    /// to the same entity. The order of entities and how a file is stored make no difference.
    #[command(after_help = DIFF_EXIT_CODES)]
    Diff(DiffArgs),
    /// Append to a write-ahead log, print its records, check it
    Wal {
        #[command(subcommand)]
        verb: WalVerb,
    },
    /// Save to slots, load from them, list and look after saves
    Slot {
        #[command(subcommand)]
        verb: SlotVerb,
    },
    /// Make checkpoints of a program's state, go back to them, list and draw them
    Checkpoint {
        #[command(subcommand)]
        verb: CheckpointVerb,
    },
    /// Import vectors of other programs, say what vectors are like
    Vectors {
        #[command(subcommand)]
        verb: VectorsVerb,
    },
    /// Build a world of bevy_ecs, save it durably, load it, check that both are equal, and print what it took
    ///
    /// Each time is a median, and stands beside a floor: the least that the machine takes for the same bytes, measured in turns
    /// with it in the same run.
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum WalVerb {
    /// Append one record for each line of standard input
    ///
    /// A record is the bytes of the line without the newline. With `durable` each record is on the disk before `ACK <lsn>` is
    /// printed. With `buffered` each is answered with `LSN <lsn>`, and `ACK <lsn>` follows once, when all of them are on the disk.
    /// Directory and log are made if they are missing.
    #[command(after_help = EXIT_CODES)]
    Append(AppendArgs),
    /// Print the records of a log, each with a newline behind it; changes nothing
    ///
    /// Damaged records are passed over, and said on standard error. With --json records that are not UTF-8 are hexadecimal.
    #[command(after_help = EXIT_CODES)]
    Cat(CatArgs),
    /// Check every checksum of a log and say where it is damaged and which records are lost; changes nothing
    ///
    /// What an unfinished write left at the end of the newest segment is no damage.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The directory of the log
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VectorsVerb {
    /// Write a snapshot of EdgeVec (.evec) as a keepstone container of kind snapshot
    ///
    /// OUT has the arrays vectors, ids, deleted and graph, and the metadata. Without a codec the arrays are used in place. OUT is
    /// on the disk when this returns. If it was there it is replaced in one step, and stays as it was when anything fails.
    #[command(after_help = EXIT_CODES)]
    Import(ImportArgs),
    /// Say how many vectors there are, how many are deleted, and how long they are
    ///
    /// FILE is a snapshot of EdgeVec (.evec) or a container with an array `vectors` of f32, which is checked while it is read. Lengths are
    /// those of the vectors that are neither deleted nor lost, without those with a NaN or an infinity, which are counted.
    #[command(after_help = EXIT_CODES)]
    Stat {
        /// The file
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The file that is read
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file that is written; not the one that is read
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// How arrays are compressed; none leaves them to be used in place
    #[arg(long, value_enum, default_value_t = CodecName::None)]
    pub(crate) codec: CodecName,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AppendArgs {
    /// The directory of the log
    pub(crate) dir: PathBuf,
    /// When records are made durable: one by one, or all together at the end of the input
    #[arg(long, value_enum, default_value_t = DurabilityName::Durable)]
    pub(crate) durability: DurabilityName,
}

/// A durability as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityName {
    Durable,
    Buffered,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CatArgs {
    /// The directory of the log
    pub(crate) dir: PathBuf,
    /// The first record that is printed; without it the first that there is
    #[arg(long, value_name = "LSN", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from: Option<u64>,
}

/// An ECS as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EcsName {
    Bevy,
    Hecs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The ECS whose world is saved
    #[arg(long, value_enum, default_value_t = EcsName::Bevy)]
    pub(crate) ecs: EcsName,
    /// How many entities the world has
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) entities: u32,
    /// Keep the files, in this directory; without it they are removed
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Only look at the memory: what the demonstration has another process do
    #[arg(long, hide = true)]
    pub(crate) memory_only: bool,
    /// Only save to a slot of these saves, over and over: what the demonstration kills another process in
    #[arg(long, hide = true)]
    pub(crate) saver: Option<PathBuf>,
    /// Only make checkpoints in this store, over and over: likewise
    #[arg(long, hide = true)]
    pub(crate) checkpointer: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    /// The damaged container, snapshot of EdgeVec, log directory, log segment, directory of saves or of checkpoints, or save
    pub(crate) path: PathBuf,
    /// The file that is written; not the damaged one. Of a log, of saves or of checkpoints, the directory, which must not be there yet
    #[arg(long, value_name = "OUT")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The file that is read, or the directory of saves
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file that is written; not the one that is read
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// The format that is written; awsv is for saves of aw-save alone
    #[arg(long, value_enum, default_value_t = Target::Keep)]
    pub(crate) to: Target,
    /// How the file is compressed; without it a container that is copied stays as it is, arrays and rows of PECS take none, and others take lz4
    #[arg(long, value_enum)]
    pub(crate) codec: Option<CodecName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The first file
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// The second file
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
    /// List all differences, not only the first 100
    #[arg(long)]
    pub(crate) all: bool,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
