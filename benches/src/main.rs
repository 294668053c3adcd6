//! Measures every case against its floor and prints a table; `keepstone-benches [--dir PATH] [--log-mib N] [--report FILE] [FILTER]...`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what this program is for")]

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use keepstone::storage::{Durability, OsFiles, atomic};
use keepstone_benches::{Budget, Verdict, cases, machine, published, run, table};

/// Enough to see the ratio; the sizes that limits are promised for are asked for by hand.
const LOG_MIB: u32 = 128;
/// A log of more is not planned for: its length is counted in 32 bits.
const LOG_MIB_MAX: u32 = 2048;
const CASE_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Arguments {
    dir: Option<PathBuf>,
    log_mib: Option<u32>,
    report: Option<PathBuf>,
    /// A case is run whose name has one of them; none: all are.
    filters: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = parse(std::env::args().skip(1))?;
    let filters = &arguments.filters;
    let is_wanted = |id: &str| filters.is_empty() || filters.iter().any(|filter| id.contains(filter));
    let log_mib = arguments.log_mib.unwrap_or(LOG_MIB);
    let plans: Vec<_> = cases::all(log_mib).into_iter().filter(|plan| is_wanted(&plan.id())).collect();
    if plans.is_empty() {
        // Other programs get the same filter, and it may be meant for one of them.
        println!("no case has `{}` in its name", filters.join("` or `"));
        return Ok(());
    }
    let dir = arguments.dir.unwrap_or_else(machine::default_dir);
    machine::create_dir(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let machine =
        machine::Machine::look(&dir).with_context(|| format!("timing syncs in {}", dir.display()))?;
    println!("{machine}\n");

    let mut results = Vec::new();
    for plan in plans {
        eprintln!("{}", plan.id());
        results.push(run(&mut plan.build(&dir)?, Budget::time(CASE_TIME))?);
    }
    let measured = table::render(&results);
    println!("{measured}");
    let published = published::render(&results);
    if !published.is_empty() {
        println!("{published}");
    }
    let limited = results.iter().filter(|result| result.limit.is_some()).count();
    let missed = results.iter().filter(|result| result.verdict() == Verdict::Missed).count();
    let verdict = format!("{missed} of {limited} limits missed");
    println!("{verdict}");
    if let Some(path) = arguments.report {
        let text = report(&[&machine.to_string(), &measured, &published, &verdict]);
        atomic::replace(&OsFiles, &path, Durability::Buffered, text.as_bytes())?;
    }
    Ok(())
}

/// What was printed, as a page.
fn report(blocks: &[&str]) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `keepstone-benches --report FILE`, not by hand. What the columns and cases mean stands in \
         [benches/README.md](../benches/README.md): a figure counts beside its floor, which ran in turns with it; an absolute time says more \
         about the machine.\n",
    );
    for block in blocks.iter().filter(|block| !block.trim().is_empty()) {
        page.push_str("\n```text\n");
        page.push_str(block.trim_end());
        page.push_str("\n```\n");
    }
    page
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(arg) = args.next() {
        if arg == "--dir" {
            arguments.dir = Some(args.next().context("--dir needs a path")?.into());
        } else if arg == "--log-mib" {
            let log_mib = args.next().context("--log-mib needs a number")?.parse()?;
            ensure!((1..=LOG_MIB_MAX).contains(&log_mib), "a log has 1 to {LOG_MIB_MAX} MiB");
            arguments.log_mib = Some(log_mib);
        } else if arg == "--report" {
            arguments.report = Some(args.next().context("--report needs a file")?.into());
        } else if arg.starts_with('-') {
            bail!(
                "unknown option `{arg}`; there are `--dir PATH`, `--log-mib N`, `--report FILE`, and filters"
            );
        } else {
            arguments.filters.push(arg);
        }
    }
    Ok(arguments)
}
