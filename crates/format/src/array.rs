//! What a container says of the arrays in it: part 10 of `FORMAT.md`.

use std::ops::Range;

use crate::Error;
use crate::layout::OwnedLayout;
use crate::limits::PLAIN_LEN_MAX;
use crate::wire::{Input, put_name, put_varint};

const WHAT: &str = "array head";
const NO_NAME: &str = "an array has an empty name";
const NO_BYTES: &str = "a row of an array has no bytes";
const LOST: &str = "lost ranges of an array";

/// What the section [`ARRAY_HEAD`](crate::SectionId::ARRAY_HEAD) says of the array behind it.
///
/// ```
/// use keepstone_format::ArrayHead;
/// use keepstone_format::plain::{OwnedLayout, Primitive};
///
/// let head = ArrayHead { name: "vectors".to_owned(), layout: OwnedLayout::Primitive(Primitive::F32), width: 128 };
/// assert_eq!(head.row_len()?, 512);
/// assert_eq!(ArrayHead::decode(&head.encode()?)?, head);
/// # Ok::<(), keepstone_format::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayHead {
    /// By which the array is found: 1 to 255 bytes, its own among the arrays of the container.
    pub name: String,
    /// How the bytes of a value are made up.
    pub layout: OwnedLayout,
    /// Values in a row, at least 1.
    pub width: u32,
}

impl ArrayHead {
    /// Returns the bytes of a row.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when it has none, [`Error::Limit`] when it has more than 2^24.
    pub fn row_len(&self) -> Result<u32, Error> {
        row_len(self.layout.size(), self.width).map_err(|fault| match fault {
            Fault::Empty => Error::Invalid { what: WHAT, rule: NO_BYTES, offset: 0 },
            Fault::Long(needs) => too_long(needs),
        })
    }

    /// Returns the bytes of the section.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an empty name or a row without bytes, [`Error::Limit`] for a longer name or
    /// row than a file can hold, and those of [`OwnedLayout::encode`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        if self.name.is_empty() {
            return Err(Error::Invalid { what: WHAT, rule: NO_NAME, offset: 0 });
        }
        self.row_len()?;
        let mut out = Vec::new();
        put_name(&mut out, &self.name)?;
        self.layout.encode(&mut out)?;
        put_varint(&mut out, self.width.into());
        Ok(out)
    }

    /// Takes the bytes of the section.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], [`Error::Invalid`], [`Error::Limit`] for what breaks a rule; offsets count from
    /// the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut input = Input::new(WHAT, bytes);
        let name = input.name()?.to_owned();
        if name.is_empty() {
            return Err(input.invalid(NO_NAME));
        }
        let layout = OwnedLayout::decode(&mut input)?;
        let start = input.clone();
        let width = input.varint_u32()?;
        row_len(layout.size(), width).map_err(|fault| match fault {
            Fault::Empty => start.invalid(NO_BYTES),
            Fault::Long(needs) => too_long(needs),
        })?;
        input.finish()?;
        Ok(Self { name, layout, width })
    }
}

/// Where a lost range ends of which nobody knows how long it was: rows behind the end of the array are lost.
pub const UNKNOWN_END: u64 = u64::MAX;

/// Returns the bytes of the section [`ARRAY_LOST`](crate::SectionId::ARRAY_LOST) for ranges of lost bytes.
///
/// # Errors
///
/// [`Error::Misuse`] when there are none, one is empty, or they don't ascend with a gap between.
pub fn encode_lost(ranges: &[Range<u64>]) -> Result<Vec<u8>, Error> {
    let mut end = None;
    let mut out = Vec::new();
    for range in ranges {
        if range.is_empty() || end.is_some_and(|end| range.start <= end) {
            return Err(Error::Misuse {
                what: "lost ranges are empty or don't ascend with a gap between; join them first",
            });
        }
        end = Some(range.end);
        out.extend_from_slice(&range.start.to_le_bytes());
        out.extend_from_slice(&range.end.to_le_bytes());
    }
    if ranges.is_empty() {
        return Err(Error::Misuse { what: "an array of which nothing is lost has no lost ranges" });
    }
    Ok(out)
}

