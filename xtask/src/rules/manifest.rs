//! What a manifest, a lock file or a cargo configuration may not say.

use super::{Hit, Source, is_toml};

/// Members outside of the folders that the other rules look into.
const OTHER_MEMBERS: [&str; 2] = ["docs/guide/Cargo.toml", "portability/Cargo.toml"];

/// Where every dependency comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn lint_table(source: &Source<'_>) -> Vec<Hit> {
    if !is_member(source.path) || source.text.contains("[lints]\nworkspace = true\n") {
        return Vec::new();
    }
    vec![(0, "the manifest must say `[lints]` and `workspace = true`".to_owned())]
}

/// Only the targets of the benches run under `cargo bench`: unit tests refuse the options of criterion.
pub(super) fn unbenched(source: &Source<'_>) -> Vec<Hit> {
    let has_targets = is_member(source.path) || OTHER_MEMBERS.contains(&source.path);
    if !has_targets || source.text.lines().any(|line| line == "bench = false") {
        return Vec::new();
    }
    vec![(0, "the manifest must say `bench = false` for its library and programs".to_owned())]
}

pub(super) fn versions(source: &Source<'_>) -> Vec<Hit> {
    if !is_member(source.path) {
        return Vec::new();
    }
    let hits = lines(source.text).filter(|(_, line)| states_version(line));
    hits.map(|(at, _)| (at, "versions stand in the root manifest; say `workspace = true`".to_owned()))
        .collect()
}

pub(super) fn registries(source: &Source<'_>) -> Vec<Hit> {
    let foreign = |line: &str| {
        if source.path.ends_with("Cargo.lock") {
            return line.contains("registry+") && !line.contains(REGISTRY);
        }
        let line = line.trim_start();
        let table = line.starts_with("[source") || line.starts_with("[registr");
        is_toml(source.path)
            && (table || ["registry =", "registry-index =", "index ="].iter().any(|key| line.contains(key)))
    };
    let hits = lines(source.text).filter(|(_, line)| foreign(line));
    hits.map(|(at, _)| {
        (at, "dependencies come from crates.io; a mirror is the user's own setting".to_owned())
    })
    .collect()
}

fn is_member(path: &str) -> bool {
    let folder = path.strip_suffix("/Cargo.toml").unwrap_or_default();
    let below_crates = folder.strip_prefix("crates/").is_some_and(|name| !name.contains('/'));
    below_crates || ["benches", "xtask"].contains(&folder)
}

/// `name = "1.0"`, `{ version = "1.0" }` and the like.
fn states_version(line: &str) -> bool {
    let is_requirement = |value: &str| {
        let value = value.trim_start().strip_prefix('"').unwrap_or_default();
        value.starts_with(|c: char| c.is_ascii_digit() || "^=~<>*".contains(c))
    };
    let line = line.split('#').next().unwrap_or_default();
    line.split_once('=').is_some_and(|(_, value)| is_requirement(value))
        || line.split_once("version =").is_some_and(|(_, value)| is_requirement(value))
}

/// Each line with its offset.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let here = at;
        at += line.len();
        (here, line)
    })
}

#[cfg(test)]
mod tests {
    use crate::rules::check_lines;

    const MEMBER: &str = "crates/world/Cargo.toml";

    #[test]
    fn members_inherit_the_lints() {
        let good = "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n";
        check_lines("lint-table", MEMBER, good, &[]);
        check_lines("lint-table", MEMBER, "[package]\nname = \"x\"\n", &[1]);
        check_lines("lint-table", "benches/Cargo.toml", "[package]\n", &[1]);
        check_lines("lint-table", "benches/compare/Cargo.toml", "[package]\n", &[]);
    }

    #[test]
    fn members_take_their_unit_tests_out_of_the_benches() {
        check_lines("unbenched", MEMBER, "[lib]\nbench = false\n", &[]);
        for path in [MEMBER, "xtask/Cargo.toml", "portability/Cargo.toml", "docs/guide/Cargo.toml"] {
            check_lines("unbenched", path, "[package]\nname = \"x\"\n", &[1]);
        }
        check_lines("unbenched", "benches/compare/Cargo.toml", "[package]\n", &[]);
    }

    #[test]
    fn members_state_no_versions() {
        let bad = "[dependencies]\na = \"1.0\"\nb = { version = \"=2\", features = [\"x\"] }\n";
        check_lines("versions", MEMBER, bad, &[2, 3]);
        check_lines("versions", "Cargo.toml", bad, &[]);
        let good = "version.workspace = true\na = { workspace = true, features = [\"1x\"] }\n\
                    lz4 = [\"dep:lz4_flex\"]\nname = \"x\" # was \"1.0\"\n";
        check_lines("versions", MEMBER, good, &[]);
    }

    #[test]
    fn only_one_registry_is_named() {
        let path = ".cargo/config.toml";
        let mirror = "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\n";
        check_lines("registries", path, mirror, &[1, 3]);
        check_lines("registries", "Cargo.toml", "a = { registry = \"mine\" }\n[registries]\n", &[1, 2]);
        check_lines("registries", "Cargo.toml", "a = { workspace = true }\n", &[]);
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                    source = \"registry+https://mirror.example.org/index\"\n";
        check_lines("registries", "Cargo.lock", lock, &[2]);
    }
}
