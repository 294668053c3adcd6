//! Base64 of RFC 4648, section 4, with padding.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = [0; 3];
        for (to, from) in bits.iter_mut().zip(group) {
            *to = *from;
        }
        let [first, second, third] = bits.map(u32::from);
        let bits = first << 16 | second << 8 | third;
        for place in 0..4_usize {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).ok().and_then(|at| LETTERS.get(at));
            text.push(letter.filter(|_| place <= group.len()).map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

/// The bytes; none for other text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (place, group) in groups.iter().enumerate() {
        let is_last = place + 1 == groups.len();
        let count = group.iter().position(|letter| *letter == b'=').unwrap_or(4);
        let is_padded = group.iter().skip(count).all(|letter| *letter == b'=');
        if count < 2 || !is_padded || (count < 4 && !is_last) {
            return None;
        }
        let mut bits = 0_u32;
        for letter in group {
            bits = bits << 6 | u32::from(value_of(*letter)?);
        }
        let [_, taken @ ..] = bits.to_be_bytes();
        // What is behind the last byte has to be zero, so that bytes have one text.
        if taken.iter().skip(count - 1).any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend(taken.iter().take(count - 1));
    }
    Some(bytes)
}

/// The six bits of a letter; padding has none set.
fn value_of(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        b'=' => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_encoded_and_decoded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        for len in 250..256 {
            assert_eq!(decode(&encode(&bytes[..len])).as_deref(), Some(&bytes[..len]));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "Z",
            "Zg",
            "Zg=",
            "Zg===",
            "Zh==",
            "Zm9=",
            "=Zg=",
            "Z===",
            "Zg==Zg==",
            "Zm9v\n",
            "Zm9-",
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
