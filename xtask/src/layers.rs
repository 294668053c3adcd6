//! Which crate may use which, and what must stay out of the lower layers.

use cargo_metadata::DependencyKind;

use crate::crates::Member;

/// The arrows: a member and the members its normal and build dependencies may name.
///
/// A new arrow is a design change; docs/architecture.md draws the same picture.
const ARROWS: &[(&str, &[&str])] = &[
    ("keepstone-format", &[]),
    ("keepstone-storage", &["keepstone-format"]),
    ("keepstone-store", &["keepstone-format", "keepstone-value"]),
    ("keepstone-slots", &["keepstone-format", "keepstone-storage", "keepstone-store", "keepstone-value"]),
    (
        "keepstone-checkpoint",
        &["keepstone-format", "keepstone-storage", "keepstone-store", "keepstone-value"],
    ),
    // What the author of a backend takes for tests, beside the checkpoints themselves.
    ("keepstone-checkpoint-conformance", &["keepstone-checkpoint"]),
    ("keepstone-value", &["keepstone-format"]),
    ("keepstone-ecs-persist", &["keepstone-format", "keepstone-value"]),
    ("keepstone-backends", &["keepstone-ecs-persist", "keepstone-format"]),
    ("keepstone-derive", &[]),
    (
        "keepstone-bevy",
        &[
            "keepstone-derive",
            "keepstone-ecs-persist",
            "keepstone-format",
            "keepstone-slots",
            "keepstone-value",
            "keepstone-world",
        ],
    ),
    ("keepstone-hecs", &["keepstone-derive", "keepstone-ecs-persist", "keepstone-value"]),
    (
        "keepstone-world",
        &[
            "keepstone-checkpoint",
            "keepstone-ecs-persist",
            "keepstone-format",
            "keepstone-slots",
            "keepstone-storage",
            "keepstone-store",
        ],
    ),
    ("keepstone-compat", &["keepstone-ecs-persist", "keepstone-format", "keepstone-value"]),
    (
        "keepstone",
        &[
            "keepstone-bevy",
            "keepstone-checkpoint",
            "keepstone-compat",
            "keepstone-derive",
            "keepstone-ecs-persist",
            "keepstone-format",
            "keepstone-hecs",
            "keepstone-slots",
            "keepstone-storage",
            "keepstone-store",
            "keepstone-value",
            "keepstone-world",
        ],
    ),
    ("keepstone-cli", &["keepstone"]),
    ("keepstone-testkit", &["keepstone-format", "keepstone-storage"]),
    (
        // Measures each layer by itself, so it may name any library.
        "keepstone-benches",
        &[
            "keepstone",
            "keepstone-backends",
            "keepstone-bevy",
            "keepstone-checkpoint",
            "keepstone-compat",
            "keepstone-derive",
            "keepstone-ecs-persist",
            "keepstone-format",
            "keepstone-hecs",
            "keepstone-slots",
            "keepstone-storage",
            "keepstone-store",
            "keepstone-testkit",
            "keepstone-value",
            "keepstone-world",
        ],
    ),
    // Its crates are those of its examples, for tests alone.
    ("keepstone-guide", &[]),
    (
        // Looks at the bytes of each layer by itself.
        "keepstone-portability",
        &[
            "keepstone-checkpoint",
            "keepstone-ecs-persist",
            "keepstone-format",
            "keepstone-storage",
            "keepstone-value",
        ],
    ),
    ("xtask", &[]),
];

/// Members that never reach a registry.
const UNPUBLISHED: &[&str] =
    &["keepstone-benches", "keepstone-guide", "keepstone-portability", "keepstone-testkit", "xtask"];

/// Members that may use anyhow: programs, whose errors are read by people and matched by nobody.
const PROGRAMS: &[&str] = &["keepstone-benches", "keepstone-cli", "keepstone-portability", "xtask"];

/// Members whose whole dependency tree holds neither serde nor an ECS.
pub(crate) const LOW: &[&str] = &["keepstone-format", "keepstone-storage"];

