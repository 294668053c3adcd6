use std::{collections::HashMap, ops::Range};

use super::{myers, patience};
use crate::value::Value;

/// Pairs of equal elements of two lists, ascending on both sides. `work` counts steps.
pub(super) fn equal_pairs<'v>(a: &'v [Value<'v>], b: &'v [Value<'v>], work: &mut u64) -> Vec<(usize, usize)> {
    let mut kinds = HashMap::with_capacity(a.len().max(b.len()));
    let (a, b) = (numbers(a, &mut kinds), numbers(b, &mut kinds));
    if let Some(pairs) = myers::pairs(&a, &b, work) {
        return pairs;
    }
    *work += (a.len() + b.len()) as u64;
    let anchors = patience::anchors(&a, &b, kinds.len());
    let mut pairs = Vec::with_capacity(anchors.len());
    let (mut a_from, mut b_from) = (0, 0);
    for anchor in anchors.into_iter().map(Some).chain([None]) {
        let (a_to, b_to) = anchor.unwrap_or((a.len(), b.len()));
        between(&a, a_from..a_to, &b, b_from..b_to, &mut pairs, work);
        pairs.extend(anchor);
        (a_from, b_from) = (a_to + 1, b_to + 1);
    }
    pairs
}

/// Gives equal elements one number.
fn numbers<'v>(items: &'v [Value<'v>], kinds: &mut HashMap<&'v Value<'v>, u32>) -> Vec<u32> {
    let number = |item| {
        let next = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
        *kinds.entry(item).or_insert(next)
    };
    items.iter().map(number).collect()
}

/// Pairs what is equal between two anchors.
fn between(
    a: &[u32],
    a_range: Range<usize>,
    b: &[u32],
    b_range: Range<usize>,
    pairs: &mut Vec<(usize, usize)>,
    work: &mut u64,
) {
    let (a_from, b_from) = (a_range.start, b_range.start);
    let (Some(a), Some(b)) = (a.get(a_range), b.get(b_range)) else { return };
    if a.is_empty() || b.is_empty() {
        return;
    }
    if let Some(found) = myers::pairs(a, b, work) {
        pairs.extend(found.into_iter().map(|(x, y)| (a_from + x, b_from + y)));
        return;
    }
    // What both begin with, and what both end with.
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a_len, b_len) = (a.len(), b.len());
    let behind = a.iter().skip(front).rev().zip(b.iter().skip(front).rev());
    let behind = behind.take_while(|(a, b)| a == b).count();
    pairs.extend((0..front).map(|at| (a_from + at, b_from + at)));
    pairs.extend((0..behind).rev().map(|at| (a_from + a_len - 1 - at, b_from + b_len - 1 - at)));
}
