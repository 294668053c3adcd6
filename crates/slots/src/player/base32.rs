//! Base32 of RFC 4648, in lower case and without padding.

const DIGITS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
const DIGIT_BITS: u32 = 5;
const DIGIT_MASK: u32 = (1 << DIGIT_BITS) - 1;

/// Appends the digits of `bytes` to `out`.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    // What is left of the bytes before is in the low bits.
    let (mut bits, mut bit_count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        bit_count += 8;
        while bit_count >= DIGIT_BITS {
            bit_count -= DIGIT_BITS;
            out.push(digit(bits >> bit_count));
        }
        bits &= (1 << bit_count) - 1;
    }
    if bit_count > 0 {
        out.push(digit(bits << (DIGIT_BITS - bit_count)));
    }
}

/// The bytes that [`encode`] makes `text` of, if there are such.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 8 * 5 + 5);
    let (mut bits, mut bit_count) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'a'..=b'z' => digit - b'a',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << DIGIT_BITS | u32::from(value);
        bit_count += DIGIT_BITS;
        if let Some(left) = bit_count.checked_sub(8) {
            bytes.push(u8::try_from(bits >> left).ok()?);
            bits &= (1 << left) - 1;
            bit_count = left;
        }
    }
    // Neither a digit that holds no bit of a byte, nor set bits behind the last byte: one text for each sequence of bytes.
    (bit_count < DIGIT_BITS && bits == 0).then_some(bytes)
}

fn digit(value: u32) -> char {
    let index = usize::try_from(value & DIGIT_MASK).unwrap_or_default();
    DIGITS.get(index).copied().map_or('a', char::from)
}
