use sha2::{Digest, Sha256};

use crate::forge::{checkpoint::Written, text::pieces};

/// What the checksum of a checkpoint fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The checkpoint as it is.
    Whole,
    /// The checkpoint without its tags, which forge puts on when it has computed the checksum.
    WithoutTags,
    /// Neither: something was changed, or forge wrote the state in another order than it hashed it in.
    Unfit,
}

impl Checksum {
    /// Looks at a checkpoint and the checksum that stands in it.
    pub(super) fn of(written: &Written<'_>, stored: &str) -> Self {
        if fits(written, written.tags.get(), stored) {
            Self::Whole
        } else if fits(written, "[]", stored) {
            Self::WithoutTags
        } else {
            Self::Unfit
        }
    }
}

fn fits(written: &Written<'_>, tags: &str, stored: &str) -> bool {
    let mut sha = Sha256::new();
    let members = [
        ("{\"id\":", written.id.get()),
        (",\"timestamp\":", written.timestamp.get()),
        (",\"sequence_number\":", written.sequence_number.get()),
        (",\"message\":", written.message.get()),
        (",\"tags\":", tags),
        (",\"state\":", written.state.get()),
        (",\"trigger\":", written.trigger.get()),
        (",\"session_id\":", written.session_id.get()),
    ];
    for (key, value) in members {
        sha.update(key);
        pieces(value).for_each(|piece| sha.update(piece));
    }
    sha.update("}");
    let (pairs, rest) = stored.as_bytes().as_chunks::<2>();
    let digits = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    let is_digest = sha
        .finalize()
        .into_iter()
        .map(digits)
        .eq(pairs.iter().map(|pair| pair.map(|byte| Some(char::from(byte)))));
    is_digest && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_256_has_its_published_check_value() {
        let digest = Sha256::digest("abc");
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let text: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
