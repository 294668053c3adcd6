use std::ops::Range;

use keepstone::format::{
    Error,
    array::{UNKNOWN_END, decode_lost},
};

/// Bytes of a range.
const RANGE_LEN: usize = 16;
/// Ranges that are taken at once.
const PIECE_LEN: usize = RANGE_LEN << 12;

/// Lost ranges of an array, taken apart piece by piece, so that no memory is in proportion to them.
pub(crate) struct LostRanges {
    len: u64,
    /// The begin of a range whose end is in the next piece.
    begun: Vec<u8>,
    floor: Option<u64>,
}

impl LostRanges {
    /// Of an array of `len` bytes.
    pub(crate) fn new(len: u64) -> Self {
        Self { len, begun: Vec::new(), floor: None }
    }

    /// Takes the next bytes of the section.
    pub(crate) fn add(&mut self, mut piece: &[u8], each: &mut impl FnMut(Range<u64>)) -> Result<(), Error> {
        if !self.begun.is_empty() {
            let (end, rest) = piece.split_at(piece.len().min(RANGE_LEN - self.begun.len()));
            self.begun.extend_from_slice(end);
            piece = rest;
            if self.begun.len() < RANGE_LEN {
                return Ok(());
            }
            let begun = std::mem::take(&mut self.begun);
            self.take(&begun, each)?;
        }
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % RANGE_LEN);
        self.begun.extend_from_slice(rest);
        whole.chunks(PIECE_LEN).try_for_each(|piece| self.take(piece, each))
    }

    fn take(&mut self, piece: &[u8], each: &mut impl FnMut(Range<u64>)) -> Result<(), Error> {
        for range in decode_lost(piece, self.len)? {
            if self.floor.is_some_and(|floor| range.start <= floor) {
                return Err(Error::Invalid {
                    what: "lost ranges of an array",
                    rule: "ranges don't ascend with a gap between",
                    offset: 0,
                });
            }
            // Nothing is above it, so that it is the last one.
            debug_assert!(range.end <= self.len || range.end == UNKNOWN_END);
            self.floor = Some(range.end);
            each(range);
        }
        Ok(())
    }

    /// Sees that nothing is left over, and that there was something.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.begun.is_empty() && self.floor.is_some() {
            return Ok(());
        }
        decode_lost(&self.begun, self.len).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use keepstone::format::array::encode_lost;

    use super::*;

    fn take(bytes: &[u8], piece_len: usize, len: u64) -> Result<Vec<Range<u64>>, Error> {
        let mut found = Vec::new();
        let mut ranges = LostRanges::new(len);
        for piece in bytes.chunks(piece_len) {
            ranges.add(piece, &mut |range| found.push(range))?;
        }
        ranges.finish()?;
        Ok(found)
    }

    #[test]
    fn pieces_of_any_length_give_what_the_whole_does() {
        let mut ranges: Vec<Range<u64>> = (0..5000).map(|at| at * 8..at * 8 + 4).collect();
        ranges.push(40_000..UNKNOWN_END);
        let bytes = encode_lost(&ranges).unwrap();
        for piece_len in [1, 7, 16, 17, 65_536, 1 << 20] {
            assert_eq!(take(&bytes, piece_len, 40_000).unwrap(), ranges, "{piece_len}");
            assert!(take(&bytes, piece_len, 39_999).is_err());
            assert!(take(&bytes[..bytes.len() - 1], piece_len, 40_000).is_err());
            // The same once more doesn't ascend.
            assert!(take(&[&bytes[..], &bytes[..]].concat(), piece_len, 40_000).is_err());
        }
        assert!(take(&[], 1, 8).is_err());
    }
}
