//! The floor of an encoder: the same data as plain columns, copied, summed and serialized with nothing around it.

use anyhow::Result;
use keepstone::format::plain::as_bytes;

use crate::mixed::{Health, Name, Position, Row, Velocity};

/// The mixed world as one vector for each component.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    positions: Vec<Position>,
    velocities: Vec<Velocity>,
    healths: Vec<Health>,
    names: Vec<Name>,
    parents: Vec<u32>,
}

impl Columns {
    /// Sorts rows into columns.
    pub fn new(rows: Vec<Row>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.positions.push(row.position);
            columns.velocities.extend(row.velocity);
            columns.healths.extend(row.health);
            columns.names.extend(row.name);
            columns.parents.extend(row.parent);
        }
        columns
    }

    /// Copies the plain columns into `out`, whose memory is used again, and returns the CRC-32 of each.
    pub fn copy_and_sum(&self, out: &mut Vec<u8>) -> [u32; 3] {
        out.clear();
        [as_bytes(&self.positions), as_bytes(&self.velocities), as_bytes(&self.healths)].map(|column| {
            let start = out.len();
            out.extend_from_slice(column);
            crc32fast::hash(out.get(start..).unwrap_or_default())
        })
    }

    /// The plain columns, one behind the other.
    pub fn plain_bytes(&self) -> Vec<u8> {
        [as_bytes(&self.positions), as_bytes(&self.velocities), as_bytes(&self.healths)].concat()
    }

    /// The plain columns one by one, each with the bytes of a row.
    pub fn plain_columns(&self) -> [(u8, &[u8]); 3] {
        [(12, as_bytes(&self.positions)), (12, as_bytes(&self.velocities)), (8, as_bytes(&self.healths))]
    }

    /// The rest: names as postcard has them, then the ordinals of the parents.
    ///
    /// # Errors
    /// When a name can't be serialized.
    pub fn other_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for name in &self.names {
            bytes = postcard::to_extend(name, bytes)?;
        }
        bytes.extend_from_slice(as_bytes(&self.parents));
        Ok(bytes)
    }

    /// Serializes the rest with postcard into `out`, and returns how long it is.
    ///
    /// # Errors
    /// When `out` is too short.
    pub fn serialize(&self, out: &mut [u8]) -> Result<usize> {
        Ok(postcard::to_slice(&(&self.names, &self.parents), out)?.len())
    }

    /// Returns a length that is long enough for [`Columns::serialize`].
    pub fn serialized_len_max(&self) -> usize {
        let names: usize = self.names.iter().map(|name| name.0.len() + 5).sum();
        names + self.parents.len() * 5 + 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixed::rows;

    #[test]
    fn the_columns_hold_every_byte_of_the_rows() {
        let columns = Columns::new(rows(600));
        let mut out = vec![9; 3];
        let sums = columns.copy_and_sum(&mut out);
        assert_eq!(out.len(), 600 * 12 + 400 * 12 + 300 * 8);
        assert_eq!(sums[0], crc32fast::hash(&out[..600 * 12]));
        assert_eq!(sums[2], crc32fast::hash(&out[1000 * 12..]));

        let mut rest = vec![0; columns.serialized_len_max()];
        let len = columns.serialize(&mut rest).unwrap();
        let (names, parents): (Vec<Name>, Vec<u32>) = postcard::from_bytes(&rest[..len]).unwrap();
        assert_eq!((names, parents), (columns.names, columns.parents));
    }
}