/// Everything wrong with the manifests of `members`, as sentences.
pub(crate) fn violations(members: &[Member]) -> Vec<String> {
    let mut found: Vec<String> = members.iter().flat_map(member_violations).collect();
    for (name, _) in ARROWS {
        if !members.iter().any(|member| member.name == *name) {
            found.push(format!("the arrow table lists {name}, which is not a member"));
        }
    }
    found
}

/// The members that the code map in `text` does not name by their folder.
pub(crate) fn unmapped<'a>(members: &'a [Member], text: &str) -> Vec<&'a str> {
    let folders = members.iter().map(|member| member.folder.as_str());
    folders.filter(|folder| !text.contains(&format!("`{folder}`"))).collect()
}

/// The dependencies that the root manifest offers and no member takes.
pub(crate) fn untaken<'a>(members: &[Member], manifest: &'a str) -> Vec<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]");
    let table = lines.skip(1).take_while(|line| !line.starts_with('['));
    let names = table.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    names
        .filter(|name| !name.starts_with('#'))
        .filter(|name| !members.iter().any(|m| m.deps.iter().any(|dep| dep.name == *name)))
        .collect()
}

/// The packages in the output of `cargo tree --prefix none` that a low crate must not pull in.
pub(crate) fn strangers(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| is_serde(name) || is_ecs(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn member_violations(member: &Member) -> Vec<String> {
    let name = member.name.as_str();
    let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
        return vec![format!("{name} has no row in the arrow table of xtask/src/layers.rs")];
    };
    let mut found = Vec::new();
    if UNPUBLISHED.contains(&name) && member.publishable {
        found.push(format!("{name} must say `publish = false`"));
    }
    for dep in &member.deps {
        let to = dep.name.as_str();
        let internal = ARROWS.iter().any(|(from, _)| *from == to);
        if internal && dep.kind != DependencyKind::Development && !allowed.contains(&to) {
            found.push(format!("{name} -> {to} is not an allowed arrow"));
        }
        if internal && dep.default_features {
            found.push(format!("{name} takes {to} with its default features; use `workspace = true`"));
        }
        if to == "anyhow" && !PROGRAMS.contains(&name) {
            found.push(format!("{name} uses anyhow; a library has its own error type"));
        }
        if LOW.contains(&name) && is_serde(to) && dep.kind != DependencyKind::Development {
            found.push(format!("{name} names {to} in its manifest; serde belongs to keepstone-value"));
        }
    }
    found
}

fn is_serde(package: &str) -> bool {
    package == "serde" || package.starts_with("serde_")
}

fn is_ecs(package: &str) -> bool {
    package == "hecs" || package.starts_with("bevy_")
}

#[cfg(test)]
mod tests {
    use cargo_metadata::DependencyKind;

    use super::{ARROWS, UNPUBLISHED, strangers, unmapped, untaken, violations};
    use crate::crates::{Dep, Member};

    fn dep(name: &str, kind: DependencyKind) -> Dep {
        Dep { name: name.to_owned(), kind, default_features: false, features: Vec::new() }
    }

    /// The workspace as the table has it, each member without dependencies.
    fn good() -> Vec<Member> {
        let member = |(name, _): &(&str, &[&str])| Member {
            name: (*name).to_owned(),
            folder: format!("crates/{name}"),
            publishable: !UNPUBLISHED.contains(name),
            library: true,
            has_defaults: false,
            features: Vec::new(),
            deps: Vec::new(),
        };
        ARROWS.iter().map(member).collect()
    }

    fn check(from: &str, dep: Dep, expected: &str) {
        let mut members = good();
        let member = members.iter_mut().find(|member| member.name == from);
        member.expect("the table has this member").deps.push(dep);
        let found = violations(&members);
        match (expected, found.as_slice()) {
            ("", []) => {}
            (text, [one]) if !text.is_empty() && one.contains(text) => {}
            _ => panic!("{from}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn the_plain_table_is_clean() {
        assert_eq!(violations(&good()), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_outside_the_table_is_refused() {
        let normal = DependencyKind::Normal;
        check("keepstone-storage", dep("keepstone-format", normal), "");
        check("keepstone-format", dep("keepstone-storage", normal), "not an allowed arrow");
        check("keepstone-ecs-persist", dep("keepstone-storage", normal), "not an allowed arrow");
        check("keepstone-cli", dep("keepstone-format", normal), "not an allowed arrow");
        check("xtask", dep("keepstone", DependencyKind::Build), "not an allowed arrow");
    }

    #[test]
    fn only_tests_may_use_the_testkit() {
        let testkit = |kind| dep("keepstone-testkit", kind);
        check("keepstone-storage", testkit(DependencyKind::Development), "");
        check("keepstone-storage", testkit(DependencyKind::Normal), "not an allowed arrow");
    }

    #[test]
    fn internal_defaults_are_refused() {
        let greedy = Dep { default_features: true, ..dep("keepstone-format", DependencyKind::Normal) };
        check("keepstone-storage", greedy, "default features");
    }

    #[test]
    fn anyhow_and_serde_stay_where_they_belong() {
        let normal = DependencyKind::Normal;
        check("keepstone-cli", dep("anyhow", normal), "");
        check("keepstone-world", dep("anyhow", normal), "its own error type");
        check("keepstone-value", dep("serde", normal), "");
        check("keepstone-format", dep("serde", normal), "belongs to keepstone-value");
        check("keepstone-storage", dep("serde_json", normal), "belongs to");
        // What another implementation says of its golden files is JSON.
        check("keepstone-storage", dep("serde_json", DependencyKind::Development), "");
    }

    #[test]
    fn a_publishable_testkit_is_refused() {
        let mut members = good();
        for member in &mut members {
            member.publishable = true;
        }
        let found = violations(&members);
        assert_eq!(found.len(), UNPUBLISHED.len(), "{found:?}");
    }

    #[test]
    fn a_member_and_the_table_cannot_drift_apart() {
        let mut members = good();
        let first = members.first_mut().expect("the table is not empty");
        "keepstone-surprise".clone_into(&mut first.name);
        let found = violations(&members);
        assert!(found.iter().any(|said| said.contains("keepstone-surprise has no row")));
        assert!(found.iter().any(|said| said.contains("keepstone-format, which is not a member")));
    }

    #[test]
    fn a_member_missing_from_the_code_map_is_found() {
        let members: Vec<_> = good().into_iter().take(2).collect();
        let map = "`crates/keepstone-format`: bytes; crates/keepstone-storage-more";
        assert_eq!(unmapped(&members, map), ["crates/keepstone-storage"]);
        assert_eq!(unmapped(&members, ""), ["crates/keepstone-format", "crates/keepstone-storage"]);
    }

    #[test]
    fn a_dependency_enters_with_the_work_it_is_for() {
        let mut members = good();
        let first = members.first_mut().expect("the table is not empty");
        first.deps.push(dep("crc32fast", DependencyKind::Normal));
        let manifest = "[workspace]\nresolver = \"3\"\n[workspace.dependencies]\n# a = 1\n\
                        crc32fast = \"1.5\"\nspare = { version = \"1\" }\n\n[workspace.lints.rust]\nx = \"deny\"\n";
        assert_eq!(untaken(&members, manifest), ["spare"]);
    }

    #[test]
    fn serde_and_an_ecs_are_found_deep_in_a_tree() {
        let tree = "keepstone-format v0.1.0 (crates/format)\ncrc32fast v1.5.0\nbitflags v2.9.0\n\
                    serde_core v1.0.2\nbevy_ecs v0.20.1\nserde_core v1.0.2 (*)\n";
        assert_eq!(strangers(tree), ["bevy_ecs", "serde_core"]);
        assert_eq!(strangers("keepstone-storage v0.1.0\nthiserror v2.0.0\n"), [""; 0]);
    }
}
