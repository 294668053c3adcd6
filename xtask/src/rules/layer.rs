//! What a crate may not do because another crate does it.

use super::{Hit, Source, crate_source, is_rust};
use crate::mask::words;

/// Where a rename may stand: the atomic replace, the two kinds of files under it, tests of what reads names, and the protocols written by
/// hand that it is measured against.
const RENAMERS: &[&str] = &[
    "crates/storage/src/atomic",
    "crates/storage/src/mem",
    "crates/storage/src/os",
    "crates/storage/tests/",
    "crates/testkit/",
    "crates/slots/src/listing/tests",
    "crates/slots/tests/",
    "crates/cli/src/demo/floor",
    "benches/src/protocol",
    "benches/src/aw_save",
];

/// Crates whose source may name `std::fs`: the one that keeps files, and programs.
const FILE_CRATES: &[&str] = &["storage", "cli"];

/// Crates whose source may look at a clock: for the times in a report, never for what is written.
const CLOCK_CRATES: &[&str] = &["world", "cli", "testkit"];

/// Files of other crates that do: the clocks that a plugin has unless it is given some.
const CLOCK_FILES: &[&str] = &["crates/bevy/src/app/clock.rs"];

pub(super) fn prints(source: &Source<'_>) -> Vec<Hit> {
    // Clippy holds the same line; here it holds although somebody silences clippy.
    let printer = crate_source(source.path).is_none_or(|name| name == "cli");
    if printer || !is_rust(source.path) {
        return Vec::new();
    }
    let hit = |name: &'static str| {
        words(&source.code, name).map(move |at| (at, format!("`{name}` in a library; return it instead")))
    };
    ["println!", "eprintln!", "print!", "eprint!", "dbg!"].into_iter().flat_map(hit).collect()
}

pub(super) fn renames(source: &Source<'_>) -> Vec<Hit> {
    if RENAMERS.iter().any(|home| source.path.starts_with(home)) {
        return Vec::new();
    }
    let hits = words(&source.code, "rename").filter(|at| {
        let before = source.code.get(..*at).unwrap_or_default();
        let after = source.code.get(at + "rename".len()..).unwrap_or_default();
        before.ends_with("fs::") || before.strip_suffix('.').is_some_and(is_files) && after.starts_with('(')
    });
    hits.map(|at| (at, "only storage::atomic renames files".to_owned())).collect()
}

/// Whether what a method is called on may be a `Files`: a save has a name to change as well.
fn is_files(before: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let receiver = before.rsplit(|c| !is_part(c)).next().unwrap_or_default();
    !["manager", "saves"].contains(&receiver)
}

pub(super) fn file_access(source: &Source<'_>) -> Vec<Hit> {
    if crate_source(source.path).is_none_or(|name| FILE_CRATES.contains(&name)) {
        return Vec::new();
    }
    let hits = words(&source.code, "fs").filter(|at| {
        let before = source.code.get(..*at).unwrap_or_default();
        let after = source.code.get(at + "fs".len()..).unwrap_or_default();
        before.ends_with("std::") || after.starts_with("::")
    });
    hits.map(|at| (at, "files are reached through storage::Files".to_owned())).collect()
}

pub(super) fn clocks(source: &Source<'_>) -> Vec<Hit> {
    let is_clock = CLOCK_FILES.contains(&source.path);
    if is_clock || crate_source(source.path).is_none_or(|name| CLOCK_CRATES.contains(&name)) {
        return Vec::new();
    }
    let hit = |name: &'static str| {
        words(&source.code, name).map(|at| (at, "time comes in as an argument".to_owned()))
    };
    ["SystemTime", "Instant"].into_iter().flat_map(hit).collect()
}

#[cfg(test)]
mod tests {
    use crate::rules::check_lines;

    #[test]
    fn libraries_do_not_print() {
        let text = "fn a() {\n    println!(\"x\");\n    eprint!(\"x\");\n}\n/// println!(\"x\")\n";
        check_lines("prints", "crates/world/src/a.rs", text, &[2, 3]);
        check_lines("prints", "crates/cli/src/a.rs", text, &[]);
        check_lines("prints", "crates/world/examples/a.rs", text, &[]);
        check_lines("prints", "benches/src/main.rs", text, &[]);
        check_lines("prints", "crates/world/src/a.rs", "my_println!(); f(\"println!()\");\n", &[]);
    }

    #[test]
    fn one_module_renames() {
        let text = "std::fs::rename(a, b)?;\nfs::rename(a, b)?;\nfiles.rename(a, b)?;\n";
        check_lines("renames", "crates/world/src/a.rs", text, &[1, 2, 3]);
        check_lines("renames", "crates/storage/src/wal.rs", text, &[1, 2, 3]);
        check_lines("renames", "crates/storage/src/atomic.rs", text, &[]);
        check_lines("renames", "crates/storage/src/os/unix.rs", text, &[]);
        let other = "#[serde(rename = \"x\")]\nfn rename(a: A) {}\n// fs::rename\nlet rename = 1;\nmanager.rename(id, \"x\")?;\n";
        check_lines("renames", "crates/world/src/a.rs", other, &[]);
    }

    #[test]
    fn one_crate_opens_files() {
        let text = "use std::fs;\nuse std::fs::File;\nfs::read(p)?;\nstd::fs::read(p)?;\n";
        check_lines("file-access", "crates/format/src/a.rs", text, &[1, 2, 3, 4]);
        check_lines("file-access", "crates/storage/src/os.rs", text, &[]);
        check_lines("file-access", "crates/format/tests/main.rs", text, &[]);
        check_lines("file-access", "crates/format/src/a.rs", "let fs = 1; // std::fs\n", &[]);
    }

    #[test]
    fn clocks_are_read_for_reports_only() {
        let text = "use std::time::Instant;\nlet t = SystemTime::now();\n";
        check_lines("clocks", "crates/format/src/a.rs", text, &[2, 1]);
        check_lines("clocks", "crates/storage/src/a.rs", text, &[2, 1]);
        check_lines("clocks", "crates/world/src/a.rs", text, &[]);
        check_lines("clocks", "crates/bevy/src/app/clock.rs", text, &[]);
        check_lines("clocks", "crates/bevy/src/app/saves.rs", text, &[2, 1]);
        check_lines("clocks", "crates/format/tests/main.rs", text, &[]);
        check_lines("clocks", "crates/format/src/a.rs", "use std::time::Duration;\n", &[]);
    }
}
