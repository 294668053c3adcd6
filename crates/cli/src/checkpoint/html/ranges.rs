/// Ranges with fewer equal bytes between them are shown as one.
const GAP: usize = 4;

/// Bytes of two states that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Where it begins in the first.
    pub(super) a: usize,
    pub(super) a_len: usize,
    /// Where it begins in the second.
    pub(super) b: usize,
    pub(super) b_len: usize,
}

/// Finds the ranges that differ: place by place where both are equally long, else all that is not the same in front and behind.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Vec<Range> {
    if a.len() == b.len() {
        return aligned(a, b);
    }
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a_rest, b_rest) = (a.get(front..).unwrap_or_default(), b.get(front..).unwrap_or_default());
    let back = a_rest.iter().rev().zip(b_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    vec![Range { a: front, a_len: a_rest.len() - back, b: front, b_len: b_rest.len() - back }]
}

fn aligned(a: &[u8], b: &[u8]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for (place, _) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b) {
        match ranges.last_mut() {
            Some(last) if place <= last.a + last.a_len + GAP => {
                last.a_len = place + 1 - last.a;
                last.b_len = last.a_len;
            }
            _ => ranges.push(Range { a: place, a_len: 1, b: place, b_len: 1 }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_differ_are_ranges() {
        let range = |a, a_len, b, b_len| Range { a, a_len, b, b_len };
        for (a, b, ranges) in [
            ("", "", vec![]),
            ("same", "same", vec![]),
            ("0123456789", "0x23456789", vec![range(1, 1, 1, 1)]),
            ("0123456789", "x123x5678x", vec![range(0, 10, 0, 10)]),
            ("0123456789", "x12345678x", vec![range(0, 1, 0, 1), range(9, 1, 9, 1)]),
            ("abc", "abXYc", vec![range(2, 0, 2, 2)]),
            ("aaa", "aa", vec![range(2, 1, 2, 0)]),
            ("", "new", vec![range(0, 0, 0, 3)]),
        ] {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), ranges, "{a} {b}");
        }
    }
}
