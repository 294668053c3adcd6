use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Subcommand;
use keepstone::checkpoint::CheckpointId;

use super::{EXIT_CODES, prune::PruneArgs, slot::entry};

const DIFF_EXIT_CODES: &str = "\
Exit codes:
  0  both states are the same
  1  they differ
  2  everything else: damaged, not found, newer than this build, over a limit, wrong usage, input or output";

/// Which rules there are stands below it.
const PRUNE_USAGE: &str = "keepstone checkpoint prune [OPTIONS] <RULES> <STORE>, where RULES are --keep-... and --max-bytes, at least one";

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointVerb {
    /// Make a checkpoint of standard input, and print its id when it is on the disk
    ///
    /// The bytes are kept as they are. `ACK <id>` is printed when a power cut can no longer take the checkpoint. Store and session are made if they are missing; a branch is not.
    #[command(after_help = EXIT_CODES)]
    Create(Box<CreateArgs>),
    /// Go back to a checkpoint: write its state to standard output, and go on from it
    ///
    /// The head of the branch that it was made on moves to it, so that the next checkpoint of that branch goes on from it. Nothing is lost: later checkpoints stay, and `undo` moves the head back.
    /// Bytes come as they were given. Anything else, a value or a world of a program, comes as a container (.keep), which inspect, verify, convert and diff take; --json shows values. The head moves once the
    /// state is written.
    #[command(after_help = EXIT_CODES)]
    Restore(RestoreArgs),
    /// Write the state of a checkpoint to standard output, and move nothing
    ///
    /// As `restore`, but it changes nothing, and works while a program has the store open.
    #[command(after_help = EXIT_CODES)]
    Get(GetArgs),
    /// List checkpoints, the newest first
    ///
    /// No state is read, nothing is changed, and it works while a program has the store open. All that is asked for has to hold.
    #[command(after_help = EXIT_CODES)]
    List(FindArgs),
    /// Say everything about a checkpoint but its state
    #[command(after_help = EXIT_CODES)]
    Show(PointArgs),
    /// List sessions, their branches and where these stand
    #[command(after_help = EXIT_CODES)]
    Sessions {
        /// The directory of the store
        store: PathBuf,
    },
    /// Draw which checkpoint goes on from which, the newest on top
    ///
    /// Each checkpoint is a star in the column of its line; where lines meet they go on from the same one. In round brackets stand the branches whose head it is, in square ones its tags.
    /// With --html it is written to a page instead, which shows messages, tags, sizes and what each checkpoint changed in a browser, and fetches nothing.
    #[command(after_help = EXIT_CODES)]
    Log(LogArgs),
    /// Say what changed between the states of two checkpoints
    ///
    /// Serde values and JSON are compared by field, key and element, worlds by entity, component and field; of other bytes it is counted what has to change in the state of A to make that of B of it.
    #[command(after_help = DIFF_EXIT_CODES)]
    Diff {
        /// The directory of the store
        store: PathBuf,
        /// The first checkpoint
        #[arg(value_name = "A")]
        a: Point,
        /// The second checkpoint
        #[arg(value_name = "B")]
        b: Point,
        /// Compare bytes, whatever they are
        #[arg(long)]
        bytes: bool,
        /// List all changes, and not only the first hundred
        #[arg(long)]
        all: bool,
    },
    /// Put tags on a checkpoint, or take them off
    #[command(after_help = EXIT_CODES)]
    Tag {
        #[command(flatten)]
        at: PointArgs,
        /// The tags, each of 1 to 255 bytes
        #[arg(value_name = "TAG", required = true)]
        tags: Vec<String>,
        /// Take them off instead; one that it doesn't have is no error
        #[arg(long)]
        remove: bool,
    },
    /// Begin a branch at a checkpoint of its session
    #[command(after_help = EXIT_CODES)]
    Branch(BranchArgs),
    /// Move the head of a branch back to where it was before its last move
    ///
    /// A move is a checkpoint that was made, or a restore. Said again, it takes back the one before. No checkpoint is lost.
    #[command(after_help = EXIT_CODES)]
    Undo {
        /// The directory of the store
        store: PathBuf,
        /// The session
        #[arg(long)]
        session: String,
        /// The branch; without it main
        #[arg(long)]
        branch: Option<String>,
    },
    /// Let go of checkpoints that no rule keeps
    ///
    /// What any rule keeps stays. These stay always: heads of branches, the newest of each session, what is locked, where a branch begins, and for --grace days what `undo` goes back to.
    /// Counts are of each session. States that stay and are differences to what goes are written anew first. Files of what is gone are removed by a prune once --grace is over.
    #[command(after_help = EXIT_CODES, override_usage = PRUNE_USAGE)]
    Prune(Box<PruneArgs>),
    /// Write checkpoints to a file of their own, which `import` takes
    ///
    /// A container (.keep) has states as they are kept, as differences, exactly; JSON is for people and other programs, and bytes of states come back from it as they are. Sessions, branches and all that is said about checkpoints are in both; how heads have moved is not. OUT is on the disk when this returns. If it was there it is replaced in one step.
    #[command(after_help = EXIT_CODES)]
    Export(ExportArgs),
    /// Take in checkpoints that were exported, by `export` or by forge
    ///
    /// What is in IN says what it is: a container, our JSON, or either of the JSON files that forge exports. Checkpoints keep their ids; those that are there already are passed over, so that doing it twice changes nothing. The store is made if it is missing. A branch that has gone on here in another way stays
    /// as it is, and that of IN gets a free name.
    #[command(after_help = EXIT_CODES)]
    Import(ImportArgs),
    /// Put the state of every checkpoint together, and say which are damaged; changes nothing
    ///
    /// Each state is compared with the hash that was taken when it was checkpointed, and every byte of manifests, packs and journal is checked. Works while a program has the store open.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// Only so many checkpoints, the same ones for the same seed; packs are not read whole
    #[arg(long, value_name = "N", conflicts_with = "id")]
    pub(crate) sample: Option<usize>,
    /// Which ones those are
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "sample")]
    pub(crate) seed: u64,
    /// Only this checkpoint, and what it stands on
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<Point>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// The session
    #[arg(long)]
    pub(crate) session: String,
    /// The branch; without it main
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// What the checkpoint is
    #[arg(long, short)]
    pub(crate) message: Option<String>,
    /// A tag; may be given several times
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Something else about it; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    pub(crate) annotate: Vec<(String, String)>,
}

