//! Gates that hold what was reached: figures in `benches/gates`, and a run that is held against them.
//!
//! - Counters (allocations, bytes, calls, syncs) are exact: any other figure fails.
//! - Instructions of inner loops may be 1 % more.
//! - Ratios to floors fail when the lower 95 % bound is above the limit, so a busy machine fails none.
//!
//! The first two are written by [`Options::accept`]; limits of ratios are edited by hand, with a comment that says why.

mod counters;
pub mod instructions;
pub mod ratios;
pub mod stored;

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{case::Plan, document::Document, machine};
use stored::Stored;

/// How to accept what only the counted gates measure.
pub const ACCEPT: &str =
    "if that is meant, `cargo xtask bench --gate --accept` writes the file anew: commit it with what changed";
/// How to accept a ratio.
pub const EDIT: &str = "if that is meant, raise the limit in the file, with a comment that says why";

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the figures are.
    pub gates: PathBuf,
    /// Whether counters and instructions are written instead of held.
    pub accept: bool,
    /// Where cases may have files.
    pub dir: PathBuf,
}

impl Options {
    /// The figures of this repository.
    pub fn new() -> Self {
        let gates = Path::new(env!("CARGO_MANIFEST_DIR")).join("gates");
        Self { gates, accept: false, dir: machine::default_dir() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// What came out of one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it holds.
    pub name: &'static str,
    /// Rows that were held against the file.
    pub rows: usize,
    /// Rows that are not as they should be.
    pub failures: Vec<Failure>,
    /// What is worth saying and fails nothing.
    pub notes: Vec<String>,
    /// Why nothing was held.
    pub skipped: Option<String>,
}

/// A row that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which one.
    pub row: String,
    /// What it should be.
    pub limit: String,
    /// What it is.
    pub figure: String,
    /// How the change is accepted.
    pub remedy: &'static str,
}

impl Outcome {
    fn new(name: &'static str) -> Self {
        Self { name, rows: 0, failures: Vec::new(), notes: Vec::new(), skipped: None }
    }

    fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::new(name) }
    }

    fn fail(&mut self, row: &str, limit: impl Into<String>, figure: impl Into<String>, remedy: &'static str) {
        self.failures.push(Failure {
            row: row.to_owned(),
            limit: limit.into(),
            figure: figure.into(),
            remedy,
        });
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rows, failures, notes, skipped } = self;
        if let Some(why) = skipped {
            return writeln!(f, "{name}: SKIPPED: {why}");
        }
        writeln!(f, "{name}: {rows} rows held, {} failed", failures.len())?;
        for note in notes {
            writeln!(f, "  {note}")?;
        }
        for Failure { row, limit, figure, remedy } in failures {
            writeln!(
                f,
                "  FAILED {row}\n    limit   {limit}\n    figure  {figure}\n    {remedy} (benches/gates/{name}.txt)"
            )?;
        }
        Ok(())
    }
}

/// Holds exact counters of cases.
///
/// # Errors
/// When a case fails, or the file can't be read or written.
pub fn counters(options: &Options, plans: &[Plan]) -> Result<Outcome> {
    let with = compiler();
    let mut stored = Stored::read(&options.gates, "counters")?;
    if let Some(why) = stored.other_makers(&with).filter(|_| !options.accept) {
        return Ok(Outcome::skipped("counters", why));
    }
    let now = counters::measure(&stored.rows, plans, &options.dir)?;
    if options.accept {
        return accept(options, &mut stored, "counters", with, now);
    }
    Ok(counters::compare(&stored.rows, &now))
}

/// Holds instructions of inner loops, as counted by valgrind in runs of `program`.
///
/// # Errors
/// When a loop fails, or the file can't be read or written.
pub fn instructions(options: &Options, program: &Path) -> Result<Outcome> {
    let names: Vec<&str> = crate::counted::all().iter().map(|one| one.name).collect();
    instructions_of(options, program, &names, 0)
}

/// The same of some loops, with so many calls too many among those that are counted: a slowdown by a tenth each.
///
/// # Errors
/// When a loop fails, or the file can't be read or written.
pub fn instructions_of(options: &Options, program: &Path, names: &[&str], planted: u32) -> Result<Outcome> {
    let Some(valgrind) = instructions::valgrind() else {
        let why = "no valgrind; Debian's and Ubuntu's package `valgrind` brings it";
        return Ok(Outcome::skipped("instructions", why));
    };
    let with = format!("{}, {valgrind}, {}", compiler(), instructions::system());
    let mut stored = Stored::read(&options.gates, "instructions")?;
    if let Some(why) = stored.other_makers(&with).filter(|_| !options.accept) {
        return Ok(Outcome::skipped("instructions", why));
    }
    let mut now = Vec::new();
    for name in names {
        now.push(((*name).to_owned(), instructions::count(program, name, planted)?.to_string()));
    }
    if options.accept {
        return accept(options, &mut stored, "instructions", with, now);
    }
    instructions::compare(&stored.rows, &now)
}

/// Holds ratios to floors, and returns also what was measured.
///
/// # Errors
/// When a case fails, or the file can't be read.
pub fn ratios(options: &Options, plans: &[Plan]) -> Result<(Outcome, Option<Document>)> {
    if cfg!(debug_assertions) {
        return Ok((Outcome::skipped("ratios", "this is a debug build, whose times mean nothing"), None));
    }
    let limits = ratios::limits(&Stored::read(&options.gates, "ratios")?)?;
    ratios::hold(&limits, plans, &options.dir)
}

/// Writes a file anew and says what has changed in it.
fn accept(
    options: &Options,
    stored: &mut Stored,
    name: &'static str,
    with: String,
    now: Vec<(String, String)>,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(name);
    outcome.rows = now.len();
    outcome.notes = stored.replace(with, now);
    if outcome.notes.is_empty() {
        outcome.notes.push("nothing has changed".to_owned());
    }
    stored.write(&options.gates, name)?;
    Ok(outcome)
}

/// What decides how code is made: the compiler, what it is for, the profile.
fn compiler() -> String {
    let version = output("rustc", &["-vV"]).unwrap_or_default();
    let field = |name: &str| {
        let line = version.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("unknown", |value| value.trim()).to_owned()
    };
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("rustc {}, {}, {profile}", field("release:"), field("host:"))
}

/// What a program prints, if it is there and content.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The figures of a row, if the file has it.
fn figure<'a>(rows: &'a [(String, String)], name: &str) -> Option<&'a str> {
    rows.iter().find(|(known, _)| known == name).map(|(_, figure)| figure.as_str())
}

/// Reads a number that was stored.
fn number<T: std::str::FromStr>(row: &str, figure: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    figure.parse().with_context(|| format!("{row} has `{figure}`, which is no number"))
}
