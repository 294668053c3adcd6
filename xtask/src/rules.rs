//! The bans that clippy cannot express, over source text.
//!
//! A rule is a pure function of one file. Where a file may break it, the exemption stands in the
//! rule's module with its reason.

mod code;
mod layer;
mod manifest;
mod text;

use crate::mask::{code_only, line_at};
use crate::sources::has_extension;

/// A file as the rules see it.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// Path relative to the workspace root, with forward slashes.
    path: &'a str,
    text: &'a str,
    /// The text without comments and literals; empty unless it is Rust.
    code: String,
}

/// A broken rule: where, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) line: usize,
    pub(crate) message: String,
}

struct Rule {
    name: &'static str,
    check: fn(&Source<'_>) -> Vec<Hit>,
}

/// A byte offset and a message.
type Hit = (usize, String);

const RULES: &[Rule] = &[
    Rule { name: "ascii", check: text::ascii },
    Rule { name: "length", check: text::length },
    Rule { name: "markers", check: text::markers },
    Rule { name: "process-words", check: text::process_words },
    Rule { name: "machine-paths", check: text::machine_paths },
    Rule { name: "idle-matches", check: code::idle_matches },
    Rule { name: "ignored-tests", check: code::ignored_tests },
    Rule { name: "unfinished", check: code::unfinished },
    Rule { name: "unsafe-home", check: code::unsafe_home },
    Rule { name: "forbid-unsafe", check: code::forbid_unsafe },
    Rule { name: "prints", check: layer::prints },
    Rule { name: "renames", check: layer::renames },
    Rule { name: "file-access", check: layer::file_access },
    Rule { name: "clocks", check: layer::clocks },
    Rule { name: "lint-table", check: manifest::lint_table },
    Rule { name: "unbenched", check: manifest::unbenched },
    Rule { name: "versions", check: manifest::versions },
    Rule { name: "registries", check: manifest::registries },
];

/// Applies every rule to one file.
pub(crate) fn findings(path: &str, text: &str) -> Vec<Finding> {
    let code = if is_rust(path) { code_only(text) } else { String::new() };
    let source = Source { path, text, code };
    let apply = |rule: &Rule| {
        let hits = (rule.check)(&source).into_iter();
        let name = rule.name;
        hits.map(move |(at, message)| Finding { rule: name, line: line_at(text, at), message })
            .collect::<Vec<_>>()
    };
    RULES.iter().flat_map(apply).collect()
}

fn is_rust(path: &str) -> bool {
    has_extension(path, "rs")
}

fn is_toml(path: &str) -> bool {
    has_extension(path, "toml")
}

/// The folder name of the crate whose `src` holds `path`.
fn crate_source(path: &str) -> Option<&str> {
    let (name, inner) = path.strip_prefix("crates/")?.split_once('/')?;
    inner.starts_with("src/").then_some(name)
}

/// Asserts what `rule` alone says about a file: its lines, in order.
#[cfg(test)]
fn check_lines(rule: &str, path: &str, text: &str, expected: &[usize]) {
    let found = findings(path, text);
    let lines: Vec<usize> = found.iter().filter(|f| f.rule == rule).map(|f| f.line).collect();
    assert_eq!(lines, expected, "{rule} on {path}: {text:?} gave {found:?}");
}

#[cfg(test)]
mod tests {
    use super::{RULES, crate_source, findings};

    #[test]
    fn plain_good_text_passes_every_rule() {
        let root = "//! A crate.\n\n#![forbid(unsafe_code)]\n\n/// One.\npub const ONE: u8 = 1;\n";
        assert_eq!(findings("crates/world/src/lib.rs", root), []);
        assert_eq!(findings("docs/architecture.md", "# Architecture\n\nPlain text.\n"), []);
    }

    #[test]
    fn rule_names_are_unique() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn only_src_counts_as_the_crates_own_source() {
        assert_eq!(crate_source("crates/ecs-persist/src/doc/mod.rs"), Some("ecs-persist"));
        assert_eq!(crate_source("crates/format/tests/main.rs"), None);
        assert_eq!(crate_source("benches/src/main.rs"), None);
    }
}