/// One checkpoint of a store.
#[derive(Debug, clap::Args)]
pub(crate) struct PointArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// The checkpoint: 32 hexadecimal digits, or its number, '#7' or 7, as `list` shows them
    #[arg(value_name = "ID")]
    pub(crate) id: Point,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) at: PointArgs,
    /// Refuse a checkpoint of another session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// The file that is written, instead of standard output; it is on the disk when this returns, and if it was there it is replaced in one step
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) get: GetArgs,
    /// The branch whose head moves; without it that of the checkpoint, or main if that has ended
    #[arg(long)]
    pub(crate) branch: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FindArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// Only those of this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Only those that were made on a branch of this name
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Only those with this tag; may be given several times
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// Only this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// The page that is written; it is on the disk when this returns, and if it was there it is replaced in one step
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// How many bytes of what each checkpoint changed the page shows at most, or `none`; of all together it has at most 16 MiB, of the newest
    #[arg(long, value_name = "BYTES", requires = "html", default_value = "8192")]
    pub(crate) diffs: DiffsArg,
}

/// How much of what a checkpoint changed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiffsArg {
    None,
    /// At most so many bytes of each.
    Bytes(usize),
}

impl FromStr for DiffsArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("none" | "0", _) => Ok(Self::None),
            (_, Ok(bytes)) => Ok(Self::Bytes(bytes)),
            _ => Err("it has to be a number of bytes, or none".to_owned()),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// The file that is written
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Only this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Only the head of this branch, and what it goes back to
    #[arg(long, requires = "session")]
    pub(crate) branch: Option<String>,
    /// The format that is written; without it json if OUT ends in .json, else keep
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
}

/// A format of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    Keep,
    Json,
}

impl ExportFormat {
    /// The one that a name is for.
    pub(crate) fn of(out: &Path) -> Self {
        let is_json = out.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        if is_json { Self::Json } else { Self::Keep }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Json => "json",
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// The file that is read
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// Keep the environment variables in states of forge, among which secrets may be
    #[arg(long)]
    pub(crate) env_vars: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BranchArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// The session
    #[arg(long)]
    pub(crate) session: String,
    /// The name of the branch
    pub(crate) name: String,
    /// The checkpoint that it begins at
    #[arg(long, value_name = "ID")]
    pub(crate) from: Point,
}

/// A checkpoint as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Id(CheckpointId),
    /// Its place in the order of its store.
    Number(u64),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let is_number = digits.len() < 32 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok()).flatten().map(Self::Number);
        number.or_else(|| text.parse().ok().map(Self::Id)).ok_or_else(|| {
            "it has to be 32 hexadecimal digits, or a number, with or without a # before it".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_bytes_or_none() {
        assert_eq!("none".parse(), Ok(DiffsArg::None));
        assert_eq!("0".parse(), Ok(DiffsArg::None));
        assert_eq!("4096".parse(), Ok(DiffsArg::Bytes(4096)));
        for text in ["", "all", "-1", "4 KiB"] {
            assert!(text.parse::<DiffsArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn checkpoints_are_named_by_id_or_number() {
        for (text, number) in [("#1", 1), ("1", 1), ("#0042", 42), ("18446744073709551615", u64::MAX)] {
            assert_eq!(text.parse(), Ok(Point::Number(number)), "{text}");
        }
        let digits = "00000000000000000000000000000007";
        assert_eq!(digits.parse(), Ok(Point::Id(digits.parse().unwrap())));
        for text in
            ["", "#", "+1", "#-1", "1f", "##1", "18446744073709551616", "#00000000000000000000000000000007"]
        {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
    }
}
