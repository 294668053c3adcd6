/// Elements that come or go, at most: looking for the fewest takes the square of them in memory, 2 MiB.
const EDITS_MAX: usize = 512;
/// Steps for each element that the search may take, and how many more.
const STEPS_PER_ITEM: u64 = 32;
const STEPS_MIN: u64 = 1 << 16;

/// Finds the longest list of pairs of equal elements, ascending on both sides, where little has to come or go: E. Myers, An O(ND)
/// Difference Algorithm and Its Variations, 1986. None if it takes too long.
pub(super) fn pairs(a: &[u32], b: &[u32], work: &mut u64) -> Option<Vec<(usize, usize)>> {
    let (a_len, b_len) = (i64::try_from(a.len()).ok()?, i64::try_from(b.len()).ok()?);
    let steps_max = STEPS_MIN + STEPS_PER_ITEM.saturating_mul((a.len() + b.len()) as u64);
    let mut steps = 0;
    // For each diagonal, counted from the one that is reached last below, how far in `a` it goes.
    let mut reach = Reach::new(EDITS_MAX.min(a.len() + b.len()));
    let mut trace: Vec<Vec<i64>> = Vec::new();
    for edits in 0..=i64::try_from(reach.edits_max).ok()? {
        trace.push(reach.around(edits));
        let mut diagonal = -edits;
        while diagonal <= edits {
            let start = reach.start(edits, diagonal);
            let mut x = start;
            while x < a_len && x - diagonal < b_len && at(a, x)? == at(b, x - diagonal)? {
                x += 1;
            }
            steps += 1 + (x - start).unsigned_abs();
            reach.set(diagonal, x);
            if x >= a_len && x - diagonal >= b_len {
                *work += steps;
                return back(&trace, a_len, b_len);
            }
            diagonal += 2;
        }
        if steps > steps_max {
            break;
        }
    }
    *work += steps;
    None
}

fn at(items: &[u32], place: i64) -> Option<u32> {
    items.get(usize::try_from(place).ok()?).copied()
}

struct Reach {
    edits_max: usize,
    furthest: Vec<i64>,
}

impl Reach {
    fn new(edits_max: usize) -> Self {
        Self { edits_max, furthest: vec![0; 2 * edits_max + 3] }
    }

    /// The place of a diagonal: one more than the edits is room on each side.
    fn place(&self, diagonal: i64) -> Option<usize> {
        (self.edits_max + 1).checked_add_signed(isize::try_from(diagonal).ok()?)
    }

    fn get(&self, diagonal: i64) -> i64 {
        self.place(diagonal).and_then(|place| self.furthest.get(place)).copied().unwrap_or(0)
    }

    fn set(&mut self, diagonal: i64, x: i64) {
        if let Some(furthest) = self.place(diagonal).and_then(|place| self.furthest.get_mut(place)) {
            *furthest = x;
        }
    }

    /// Where a diagonal is entered with one edit more.
    fn start(&self, edits: i64, diagonal: i64) -> i64 {
        let (below, above) = (self.get(diagonal - 1), self.get(diagonal + 1));
        if comes_from_above(edits, diagonal, below, above) { above } else { below + 1 }
    }

    /// The diagonals that so many edits look at.
    fn around(&self, edits: i64) -> Vec<i64> {
        (-edits - 1..=edits + 1).map(|diagonal| self.get(diagonal)).collect()
    }
}

fn comes_from_above(edits: i64, diagonal: i64, below: i64, above: i64) -> bool {
    diagonal == -edits || (diagonal != edits && below < above)
}

/// Goes the way back from the end.
fn back(trace: &[Vec<i64>], a_len: i64, b_len: i64) -> Option<Vec<(usize, usize)>> {
    let (mut x, mut y) = (a_len, b_len);
    let mut pairs = Vec::new();
    let mut take = |x: &mut i64, y: &mut i64, to_x: i64, to_y: i64| {
        while *x > to_x && *y > to_y {
            (*x, *y) = (*x - 1, *y - 1);
            pairs.push((usize::try_from(*x).ok()?, usize::try_from(*y).ok()?));
        }
        Some(())
    };
    for (edits, reach) in trace.iter().enumerate().skip(1).rev() {
        let edits = i64::try_from(edits).ok()?;
        let diagonal = x - y;
        let get = |diagonal: i64| {
            let place = usize::try_from(diagonal + edits + 1).ok()?;
            reach.get(place).copied()
        };
        let (below, above) = (get(diagonal - 1)?, get(diagonal + 1)?);
        let before =
            if comes_from_above(edits, diagonal, below, above) { diagonal + 1 } else { diagonal - 1 };
        let to = get(before)?;
        take(&mut x, &mut y, to, to - before)?;
        (x, y) = (to, to - before);
    }
    take(&mut x, &mut y, 0, 0)?;
    pairs.reverse();
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &[u32], b: &[u32], count: usize) {
        let found = pairs(a, b, &mut 0).unwrap();
        assert_eq!(found.len(), count, "{a:?} {b:?} {found:?}");
        assert!(found.iter().all(|(x, y)| a[*x] == b[*y]));
        assert!(found.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
    }

    #[test]
    fn the_most_pairs_are_found() {
        check(&[], &[], 0);
        check(&[1], &[], 0);
        check(&[1, 2, 3], &[1, 2, 3], 3);
        check(&[1, 2, 3], &[4, 1, 2, 3], 3);
        check(&[1, 2, 3], &[1, 3], 2);
        check(&[1, 2, 3], &[4, 5, 6], 0);
        // The example of the paper.
        check(&[0, 1, 2, 0, 1, 1, 0], &[2, 1, 0, 1, 0, 2], 4);
    }

    #[test]
    fn the_most_pairs_of_all_short_lists_are_found() {
        let list = |seed: u32, len: u32| (0..len).map(|at| seed / 3_u32.pow(at) % 3).collect::<Vec<_>>();
        for (a_len, b_len) in [(4, 4), (5, 3), (2, 5)] {
            for a in 0..3_u32.pow(a_len) {
                for b in 0..3_u32.pow(b_len) {
                    let (a, b) = (list(a, a_len), list(b, b_len));
                    check(&a, &b, longest(&a, &b));
                }
            }
        }
    }

    fn longest(a: &[u32], b: &[u32]) -> usize {
        let ([x, a_rest @ ..], [y, b_rest @ ..]) = (a, b) else { return 0 };
        if x == y { 1 + longest(a_rest, b_rest) } else { longest(a_rest, b).max(longest(a, b_rest)) }
    }

    #[test]
    fn what_takes_too_long_is_given_up() {
        let (a, b): (Vec<u32>, Vec<u32>) = ((0..5000).collect(), (5000..10_000).collect());
        let mut work = 0;
        assert_eq!(pairs(&a, &b, &mut work), None);
        assert!(work < 400_000, "{work}");
    }
}
