//! `cargo xtask profile`: where the time of a case of the benches goes, by whatever tool this machine has.

mod tool;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::crates::{Workspace, root};
use crate::profile::tool::{Tool, Tools};
use crate::step::{Step, timed};

/// What callgrind counts: the harness calls what is ours of a case in this function and nothing else.
const COUNTED: &str = "--toggle-collect=keepstone_benches::profiled::ours_alone*";

/// What the harness calls `--list`, as it is called from here.
const LIST: &str = "`cargo run --release -p keepstone-benches -- --list`";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    case: String,
    /// For how long each case is called.
    seconds: u32,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = parse(args)?;
    // A build takes minutes: whether anything can be done with it is known before.
    let tools = Tools::look();
    let tool = tools.choose()?;
    Step::cargo("build of the benches", &["build", "--release", "--package", "keepstone-benches"]).run()?;
    let target = Workspace::load()?.target;
    let program = target.join("release").join(format!("keepstone-benches{}", std::env::consts::EXE_SUFFIX));
    for id in cases(&program, &options.case)? {
        println!("    {id}");
    }
    let profile = Profile { program, stem: target.join("profile").join(stem(&options.case)), options };
    #[expect(clippy::disallowed_methods, reason = "a folder beside what cargo builds")]
    fs::create_dir_all(target.join("profile")).context("a folder for profiles")?;
    let (tool, path) = match profile.take_in_time(tool) {
        // A container or a setting of the system may keep perf from looking.
        Err(error) if tools.has_other_than(tool) => {
            println!("    {error:#}\n    so without perf:");
            (Tool::Callgrind, profile.take_in_time(Tool::Callgrind)?)
        }
        taken => (tool, taken?),
    };
    println!("{}", path.display());
    if let Some(better) = tools.better(tool) {
        println!("{better}");
    }
    Ok(())
}

fn parse(args: &[String]) -> Result<Options> {
    let (mut case, mut seconds) = (None, 5);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let number = args.next().context("`--seconds` needs a number after it")?;
                seconds = number
                    .parse()
                    .with_context(|| format!("`--seconds` needs a whole number, found `{number}`"))?;
            }
            flag if flag.starts_with('-') => bail!("profile knows only `--seconds N`, found `{flag}`"),
            name => {
                if let Some(first) = case.replace(name.to_owned()) {
                    bail!("profile takes one case, found `{first}` and `{name}`; quote a name with blanks");
                }
            }
        }
    }
    let case = case
        .context("which case? `cargo xtask profile \"checkpoint create\"`; a part of its name is enough")?;
    Ok(Options { case, seconds })
}

