/// A xorshift generator: the seed is all there is to repeat a failure.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Bytes of which LZ4 can make something, or can't.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let period = self.pick(&[1, 7, 256, usize::MAX]);
        let mut bytes: Vec<u8> = Vec::with_capacity(len);
        while bytes.len() < len.min(period) {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len.min(period));
        (0..len).map(|i| bytes[i % bytes.len()]).collect()
    }

    /// The lengths of slices that make up `len` bytes.
    pub(crate) fn cuts(&mut self, len: usize) -> Vec<usize> {
        let (mut left, mut cuts) = (len, Vec::new());
        while left > 0 {
            let cut = self.below(left.min(700_000) + 1);
            cuts.push(cut);
            left -= cut;
            if cuts.len() > 20 {
                cuts.push(left);
                left = 0;
            }
        }
        cuts
    }
}
