//! `cargo xtask coverage`: which lines of the published libraries their tests run.

use std::process::Command;

use anyhow::{Result, bail};

use crate::crates::{Member, Workspace, root};
use crate::step::Step;

/// Percent of the lines; below it the verb fails.
const FLOOR: &str = "85";

pub(crate) fn run(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        bail!("coverage takes no options, found `{}`", args.join(" "));
    }
    let there = Command::new("cargo").args(["llvm-cov", "--version"]).current_dir(root()).output();
    if !there.is_ok_and(|output| output.status.success()) {
        bail!(
            "there is no cargo-llvm-cov; `cargo install cargo-llvm-cov --locked` and \
             `rustup component add llvm-tools` bring what it needs"
        );
    }
    step(&Workspace::load()?.members).run()
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
    use super::{run, step};
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
    fn unknown_flags_are_refused_before_any_work() {
        let said = run(&["--fast".to_owned()]).expect_err("must be refused").to_string();
        assert!(said.contains("`--fast`"), "{said}");
    }
}
