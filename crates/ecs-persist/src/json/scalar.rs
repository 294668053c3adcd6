//! JSON as numbers, and as plain values, which are made of them.

use std::{borrow::Cow, collections::HashMap};

use keepstone_format::{
    plain::{OwnedLayout, Primitive},
    wire::{put_varint, put_varint_u128},
};

use crate::json::{
    JsonProblem,
    take::{members, unescape},
    text::{Cursor, Result, Within, fault, member},
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
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return None;
    }
    let signed = || text.parse::<i128>().ok();
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
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) && !text.contains("inf")
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

/// Reads a plain value and appends its bytes.
pub(super) fn take_plain(cursor: &mut Cursor<'_>, layout: &OwnedLayout, out: &mut Vec<u8>) -> Result<()> {
    let start = *cursor;
    match layout {
        OwnedLayout::Primitive(primitive) => take_primitive(cursor, *primitive, out),
        OwnedLayout::Array(element, count) => {
            let wrong = || start.unexpected(format!("an array of {count}"));
            if !cursor.open(b'[') {
                return wrong();
            }
            for index in 0..*count {
                if !cursor.element() {
                    return wrong();
                }
                take_plain(cursor, element, out).within(|| format!("[{index}]"))?;
            }
            if cursor.element() { wrong() } else { Ok(()) }
        }
        OwnedLayout::Struct(fields) => {
            let found = members(cursor, "an object")?;
            let mut by_name = HashMap::with_capacity(found.len());
            for (key, at, value) in &found {
                by_name.insert(unescape(key, *at)?, *value);
            }
            for (name, field) in fields {
                let Some(value) = by_name.remove(name.as_str()) else {
                    return start.problem(JsonProblem::MissingKey { key: name.clone() });
                };
                take_plain(&mut start.go(value), field, out).within(|| member(name))?;
            }
            if let Some((key, at)) = by_name.into_iter().min_by_key(|(_, at)| *at) {
                let known: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).take(20).collect();
                let (key, known) = (key.to_owned(), known.join(", "));
                return fault(at, JsonProblem::UnknownKey { key, known });
            }
            Ok(())
        }
    }
}

fn take_primitive(cursor: &mut Cursor<'_>, primitive: Primitive, out: &mut Vec<u8>) -> Result<()> {
    let start = *cursor;
    let prim = primitive.code();
    let Some(text) = number_or_text(cursor)? else { return start.unexpected(expected(prim)) };
    let bits = match primitive {
        Primitive::F32 => f32_bits(&text).map(u128::from),
        Primitive::F64 => f64_bits(&text).map(u128::from),
        _ => integer(&text, prim),
    };
    let Some(bits) = bits else { return start.unexpected(expected(prim)) };
    out.extend_from_slice(bits.to_le_bytes().get(..primitive.size()).unwrap_or_default());
    Ok(())
}

/// Which class an alternative has to be chosen by, for guesses.
pub(super) fn is_whole(found: u8) -> bool {
    found & (class::NATURAL | class::NEGATIVE) != 0
}
