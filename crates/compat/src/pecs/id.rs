use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The number by which PECS knows an entity or a component type; displayed as 32 hexadecimal digits,
/// as in the JSON of PECS.
///
/// That of an entity stays the same between saves. That of a component type is a hash of Rust's
/// `TypeId` and changes with the compiler: go by the name.
///
/// ```
/// use keepstone_compat::pecs::Id;
///
/// let id = Id(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
/// assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
/// assert_eq!("00112233445566778899aabbccddeeff".parse(), Ok(id));
/// ```
#[doc(alias = "StableId")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

/// A text is not an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits and nothing else")]
pub struct NoId;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NoId)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "0", "+0112233445566778899aabbccddeeff0", &"g".repeat(32), &"0".repeat(33)] {
            assert_eq!(text.parse::<Id>(), Err(NoId), "{text}");
        }
        assert!(serde_json::from_str::<Id>("\"12\"").is_err());
        let id = Id(u128::MAX - 1);
        assert_eq!(serde_json::from_str::<Id>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }
}
