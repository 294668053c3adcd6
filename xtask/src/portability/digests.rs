//! Lines of `name digest`, and how those of a target differ from those that are expected.

use std::collections::BTreeMap;

/// Which lines a target gives: those whose name begins so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Containers, values, worlds.
    Bytes,
    /// Logs, snapshots, checkpoints.
    Disk,
}

impl Group {
    pub(crate) const ALL: &[Self] = &[Self::Bytes, Self::Disk];

    fn of(name: &str) -> Self {
        match name.split('/').next() {
            Some("log" | "snapshot" | "checkpoint") => Self::Disk,
            _ => Self::Bytes,
        }
    }
}

/// What is other, missing or new in `found`, as sentences with both digests.
pub(crate) fn differences(expected: &str, found: &str, groups: &[Group]) -> Vec<String> {
    let mut expected = parse(expected);
    expected.retain(|name, _| groups.contains(&Group::of(name)));
    let mut differences = Vec::new();
    if expected.is_empty() {
        differences.push("the list has no digest to compare with".to_owned());
    }
    let mut found = parse(found);
    for (name, digest) in expected {
        match found.remove(name) {
            Some(other) if other == digest => {}
            Some(other) => differences.push(format!("{name}: expected {digest}, found {other}")),
            None => differences.push(format!("{name}: expected {digest}, found nothing")),
        }
    }
    let unknown =
        |(name, digest): (&str, &str)| format!("{name}: found {digest}, which the list doesn't have");
    differences.extend(found.into_iter().map(unknown));
    differences
}

fn parse(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Group, differences};

    const LIST: &str = "# a comment\nvalue/rows aa\nworld/hash bb\nlog/segments cc\n";

    fn check(found: &str, groups: &[Group], expected: &[&str]) {
        assert_eq!(differences(LIST, found, groups), expected);
    }

    #[test]
    fn equal_lines_in_any_order_differ_in_nothing() {
        check("log/segments cc\nworld/hash bb\nvalue/rows aa\n", Group::ALL, &[]);
    }

    #[test]
    fn a_changed_line_is_told_with_both_digests() {
        check(
            "value/rows aa\nworld/hash b0\nlog/segments cc\n",
            Group::ALL,
            &["world/hash: expected bb, found b0"],
        );
    }

    #[test]
    fn what_is_missing_or_new_is_told() {
        let said = ["log/segments: expected cc, found nothing", "value/new dd"];
        let new = "value/new: found dd, which the list doesn't have";
        check(&format!("value/rows aa\nworld/hash bb\n{}\n", said[1]), Group::ALL, &[said[0], new]);
        // A program that printed nothing agrees with nobody.
        assert_eq!(differences(LIST, "", Group::ALL).len(), 3);
        assert_eq!(differences("", "", Group::ALL).len(), 1);
    }

    #[test]
    fn a_target_without_a_disk_is_not_asked_for_logs() {
        check("value/rows aa\nworld/hash bb\n", &[Group::Bytes], &[]);
        check("value/rows aa\n", &[Group::Bytes], &["world/hash: expected bb, found nothing"]);
    }
}
