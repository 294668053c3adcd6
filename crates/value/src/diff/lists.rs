use super::{align, same};
use crate::value::Value;

/// Most pairs of elements whose likeness is looked at in one place.
const CELLS_MAX: usize = 1 << 12;

/// What becomes of an element: its places in both lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may have changed.
    Stays(usize, usize),
    Goes(usize),
    Comes(usize),
}

/// Finds what becomes of the elements of two lists, leaving out those that are equal. `work` counts steps, and ends the search at `work_max`.
pub(super) fn fates<'v>(a: &'v [Value<'v>], b: &'v [Value<'v>], work: &mut u64, work_max: u64) -> Vec<Fate> {
    let mut fates = Vec::new();
    let mut equal = |(x, y): (&Value<'_>, &Value<'_>)| *work < work_max && same::same(x, y, work);
    let front = a.iter().zip(b).take_while(|pair| equal(*pair)).count();
    let (a_rest, b_rest) = (a.iter().skip(front), b.iter().skip(front));
    let behind = a_rest.rev().zip(b_rest.rev()).take_while(|pair| equal(*pair)).count();
    let (a_end, b_end) = (a.len() - behind, b.len() - behind);
    let (Some(a), Some(b)) = (a.get(front..a_end), b.get(front..b_end)) else { return fates };
    let mut gap = Gap { a, b, from: (front, front), fates: &mut fates };
    let allowed = work_max.saturating_sub(*work);
    let needed =
        if a.len().min(b.len()) > 1 || a.len().max(b.len()) > 1 { weights(a, b, allowed) } else { 0 };
    if a.is_empty() || b.is_empty() || needed > allowed {
        gap.by_place(0..a.len(), 0..b.len());
        return fates;
    }
    *work += needed;
    let pairs = if a.len().max(b.len()) > 1 { align::equal_pairs(a, b, work) } else { Vec::new() };
    let (mut x, mut y) = (0, 0);
    for (to_x, to_y) in pairs.into_iter().chain([(a.len(), b.len())]) {
        gap.pair(x..to_x, y..to_y, work);
        (x, y) = (to_x + 1, to_y + 1);
    }
    fates
}

/// Steps that looking at all elements takes; no more than one behind what is allowed.
fn weights(a: &[Value<'_>], b: &[Value<'_>], allowed: u64) -> u64 {
    let mut sum = 0;
    for value in a.iter().chain(b) {
        if sum > allowed {
            break;
        }
        sum += same::weight(value, allowed - sum);
    }
    sum
}

/// Elements of which no two are known to be equal.
struct Gap<'v, 'f> {
    a: &'v [Value<'v>],
    b: &'v [Value<'v>],
    /// Where they begin in the lists.
    from: (usize, usize),
    fates: &'f mut Vec<Fate>,
}

type Range = std::ops::Range<usize>;

impl Gap<'_, '_> {
    fn stays(&mut self, x: usize, y: usize) {
        self.fates.push(Fate::Stays(self.from.0 + x, self.from.1 + y));
    }

    fn goes(&mut self, range: Range) {
        self.fates.extend(range.map(|x| Fate::Goes(self.from.0 + x)));
    }

    fn comes(&mut self, range: Range) {
        self.fates.extend(range.map(|y| Fate::Comes(self.from.1 + y)));
    }

    /// Pairs elements by their place.
    fn by_place(&mut self, a: Range, b: Range) {
        let both = a.len().min(b.len());
        for (x, y) in a.clone().zip(b.clone()) {
            self.stays(x, y);
        }
        self.goes(a.start + both..a.end);
        self.comes(b.start + both..b.end);
    }

    /// Pairs the elements that are most alike, in their order.
    fn pair(&mut self, a: Range, b: Range, work: &mut u64) {
        let (a_len, b_len) = (a.len(), b.len());
        let is_plain = a_len == 0 || b_len == 0 || (a_len, b_len) == (1, 1);
        if is_plain || a_len.saturating_mul(b_len) > CELLS_MAX {
            return self.by_place(a, b);
        }
        let table = self.likenesses(a.clone(), b.clone(), work);
        let best = |x: usize, y: usize| table.get(x * (b_len + 1) + y).map_or(0, |cell| cell.best);
        let (mut x, mut y) = (0, 0);
        while x < a_len && y < b_len {
            let here = table.get(x * (b_len + 1) + y).copied().unwrap_or_default();
            if here.best == here.alike + best(x + 1, y + 1) {
                self.stays(a.start + x, b.start + y);
                (x, y) = (x + 1, y + 1);
            } else if here.best == best(x + 1, y) {
                self.goes(a.start + x..a.start + x + 1);
                x += 1;
            } else {
                self.comes(b.start + y..b.start + y + 1);
                y += 1;
            }
        }
        self.goes(a.start + x..a.end);
        self.comes(b.start + y..b.end);
    }

    /// For each pair how alike it is, and how alike all can be from there on.
    fn likenesses(&self, a: Range, b: Range, work: &mut u64) -> Vec<Cell> {
        let width = b.len() + 1;
        let mut table = vec![Cell::default(); (a.len() + 1) * width];
        for (x, place_x) in a.enumerate().rev() {
            for (y, place_y) in b.clone().enumerate().rev() {
                let (Some(one), Some(other)) = (self.a.get(place_x), self.b.get(place_y)) else { continue };
                let alike = same::likeness(one, other, work);
                let best = |at: usize| table.get(at).map_or(0, |cell| cell.best);
                let at = x * width + y;
                let best = (alike + best(at + width + 1)).max(best(at + width)).max(best(at + 1));
                if let Some(cell) = table.get_mut(at) {
                    *cell = Cell { alike, best };
                }
            }
        }
        table
    }
}

#[derive(Clone, Copy, Default)]
struct Cell {
    alike: u64,
    best: u64,
}
