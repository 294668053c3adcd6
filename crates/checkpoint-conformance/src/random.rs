/// Numbers that look random and are the same for a seed: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound; 0 below 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    /// A place in a list of so many.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or_default()
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of a list; none of an empty one.
    pub(crate) fn of<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        list.get(self.index(list.len()))
    }

    /// Bytes of which a half can be compressed.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|at| if at / 64 % 2 == 0 { self.byte() } else { 7 }).collect()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes().first().copied().unwrap_or_default()
    }

    /// Changes a state a little: in place, or so that what is behind moves.
    pub(crate) fn edit(&mut self, state: &mut Vec<u8>) {
        let at = self.index(state.len() + 1);
        let len = 1 + self.index(20);
        let piece = self.bytes(len);
        let end = (at + piece.len()).min(state.len());
        match self.index(4) {
            0 => drop(state.splice(at..at, piece)),
            1 => drop(state.drain(at..end)),
            _ => drop(state.splice(at..end, piece)),
        }
    }
}
