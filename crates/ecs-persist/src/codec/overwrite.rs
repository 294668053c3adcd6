//! Rows of plain data over values that are there already.

use std::ops::Range;

use keepstone_format::plain::{self, Plain};

/// Bytes of rows that are compared and written at a time: they stay in the nearest cache in between.
const CHUNK_LEN: usize = 12 << 10;

/// Writes rows over as many values where they differ, and tells `written` which places those are, in runs that ascend. False if there
/// are not as many rows as values, or they have no bytes.
pub(super) fn differing<T: Plain>(
    bytes: &[u8],
    values: &mut [T],
    written: &mut dyn FnMut(Range<usize>),
) -> bool {
    let size = size_of::<T>();
    if size == 0 || bytes.len() != size_of_val(values) {
        return false;
    }
    let rows_max = (CHUNK_LEN / size).max(1);
    let chunks = values.chunks_mut(rows_max).zip(bytes.chunks(rows_max * size));
    for (first, (values, bytes)) in (0..).step_by(rows_max).zip(chunks) {
        chunk(bytes, values, &mut |rows| written(first + rows.start..first + rows.end));
    }
    true
}

fn chunk<T: Plain>(bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) {
    let size = size_of::<T>();
    let live = plain::to_le_bytes_cow(values);
    if *live == *bytes {
        return;
    }
    let pairs = || live.chunks_exact(size).zip(bytes.chunks_exact(size));
    // Mostly all rows have moved or none has, and the first bytes tell: no branch for each, and then one copy.
    let begin_otherwise = |(live, row): (&[u8], &[u8])| live.first_chunk::<4>() != row.first_chunk::<4>();
    let mut differs: Vec<bool> = Vec::new();
    if pairs().map(|pair| usize::from(begin_otherwise(pair))).sum::<usize>() < values.len() {
        differs.extend(pairs().map(|(live, row)| live != row));
    }
    if !differs.contains(&false) {
        if let Ok(rows) = plain::from_le_bytes_cow(bytes) {
            drop(live);
            values.copy_from_slice(&rows);
            written(0..values.len());
        }
        return;
    }
    drop(live);
    let mut first = 0;
    for run in differs.chunk_by(|a, b| a == b) {
        let rows = first..first + run.len();
        first = rows.end;
        if run.first() != Some(&true) {
            continue;
        }
        let places = values.iter_mut().zip(bytes.chunks_exact(size));
        for (value, row) in places.take(rows.end).skip(rows.start) {
            if let Some(row) = plain::read_plain(row) {
                *value = row;
            }
        }
        written(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of Steele, Lea and Flood.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    #[test]
    fn what_differs_is_written_and_told_and_nothing_else() {
        for seed in 0..200_u64 {
            let mut state = seed;
            let count = usize::try_from(random(&mut state) % 5000).unwrap();
            // From hardly any row to all of them.
            let of_eight = random(&mut state) % 9;
            let old: Vec<[u32; 3]> = (0..count).map(|_| [1, 2, u32::MAX]).collect();
            let new: Vec<[u32; 3]> = old
                .iter()
                .map(|&[x, y, z]| {
                    if random(&mut state) % 8 < of_eight {
                        if random(&mut state).is_multiple_of(2) { [x + 1, y, z] } else { [x, y, z - 1] }
                    } else {
                        [x, y, z]
                    }
                })
                .collect();
            // Bytes of a file needn't be aligned.
            let shift = usize::from(seed % 2 == 1);
            let mut file = vec![0; shift];
            file.extend_from_slice(&plain::to_le_bytes_cow(&new));
            let (mut values, mut told) = (old.clone(), vec![false; count]);
            assert!(differing(&file[shift..], &mut values, &mut |rows| told[rows].fill(true)));
            assert_eq!(values, new, "seed {seed}");
            let differ: Vec<bool> = old.iter().zip(&new).map(|(old, new)| old != new).collect();
            assert_eq!(told, differ, "seed {seed}");
        }
    }

    #[test]
    fn more_or_fewer_rows_than_values_are_left_alone() {
        let mut values = [7_u32, 8];
        for len in [0, 4, 7, 9, 12] {
            assert!(!differing(&vec![1; len], &mut values, &mut |_| panic!("nothing is written")));
        }
        assert_eq!(values, [7, 8]);
    }
}
