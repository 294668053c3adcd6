//! `cargo xtask tidy`: crate arrows, and bans over source text.

use anyhow::{Result, bail};

use crate::crates::{Member, Workspace, root};
use crate::examples::doubles;
use crate::layers::{LOW, strangers, unmapped, untaken, violations};
use crate::links::relative_links;
use crate::planted::planted;
use crate::rules::{Finding, findings};
use crate::sources::{each_source, has_extension};
use crate::step::Step;

/// The page that names every member.
const MAP: &str = "docs/architecture.md";

/// The manifest that offers every dependency.
const ROOT_MANIFEST: &str = "Cargo.toml";

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("tidy takes no arguments, found `{unknown}`");
    }
    let Workspace { members, examples, .. } = Workspace::load()?;
    let mut found = violations(&members);
    found.extend(doubles(&examples));
    found.extend(planted(&members));
    found.extend(tree_violations()?);
    let mut files = 0_usize;
    each_source(&root(), &mut |path, text| {
        files += 1;
        found.extend(file_violations(&members, path, text));
    })?;
    if found.is_empty() {
        println!("    tidy: nothing to complain about in {files} files");
        return Ok(());
    }
    for line in &found {
        println!("{line}");
    }
    let count = found.len();
    bail!("tidy complains {count} times; run it again with\n\n    cargo xtask tidy\n")
}

fn file_violations(members: &[Member], path: &str, text: &str) -> Vec<String> {
    let shown = |f: Finding| format!("{path}:{}: {} [{}]", f.line, f.message, f.rule);
    let mut found: Vec<String> = findings(path, text).into_iter().map(shown).collect();
    if path == MAP {
        let missing = unmapped(members, text).into_iter();
        found.extend(missing.map(|folder| format!("{path}: `{folder}` is not in the code map")));
    }
    if path == ROOT_MANIFEST {
        let spare = untaken(members, text).into_iter();
        found.extend(spare.map(|name| format!("{path}: no member takes {name}")));
    }
    if has_extension(path, "md") {
        let links = relative_links(path, text).into_iter();
        let broken = links.filter(|(_, target)| !root().join(target).exists());
        found.extend(broken.map(|(line, target)| format!("{path}:{line}: there is no {target} [links]")));
    }
    found
}

fn tree_violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for low in LOW {
        let step = low_tree(low);
        let tree = step.output()?;
        let pulled = strangers(&tree).into_iter();
        found.extend(pulled.map(|stranger| format!("{low} pulls in {stranger}; see `{step}`")));
    }
    Ok(found)
}

/// Unlike metadata, the tree of one package is free of features that other members switch on.
fn low_tree(package: &str) -> Step {
    let tree = ["tree", "--package", package, "--edges", "normal"];
    let all = ["--all-features", "--target", "all"];
    let show = ["--prefix", "none", "--format", "{p}"];
    let args = [tree.as_slice(), &all, &show].concat();
    Step::cargo(format!("the tree of {package}"), &args)
}
