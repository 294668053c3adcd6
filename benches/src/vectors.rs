//! Vectors with ids: what the cases of snapshots save, open and map.

use std::path::Path;

use anyhow::{Context, Result};
use keepstone::{
    format::Metadata,
    storage::{Files, snapshot},
};

use crate::mixed::SplitMix;

/// Numbers in a vector.
pub const WIDTH: u32 = 128;

/// The vectors of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// One vector behind the other.
    pub values: Vec<f32>,
    /// What each of them is called.
    pub ids: Vec<u64>,
}

impl Vectors {
    /// Makes `count` vectors of random numbers between -0.5 and 0.5, as embeddings have them.
    ///
    /// # Errors
    /// If memory has no room for them.
    pub fn random(count: u32) -> Result<Self> {
        let mut random = SplitMix::new(1);
        Self::fill(count, || {
            let [a, b, c, d, ..] = random.next_u64().to_le_bytes();
            // The upper bits become the mantissa of a number between 1 and 2.
            f32::from_bits(0x3f80_0000 | (u32::from_le_bytes([a, b, c, d]) >> 9)) - 1.5
        })
    }

    /// Makes `count` vectors whose bytes are all 0x42.
    ///
    /// # Errors
    /// If memory has no room for them.
    pub fn repeated(count: u32) -> Result<Self> {
        Self::fill(count, || f32::from_le_bytes([0x42; 4]))
    }

    fn fill(count: u32, value: impl FnMut() -> f32) -> Result<Self> {
        let len = usize::try_from(u64::from(count) * u64::from(WIDTH))?;
        let mut values = Vec::new();
        values.try_reserve_exact(len)?;
        values.extend(std::iter::repeat_with(value).take(len));
        Ok(Self { values, ids: (0..count).map(|id| u64::from(id) * 3).collect() })
    }

    /// Writes them as a snapshot that is on the disk when this returns.
    ///
    /// # Errors
    /// Those of [`snapshot::Writer`].
    pub fn save(&self, files: &dyn Files, path: &Path) -> Result<()> {
        let mut writer = snapshot::Writer::create(files, path, Metadata::new())?;
        writer.rows("vectors", WIDTH, &self.values)?;
        writer.array("ids", &self.ids)?;
        writer.commit()?;
        Ok(())
    }

    /// The vector in a place.
    ///
    /// # Errors
    /// If there is none.
    pub fn row(&self, index: usize) -> Result<&[f32]> {
        let width = usize::try_from(WIDTH)?;
        self.values.chunks_exact(width).nth(index).context("there are fewer vectors")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_over_their_range_and_repeated_ones_are_one_byte() {
        let vectors = Vectors::random(100).unwrap();
        assert_eq!((vectors.values.len(), vectors.ids.len()), (12_800, 100));
        assert!(vectors.values.iter().all(|value| (-0.5..0.5).contains(value)));
        let below = vectors.values.iter().filter(|value| **value < 0.0).count();
        assert!((6000..6800).contains(&below), "{below}");
        assert_eq!(vectors.row(99).unwrap(), &vectors.values[12_672..]);
        assert!(vectors.row(100).is_err());
        let repeated = Vectors::repeated(1).unwrap();
        assert!(repeated.values.iter().all(|value| value.to_le_bytes() == [0x42; 4]));
    }
}
