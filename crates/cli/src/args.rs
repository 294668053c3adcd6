use std::path::PathBuf;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  good
  1  damaged or cut short, not a format that is known, or not found
  2  everything else: newer than this build, over a limit, not built in, wrong usage, input or output";

/// Looks into the files that keepstone keeps, and checks them.
#[derive(Debug, Parser)]
#[command(name = "keepstone", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    /// Print one JSON document instead of text, for errors as well
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a file is: kind, version, metadata, schema, counts and sizes
    ///
    /// The format is told from the first bytes, not from the name. Of a .keep file only header, footer, schema and tables are
    /// read, however large it is; `verify` checks the rest. A save of aw-save (.awsv) is read whole.
    #[command(after_help = EXIT_CODES)]
    Inspect {
        /// The file
        path: PathBuf,
    },
    /// Check every checksum of a file and say where it is damaged
    ///
    /// Reads the whole file and changes nothing. When all checksums hold, the structure of worlds and of aw-save files
    /// (.awsv) is decoded as well.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The file
        path: PathBuf,
    },
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
