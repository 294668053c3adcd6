use std::collections::HashMap;

/// Lines around a change that are shown though they are the same.
const CONTEXT: usize = 3;
/// More lines than this that came or went are not told apart: all between the first and the last change are then.
const EDITS_MAX: usize = 600;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is in both, at these places.
    Same(usize, usize),
    /// The line at this place of the first is gone.
    Gone(usize),
    /// The line at this place of the second is new.
    New(usize),
}

/// Compares texts line by line, after Myers: with as few lines as can be that came or went, up to a limit.
pub(super) fn compare(a: &[&str], b: &[&str]) -> Vec<Edit> {
    let mut known = HashMap::new();
    let mut number = |line: &&str| {
        let next = known.len();
        *known.entry((*line).to_owned()).or_insert(next)
    };
    let (left, right): (Vec<usize>, Vec<usize>) =
        (a.iter().map(&mut number).collect(), b.iter().map(&mut number).collect());
    let front = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
    let (left, right) = (left.get(front..).unwrap_or_default(), right.get(front..).unwrap_or_default());
    let back = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    let left = left.get(..left.len() - back).unwrap_or_default();
    let right = right.get(..right.len() - back).unwrap_or_default();

    let mut edits: Vec<Edit> = (0..front).map(|place| Edit::Same(place, place)).collect();
    edits.extend(shortest(left, right).into_iter().map(|edit| match edit {
        Edit::Same(a, b) => Edit::Same(a + front, b + front),
        Edit::Gone(a) => Edit::Gone(a + front),
        Edit::New(b) => Edit::New(b + front),
    }));
    edits.extend((0..back).map(|place| Edit::Same(front + left.len() + place, front + right.len() + place)));
    edits
}

/// Groups edits with the lines around them.
pub(super) fn hunks(edits: &[Edit]) -> Vec<&[Edit]> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (place, edit) in edits.iter().enumerate() {
        if matches!(edit, Edit::Same(..)) {
            continue;
        }
        let (start, end) = (place.saturating_sub(CONTEXT), (place + 1 + CONTEXT).min(edits.len()));
        match ranges.last_mut() {
            Some(last) if start <= last.1 => last.1 = end,
            _ => ranges.push((start, end)),
        }
    }
    ranges.into_iter().filter_map(|(start, end)| edits.get(start..end)).collect()
}

/// How far each diagonal is reached with so many edits; the diagonals are 2 apart.
type Reached = Vec<usize>;

fn shortest(a: &[usize], b: &[usize]) -> Vec<Edit> {
    let mut trace: Vec<Reached> = Vec::new();
    for depth in 0..=EDITS_MAX.min(a.len() + b.len()) {
        let mut row = Reached::with_capacity(depth + 1);
        for diagonal in 0..=depth {
            let (mut x, _) = begin(trace.last(), diagonal);
            // On diagonal `i` of depth `d` are the places where `x - y` is `2 i - d`.
            let mut y = (x + depth).saturating_sub(2 * diagonal);
            while x < a.len() && y < b.len() && a.get(x) == b.get(y) {
                (x, y) = (x + 1, y + 1);
            }
            row.push(x);
            if x >= a.len() && y >= b.len() {
                trace.push(row);
                return walk_back(&trace, diagonal, (a.len(), b.len()));
            }
        }
        trace.push(row);
    }
    (0..a.len()).map(Edit::Gone).chain((0..b.len()).map(Edit::New)).collect()
}

/// Where a diagonal begins, of those that were reached with one edit less, and whether a line is gone there.
fn begin(before: Option<&Reached>, diagonal: usize) -> (usize, bool) {
    let Some(before) = before else { return (0, false) };
    let gone = diagonal.checked_sub(1).and_then(|place| before.get(place)).map(|x| x + 1);
    let new = before.get(diagonal).copied();
    match (gone, new) {
        (Some(gone), Some(new)) if gone > new => (gone, true),
        (_, Some(new)) => (new, false),
        (Some(gone), None) => (gone, true),
        (None, None) => (0, false),
    }
}

fn walk_back(trace: &[Reached], mut diagonal: usize, (mut x, mut y): (usize, usize)) -> Vec<Edit> {
    let mut edits = Vec::new();
    for depth in (0..trace.len()).rev() {
        let before = depth.checked_sub(1).and_then(|depth| trace.get(depth));
        let (start, is_gone) = begin(before, diagonal);
        while x > start && x > 0 && y > 0 {
            (x, y) = (x - 1, y - 1);
            edits.push(Edit::Same(x, y));
        }
        if depth == 0 {
            break;
        }
        if is_gone {
            x = x.saturating_sub(1);
            diagonal = diagonal.saturating_sub(1);
            edits.push(Edit::Gone(x));
        } else {
            y = y.saturating_sub(1);
            edits.push(Edit::New(y));
        }
    }
    edits.reverse();
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that the edits make the second text of the first, and returns how many lines came or went.
    fn check(a: &[&str], b: &[&str]) -> usize {
        let edits = compare(a, b);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for edit in &edits {
            match *edit {
                Edit::Same(at, to) => {
                    assert_eq!(a[at], b[to]);
                    left.push(at);
                    right.push(to);
                }
                Edit::Gone(at) => left.push(at),
                Edit::New(to) => right.push(to),
            }
        }
        assert_eq!(left, (0..a.len()).collect::<Vec<_>>(), "{edits:?}");
        assert_eq!(right, (0..b.len()).collect::<Vec<_>>(), "{edits:?}");
        edits.iter().filter(|edit| !matches!(edit, Edit::Same(..))).count()
    }

    #[test]
    fn as_few_lines_as_can_be_came_or_went() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "axc", 2),
            ("abcabba", "cbabac", 5),
            ("abcdef", "bcdefg", 2),
            ("xaxbxc", "abc", 3),
        ] {
            let lines = |text: &'static str| text.split("").filter(|c| !c.is_empty()).collect::<Vec<_>>();
            assert_eq!(check(&lines(a), &lines(b)), edits, "{a} {b}");
        }
    }

    #[test]
    fn random_texts_are_made_of_each_other() {
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..500 {
            let mut text =
                |len: u32| (0..len).map(|_| ["a", "b", "c", "d"][next(4) as usize]).collect::<Vec<_>>();
            let (a, b) = (text(12), text(9));
            check(&a, &b);
        }
    }

    #[test]
    fn texts_with_nothing_in_common_are_one_change() {
        let a: Vec<String> = (0..2000).map(|line| format!("a{line}")).collect();
        let b: Vec<String> = (0..2000).map(|line| format!("b{line}")).collect();
        let (a, b): (Vec<&str>, Vec<&str>) =
            (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
        assert_eq!(check(&a, &b), 4000);
        assert_eq!(hunks(&compare(&a, &b)).len(), 1);
    }

    #[test]
    fn changes_that_are_near_share_their_context() {
        let a: Vec<String> = (0..40).map(|line| line.to_string()).collect();
        let mut b = a.clone();
        for at in [5, 9, 30] {
            b[at] = "x".to_owned();
        }
        let (a, b): (Vec<&str>, Vec<&str>) =
            (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
        let edits = compare(&a, &b);
        let lens: Vec<usize> = hunks(&edits).iter().map(|hunk| hunk.len()).collect();
        assert_eq!(lens, [3 + 2 + 3 + 2 + 3, 3 + 2 + 3]);
    }
}
