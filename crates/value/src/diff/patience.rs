/// Finds pairs of elements that stand once in `a` and once in `b`: as many as ascend on both sides. `kinds`: elements are below it.
pub(super) fn anchors(a: &[u32], b: &[u32], kinds: usize) -> Vec<(usize, usize)> {
    let (in_a, in_b) = (places(a, kinds), places(b, kinds));
    let mut candidates = Vec::new();
    for (place, item) in a.iter().enumerate() {
        let kind = usize::try_from(*item).unwrap_or(usize::MAX);
        if let (Some(Place::Once(_)), Some(Place::Once(other))) = (in_a.get(kind), in_b.get(kind)) {
            candidates.push((place, *other));
        }
    }
    ascending(&candidates)
}

#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Once(usize),
    Often,
}

fn places(items: &[u32], kinds: usize) -> Vec<Place> {
    let mut places = vec![Place::Nowhere; kinds];
    for (at, item) in items.iter().enumerate() {
        if let Some(place) = usize::try_from(*item).ok().and_then(|item| places.get_mut(item)) {
            *place = if let Place::Nowhere = place { Place::Once(at) } else { Place::Often };
        }
    }
    places
}

/// The longest part of a list that ascends in its second places too; it does in its first ones.
fn ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The place of the pair with the least end among lists of each length, and of each pair the one in front of it.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, place)) in pairs.iter().enumerate() {
        let is_lower = |end: &usize| pairs.get(*end).is_some_and(|(_, other)| other < place);
        let len = ends.partition_point(is_lower);
        previous.push(len.checked_sub(1).and_then(|before| ends.get(before)).copied());
        match ends.get_mut(len) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        found.extend(pairs.get(index));
        next = previous.get(index).copied().flatten();
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_once_on_both_sides_holds() {
        assert_eq!(anchors(&[0, 1, 2, 3], &[0, 1, 2, 3], 4), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(anchors(&[0, 1, 1, 3], &[0, 1, 4, 4], 5), [(0, 0)]);
        assert_eq!(anchors(&[3, 0, 1, 2], &[0, 1, 2, 3], 4), [(1, 0), (2, 1), (3, 2)]);
        assert_eq!(anchors(&[], &[1], 2), []);
    }
}
