//! What no file of ours may say, in code, comment or prose.

use super::{Hit, Source, is_rust, is_toml};
use crate::mask::{is_word, words};

/// Past this a file holds a second noun.
const LINES_MAX: usize = 500;

/// Rust files that may be longer, each with its reason beside it. Empty is the goal.
const LONG: &[&str] = &[];

/// These modules and their tests spell out what they search for.
const SELF: &str = "xtask/src/rules/";

/// Words that date a text when a number follows: they name a plan, not the program.
const PLAN_WORDS: &[&str] = &["week", "phase", "ticket", "sprint", "milestone", "issue", "task"];

/// Folders that exist on one machine only.
const MACHINE_FOLDERS: &[&str] = &["/root/", "/work/", "/home/", "/Users/", "C:\\Users\\"];

pub(super) fn ascii(source: &Source<'_>) -> Vec<Hit> {
    if !is_rust(source.path) && !is_toml(source.path) {
        return Vec::new();
    }
    // One finding per file: a table in a foreign script would bury all else.
    let first = source.text.char_indices().find(|(_, c)| !c.is_ascii());
    let say = |c: char| format!("write {} instead of the character itself", c.escape_unicode());
    first.map(|(at, c)| (at, say(c))).into_iter().collect()
}

pub(super) fn length(source: &Source<'_>) -> Vec<Hit> {
    let lines = source.text.lines().count();
    if !is_rust(source.path) || lines <= LINES_MAX || LONG.contains(&source.path) {
        return Vec::new();
    }
    vec![(0, format!("{lines} lines, at most {LINES_MAX}: find the second noun"))]
}

pub(super) fn markers(source: &Source<'_>) -> Vec<Hit> {
    if source.path.starts_with(SELF) {
        return Vec::new();
    }
    let hit = |word: &'static str| {
        words(source.text, word).map(move |at| (at, format!("{word}: finish it or leave it out")))
    };
    ["TODO", "FIXME"].into_iter().flat_map(hit).collect()
}

pub(super) fn process_words(source: &Source<'_>) -> Vec<Hit> {
    if source.path.starts_with(SELF) {
        return Vec::new();
    }
    let lower = source.text.to_ascii_lowercase();
    let mut hits = Vec::new();
    for word in PLAN_WORDS {
        for at in words(&lower, word) {
            let after = lower.get(at + word.len()..).unwrap_or_default();
            let number = after.trim_start_matches([' ', '#', '-']);
            // "task 3" and "issue #3" are plans; "3 tasks", "issue3" and "task (3)" are not.
            if number.len() < after.len() && number.starts_with(|c: char| c.is_ascii_digit()) {
                hits.push((at, format!("`{word}` with a number names a plan; say what it is about")));
            }
        }
    }
    hits
}

pub(super) fn machine_paths(source: &Source<'_>) -> Vec<Hit> {
    if source.path.starts_with(SELF) {
        return Vec::new();
    }
    // Inside a longer path or an address it is somebody's folder name.
    let inner = |c: char| is_word(c) || "./-~*}".contains(c);
    let starts = |at: usize| {
        let before = source.text.get(..at).and_then(|s| s.chars().next_back());
        !before.is_some_and(inner)
    };
    let hit = |folder: &'static str| {
        let say = format!("{folder} exists on one machine; use a relative path");
        let found = source.text.match_indices(folder).map(|(at, _)| at).filter(|at| starts(*at));
        found.map(|at| (at, say.clone())).collect::<Vec<_>>()
    };
    MACHINE_FOLDERS.iter().copied().flat_map(hit).collect()
}

#[cfg(test)]
mod tests {
    use crate::rules::check_lines;

    #[test]
    fn rust_and_manifests_are_ascii() {
        check_lines("ascii", "crates/world/src/a.rs", "// ok\n// \u{2192}\n// \u{2192}\n", &[2]);
        check_lines("ascii", "Cargo.toml", "# \u{e9}\n", &[1]);
        check_lines("ascii", "README.md", "\u{2192}\n", &[]);
    }

    #[test]
    fn a_file_ends_before_its_second_noun() {
        check_lines("length", "crates/world/src/a.rs", &"\n".repeat(501), &[1]);
        check_lines("length", "crates/world/src/a.rs", &"\n".repeat(500), &[]);
        check_lines("length", "docs/long.md", &"\n".repeat(501), &[]);
    }

    #[test]
    fn unfinished_work_is_not_marked_but_finished() {
        check_lines("markers", "crates/world/src/a.rs", "// fine\n// TODO: later\n", &[2]);
        check_lines("markers", "docs/a.md", "FIXME\n", &[1]);
        check_lines("markers", "docs/a.md", "mTODOs, FIXMEs and a todo list\n", &[]);
    }

    #[test]
    fn plans_are_not_named() {
        let path = "docs/a.md";
        check_lines("process-words", path, "see issue 12\nand Issue #3\n", &[1, 2]);
        check_lines("process-words", path, "done in Phase 2, week-3\n", &[1, 1]);
        check_lines("process-words", path, "a ticket, two-phase commit, 3 tasks, next week\n", &[]);
        check_lines("process-words", path, "https://example.org/issues/12, task (2), phases 1\n", &[]);
    }

    #[test]
    fn machine_paths_are_found_where_a_path_starts() {
        let path = "crates/world/src/a.rs";
        check_lines("machine-paths", path, "let a = \"/home/me/x\";\n// in `/root/x`\n", &[2, 1]);
        check_lines("machine-paths", path, "PATH=/usr/bin:/work/bin\n", &[1]);
        check_lines("machine-paths", path, "// docs/work/x, https://example.org/home/x\n", &[]);
    }
}
