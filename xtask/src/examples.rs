//! Examples of all members are built into one folder, so no two may have the same name.

use std::collections::BTreeMap;

/// Every name that several members gave to an example.
pub(crate) fn doubles(examples: &[(String, String)]) -> Vec<String> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (member, example) in examples {
        members.entry(example).or_default().push(member);
    }
    members.retain(|_, members| members.len() > 1);
    let told = |(example, members): (&str, Vec<&str>)| {
        format!(
            "the example `{example}` is in {}: one of them would overwrite the other",
            members.join(" and ")
        )
    };
    members.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::doubles;

    fn check(examples: &[(&str, &str)], expected: &[&str]) {
        let owned = |(member, example): &(&str, &str)| ((*member).to_owned(), (*example).to_owned());
        assert_eq!(doubles(&examples.iter().map(owned).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn a_name_that_two_members_use_is_told_with_both() {
        check(&[("a", "one"), ("b", "two")], &[]);
        let said = "the example `one` is in a and b: one of them would overwrite the other";
        check(&[("a", "one"), ("b", "one"), ("b", "two")], &[said]);
    }
}
