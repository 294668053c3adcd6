use std::fmt;

/// The UUID of a checkpoint or session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// Bytes of each group of digits.
const GROUPS: [usize; 5] = [4, 2, 2, 2, 6];

impl Id {
    /// Reads 32 hexadecimal digits, with hyphens between the groups or without any, as forge does.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let mut digits = text;
        let (mut rest, is_grouped) = (bytes.as_mut_slice(), text.len() == 36);
        for (place, len) in GROUPS.into_iter().enumerate() {
            if is_grouped && place > 0 {
                digits = digits.strip_prefix('-')?;
            }
            let (group, behind) = rest.split_at_mut_checked(len)?;
            for byte in group {
                let pair;
                (pair, digits) = digits.split_at_checked(2)?;
                if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                *byte = u8::from_str_radix(pair, 16).ok()?;
            }
            rest = behind;
        }
        digits.is_empty().then_some(Self(bytes))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        for (place, len) in GROUPS.into_iter().enumerate() {
            if place > 0 {
                f.write_str("-")?;
            }
            let (group, behind) = rest.split_at_checked(len).unwrap_or_default();
            group.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            rest = behind;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_hyphens_and_without() {
        let text = "27bb9e64-21bf-4018-a83f-aa8463d9189a";
        let id = Id::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        for same in [text.to_uppercase(), text.replace('-', "")] {
            assert_eq!(Id::parse(&same), Some(id), "{same}");
        }
    }

    #[test]
    fn other_text_is_no_id() {
        for other in [
            "",
            "27bb9e64",
            "27bb9e64-21bf-4018-a83f-aa8463d9189",
            "27bb9e64-21bf-4018-a83f-aa8463d9189g",
            "27bb9e64-21bf-4018-a83f-aa8463d9189aa",
            "27bb9e6421bf-4018-a83f--aa8463d9189a",
            "27bb9e6421bf4018a83faa8463d9189a0000",
            "27bb9e6421bf4018a83faa8463d918+a",
            "27bb9e6421bf4018a83faa8463d918\u{e9}a",
        ] {
            assert_eq!(Id::parse(other), None, "{other}");
        }
    }
}
