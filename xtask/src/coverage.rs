//! `cargo xtask coverage`: which lines of the published libraries their tests run.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::crates::{Member, Workspace, root};
use crate::step::Step;

/// Percent of the lines; below it the verb fails.
const FLOOR: &str = "85";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let strict = match args {
        [] => false,
        [flag] if flag == "--strict" => true,
        _ => bail!("coverage knows only `--strict`, found `{}`", args.join(" ")),
    };
    let missing = missing(has_cargo_llvm_cov(), has_llvm_tools()?);
    if missing.is_empty() {
        return step(&Workspace::load()?.members).run();
    }
    skipped(&missing, strict)
}

/// What has to be installed first, as sentences.
fn missing(has_command: bool, has_tools: bool) -> Vec<&'static str> {
    let all = [
        (has_command, "no cargo-llvm-cov: `cargo install cargo-llvm-cov --locked`"),
        (has_tools, "no llvm-tools: `rustup component add llvm-tools`"),
    ];
    all.into_iter().filter(|(is_there, _)| !is_there).map(|(_, remedy)| remedy).collect()
}

/// What is not measured holds no floor: where that matters, it is a failure.
fn skipped(missing: &[&str], strict: bool) -> Result<()> {
    let said = format!("line coverage: skipped: {}", missing.join("; "));
    if strict {
        bail!("{said}; with `--strict` that fails");
    }
    println!("{said}");
    Ok(())
}

fn has_cargo_llvm_cov() -> bool {
    let there = Command::new("cargo").args(["llvm-cov", "--version"]).current_dir(root()).output();
    there.is_ok_and(|output| output.status.success())
}

/// Whether the toolchain, or the two variables that cargo-llvm-cov looks at, have what reads the counts.
fn has_llvm_tools() -> Result<bool> {
    if ["LLVM_COV", "LLVM_PROFDATA"].iter().all(|name| env::var_os(name).is_some()) {
        return Ok(true);
    }
    let output = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .current_dir(root())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let tool = format!("../bin/llvm-profdata{}", env::consts::EXE_SUFFIX);
    Ok(Path::new(folder.trim()).join(tool).is_file())
}

fn step(members: &[Member]) -> Step {
    let mut args = vec!["llvm-cov", "--summary-only", "--fail-under-lines", FLOOR];
    for member in members.iter().filter(|member| member.library && member.publishable) {
        args.extend(["--package", &member.name]);
    }
    Step::cargo("line coverage", &args)
}

#[cfg(test)]
mod tests {
    use super::{missing, run, skipped, step};
    use crate::crates::Member;

    fn member(name: &str, publishable: bool, library: bool) -> Member {
        let (name, folder, has_defaults) = (name.to_owned(), String::new(), false);
        Member { name, folder, publishable, library, has_defaults, features: Vec::new(), deps: Vec::new() }
    }

    #[test]
    fn only_published_libraries_are_held_to_the_floor() {
        let members =
            [member("lib", true, true), member("inner", false, true), member("program", true, false)];
        let shown = step(&members).to_string();
        assert_eq!(shown, "cargo llvm-cov --summary-only --fail-under-lines 85 --package lib");
    }

    #[test]
    fn what_is_missing_is_told_with_how_to_install_it() {
        assert!(missing(true, true).is_empty());
        let both = missing(false, false).join("; ");
        for part in ["cargo install cargo-llvm-cov", "rustup component add llvm-tools"] {
            assert!(both.contains(part), "{both}");
        }
        assert_eq!(missing(true, false), ["no llvm-tools: `rustup component add llvm-tools`"]);
    }

    #[test]
    fn what_is_skipped_fails_only_where_it_must_not_be() {
        assert!(skipped(&["no a: `b`"], false).is_ok());
        let said = skipped(&["no a: `b`"], true).expect_err("it is strict").to_string();
        assert!(said.contains("skipped: no a: `b`; with `--strict` that fails"), "{said}");
    }

    #[test]
    fn unknown_flags_are_refused_before_any_work() {
        let said = run(&["--fast".to_owned()]).expect_err("must be refused").to_string();
        assert!(said.contains("`--fast`"), "{said}");
    }
}
