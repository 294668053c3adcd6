//! What Rust code may not contain, whichever crate it is in.

use super::{Hit, Source, crate_source};
use crate::mask::words;

/// Members with unsafe code: the source folder and the only module, file or folder, that holds it.
const UNSAFE_HOMES: &[(&str, &str)] = &[
    // The trait for plain old data and its casts.
    ("crates/format/src/", "crates/format/src/plain"),
    // Files as memory.
    ("crates/storage/src/", "crates/storage/src/mmap"),
    ("crates/storage/tests/", "crates/storage/tests/snapshot/mapped"),
    // Whole table columns of the ECS as bytes.
    ("crates/bevy/src/", "crates/bevy/src/raw"),
    // The counting global allocator.
    ("benches/src/", "benches/src/alloc"),
    // The floor of a load: bevy's untyped insertion.
    ("benches/src/", "benches/src/insert_by_ids"),
    // Snapshots mapped, and the floors that map.
    ("benches/src/", "benches/src/mapped"),
];

/// The derive quotes `unsafe impl` for the user's crate; it forbids unsafe code in its own.
const QUOTES_UNSAFE: &str = "crates/derive/src/";

pub(super) fn idle_matches(source: &Source<'_>) -> Vec<Hit> {
    let code = source.code.as_str();
    let is_statement = |at: usize| {
        let before = code.get(..at).unwrap_or_default().trim_end();
        let starts = before.is_empty() || before.ends_with([';', '{', '}']);
        let dropped = before.strip_suffix('=').is_some_and(|s| s.trim_end().ends_with("let _"));
        (starts || dropped) && ends_in_semicolon(code.get(at..).unwrap_or_default())
    };
    let hits = words(code, "matches!").filter(|at| is_statement(*at));
    hits.map(|at| (at, "a bare `matches!` asserts nothing; wrap it in `assert!`".to_owned())).collect()
}

pub(super) fn ignored_tests(source: &Source<'_>) -> Vec<Hit> {
    let hits = words(&source.code, "ignore").filter(|at| {
        let before = source.code.get(..*at).unwrap_or_default();
        before.ends_with("#[")
    });
    hits.map(|at| (at, "an ignored test proves nothing; make it run or remove it".to_owned())).collect()
}

pub(super) fn unfinished(source: &Source<'_>) -> Vec<Hit> {
    let hit = |name: &'static str| {
        words(&source.code, name).map(move |at| (at, format!("`{name}` is not an implementation")))
    };
    ["todo!", "unimplemented!"].into_iter().flat_map(hit).collect()
}

pub(super) fn unsafe_home(source: &Source<'_>) -> Vec<Hit> {
    let at_home = UNSAFE_HOMES.iter().any(|(_, home)| is_module(source.path, home));
    if at_home || source.path.starts_with(QUOTES_UNSAFE) {
        return Vec::new();
    }
    let homes: Vec<&str> = UNSAFE_HOMES.iter().map(|(_, home)| *home).collect();
    let say = format!("unsafe code lives only in {}", homes.join(", "));
    words(&source.code, "unsafe").map(|at| (at, say.clone())).collect()
}

pub(super) fn forbid_unsafe(source: &Source<'_>) -> Vec<Hit> {
    let has_home = UNSAFE_HOMES.iter().any(|(folder, _)| source.path.starts_with(folder));
    let forbids = source.code.contains("#![forbid(unsafe_code)]");
    if !is_crate_root(source.path) || has_home || forbids {
        return Vec::new();
    }
    vec![(0, "the crate root must say `#![forbid(unsafe_code)]`".to_owned())]
}

/// Whether `path` is the file or below the folder of the module `home`.
fn is_module(path: &str, home: &str) -> bool {
    path.strip_prefix(home).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_crate_root(path: &str) -> bool {
    let member = crate_source(path).is_some() || path.starts_with("benches/") || path.starts_with("xtask/");
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let is_src = parts.next() == Some("src");
    member && is_src && ["lib.rs", "main.rs"].contains(&file)
}

/// Whether the macro call that opens `call` is followed by a semicolon.
fn ends_in_semicolon(call: &str) -> bool {
    let mut depth = 0_usize;
    for (at, c) in call.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let after = call.get(at + 1..).unwrap_or_default();
                    return after.trim_start().starts_with(';');
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::rules::check_lines;

    const PATH: &str = "crates/world/src/a.rs";

    #[test]
    fn a_matches_whose_answer_is_dropped_is_found() {
        let check = |text: &str, lines: &[usize]| check_lines("idle-matches", PATH, text, lines);
        check("fn f() {\n    matches!(a, Some(B { x: (1, _) }));\n}\n", &[2]);
        check("g();\nmatches!(\n    a,\n    b\n) ;\n", &[2]);
        check("let _ = matches!(a, b);\n", &[1]);
        check("assert!(matches!(a, b));\nlet c = matches!(a, b);\n", &[]);
        check("fn f() -> bool {\n    matches!(a, b)\n}\nfn g() -> bool { !matches!(a, b) }\n", &[]);
        check("// matches!(a, b);\nf(\"; matches!(a, b);\");\n", &[]);
    }

    #[test]
    fn ignored_tests_are_found() {
        let check = |text: &str, lines: &[usize]| check_lines("ignored-tests", PATH, text, lines);
        check("#[test]\n#[ignore]\nfn a() {}\n", &[2]);
        check("#[ignore = \"slow\"]\nfn a() {}\n", &[1]);
        check("#[serde(ignore)]\n// #[ignore]\nlet ignore = 1;\n", &[]);
    }

    #[test]
    fn unfinished_code_is_found() {
        check_lines("unfinished", PATH, "fn a() {\n    todo!()\n}\n", &[2]);
        check_lines("unfinished", PATH, "unimplemented!(\"x\")\n", &[1]);
        check_lines("unfinished", PATH, "mytodo!(); f(\"todo!()\"); todo();\n", &[]);
    }

    #[test]
    fn unsafe_code_has_a_home() {
        let check = |path: &str, lines: &[usize]| {
            check_lines("unsafe-home", path, "// unsafe\nunsafe { f() }\n#[x(unsafe_code)]\n", lines);
        };
        check(PATH, &[2]);
        check("crates/format/src/reader.rs", &[2]);
        check("crates/format/src/plain_text.rs", &[2]);
        check("crates/format/tests/main.rs", &[2]);
        check("crates/format/src/plain.rs", &[]);
        check("crates/bevy/src/raw/column.rs", &[]);
        check("benches/src/alloc.rs", &[]);
        check("crates/derive/src/expand.rs", &[]);
    }

    #[test]
    fn a_crate_without_such_a_home_forbids_unsafe_code() {
        let check = |path: &str, text: &str, lines: &[usize]| {
            check_lines("forbid-unsafe", path, text, lines);
        };
        check("crates/world/src/lib.rs", "pub mod a;\n", &[1]);
        check("crates/world/src/lib.rs", "// #![forbid(unsafe_code)]\n", &[1]);
        check("crates/cli/src/main.rs", "fn main() {}\n", &[1]);
        check("crates/derive/src/lib.rs", "pub mod a;\n", &[1]);
        check("xtask/src/main.rs", "fn main() {}\n", &[1]);
        check("crates/world/src/lib.rs", "#![forbid(unsafe_code)]\n", &[]);
        check("crates/format/src/lib.rs", "pub mod a;\n", &[]);
        check("crates/world/src/inner/lib.rs", "pub mod a;\n", &[]);
    }
}
