//! Where two runs of bytes are alike, a word or a block at a time.

/// Bytes whose differences fit the bits of a mask.
pub(super) const BLOCK: usize = 64;
/// Bytes that are compared by one call, where most are alike.
pub(super) const STRETCH: usize = 256;
const WORD: usize = 8;

/// Returns how many bytes both begin with.
#[inline]
pub(super) fn prefix_len(a: &[u8], b: &[u8]) -> usize {
    // Most calls end within a few bytes.
    let (near_a, near_b) = (a.get(..BLOCK).unwrap_or(a), b.get(..BLOCK).unwrap_or(b));
    let near = words_prefix_len(near_a, near_b);
    if near < BLOCK {
        return near;
    }
    let far = pieces_prefix_len::<STRETCH>(a, b);
    let (a, b) = (a.get(far..).unwrap_or_default(), b.get(far..).unwrap_or_default());
    let nearer = pieces_prefix_len::<BLOCK>(a, b);
    let (a, b) = (a.get(nearer..).unwrap_or_default(), b.get(nearer..).unwrap_or_default());
    far + nearer + words_prefix_len(a, b)
}

fn pieces_prefix_len<const N: usize>(a: &[u8], b: &[u8]) -> usize {
    let pieces = a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0);
    pieces.take_while(|(a, b)| a == b).count() * N
}

#[inline]
fn words_prefix_len(a: &[u8], b: &[u8]) -> usize {
    let (words_a, words_b) = (a.as_chunks::<WORD>().0, b.as_chunks::<WORD>().0);
    let mut len = 0;
    for (a, b) in words_a.iter().zip(words_b) {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return len + (differing.trailing_zeros() / 8) as usize;
        }
        len += WORD;
    }
    let (a, b) = (a.get(len..).unwrap_or_default(), b.get(len..).unwrap_or_default());
    len + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Returns how many bytes both end with.
#[inline]
pub(super) fn suffix_len(a: &[u8], b: &[u8]) -> usize {
    if a.last() != b.last() {
        return 0;
    }
    let blocks = a.as_rchunks::<BLOCK>().1.iter().rev().zip(b.as_rchunks::<BLOCK>().1.iter().rev());
    let len = blocks.take_while(|(a, b)| a == b).count() * BLOCK;
    let rest = |bytes: &[u8]| bytes.len().saturating_sub(len);
    let (a, b) = (a.get(..rest(a)).unwrap_or_default(), b.get(..rest(b)).unwrap_or_default());
    len + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Returns which bytes of two blocks differ: the first is the lowest bit.
#[inline]
pub(super) fn differing(a: &[u8; BLOCK], b: &[u8; BLOCK]) -> u64 {
    let words = a.as_chunks::<WORD>().0.iter().zip(b.as_chunks::<WORD>().0);
    let masks = words.map(|(a, b)| u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)).map(nonzero_bytes);
    masks.rev().fold(0, |mask, bits| mask << WORD | bits)
}

/// A bit for each byte of `word` that isn't zero.
#[inline]
fn nonzero_bytes(word: u64) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // Each byte of the sum has its upper bit where one of the lower seven is set; none overflows.
    let upper = (((word & LOW_BITS) + LOW_BITS) | word) & !LOW_BITS;
    // The product brings the eight bits, which are eight apart, to the upper byte.
    (upper >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use keepstone_testkit::Random;

    use super::*;

    #[test]
    fn words_and_blocks_give_what_single_bytes_give() {
        let mut random = Random::new(5);
        for _ in 0..20_000 {
            let len = random.index(2500);
            let a = random.bytes(len);
            let mut b = a.clone();
            for _ in 0..random.index(4) {
                let at = random.index(len);
                b.splice(at..len.min(at + 1), random.bytes(len.min(1)));
            }
            b.truncate(len - random.index(1 + len / 4));
            let equal = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            assert_eq!(prefix_len(&a, &b), equal);
            let equal = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
            assert_eq!(suffix_len(&a, &b), equal);
        }
    }

    #[test]
    fn masks_have_a_bit_for_each_byte_that_differs() {
        let mut random = Random::new(6);
        for _ in 0..2000 {
            let a: [u8; BLOCK] = random.bytes(BLOCK).try_into().unwrap();
            let mut b = a;
            for _ in 0..random.index(100) {
                b[random.index(BLOCK)] ^= 1 << random.index(8);
            }
            let expected = (0..BLOCK).filter(|&at| a[at] != b[at]).fold(0, |mask, at| mask | 1 << at);
            assert_eq!(differing(&a, &b), expected);
        }
    }
}
