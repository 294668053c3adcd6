//! The files of the workspace that rules look at.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Build output and the repository's own folder.
const SKIPPED: &[&str] = &["target", ".git"];

/// The text files of ours; fixtures and golden files are data.
const EXTENSIONS: &[&str] = &["rs", "toml", "md", "yml", "lock"];

/// Calls `visit` with the path, relative to `root`, and the text of each file, in path order.
pub(crate) fn each_source(root: &Path, visit: &mut dyn FnMut(&str, &str)) -> Result<()> {
    walk(root, "", visit)
}

/// Whether the name of `path` ends in a dot and `extension`, in lower case as all of ours do.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
}

#[expect(clippy::disallowed_methods, reason = "a developer's command reads the tree it checks")]
fn walk(root: &Path, folder: &str, visit: &mut dyn FnMut(&str, &str)) -> Result<()> {
    let here = root.join(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(&here).with_context(|| format!("cannot list {}", here.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", here.display()))?;
        let kind = entry.file_type().with_context(|| format!("cannot stat {}", here.display()))?;
        // A name that is not UTF-8 is not one of ours.
        if let Ok(name) = entry.file_name().into_string() {
            names.push((name, kind));
        }
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(root, &path, visit)?;
        } else if kind.is_file() && is_source(&path) {
            let text = fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
            visit(&path, &text);
        }
    }
    Ok(())
}

fn is_source(path: &str) -> bool {
    path.starts_with(".ci/") || EXTENSIONS.iter().any(|extension| has_extension(path, extension))
}

#[cfg(test)]
mod tests {
    use super::{each_source, is_source};
    use crate::crates::root;

    #[test]
    fn the_walk_sees_code_and_prose_and_skips_output() {
        let mut paths = Vec::new();
        each_source(&root(), &mut |path, _| paths.push(path.to_owned())).expect("the tree is readable");
        for expected in ["Cargo.toml", "Cargo.lock", "xtask/src/main.rs", "crates/format/src/lib.rs"] {
            assert!(paths.iter().any(|path| path == expected), "{expected} is not in {paths:?}");
        }
        assert!(!paths.iter().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
    }

    #[test]
    fn data_is_not_source() {
        assert!(is_source(".ci/run"));
        assert!(!is_source("crates/format/tests/golden/world-v1-empty.bin"));
        assert!(!is_source("LICENSE-MIT"));
    }
}