/// Takes the bytes of the section [`ARRAY_LOST`](crate::SectionId::ARRAY_LOST) of an array of `len` bytes. Only
/// the last range may end behind it, at [`UNKNOWN_END`].
///
/// # Errors
///
/// [`Error::Truncated`] and [`Error::Invalid`] for what breaks a rule, [`Error::OutOfMemory`].
pub fn decode_lost(bytes: &[u8], len: u64) -> Result<Vec<Range<u64>>, Error> {
    let mut input = Input::new(LOST, bytes);
    let mut ranges = Vec::new();
    ranges
        .try_reserve_exact(bytes.len() / 16)
        .map_err(|_| Error::OutOfMemory { what: LOST, bytes: bytes.len() as u64 })?;
    let mut floor = None;
    while !input.is_empty() || ranges.is_empty() {
        let start = input.clone();
        let range = input.u64()?..input.u64()?;
        let leaves = range.end > len && (range.end != UNKNOWN_END || range.start > len);
        if range.is_empty() || floor.is_some_and(|end| range.start <= end) || leaves {
            return Err(
                start.invalid("ranges are empty, don't ascend with a gap between, or leave the array")
            );
        }
        floor = Some(range.end);
        ranges.push(range);
    }
    Ok(ranges)
}

enum Fault {
    Empty,
    Long(u64),
}

fn row_len(value_len: usize, width: u32) -> Result<u32, Fault> {
    let needs = (value_len as u64).saturating_mul(width.into());
    match u32::try_from(needs) {
        Ok(0) => Err(Fault::Empty),
        Ok(len) if len <= PLAIN_LEN_MAX => Ok(len),
        _ => Err(Fault::Long(needs)),
    }
}

fn too_long(needs: u64) -> Error {
    Error::Limit { what: "bytes of a row of an array", needs, allowed: PLAIN_LEN_MAX.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Primitive;

    fn head(name: &str, width: u32) -> ArrayHead {
        ArrayHead { name: name.to_owned(), layout: OwnedLayout::Primitive(Primitive::F32), width }
    }

    #[test]
    fn a_head_comes_back_and_its_bytes_are_as_specified() {
        let bytes = head("vectors", 300).encode().unwrap();
        assert_eq!(bytes, b"\x07vectors\x0b\xac\x02");
        assert_eq!(ArrayHead::decode(&bytes).unwrap(), head("vectors", 300));
        for len in 0..bytes.len() {
            assert!(ArrayHead::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn heads_that_break_a_rule_are_refused_in_both_directions() {
        assert!(matches!(head("", 1).encode(), Err(Error::Invalid { .. })));
        assert!(matches!(head("a", 0).encode(), Err(Error::Invalid { .. })));
        assert!(matches!(head("a", 1 << 23).encode(), Err(Error::Limit { .. })));
        assert!(matches!(head(&"n".repeat(256), 1).encode(), Err(Error::Limit { .. })));
        assert!(matches!(ArrayHead::decode(b"\x00\x0b\x01"), Err(Error::Invalid { .. })));
        assert!(matches!(ArrayHead::decode(b"\x01a\x0b\x00"), Err(Error::Invalid { .. })));
        assert!(matches!(ArrayHead::decode(b"\x01a\x21\x00\x01"), Err(Error::Invalid { .. })));
        assert!(matches!(ArrayHead::decode(b"\x01a\x0b\x80\x80\x80\x04"), Err(Error::Limit { .. })));
        assert!(ArrayHead::decode(b"\x01a\x0b\x01\x00").is_err());
    }

    #[test]
    fn lost_ranges_come_back_and_broken_ones_are_refused() {
        let ranges = [0..4, 8..16];
        let bytes = encode_lost(&ranges).unwrap();
        assert_eq!(decode_lost(&bytes, 16).unwrap(), ranges);
        assert!(decode_lost(&bytes, 15).is_err());
        let open = [0..4, 8..UNKNOWN_END];
        let bytes = encode_lost(&open).unwrap();
        assert_eq!(decode_lost(&bytes, 8).unwrap(), open);
        assert!(decode_lost(&bytes, 7).is_err());
        let bytes = encode_lost(&ranges).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(decode_lost(&bytes[..len], 16).is_ok(), len == 16, "{len} bytes");
        }
        let empty = 3..3;
        for broken in [&[][..], std::slice::from_ref(&empty), &[0..4, 4..8], &[8..9, 0..1]] {
            assert!(encode_lost(broken).is_err(), "{broken:?}");
        }
    }
}
