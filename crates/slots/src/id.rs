use std::{fmt, str::FromStr};

use keepstone_storage::random_id;

use crate::Error;

/// The identity of a save, whatever file, slot or machine it is on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaveId([u8; 16]);

impl SaveId {
    /// Takes 16 bytes as an id, unless they are all zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A number that no other save has.
    pub(crate) fn random() -> Self {
        Self::uuid(random_id())
    }

    /// Takes 16 bytes as an id, made a UUID of version 8, so that it isn't zero either.
    pub(crate) fn uuid(mut id: [u8; 16]) -> Self {
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut id;
        *version = *version & 0x0F | 0x80;
        *variant = *variant & 0x3F | 0x80;
        Self(id)
    }

    /// The first half, which ancestors are told by.
    pub(crate) fn short(&self) -> [u8; 8] {
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Display for SaveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SaveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SaveId({self})")
    }
}

impl FromStr for SaveId {
    type Err = Error;

    /// Reads 32 hexadecimal digits, with or without the hyphens of a UUID.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::NotAnId { text: text.chars().take(64).collect() };
        let digits: Vec<char> = text.chars().filter(|c| *c != '-').take(33).collect();
        let mut bytes = [0; 16];
        let pairs = digits.as_chunks::<2>();
        if pairs.0.len() != bytes.len() || !pairs.1.is_empty() {
            return Err(wrong());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs.0) {
            let digit = |c: &char| c.to_digit(16).and_then(|d| u8::try_from(d).ok());
            *byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Self::from_bytes(bytes).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_with_hyphens() {
        let id = SaveId::random();
        assert_eq!(id.to_string().parse::<SaveId>().unwrap(), id);
        let shown = id.to_string();
        let hyphened = [&shown[..8], &shown[8..12], &shown[12..16], &shown[16..20], &shown[20..]]
            .join("-")
            .to_uppercase();
        assert_eq!(hyphened.parse::<SaveId>().unwrap(), id);
        assert_ne!(SaveId::random(), id);
        for text in ["", "00", &"0".repeat(32), &"g".repeat(32), &"1".repeat(33), &"1".repeat(31)] {
            assert!(matches!(text.parse::<SaveId>(), Err(Error::NotAnId { .. })), "{text}");
        }
    }

    #[test]
    fn ids_are_uuids_of_version_eight() {
        let id = SaveId::random();
        assert_eq!(id.0[6] >> 4, 8);
        assert_eq!(id.0[8] >> 6, 2);
    }
}
