//! JSON as numbers.

use std::borrow::Cow;

use keepstone_format::wire::{put_varint, put_varint_u128};

use crate::json::{
    text::{Cursor, Result},
    tree::{BYTES, CHAR, F32, F64, PRIMS, class},
};

pub(super) fn prim_name(prim: u8) -> &'static str {
    PRIMS.get(usize::from(prim).wrapping_sub(1)).copied().unwrap_or("?")
}

pub(super) fn expected(prim: u8) -> String {
    match prim {
        1..=5 => format!("{}: a whole number from 0, in range", prim_name(prim)),
        6..=10 => format!("{}: a whole number in range", prim_name(prim)),
        F32 | F64 => format!("{}: a number in range, \"inf\", \"-inf\" or \"NaN\"", prim_name(prim)),
        CHAR => "a string of one character".to_owned(),
        BYTES => "a string of hexadecimal digits".to_owned(),
        _ => prim_name(prim).to_owned(),
    }
}

pub(super) fn number_or_text<'t>(cursor: &mut Cursor<'t>) -> Result<Option<Cow<'t, str>>> {
    match cursor.number() {
        Some(number) => Ok(Some(Cow::Borrowed(number))),
        None => cursor.string(),
    }
}

/// An integer that fits, as the bits of 128.
pub(super) fn integer(text: &str, prim: u8) -> Option<u128> {
    if text.starts_with('+') {
        return None;
    }
    // Most are short, and 128 bits take their time.
    let signed = || text.parse::<i64>().map(i128::from).or_else(|_| text.parse::<i128>()).ok();
    let bits = match prim {
        1 => text.parse::<u8>().ok()?.into(),
        2 => text.parse::<u16>().ok()?.into(),
        3 => text.parse::<u32>().ok()?.into(),
        4 => text.parse::<u64>().ok()?.into(),
        5 => text.parse::<u128>().ok()?,
        6 => signed().filter(|value| i8::try_from(*value).is_ok())?.cast_unsigned(),
        7 => signed().filter(|value| i16::try_from(*value).is_ok())?.cast_unsigned(),
        8 => signed().filter(|value| i32::try_from(*value).is_ok())?.cast_unsigned(),
        9 => signed().filter(|value| i64::try_from(*value).is_ok())?.cast_unsigned(),
        _ => signed()?.cast_unsigned(),
    };
    Some(bits)
}

pub(super) fn put_integer(out: &mut Vec<u8>, prim: u8, bits: u128) {
    let [low, ..] = bits.to_le_bytes();
    match prim {
        1 | 6 => out.push(low),
        2..=5 => put_varint_u128(out, bits),
        _ => put_varint_u128(out, (bits << 1) ^ (bits.cast_signed() >> 127).cast_unsigned()),
    }
}

fn nan_bits(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("NaN:")?, 16).ok()
}

fn is_number(text: &str) -> bool {
    match text.as_bytes() {
        [b'-', second, ..] => *second != b'i',
        [first, ..] => first.is_ascii_digit(),
        [] => false,
    }
}

pub(super) fn f32_bits(text: &str) -> Option<u32> {
    match text {
        "inf" => Some(f32::INFINITY.to_bits()),
        "-inf" => Some(f32::NEG_INFINITY.to_bits()),
        "NaN" => Some(super::NAN_32),
        _ if is_number(text) => text.parse().ok().filter(|value: &f32| value.is_finite()).map(f32::to_bits),
        _ => u32::try_from(nan_bits(text)?).ok().filter(|bits| f32::from_bits(*bits).is_nan()),
    }
}

pub(super) fn f64_bits(text: &str) -> Option<u64> {
    match text {
        "inf" => Some(f64::INFINITY.to_bits()),
        "-inf" => Some(f64::NEG_INFINITY.to_bits()),
        "NaN" => Some(super::NAN_64),
        _ if is_number(text) => text.parse().ok().filter(|value: &f64| value.is_finite()).map(f64::to_bits),
        _ => nan_bits(text).filter(|bits| f64::from_bits(*bits).is_nan()),
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Which class an alternative has to be chosen by, for guesses.
pub(super) fn is_whole(found: u8) -> bool {
    found & (class::NATURAL | class::NEGATIVE) != 0
}
