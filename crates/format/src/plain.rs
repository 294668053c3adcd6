//! Types whose values are their bytes, and the casts between the two.
#![expect(unsafe_code, reason = "the one place where values are viewed as bytes and bytes as values")]

use std::borrow::Cow;
use std::mem::size_of;
use std::slice;

use crate::Error;
pub use crate::layout::{Layout, OwnedLayout, Primitive};

/// A type whose values are made up of fixed-width numbers and nothing else, so that a column of them is
/// written and read as one block of bytes.
///
/// `#[derive(Persist)]` with `#[persist(pod)]` implements it and checks at compile time what it can.
///
/// # Safety
///
/// - The type is `#[repr(C)]`, `#[repr(transparent)]` or a primitive, and has no padding: all its bytes
///   are bytes of the numbers that `LAYOUT` lists, in that order, and
///   `size_of::<Self>() == LAYOUT.size()`.
/// - Every pattern of its bytes is a valid value. So it holds no `bool`, `char`, enum, reference or
///   pointer.
/// - It has no interior mutability.
/// - Its widths are the same on all hosts: no `usize`, no `isize`.
///
/// ```
/// use keepstone_format::plain::{Layout, Plain, as_bytes};
///
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Health {
///     now: i32,
///     max: i32,
/// }
///
/// // SAFETY: repr(C), two fields of equal alignment and no padding, every bit pattern is valid.
/// unsafe impl Plain for Health {
///     const LAYOUT: Layout = Layout::Struct(&[("now", i32::LAYOUT), ("max", i32::LAYOUT)]);
/// }
///
/// assert_eq!(as_bytes(&[Health { now: 1, max: 2 }]).len(), 8);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not plain old data",
    note = "persist(pod) takes fixed-width numbers, arrays of them and structs of them; for bool, char, enums, entities and the rest leave out pod and derive serde's traits"
)]
pub unsafe trait Plain: Copy + Send + Sync + 'static {
    /// How the bytes of a value are made up.
    const LAYOUT: Layout;
}

macro_rules! primitives {
    ($($int:ty: $code:ident),*) => {$(
        // SAFETY: a number of fixed width has no padding and no invalid pattern.
        unsafe impl Plain for $int {
            const LAYOUT: Layout = Layout::Primitive(Primitive::$code);
        }
    )*};
}

primitives!(u8: U8, u16: U16, u32: U32, u64: U64, u128: U128, i8: I8, i16: I16, i32: I32, i64: I64, i128: I128);
primitives!(f32: F32, f64: F64);

// SAFETY: the elements of an array follow each other without padding, and each keeps the contract.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const LAYOUT: Layout = {
        assert!(T::LAYOUT.size() > 0, "an array in a plain type has elements without bytes");
        Layout::Array(&T::LAYOUT, array_count(N))
    };
}

/// Views rows as bytes in the order of the host, which is little-endian nearly everywhere. For a file use
/// [`to_le_bytes_cow`].
pub fn as_bytes<T: Plain>(rows: &[T]) -> &[u8] {
    const { check_size::<T>() };
    // SAFETY: the pointer is valid for size_of_val(rows) bytes as long as the borrow lives, all of which
    // are initialised since T has no padding; u8 has no alignment, and without interior mutability in T
    // nobody writes to them.
    unsafe { slice::from_raw_parts(rows.as_ptr().cast::<u8>(), size_of_val(rows)) }
}

/// Views bytes in the order of the host as rows. `None` when they are not aligned for `T`, are not a whole
/// number of rows, or rows have no bytes.
pub fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    const { check_size::<T>() };
    let is_whole = bytes.len().checked_rem(size_of::<T>())? == 0;
    if !is_whole || !bytes.as_ptr().cast::<T>().is_aligned() {
        return None;
    }
    // SAFETY: the pointer is aligned for T and valid for count * size_of::<T>() = bytes.len() bytes as
    // long as the borrow lives; every pattern is a valid T.
    Some(unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<T>(), bytes.len() / size_of::<T>()) })
}

