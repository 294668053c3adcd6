use std::path::PathBuf;

use clap::ArgGroup;

/// What stays, and for how long what goes can be had back.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("rule").required(true).multiple(true))]
pub(crate) struct PruneArgs {
    /// The directory of the store
    pub(crate) store: PathBuf,
    /// Keep the last N
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_last: Option<usize>,
    /// Keep the last one of each of the last N hours that have any, in UTC
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_hourly: Option<usize>,
    /// Keep the last one of each of the last N days that have any
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_daily: Option<usize>,
    /// Keep the last one of each of the last N weeks that have any, from Monday to Monday
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_weekly: Option<usize>,
    /// Keep the last one of each of the last N months that have any
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_monthly: Option<usize>,
    /// Keep the last one of each of the last N years that have any
    #[arg(long, value_name = "N", group = "rule")]
    pub(crate) keep_yearly: Option<usize>,
    /// Keep what has been made in the last N days
    #[arg(long, value_name = "DAYS", group = "rule")]
    pub(crate) keep_within: Option<u32>,
    /// Keep what has this tag; may be given several times
    #[arg(long, value_name = "TAG", group = "rule")]
    pub(crate) keep_tag: Vec<String>,
    /// Keep what has any tag
    #[arg(long, group = "rule")]
    pub(crate) keep_tagged: bool,
    /// Keep what has an annotation of this name; may be given several times
    #[arg(long, value_name = "KEY", group = "rule")]
    pub(crate) keep_annotated: Vec<String>,
    /// Let the oldest go until states take no more bytes than this, whatever counts and times keep
    #[arg(long, value_name = "BYTES", group = "rule")]
    pub(crate) max_bytes: Option<u64>,
    /// Only checkpoints of this session; may be given several times
    #[arg(long)]
    pub(crate) session: Vec<String>,
    /// Count on each branch of a session by itself
    #[arg(long)]
    pub(crate) per_branch: bool,
    /// Keep for N days what `undo` goes back to, and the files of what is gone; 0: not at all
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) grace: u32,
    /// Only say what would go; changes nothing, and works while a program has the store open
    #[arg(long)]
    pub(crate) dry_run: bool,
}
