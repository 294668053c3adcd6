//! `cargo xtask check`: everything continuous integration holds, cheap steps first.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::crates::{Member, Workspace, root};
use crate::step::{Step, timed};
use crate::tidy;
use crate::torture;

const WASM: &str = "wasm32-unknown-unknown";

/// The crates that promise to build for the web.
const WASM_CRATES: &[&str] = &["keepstone-format", "keepstone-value", "keepstone-ecs-persist"];

pub(crate) fn run(args: &[String]) -> Result<()> {
    let tests = match args {
        [] => true,
        [flag] if flag == "--no-tests" => false,
        _ => bail!("check knows only `--no-tests`, found `{}`", args.join(" ")),
    };
    timed("everything", || all(tests))
}

fn all(tests: bool) -> Result<()> {
    let workspace = Workspace::load()?;
    Step::cargo("format", &["fmt", "--all", "--check"]).run()?;
    timed("tidy", || tidy::run(&[]))?;
    Step::cargo("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    docs(&workspace.members).run()?;
    alone(&workspace.members).iter().try_for_each(Step::run)?;
    wasm()?;
    interleavings(&workspace).run()?;
    torture::run(&[])?;
    if tests {
        Step::cargo("tests", &["test", "--workspace"]).run()?;
    }
    package(&workspace)
}

/// Libraries only: the command's documentation is its help text, and its file would be `keepstone` again.
fn docs(members: &[Member]) -> Step {
    let mut args = vec!["doc", "--no-deps"];
    for member in members.iter().filter(|member| member.library) {
        args.extend(["--package", &member.name]);
    }
    Step::cargo("docs", &args).env("RUSTDOCFLAGS", "-D warnings")
}

/// Each library by itself, so that no other member's features hide what it forgot to ask for.
fn alone(members: &[Member]) -> Vec<Step> {
    let mut steps = Vec::new();
    for member in members.iter().filter(|member| member.library && member.publishable) {
        let name = member.name.as_str();
        let deny = ["--", "-D", "warnings"];
        let with = ["clippy", "--package", name, "--lib"];
        steps.push(Step::cargo(format!("{name} alone"), &[with.as_slice(), &deny].concat()));
        if member.has_defaults {
            let without = ["clippy", "--package", name, "--lib", "--no-default-features"];
            let title = format!("{name} without default features");
            steps.push(Step::cargo(title, &[without.as_slice(), &deny].concat()));
        }
    }
    steps
}

/// The threads of the log in random interleavings, in a build of its own: the flag reaches every crate.
fn interleavings(workspace: &Workspace) -> Step {
    let target = workspace.target.join("interleavings").to_string_lossy().into_owned();
    let args =
        ["test", "--package", "keepstone-storage", "--test", "main", "--target-dir", &target, "interleave"];
    Step::cargo("interleavings", &args).env("RUSTFLAGS", "--cfg keepstone_shuttle")
}

fn wasm() -> Result<()> {
    if !wasm_is_installed()? {
        println!("==> wasm32: skipped; `rustup target add {WASM}` brings it");
        return Ok(());
    }
    let mut args = vec!["check", "--target", WASM];
    for name in WASM_CRATES {
        args.extend(["--package", name]);
    }
    Step::cargo("wasm32", &args).run()
}

fn wasm_is_installed() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .current_dir(root())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

/// All publishable crates in one call, since none of them needs to be on the registry for that.
fn package(workspace: &Workspace) -> Result<()> {
    // What an earlier run left would stand in for crates of the same version.
    let target = workspace.target.join("package-check");
    remove_folder(&target)?;
    let allow_dirty = !is_clean()? && env::var_os("CI").is_none();
    let root = root();
    let shown = target.strip_prefix(&root).unwrap_or(&target);
    let shown = shown.to_str().context("the target folder is not UTF-8")?;
    package_step(&workspace.members, shown, allow_dirty).run()?;
    remove_folder(&target)
}

fn package_step(members: &[Member], target: &str, allow_dirty: bool) -> Step {
    let mut args = vec!["package", "--quiet", "--target-dir", target];
    for member in members.iter().filter(|member| member.publishable) {
        args.extend(["--package", &member.name]);
    }
    if allow_dirty {
        args.push("--allow-dirty");
    }
    Step::cargo("packages", &args)
}

/// Whether everything is committed. On a developer's machine the answer may be no; a build
/// server that finds a changed tree has caught a build that writes into its sources.
fn is_clean() -> Result<bool> {
    let output = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(root())
        .output()
        .context("cannot start git")?;
    Ok(!output.status.success() || output.stdout.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "build output, not a file that anyone keeps")]
fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{alone, docs, package_step, run};
    use crate::crates::Member;

    fn member(name: &str, publishable: bool, library: bool, has_defaults: bool) -> Member {
        let (name, folder) = (name.to_owned(), String::new());
        Member { name, folder, publishable, library, has_defaults, features: Vec::new(), deps: Vec::new() }
    }

    fn members() -> Vec<Member> {
        vec![
            member("with", true, true, true),
            member("plain", true, true, false),
            member("program", true, false, false),
            member("inner", false, true, false),
        ]
    }

    #[test]
    fn each_published_library_is_built_alone_and_once_more_without_defaults() {
        let shown: Vec<String> = alone(&members()).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "cargo clippy --package with --lib -- -D warnings",
                "cargo clippy --package with --lib --no-default-features -- -D warnings",
                "cargo clippy --package plain --lib -- -D warnings",
            ]
        );
    }

    #[test]
    fn every_library_is_documented() {
        let shown = docs(&members()).to_string();
        assert_eq!(
            shown,
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --package with --package plain --package inner"
        );
    }

    #[test]
    fn what_is_published_is_packaged_in_one_call() {
        let shown = package_step(&members(), "target/package-check", false).to_string();
        assert_eq!(
            shown,
            "cargo package --quiet --target-dir target/package-check \
             --package with --package plain --package program"
        );
        assert!(package_step(&members(), "t", true).to_string().ends_with(" --allow-dirty"));
    }

    #[test]
    fn unknown_flags_are_refused_before_any_work() {
        let error = run(&["--fast".to_owned()]).expect_err("must be refused");
        assert!(error.to_string().contains("`--fast`"), "{error}");
    }
}
