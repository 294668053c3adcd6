//! Where the cargo feature `planted` may be switched on: in tests, and nowhere else.
//!
//! It puts known faults into a crate, for tests that show that they are caught.

use cargo_metadata::DependencyKind;

use crate::crates::Member;

const PLANTED: &str = "planted";

/// Everything that would let planted faults into a build that is not a test.
pub(crate) fn planted(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(member_violations).collect()
}

fn member_violations(member: &Member) -> Vec<String> {
    let name = &member.name;
    let mut found = Vec::new();
    for (feature, enables) in &member.features {
        if feature != PLANTED && enables.iter().any(|enabled| is_planted(enabled)) {
            found.push(format!("{name}: the feature `{feature}` switches `{PLANTED}` on; only tests may"));
        }
    }
    for dep in &member.deps {
        let takes = dep.features.iter().any(|feature| is_planted(feature));
        if takes && dep.kind != DependencyKind::Development {
            let to = &dep.name;
            found.push(format!("{name} takes {to} with its feature `{PLANTED}`; only dev-dependencies may"));
        }
    }
    found
}

/// `planted`, `a/planted` or `a?/planted`.
fn is_planted(enabled: &str) -> bool {
    enabled.rsplit('/').next() == Some(PLANTED)
}

#[cfg(test)]
mod tests {
    use cargo_metadata::DependencyKind;

    use super::planted;
    use crate::crates::{Dep, Member};

    fn member(features: &[(&str, &[&str])], deps: Vec<Dep>) -> Member {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Member {
            name: "a".to_owned(),
            folder: "crates/a".to_owned(),
            publishable: true,
            library: true,
            has_defaults: false,
            features: features.iter().map(|(name, enables)| ((*name).to_owned(), owned(enables))).collect(),
            deps,
        }
    }

    fn dep(kind: DependencyKind, feature: &str) -> Dep {
        Dep { name: "b".to_owned(), kind, default_features: false, features: vec![feature.to_owned()] }
    }

    fn check(features: &[(&str, &[&str])], deps: Vec<Dep>, expected: &[&str]) {
        assert_eq!(planted(&[member(features, deps)]), expected);
    }

    #[test]
    fn no_other_feature_switches_planted_faults_on() {
        check(&[("default", &["zstd"]), ("zstd", &[]), ("planted", &["b/planted"])], vec![], &[]);
        let by_default = "a: the feature `default` switches `planted` on; only tests may";
        check(&[("default", &["planted"]), ("planted", &[])], vec![], &[by_default]);
        // A default may also reach it by way of another feature, or another crate.
        let by_way = "a: the feature `extra` switches `planted` on; only tests may";
        check(&[("default", &["extra"]), ("extra", &["b?/planted"])], vec![], &[by_way]);
    }

    #[test]
    fn only_tests_take_a_crate_with_planted_faults() {
        let said = "a takes b with its feature `planted`; only dev-dependencies may";
        check(&[], vec![dep(DependencyKind::Development, "planted")], &[]);
        check(&[], vec![dep(DependencyKind::Normal, "planted")], &[said]);
        check(&[], vec![dep(DependencyKind::Build, "planted")], &[said]);
        check(&[], vec![dep(DependencyKind::Normal, "zstd")], &[]);
    }
}