/// Reads one row from little-endian bytes of any alignment; `None` when their length is not that of a row.
pub fn read_plain<T: Plain>(bytes: &[u8]) -> Option<T> {
    const { check_size::<T>() };
    if bytes.len() != size_of::<T>() {
        return None;
    }
    let swapped = to_other_end(T::LAYOUT, bytes);
    // SAFETY: as many bytes as T has are there, every pattern is a valid T, and the read needs no
    // alignment.
    Some(unsafe { swapped.as_ptr().cast::<T>().read_unaligned() })
}

/// Returns rows as the bytes of a file: a view on little-endian hosts, a swapped copy on others.
pub fn to_le_bytes_cow<T: Plain>(rows: &[T]) -> Cow<'_, [u8]> {
    to_other_end(T::LAYOUT, as_bytes(rows))
}

/// Appends rows from the bytes of a file, of any alignment, in one copy.
///
/// # Errors
///
/// [`Error::Invalid`] when the bytes are not a whole number of rows, or rows have no bytes;
/// [`Error::OutOfMemory`].
pub fn append_le_bytes<T: Plain>(bytes: &[u8], rows: &mut Vec<T>) -> Result<(), Error> {
    const { check_size::<T>() };
    let rule = "the bytes are not a whole number of rows";
    if bytes.len().checked_rem(size_of::<T>()) != Some(0) {
        return Err(Error::Invalid { what: "column", rule, offset: 0 });
    }
    let count = bytes.len() / size_of::<T>();
    rows.try_reserve(count).map_err(|_| Error::OutOfMemory { what: "column", bytes: bytes.len() as u64 })?;
    let swapped = to_other_end(T::LAYOUT, bytes);
    let room = rows.spare_capacity_mut().as_mut_ptr().cast::<u8>();
    // SAFETY: at least count rows of spare capacity were reserved, which is count * size_of::<T>() =
    // swapped.len() bytes; the source is another allocation, since rows is borrowed mutably.
    unsafe { room.copy_from_nonoverlapping(swapped.as_ptr(), swapped.len()) };
    let len = rows.len() + count;
    // SAFETY: the count rows behind the old length were initialised above, and every pattern is a valid T.
    unsafe { rows.set_len(len) };
    Ok(())
}

/// Returns rows from the bytes of a file: a view where they are aligned and the host is little-endian, a
/// copy elsewhere.
///
/// # Errors
///
/// Those of [`append_le_bytes`].
pub fn from_le_bytes_cow<T: Plain>(bytes: &[u8]) -> Result<Cow<'_, [T]>, Error> {
    if cfg!(target_endian = "little")
        && let Some(rows) = from_bytes(bytes)
    {
        return Ok(Cow::Borrowed(rows));
    }
    let mut rows = Vec::new();
    append_le_bytes(bytes, &mut rows)?;
    Ok(Cow::Owned(rows))
}

/// Swaps the byte order of every number in rows of `layout`; an incomplete last row is left as it is.
///
/// ```
/// use keepstone_format::plain::{Layout, Plain, swap};
///
/// let mut bytes = [1, 2, 3, 0, 0, 4];
/// swap(&Layout::Struct(&[("a", u16::LAYOUT), ("b", u8::LAYOUT)]), &mut bytes);
/// assert_eq!(bytes, [2, 1, 3, 0, 0, 4]);
/// ```
pub fn swap(layout: &Layout, bytes: &mut [u8]) {
    let size = layout.size();
    if size == 0 {
        return;
    }
    for row in bytes.chunks_exact_mut(size) {
        swap_row(layout, row);
    }
}

fn swap_row(layout: &Layout, row: &mut [u8]) {
    match layout {
        Layout::Primitive(_) => row.reverse(),
        Layout::Array(element, _) => swap(element, row),
        Layout::Struct(fields) => {
            let mut rest = row;
            for (_, field) in *fields {
                let Some((own, tail)) = rest.split_at_mut_checked(field.size()) else { return };
                if !own.is_empty() {
                    swap_row(field, own);
                }
                rest = tail;
            }
        }
    }
}

