/// A vector that was inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insert<'a> {
    /// Its id; EdgeVec counts from 1.
    pub id: u64,
    /// Its numbers.
    pub vector: Vector<'a>,
}

/// The numbers of a vector, as they stand in the log.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vector<'a> {
    /// Type 0: little-endian f32; see [`Vector::to_f32`].
    F32(&'a [[u8; 4]]),
    /// Type 1: a quantised byte for each dimension.
    U8(&'a [u8]),
    /// Type 2: a bit for each dimension, in whole bytes.
    Bits(&'a [u8]),
}

impl<'a> Vector<'a> {
    /// Returns the numbers of a vector of type 0.
    pub fn to_f32(self) -> Option<impl Iterator<Item = f32> + 'a> {
        match self {
            Self::F32(numbers) => Some(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes))),
            Self::U8(_) | Self::Bits(_) => None,
        }
    }
}
