//! The program that measures cases: the harness, and that of the rivals, which has other cases.

mod arguments;
mod near;
mod page;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use keepstone::storage::{Durability, OsFiles, atomic};

use crate::{
    Budget,
    case::Plan,
    compared,
    document::{Document, Row},
    html,
    machine::{self, Machine},
    profiled, published, rivals, run, table,
};
pub use arguments::Arguments;

/// Measures those cases that are asked for, and prints, saves and compares what came out.
///
/// # Errors
/// When a case fails, a file can't be read or written, or what is compared with was never saved.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the programs are for")]
pub fn run_all(arguments: &Arguments, plans: Vec<Plan>, time: Duration) -> Result<()> {
    let all: Vec<String> = plans.iter().map(Plan::id).collect();
    let plans: Vec<_> = plans.into_iter().filter(|plan| arguments.wants(&plan.id())).collect();
    if plans.is_empty() && (arguments.list || arguments.profile.is_some()) {
        bail!(near::told(&arguments.filters, &all));
    }
    if arguments.list {
        for plan in &plans {
            println!("{}", plan.id());
        }
        return Ok(());
    }
    let with = arguments.with.as_deref().map(other).transpose()?;
    if plans.is_empty() && with.as_ref().is_none_or(|with| with.rows.is_empty()) && arguments.json.is_none() {
        // Other programs get the same filter, and it may be meant for one of them.
        println!("{}", near::told(&arguments.filters, &all));
        return Ok(());
    }
    if let Some(seconds) = arguments.profile {
        return profile(arguments, &plans, Duration::from_secs(seconds.into()));
    }
    // What is compared with is read first: nobody wants to hear after ten minutes that it isn't there.
    let before = arguments.compare.as_deref().map(saved).transpose()?;
    let dir = arguments.dir.clone().unwrap_or_else(machine::default_dir);
    machine::create_dir(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let machine = Machine::look(&dir).with_context(|| format!("timing syncs in {}", dir.display()))?;
    println!("{machine}\n");

    let time = arguments.time.unwrap_or(time);
    let mut rows = Vec::new();
    for plan in plans {
        eprintln!("{}", plan.id());
        rows.push(Row::of(&run(&mut plan.build(&dir)?, Budget::time(time))?));
    }
    rows.extend(with.into_iter().flat_map(|with| with.rows));
    let document = Document::new(&machine, rows);
    let rows = &document.rows;
    let blocks = [
        ("All cases", table::render(rows)),
        ("Best other program of each case", rivals::best(rows)),
        ("Codecs", rivals::codecs(rows)),
        ("Serializers", rivals::serializers(rows)),
        ("Beside what others publish", published::render(rows)),
    ];
    for (heading, block) in blocks.iter().filter(|(_, block)| !block.is_empty()) {
        println!("{heading}\n\n{block}");
    }
    if let Some(before) = &before {
        println!("{}", compared::render(before, &document));
    }
    let limited = rows.iter().filter(|row| row.limit.is_some()).count();
    let missed = rows.iter().filter(|row| row.met == Some(false)).count();
    let verdict = format!("{missed} of {limited} limits missed");
    println!("{verdict}");
    if let Some(path) = &arguments.report {
        let ([all, others @ ..], machine) = (&blocks, machine.to_string());
        let mut page = vec![("Where and how", machine.as_str()), ("Limits", &verdict)];
        // The longest is last.
        page.extend(others.iter().chain([all]).map(|(heading, block)| (*heading, block.as_str())));
        write(path, &page::report(&page))?;
    }
    if let Some(name) = &arguments.save {
        write(&machine::saved_path(name)?, &document.to_json()?)?;
    }
    if let Some(path) = &arguments.json {
        write(path, &document.to_json()?)?;
    }
    if let Some(path) = &arguments.html {
        write(path, &html::render(&document, before.as_ref()))?;
    }
    Ok(())
}

/// Runs what is ours of each case, so that a profiler sees nothing else.
#[expect(clippy::print_stderr, reason = "what is looked at, beside what the profiler says")]
fn profile(arguments: &Arguments, plans: &[Plan], time: Duration) -> Result<()> {
    let dir = arguments.dir.clone().unwrap_or_else(machine::default_dir);
    machine::create_dir(&dir).with_context(|| format!("creating {}", dir.display()))?;
    for plan in plans {
        let calls = profiled::ours_alone(&mut plan.build(&dir)?, time)?;
        eprintln!("{}: {calls} calls", plan.id());
    }
    Ok(())
}

/// What another program has measured.
fn other(path: &Path) -> Result<Document> {
    let text = machine::read_text(path)?.with_context(|| format!("there is no {}", path.display()))?;
    Document::parse(&text).with_context(|| format!("reading {}", path.display()))
}

/// The run that was saved under a name.
fn saved(name: &str) -> Result<Document> {
    let path = machine::saved_path(name)?;
    let Some(text) = machine::read_text(&path)? else {
        bail!("no run was saved as `{name}`: `--save {name}` does that ({})", path.display());
    };
    Document::parse(&text).with_context(|| format!("reading {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(dir) = path.parent() {
        machine::create_dir(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    atomic::replace(&OsFiles, path, Durability::Buffered, text.as_bytes())
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}
