//! Names of cases that are near to what was asked for.

/// Names that are told at most.
const COUNT: usize = 6;

/// Says that no case is meant by `filters`, and which may have been.
pub(super) fn told(filters: &[String], ids: &[String]) -> String {
    let mut text = format!("no case has `{}` in its name", filters.join("` or `"));
    let mut near: Vec<&str> = filters.iter().flat_map(|filter| near(filter, ids)).collect();
    near.dedup();
    if !near.is_empty() {
        text.push_str("; near it are:");
        for id in near {
            text.push_str("\n    ");
            text.push_str(id);
        }
    }
    text.push_str("\n`--list` shows all");
    text
}

/// The ids that are nearest to `filter`: those that lack the fewest of its words, then those that take the fewest edits.
fn near<'a>(filter: &str, ids: &'a [String]) -> Vec<&'a str> {
    let filter = filter.to_lowercase();
    let count = words(&filter).count();
    let rank = |id: &'a String| {
        let lower = id.to_lowercase();
        let lacking = words(&filter).filter(|word| !lower.contains(word)).count();
        let parts = lower.split('/').chain([lower.as_str()]);
        let edits = parts.map(|part| edits(&filter, part)).min().unwrap_or(usize::MAX);
        (lacking, edits, id.as_str())
    };
    let is_near = |(lacking, edits, _): &(usize, usize, &str)| {
        *lacking < count || *edits <= filter.chars().count().div_ceil(3)
    };
    let mut ranked: Vec<_> = ids.iter().map(rank).filter(is_near).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(COUNT).map(|(_, _, id)| id).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// How many letters have to be put in, taken out or changed to make one of the other (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for ((pair, wanted), left) in row.windows(2).zip(&other).zip(0..) {
            let [diagonal, above] = pair else { continue };
            let before: usize = next.get(left).copied().unwrap_or_default();
            next.push((diagonal + usize::from(letter != *wanted)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{edits, told};

    fn check(filter: &str, expected: &[&str]) {
        let ids = ["encode/mixed 1k", "encode lz4/mixed 100k", "wal durable/1 KB", "wal durable/16 KB"];
        let said = told(&[filter.to_owned()], &ids.map(str::to_owned));
        let near: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        assert_eq!(near, expected, "{said}");
        assert!(said.starts_with(&format!("no case has `{filter}` in its name")), "{said}");
        assert!(said.ends_with("`--list` shows all"), "{said}");
    }

    #[test]
    fn a_slip_and_words_in_another_order_find_what_was_meant() {
        check("encdoe", &["encode/mixed 1k"]);
        check("durable wal", &["wal durable/1 KB", "wal durable/16 KB"]);
        check("Encode LZ4", &["encode lz4/mixed 100k", "encode/mixed 1k"]);
    }

    #[test]
    fn what_is_near_nothing_is_told_so() {
        check("zzzzzz", &[]);
    }

    #[test]
    fn edits_are_counted() {
        for (one, other, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!((edits(one, other), edits(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
