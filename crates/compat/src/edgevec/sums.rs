use crc32fast::Hasher;

use crate::edgevec::Entry;
use crate::edgevec::entry::HEADER_LEN;
use crate::error::Error;
use crate::reserve::reserve;

/// How far apart the places are whose checksums are kept: a range costs at most twice this.
const STEP: usize = 256;
/// Where the padding stands in an entry.
const PADDING_AT: usize = 9;

/// The checksum of any range of a file, in a time that its length has nearly nothing to do with: a file may be
/// made so that an entry of 16 MiB seems to begin in every few bytes of it.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    bytes: &'a [u8],
    /// CRC-32 of the bytes before each multiple of [`STEP`].
    before: Vec<u32>,
}

impl<'a> Sums<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut before = reserve(bytes.len() / STEP + 1)?;
        let mut hasher = Hasher::new();
        before.push(0);
        for step in bytes.chunks_exact(STEP) {
            hasher.update(step);
            before.push(hasher.clone().finalize());
        }
        Ok(Self { bytes, before })
    }

    /// The first place from `from` on where an entry with zero padding and a right checksum begins.
    pub(super) fn next_entry(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let place = rest.windows(HEADER_LEN).enumerate().find(|(place, window)| {
            window.get(PADDING_AT..PADDING_AT + 3) == Some(&[0; 3]) && self.is_entry(from + place, window)
        });
        place.map(|(place, _)| from + place)
    }

    fn is_entry(&self, at: usize, header: &[u8]) -> bool {
        let len = header.first_chunk().and_then(Entry::len_of);
        let Some(end) = len.and_then(|len| at.checked_add(len)).filter(|end| *end <= self.bytes.len()) else {
            return false;
        };
        let stored = self.bytes.get(end - 4..end).and_then(|crc| crc.first_chunk());
        stored.is_some_and(|stored| u32::from_le_bytes(*stored) == self.of(at, end - 4))
    }

    /// The checksum of the bytes from `from` to `to`.
    fn of(&self, from: usize, to: usize) -> u32 {
        if to - from <= 2 * STEP {
            let mut hasher = Hasher::new();
            hasher.update(self.bytes.get(from..to).unwrap_or_default());
            return hasher.finalize();
        }
        // A checksum of A and B together is that of A moved on by the length of B, and that of B, added.
        let mut moved = Hasher::new_with_initial(self.up_to(from));
        moved.combine(&Hasher::new_with_initial_len(0, (to - from) as u64));
        moved.finalize() ^ self.up_to(to)
    }

    fn up_to(&self, to: usize) -> u32 {
        let before = self.before.get(to / STEP).copied().unwrap_or_default();
        let mut hasher = Hasher::new_with_initial(before);
        hasher.update(self.bytes.get(to / STEP * STEP..to).unwrap_or_default());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use keepstone_format::crc32;

    use super::*;

    #[test]
    fn checksums_of_ranges_are_those_of_their_bytes() {
        let bytes: Vec<u8> = (0..5000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let sums = Sums::new(&bytes).unwrap();
        for from in (0..bytes.len()).step_by(37) {
            for to in (from..=bytes.len()).step_by(101).chain([bytes.len()]) {
                assert_eq!(sums.of(from, to), crc32(&bytes[from..to]), "{from} to {to}");
            }
        }
    }
}
