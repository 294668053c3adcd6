use crate::error::Problem;
use crate::fault::Fault;

/// Appends `value` as a varint.
#[inline(always)]
pub(crate) fn put(out: &mut Vec<u8>, value: u64) {
    let [low, ..] = value.to_le_bytes();
    if value < 0x80 {
        out.push(low);
    } else if value < 0x4000 {
        let [high, ..] = (value >> 7).to_le_bytes();
        out.extend_from_slice(&[low | 0x80, high]);
    } else {
        put_long(out, value);
    }
}

/// Copying a whole array and cutting it off is cheaper than copying a part of it.
#[inline(never)]
fn put_long(out: &mut Vec<u8>, mut value: u64) {
    if value < 0x20_0000 {
        let ([low, ..], [mid, ..], [high, ..]) =
            (value.to_le_bytes(), (value >> 7).to_le_bytes(), (value >> 14).to_le_bytes());
        return out.extend_from_slice(&[low | 0x80, mid | 0x80, high]);
    }
    let mut bytes = [0; 10];
    let mut len = out.len();
    for byte in &mut bytes {
        let [low, ..] = value.to_le_bytes();
        len += 1;
        value >>= 7;
        if value == 0 {
            *byte = low;
            break;
        }
        *byte = low | 0x80;
    }
    out.extend_from_slice(&bytes);
    out.truncate(len);
}

/// Appends a count or a length as a varint.
#[inline(always)]
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put(out, u64::try_from(len).unwrap_or(u64::MAX));
}

/// Appends `value` as a varint.
pub(crate) fn put_wide(out: &mut Vec<u8>, mut value: u128) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

#[inline(always)]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline(always)]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(crate) fn zigzag_wide(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)).cast_unsigned()
}

pub(crate) fn unzigzag_wide(value: u128) -> i128 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Takes the next byte.
#[inline(always)]
pub(crate) fn take_byte(rest: &mut &[u8]) -> Result<u8, Fault> {
    let Some((byte, tail)) = rest.split_first() else { return Err(Problem::Truncated.into()) };
    *rest = tail;
    Ok(*byte)
}

/// Takes the next `len` bytes.
#[inline(always)]
pub(crate) fn take<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8], Fault> {
    let split = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
    let Some((bytes, tail)) = split else { return Err(Problem::Truncated.into()) };
    *rest = tail;
    Ok(bytes)
}

/// Takes the next `N` bytes.
#[inline(always)]
pub(crate) fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Fault> {
    let Some((bytes, tail)) = rest.split_first_chunk() else { return Err(Problem::Truncated.into()) };
    *rest = tail;
    Ok(*bytes)
}

/// Takes a varint of an integer with `bits` bits.
#[inline(always)]
pub(crate) fn take_varint(rest: &mut &[u8], bits: u32) -> Result<u64, Fault> {
    match *rest {
        [byte, tail @ ..] if *byte < 0x80 => {
            *rest = tail;
            Ok(u64::from(*byte))
        }
        [low, high, tail @ ..] if *high < 0x80 && *high > 0 => {
            *rest = tail;
            Ok(u64::from(*low & 0x7F) | u64::from(*high) << 7)
        }
        _ => take_long(rest, bits),
    }
}

#[inline(never)]
fn take_long(rest: &mut &[u8], bits: u32) -> Result<u64, Fault> {
    let mut value = 0;
    let mut shift = 0;
    for (index, byte) in rest.iter().enumerate() {
        let low = u64::from(byte & 0x7F);
        if shift >= 63 && (shift > 63 || low > 1) {
            return Err(Problem::Varint.into());
        }
        value |= low << shift;
        if *byte < 0x80 {
            if *byte == 0 || (bits < 64 && value >> bits != 0) {
                return Err(Problem::Varint.into());
            }
            *rest = rest.get(index + 1..).unwrap_or_default();
            return Ok(value);
        }
        shift += 7;
    }
    Err(Problem::Truncated.into())
}

/// Takes a varint of an integer with 128 bits.
pub(crate) fn take_wide(rest: &mut &[u8]) -> Result<u128, Fault> {
    let mut value = 0;
    let mut shift = 0;
    for (index, byte) in rest.iter().enumerate() {
        let low = u128::from(byte & 0x7F);
        if shift >= 128 || (low << shift) >> shift != low {
            return Err(Problem::Varint.into());
        }
        value |= low << shift;
        if *byte < 0x80 {
            if *byte == 0 && index > 0 {
                return Err(Problem::Varint.into());
            }
            *rest = rest.get(index + 1..).unwrap_or_default();
            return Ok(value);
        }
        shift += 7;
    }
    Err(Problem::Truncated.into())
}

/// Takes a bool, presence or option byte.
#[inline(always)]
pub(crate) fn take_flag(rest: &mut &[u8]) -> Result<bool, Fault> {
    match rest.split_first() {
        Some((0, tail)) => {
            *rest = tail;
            Ok(false)
        }
        Some((1, tail)) => {
            *rest = tail;
            Ok(true)
        }
        Some((found, _)) => Err(Problem::Flag { found: *found }.into()),
        None => Err(Problem::Truncated.into()),
    }
}

/// Takes a length and so many bytes.
#[inline(always)]
pub(crate) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let len = take_varint(rest, 64)?;
    take(rest, len)
}

/// Takes a length and so many bytes of text.
#[inline(always)]
pub(crate) fn take_str<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Fault> {
    let bytes = take_bytes(rest)?;
    std::str::from_utf8(bytes).map_err(|_| Problem::Utf8.into())
}