/// The cases that are meant, as the harness names them; where it knows none, it tells of some that are near.
fn cases(program: &Path, case: &str) -> Result<Vec<String>> {
    let mut list = Command::new(program);
    // What went wrong is a name: nobody asks where in the program.
    let output = list.args(["--list", case]).env("RUST_BACKTRACE", "0").output();
    let output = output.with_context(|| format!("cannot start: {list:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).replace("`--list`", LIST);
        bail!("{}", said.trim().trim_start_matches("Error: "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The name of a case as the name of a file.
fn stem(case: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    case.chars().map(plain).collect()
}

struct Profile {
    program: PathBuf,
    /// What files are called, without what comes behind a dot.
    stem: PathBuf,
    options: Options,
}

impl Profile {
    fn take_in_time(&self, tool: Tool) -> Result<PathBuf> {
        let mut path = PathBuf::new();
        timed(tool.name(), || {
            path = self.take(tool)?;
            Ok(())
        })?;
        Ok(path)
    }

    /// Lets a tool look on, and answers where what it saw is.
    fn take(&self, tool: Tool) -> Result<PathBuf> {
        match tool {
            Tool::FlameGraph { collapse, draw } => {
                self.record()?;
                let (stacks, folded, graph) = (self.file("stacks"), self.file("folded"), self.file("svg"));
                output(
                    Command::new("perf").args(["script", "--no-inline", "--input"]).arg(self.file("perf")),
                    &stacks,
                )?;
                output(Command::new(collapse).arg(&stacks), &folded)?;
                output(Command::new(draw).arg(&folded), &graph)?;
                Ok(graph)
            }
            Tool::PerfReport => {
                self.record()?;
                let report = self.file("perf.txt");
                let perf = &mut Command::new("perf");
                output(
                    perf.args(["report", "--stdio", "--no-inline", "--input"]).arg(self.file("perf")),
                    &report,
                )?;
                Ok(report)
            }
            Tool::Callgrind => {
                let (counts, annotated) = (self.file("callgrind"), self.file("callgrind.txt"));
                let mut out = OsString::from("--callgrind-out-file=");
                out.push(&counts);
                let valgrind = &mut Command::new("valgrind");
                self.call(valgrind.args(["--tool=callgrind", "--collect-atstart=no", COUNTED]).arg(out))?;
                let annotate = &mut Command::new("callgrind_annotate");
                // It warns of its own gaps for each source that it does not find, such as those of std.
                annotate.stderr(Stdio::null());
                output(annotate.args(["--auto=yes", "--inclusive=yes"]).arg(&counts), &annotated)?;
                check(&annotated)?;
                Ok(annotated)
            }
        }
    }

    fn record(&self) -> Result<()> {
        // A clock of the system also ticks where a virtual machine hides the counters of the processor.
        let perf = &mut Command::new("perf");
        perf.args(["record", "--event=cpu-clock", "--freq=999", "--call-graph=dwarf,16384", "--output"]);
        self.call(perf.arg(self.file("perf")).arg("--"))
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.stem.with_extension(extension)
    }

    /// Calls a tool with the program behind its own arguments.
    fn call(&self, tool: &mut Command) -> Result<()> {
        tool.arg(&self.program).args(["--profile", &self.options.seconds.to_string(), &self.options.case]);
        let shown = format!("{tool:?}");
        println!("    {shown}");
        let status = tool.current_dir(root()).status().with_context(|| format!("cannot start: {shown}"))?;
        if !status.success() {
            bail!("this failed ({status}):\n    {shown}");
        }
        Ok(())
    }
}

/// Keeps what a command prints.
#[expect(clippy::disallowed_methods, reason = "a file beside what cargo builds")]
fn output(command: &mut Command, path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let status = command.stdout(Stdio::from(file)).status();
    let status = status.with_context(|| format!("cannot start: {command:?}"))?;
    if !status.success() {
        bail!("this failed ({status}):\n    {command:?}");
    }
    Ok(())
}

/// Sees that something was counted: callgrind doesn't say when no function has the name that it was told.
#[expect(clippy::disallowed_methods, reason = "a file that was just written")]
fn check(annotated: &Path) -> Result<()> {
    let text = fs::read_to_string(annotated).with_context(|| format!("reading {}", annotated.display()))?;
    if !has_counts(&text) {
        bail!("callgrind has counted nothing: is there no `ours_alone` in the harness?");
    }
    Ok(())
}

fn has_counts(annotated: &str) -> bool {
    annotated.contains("profiled::ours_alone")
}

#[cfg(test)]
mod tests {
    use super::{Options, has_counts, parse, stem};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn one_case_and_its_seconds_are_taken() {
        let expected = Options { case: "checkpoint create".to_owned(), seconds: 2 };
        assert_eq!(parse(&words(&["--seconds", "2", "checkpoint create"])).unwrap(), expected);
        assert_eq!(parse(&words(&["wal"])).unwrap().seconds, 5);
    }

    #[test]
    fn no_case_two_cases_and_unknown_flags_are_refused() {
        let refused = |args: &[&str]| parse(&words(args)).expect_err("must be refused").to_string();
        assert!(refused(&[]).contains("which case?"));
        assert!(refused(&["checkpoint", "create"]).contains("quote"));
        assert!(refused(&["--fast"]).contains("`--fast`"));
        assert!(refused(&["wal", "--seconds", "long"]).contains("`long`"));
    }

    #[test]
    fn counts_of_nothing_are_told_from_counts() {
        assert!(has_counts("9 (0.1%)  src/profiled.rs:keepstone_benches::profiled::ours_alone [bin]"));
        assert!(!has_counts("Ir\n0 (0.0%)  PROGRAM TOTALS"));
    }

    #[test]
    fn a_case_names_its_files() {
        assert_eq!(stem("wal durable/1 KB"), "wal-durable-1-KB");
    }
}
