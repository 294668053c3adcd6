/// What a set of names is known by, whatever their order: two sets with the same are the same, but for one chance in 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    count: u64,
    sum: u64,
}

impl Fingerprint {
    /// Puts a name in.
    pub(crate) fn add(&mut self, name: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(hash(name));
    }

    /// Takes a name out that was put in.
    pub(crate) fn take(&mut self, name: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(hash(name));
    }
}

/// A hash that is fast where [`std::hash::DefaultHasher`] would take longer than all else that is done with a name.
fn hash(name: &[u8]) -> u64 {
    const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
    const FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;
    let (words, rest) = name.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mixed = words
        .iter()
        .fold(SEED ^ name.len() as u64, |hash, word| fold(hash ^ u64::from_le_bytes(*word), FACTOR));
    fold(fold(mixed ^ u64::from_le_bytes(last), FACTOR) ^ SEED, FACTOR)
}

/// Both halves of a product, in one.
fn fold(left: u64, right: u64) -> u64 {
    let (low, high) = left.carrying_mul(right, 0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_names_does_not_count_and_each_name_does() {
        let of = |names: &[&str]| {
            let mut all = Fingerprint::default();
            for name in names {
                all.add(name.as_bytes());
            }
            all
        };
        assert_eq!(of(&["a", "b", "index"]), of(&["index", "b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
        assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
        assert_ne!(of(&["a"]), of(&["a\0"]));
        assert_ne!(of(&["a", "a"]), of(&["b", "b"]));
        let mut back = of(&["a", "b"]);
        back.take(b"b");
        assert_eq!(back, of(&["a"]));
    }

    #[test]
    fn names_that_differ_in_one_digit_have_hashes_that_share_nothing() {
        let mut seen = std::collections::HashSet::new();
        let mut ones = [0_u32; 64];
        let count = 40_000_u32;
        for number in 0..count {
            let name = format!("s003-{number:016x}-0000-00112233445566778899aabbccddeeff.save");
            let hash = hash(name.as_bytes());
            assert!(seen.insert(hash), "{name}");
            ones.iter_mut().enumerate().for_each(|(bit, ones)| *ones += u32::from(hash >> bit & 1 == 1));
        }
        // Each bit is set in half of them; five standard deviations are 500.
        assert!(ones.iter().all(|ones| ones.abs_diff(count / 2) < 600), "{ones:?}");
    }
}
