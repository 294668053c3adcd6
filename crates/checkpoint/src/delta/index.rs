//! Where blocks of the source stand, for those that are looked up.

/// Bytes of a block: short enough for small records, long enough that a hit is rarely chance.
pub(super) const BLOCK: usize = 16;
/// Bytes from one block to the next, in small sources and in others. A match of `STRIDE + BLOCK - 1` bytes holds a
/// whole block.
const STRIDE_SMALL: usize = 16;
const STRIDE: usize = 32;
const SMALL: usize = 1 << 16;
/// Most places of the table: 16 MiB. Sources beyond 128 MiB have their blocks farther apart.
const PLACES_LOG_MAX: u32 = 22;
const PLACES_LOG_MIN: u32 = 6;

/// Lower bits of an entry: one more than the number of a block. Upper ones: bits of its hash, so that a place that
/// another block has is hardly ever a reason to look into the source.
const NUMBER_BITS: u32 = PLACES_LOG_MAX + 1;

/// Places of a hash, in a row. Of more blocks the first are kept.
const ROW: usize = 4;

/// Sampled blocks of a source by their hash.
pub(super) struct Index {
    /// 0 where there is none.
    places: Vec<u32>,
    places_log: u32,
    stride: usize,
}

impl Index {
    pub(super) fn new(source: &[u8]) -> Self {
        let stride = if source.len() <= SMALL { STRIDE_SMALL } else { STRIDE };
        let stride = stride.max((source.len() >> PLACES_LOG_MAX).next_power_of_two());
        let count = (source.len() / stride).max(1);
        let places_log = count.next_power_of_two().ilog2().clamp(PLACES_LOG_MIN, PLACES_LOG_MAX);
        let mut index = Self { places: vec![0; 1 << places_log], places_log, stride };
        for (number, piece) in (1..).zip(source.chunks(stride)) {
            if let Some(block) = piece.first_chunk() {
                index.add(hash(block), number);
            }
        }
        index
    }

    fn add(&mut self, hash: u64, number: u32) {
        let start = self.row(hash);
        let mut row = self.places.iter_mut().skip(start).take(ROW);
        if let Some(entry) = row.find(|entry| **entry == 0) {
            *entry = tag(hash) | number;
        }
    }

    /// Returns where a block that may be the same stands.
    #[inline]
    pub(super) fn find(&self, block: &[u8; BLOCK]) -> Option<usize> {
        let hash = hash(block);
        let (start, tag) = (self.row(hash), tag(hash));
        let row: &[u32; ROW] = self.places.get(start..)?.first_chunk()?;
        let number =
            row.iter().map(|entry| entry ^ tag).find(|number| (1..1 << NUMBER_BITS).contains(number))?;
        Some((usize::try_from(number).ok()? - 1) * self.stride)
    }

    /// Where the row of a hash begins.
    fn row(&self, hash: u64) -> usize {
        usize::try_from(hash >> (u64::BITS - self.places_log)).unwrap_or(0) / ROW * ROW
    }
}

/// Bits of the hash that say nothing about the place, above the number.
fn tag(hash: u64) -> u32 {
    let middle = (hash >> 20) & u64::from(u32::MAX);
    u32::try_from(middle).unwrap_or(0) >> NUMBER_BITS << NUMBER_BITS
}

/// The upper bits of a product depend on all of its lower ones.
fn hash(block: &[u8; BLOCK]) -> u64 {
    const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
    const SECOND: u64 = 0xd6e8_feb8_6659_fd93;
    let (low, high) = block.split_at(BLOCK / 2);
    let word = |half: &[u8]| half.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    word(low).wrapping_mul(FIRST).rotate_left(32).wrapping_add(word(high)).wrapping_mul(SECOND)
}

#[cfg(test)]
mod tests {
    use keepstone_testkit::Random;

    use super::*;

    #[test]
    fn a_block_is_found_where_it_stands() {
        for len in [1000, 100_000] {
            let source = Random::new(7).bytes(len);
            let index = Index::new(&source);
            let stride = index.stride;
            let is_found = |at: &usize| index.find(source[*at..].first_chunk().unwrap()) == Some(*at);
            let blocks = (0..len - BLOCK).step_by(stride);
            let (all, found) = (blocks.clone().count(), blocks.filter(is_found).count());
            // Some find their places taken.
            assert!(found * 4 > all * 3, "{found} of {all}");
        }
    }

    #[test]
    fn memory_is_bounded_by_the_source_and_absolutely() {
        for (len, places_max) in [(0, 64), (1000, 64), (1 << 20, 1 << 15), (200 << 20, 1 << 22)] {
            assert!(Index::new(&vec![0; len]).places.len() <= places_max, "{len}");
        }
    }
}