/// Turns bytes of the host's order into little-endian ones or back.
fn to_other_end(layout: Layout, bytes: &[u8]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return Cow::Borrowed(bytes);
    }
    let mut swapped = bytes.to_vec();
    swap(&layout, &mut swapped);
    Cow::Owned(swapped)
}

/// Checks the part of the contract that can be checked; a broken one doesn't compile.
const fn check_size<T: Plain>() {
    assert!(size_of::<T>() == T::LAYOUT.size(), "the layout of a plain type has another size than the type");
}

const fn array_count(count: usize) -> u32 {
    assert!(count as u64 <= u32::MAX as u64, "an array in a plain type has more than 2^32 - 1 elements");
    #[expect(clippy::cast_possible_truncation, reason = "checked above; try_from is not const")]
    let count = count as u32;
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Input;

    #[derive(Debug, Clone, Copy, PartialEq)]
    #[repr(C)]
    struct Mixed {
        a: u32,
        b: [i16; 2],
        c: [u8; 4],
        d: f32,
    }

    // SAFETY: repr(C), 4 + 4 + 4 + 4 bytes at an alignment of 4 leave no padding; numbers only.
    unsafe impl Plain for Mixed {
        const LAYOUT: Layout = Layout::Struct(&[
            ("a", u32::LAYOUT),
            ("b", <[i16; 2]>::LAYOUT),
            ("c", <[u8; 4]>::LAYOUT),
            ("d", f32::LAYOUT),
        ]);
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    #[repr(C)]
    struct Marker;

    // SAFETY: there are no bytes.
    unsafe impl Plain for Marker {
        const LAYOUT: Layout = Layout::Struct(&[]);
    }

    fn rows() -> Vec<Mixed> {
        (0..5_u8)
            .map(|i| Mixed { a: u32::from(i) << 20, b: [i.into(), -1], c: [i; 4], d: f32::from(i) })
            .collect()
    }

    #[test]
    fn rows_survive_aligned_and_unaligned() {
        let rows = rows();
        let file = to_le_bytes_cow(&rows).into_owned();
        assert_eq!(file.len(), rows.len() * Mixed::LAYOUT.size());
        for shift in 0..4 {
            let moved = [&vec![0xee; shift][..], &file].concat();
            let mut read = vec![rows[0]];
            append_le_bytes(&moved[shift..], &mut read).unwrap();
            assert_eq!(read[1..], rows);
            assert_eq!(read_plain::<Mixed>(&moved[shift..shift + 16]), Some(rows[0]));
            assert_eq!(*from_le_bytes_cow::<Mixed>(&moved[shift..]).unwrap(), rows);
        }
        assert_eq!(from_bytes::<Mixed>(as_bytes(&rows)), Some(&rows[..]));
        assert_eq!(u16::from_le_bytes([file[4 + 16], file[5 + 16]]), 1);
    }

    #[test]
    fn misaligned_and_broken_rows_are_not_viewed() {
        let rows = rows();
        let bytes = as_bytes(&rows);
        assert_eq!(from_bytes::<Mixed>(&bytes[..15]), None);
        assert_eq!(from_bytes::<u32>(&bytes[1..5]), None);
        assert_eq!(from_bytes::<Marker>(bytes), None);
        assert_eq!(from_bytes::<Marker>(&[]), None);
        assert_eq!(read_plain::<u32>(&bytes[..5]), None);
        assert_eq!(read_plain::<Marker>(&[]), Some(Marker));
        let error = append_le_bytes(&bytes[..15], &mut Vec::<Mixed>::new()).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(append_le_bytes(&[], &mut Vec::<Marker>::new()).is_err());
    }

    #[test]
    fn swapping_twice_is_nothing_and_once_reverses_each_number() {
        let rows = rows();
        let mut bytes = as_bytes(&rows).to_vec();
        swap(&Mixed::LAYOUT, &mut bytes);
        let number = u32::from_le_bytes(to_le_bytes_cow(&rows)[16..20].try_into().unwrap());
        assert_eq!(number, 1 << 20);
        let mut swapped = as_bytes(&rows)[16..20].to_vec();
        swapped.reverse();
        assert_eq!(bytes[16..20], swapped);
        assert_eq!(bytes[16 + 8..16 + 12], [1; 4], "single bytes stay");
        assert_ne!(bytes, as_bytes(&rows));
        swap(&Mixed::LAYOUT, &mut bytes);
        assert_eq!(bytes, as_bytes(&rows));
        swap(&Layout::Array(&Marker::LAYOUT, u32::MAX), &mut bytes);
    }

    #[test]
    fn layouts_survive_and_compare_by_their_bytes() {
        for layout in [Mixed::LAYOUT, Marker::LAYOUT, u128::LAYOUT, <[[f64; 3]; 2]>::LAYOUT] {
            let mut bytes = Vec::new();
            layout.encode(&mut bytes).unwrap();
            let mut input = Input::new("layout", &bytes);
            let read = OwnedLayout::decode(&mut input).unwrap();
            assert!(input.is_empty());
            assert_eq!(read, layout);
            assert_eq!(read, OwnedLayout::from(&layout));
            assert_eq!(read.size(), layout.size());
            assert_eq!(read == Mixed::LAYOUT, layout == Mixed::LAYOUT);
            let mut again = Vec::new();
            read.encode(&mut again).unwrap();
            assert_eq!(again, bytes);
            for len in 0..bytes.len() {
                let error = OwnedLayout::decode(&mut Input::new("layout", &bytes[..len])).unwrap_err();
                assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
            }
        }
    }

    #[test]
    fn the_bytes_of_a_layout_are_those_of_the_format() {
        let mut bytes = Vec::new();
        Mixed::LAYOUT.encode(&mut bytes).unwrap();
        assert_eq!(bytes, b"\x21\x04\x01a\x03\x01b\x20\x02\x07\x01c\x20\x04\x01\x01d\x0b");
    }

    #[test]
    fn hostile_layouts_are_refused() {
        let decode = |bytes: &[u8]| OwnedLayout::decode(&mut Input::new("layout", bytes)).unwrap_err();
        assert!(matches!(decode(&[0x20; 4000]), Error::Limit { what: "nesting of a layout", .. }));
        let huge = [0x20, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(matches!(decode(&[&huge[..], &huge, &huge, &[5]].concat()), Error::Limit { .. }));
        assert!(matches!(decode(b"\x20\x81\x80\x80\x08\x01"), Error::Limit { needs: 16_777_217, .. }));
        assert!(matches!(decode(b"\x21\xff\xff\xff\xff\x0f\x00\x01"), Error::Truncated { available: 2, .. }));
        for code in [0, 0x0d, 0x1f, 0x22, 0xff] {
            assert!(matches!(decode(&[code]), Error::Invalid { offset: 0, .. }));
        }
        for bytes in [&b"\x21\x02\x01a\x01\x01a\x01"[..], b"\x20\x05\x21\x00", b"\x20\x05\x20\x00\x01"] {
            assert!(matches!(decode(bytes), Error::Invalid { offset: 0, .. }));
        }
        for layout in
            [Layout::Array(&Marker::LAYOUT, 2), Layout::Struct(&[("a", u8::LAYOUT), ("a", u8::LAYOUT)])]
        {
            let error = layout.encode(&mut Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Invalid { what: "layout", .. }), "{error}");
        }
        let error = Layout::Array(&u8::LAYOUT, (1 << 24) + 1).encode(&mut Vec::new()).unwrap_err();
        assert!(matches!(error, Error::Limit { needs: 16_777_217, allowed: 16_777_216, .. }));
    }

    #[test]
    fn the_deepest_layout_survives() {
        let nested = |depth: usize| {
            let mut bytes = [0x20, 1].repeat(depth - 1);
            bytes.push(1);
            bytes
        };
        let bytes = nested(129);
        let layout = OwnedLayout::decode(&mut Input::new("layout", &bytes)).unwrap();
        assert_eq!(layout.size(), 1);
        let error = OwnedLayout::decode(&mut Input::new("layout", &nested(130))).unwrap_err();
        assert!(matches!(error, Error::Limit { needs: 129, allowed: 128, .. }));
    }
}
