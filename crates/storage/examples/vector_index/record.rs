//! What the log holds.

/// A change of the index, one record of the log each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Insert { id: u64, vector: Vec<f32>, text: String },
    Delete { id: u64 },
}

impl Record {
    /// `kind u8 | id u64`, and behind an insert `dimensions u32 | f32 ... | text`, little-endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Insert { id, vector, text } => {
                let mut bytes = Vec::with_capacity(13 + vector.len() * 4 + text.len());
                bytes.push(0);
                bytes.extend_from_slice(&id.to_le_bytes());
                let dimensions = u32::try_from(vector.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(&dimensions.to_le_bytes());
                bytes.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
                bytes.extend_from_slice(text.as_bytes());
                bytes
            }
            Self::Delete { id } => [&[1][..], &id.to_le_bytes()].concat(),
        }
    }

    /// None for bytes that [`encode`](Self::encode) doesn't make.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk()?;
        let id = u64::from_le_bytes(*id);
        match kind {
            0 => {
                let (dimensions, rest) = rest.split_first_chunk()?;
                let len = usize::try_from(u32::from_le_bytes(*dimensions)).ok()?.checked_mul(4)?;
                let (vector, text) = rest.split_at_checked(len)?;
                let vector = vector.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
                Some(Self::Insert { id, vector, text: String::from_utf8(text.to_vec()).ok()? })
            }
            1 if rest.is_empty() => Some(Self::Delete { id }),
            _ => None,
        }
    }
}
