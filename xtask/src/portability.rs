//! `cargo xtask portability`: golden files and encoded bytes are the same on every target that this machine can run.
//!
//! Here the golden tests run. Everywhere the program `keepstone-portability` runs, and its digests of canonical, uncompressed
//! bytes are compared with the list that is checked in.

mod digests;
mod target;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::crates::root;
use crate::portability::digests::{Group, differences};
use crate::portability::target::{Machine, TARGETS, Target};
use crate::step::{Step, timed};

const PACKAGE: &str = "keepstone-portability";
const LIST: &str = "portability/digests.txt";

/// The members whose golden files are read and written here, with the codecs that they have by default.
const GOLDEN: &[&str] = &[
    "keepstone-format",
    "keepstone-value",
    "keepstone-ecs-persist",
    "keepstone-storage",
    "keepstone-checkpoint",
    "keepstone-slots",
    "keepstone-compat",
];

const HEADER: &str = "\
# What keepstone-portability prints on every target: a name and the BLAKE3-128 of bytes.
# `cargo xtask portability --write` accepts a deliberate change of bytes.
";

pub(crate) fn run(args: &[String]) -> Result<()> {
    match args {
        [] => all(),
        [flag] if flag == "--write" => write(),
        _ => bail!("portability knows only `--write`, found `{}`", args.join(" ")),
    }
}

fn all() -> Result<()> {
    let expected = expected()?;
    golden().run()?;
    timed("digests here", || compare("this machine", &expected, &here().output()?, Group::ALL))?;
    let machine = Machine::look()?;
    let mut skipped = 0;
    for target in TARGETS {
        let missing = machine.missing(target);
        if missing.is_empty() {
            timed(target.triple, || elsewhere(target, &expected))?;
        } else {
            println!("==> {} ({}): skipped: {}", target.triple, target.what, missing.join("; "));
            skipped += 1;
        }
    }
    println!("other targets: {} agree, {skipped} skipped", TARGETS.len() - skipped);
    Ok(())
}

/// The golden tests, found by words in their names and modules.
fn golden() -> Step {
    let mut args = vec!["test", "--quiet"];
    for name in GOLDEN {
        args.extend(["--package", name]);
    }
    // Examples have no golden files and take long to build.
    args.extend(["--lib", "--test", "*", "--", "golden", "version_1", "to_the_byte"]);
    Step::cargo("golden files here", &args)
}

fn here() -> Step {
    Step::cargo("digests here", &["run", "--quiet", "--package", PACKAGE])
}

fn elsewhere(target: &Target, expected: &str) -> Result<()> {
    let (step, groups) = (target.step(PACKAGE), target.groups);
    println!("    {step}");
    compare(target.triple, expected, &step.output()?, groups)
}

fn compare(whose: &str, expected: &str, found: &str, groups: &[Group]) -> Result<()> {
    let differences = differences(expected, found, groups);
    if differences.is_empty() {
        println!("    {} digests agree", found.lines().count());
        return Ok(());
    }
    bail!(
        "{whose} gives other bytes than {LIST} says:\n  {}\na deliberate change is accepted by `cargo xtask portability --write`",
        differences.join("\n  ")
    )
}

#[expect(clippy::disallowed_methods, reason = "a list in the source tree")]
fn expected() -> Result<String> {
    fs::read_to_string(list()).with_context(|| format!("reading {LIST}"))
}

#[expect(clippy::disallowed_methods, reason = "a list in the source tree, which version control keeps")]
fn write() -> Result<()> {
    let found = here().output()?;
    fs::write(list(), format!("{HEADER}{found}")).with_context(|| format!("writing {LIST}"))?;
    println!("{} digests written to {LIST}", found.lines().count());
    Ok(())
}

fn list() -> PathBuf {
    root().join(LIST)
}

#[cfg(test)]
mod tests {
    use super::{GOLDEN, Group, compare, golden};

    #[test]
    fn another_digest_fails_and_says_how_to_accept_it() {
        let (expected, found) =
            ("# list\nvalue/rows 00ff\nlog/segments 01\n", "value/rows 00fe\nlog/segments 01\n");
        assert!(compare("here", expected, expected.trim_start_matches("# list\n"), Group::ALL).is_ok());
        let said = compare("s390x", expected, found, Group::ALL).expect_err("they differ").to_string();
        for part in ["s390x", "value/rows", "00ff", "00fe", "--write"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn every_member_with_golden_files_is_run() {
        let step = golden().to_string();
        for name in GOLDEN {
            assert!(step.contains(&format!("--package {name} ")), "{step}");
        }
        assert!(step.ends_with("-- golden version_1 to_the_byte"), "{step}");
    }
}
