use std::{fmt, str::FromStr};

use crate::Error;

/// The identity of a checkpoint, whatever store it was copied to.
///
/// Eight bytes that the store drew when it was opened for writing, and the sequence that the checkpoint was given then, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointId([u8; 16]);

/// What a state is known by: BLAKE3-128 of its bytes. Equal states have equal ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId([u8; 16]);

/// The place of a checkpoint in the order of its store: 1 for the first, one more for each next, never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sequence(pub u64);

/// The bytes that tell the checkpoints of one opening from those of all others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Prefix(pub(crate) [u8; 8]);

impl CheckpointId {
    /// Takes 16 bytes as an id.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The part that an opening for writing drew.
    pub(crate) fn prefix(&self) -> Prefix {
        Prefix(self.0.first_chunk().copied().unwrap_or_default())
    }

    /// The part that is a sequence.
    pub(crate) fn sequence(&self) -> Sequence {
        Sequence(u64::from_be_bytes(self.0.last_chunk().copied().unwrap_or_default()))
    }

    pub(crate) fn new(prefix: Prefix, sequence: Sequence) -> Self {
        let mut bytes = [0; 16];
        let (first, last) = bytes.split_at_mut(8);
        first.copy_from_slice(&prefix.0);
        last.copy_from_slice(&sequence.0.to_be_bytes());
        Self(bytes)
    }
}

impl ContentId {
    /// Of the bytes of a state.
    pub fn of(state: &[u8]) -> Self {
        Self(*blake3::hash(state).as_bytes().first_chunk().unwrap_or(&[0; 16]))
    }

    /// Takes 16 bytes as an id.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Sequence {
    /// The highest there is, so that counting on needs no check.
    pub(crate) const MAX: Self = Self(1 << 62);

    /// The next one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointId({self})")
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentId({self})")
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CheckpointId {
    type Err = Error;

    /// Reads 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let not_an_id = || Error::NotAnId { text: text.chars().take(64).collect() };
        let mut bytes = [0; 16];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(not_an_id());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit =
                |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            *byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(not_an_id)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_from_their_text_and_other_text_is_none() {
        let id = CheckpointId::new(Prefix([0xAB; 8]), Sequence(0x0102));
        assert_eq!(id.to_string(), "abababababababab0000000000000102");
        assert_eq!(id.to_string().parse::<CheckpointId>().unwrap(), id);
        assert_eq!(id.to_string().to_uppercase().parse::<CheckpointId>().unwrap(), id);
        for text in ["", "ab", "abababababababab000000000000010", "abababababababab00000000000001023", "gg"] {
            assert!(matches!(text.parse::<CheckpointId>(), Err(Error::NotAnId { .. })), "{text}");
        }
        assert!("abababababababab00000000000001\u{e9}".parse::<CheckpointId>().is_err());
    }
}
