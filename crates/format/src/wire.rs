//! Fields, varints and names: the bytes that every structure of the format is made of.

use crate::Error;
use crate::limits::NAME_LEN_MAX;

/// A cursor over bytes that takes one field after the other.
///
/// ```
/// use keepstone_format::wire::{Input, put_name, put_varint};
///
/// let mut bytes = Vec::new();
/// put_varint(&mut bytes, 300);
/// put_name(&mut bytes, "tower")?;
///
/// let mut input = Input::new("example", &bytes);
/// assert_eq!(input.varint_u32()?, 300);
/// assert_eq!(input.name()?, "tower");
/// input.finish()?;
/// # Ok::<(), keepstone_format::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Input<'a> {
    rest: &'a [u8],
    what: &'static str,
    end: u64,
}

macro_rules! fixed {
    ($($name:ident $int:ty),*) => {$(
        #[doc = concat!("Takes a little-endian ", stringify!($int), ".")]
        ///
        /// # Errors
        ///
        /// [`Error::Truncated`] when too few bytes are left.
        #[inline]
        pub fn $name(&mut self) -> Result<$int, Error> {
            self.array().map(<$int>::from_le_bytes)
        }
    )*};
}

macro_rules! varint {
    ($($name:ident $int:ty),*) => {$(
        #[doc = concat!("Takes a varint that fits a ", stringify!($int), ".")]
        ///
        /// # Errors
        ///
        /// [`Error::Truncated`] when the bytes end inside it, [`Error::Invalid`] when it doesn't fit or is
        /// longer than it needs to be.
        #[inline]
        pub fn $name(&mut self) -> Result<$int, Error> {
            if let Some((&byte, rest)) = self.rest.split_first()
                && byte < 0x80
            {
                self.rest = rest;
                return Ok(<$int>::from(byte));
            }
            let mut rest = self.rest;
            let mut value: $int = 0;
            let mut shift = 0;
            loop {
                let Some((&byte, tail)) = rest.split_first() else {
                    return Err(self.truncated(self.rest.len() + 1));
                };
                rest = tail;
                let group = <$int>::from(byte & 0x7f);
                if shift >= <$int>::BITS || (group << shift) >> shift != group {
                    return Err(self.invalid("a varint doesn't fit its integer"));
                }
                value |= group << shift;
                if byte < 0x80 {
                    if byte == 0 {
                        return Err(self.invalid("a varint is longer than it needs to be"));
                    }
                    self.rest = rest;
                    return Ok(value);
                }
                shift += 7;
            }
        }
    )*};
}

impl<'a> Input<'a> {
    /// Starts at the first byte of `bytes`; errors call them `what`.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self::at(what, bytes, 0)
    }

    /// Starts at the first byte of `bytes`, which stands at `offset` of something larger.
    pub fn at(what: &'static str, bytes: &'a [u8], offset: u64) -> Self {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { rest: bytes, what, end: offset.saturating_add(len) }
    }

    fixed!(u8 u8, u16 u16, u32 u32, u64 u64, u128 u128);
    varint!(varint_u16 u16, varint_u32 u32, varint_u64 u64, varint_u128 u128);

    /// Takes `len` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when fewer are left.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(len));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes a name: one length byte and as many bytes of UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when the bytes end inside it, [`Error::Invalid`] when it is not UTF-8.
    pub fn name(&mut self) -> Result<&'a str, Error> {
        let before = self.clone();
        let len = self.u8()?;
        let bytes = self.take(usize::from(len))?;
        std::str::from_utf8(bytes).map_err(|_| before.invalid("a name is not utf-8"))
    }

    /// Takes a varint count of items that take at least `item_len_min` bytes each, and checks that so many
    /// can still be there, so that memory may be reserved for them.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when the bytes that are left can't hold so many.
    pub fn count(&mut self, item_len_min: usize) -> Result<usize, Error> {
        let count = usize::try_from(self.varint_u32()?).unwrap_or(usize::MAX);
        let needs = count.saturating_mul(item_len_min);
        if needs > self.rest.len() {
            return Err(self.truncated(needs));
        }
        Ok(count)
    }

    /// Takes `len` bytes that must be zero.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when fewer are left, [`Error::Invalid`] when one is not zero.
    pub fn zeros(&mut self, len: usize) -> Result<(), Error> {
        let before = self.clone();
        let bytes = self.take(len)?;
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(before.invalid("padding or reserved bytes are not zero"));
        }
        Ok(())
    }

    /// Takes all that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Returns how many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Returns whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns where the next byte stands.
    pub fn offset(&self) -> u64 {
        self.end.saturating_sub(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when bytes are left.
    pub fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.invalid("bytes are left over")) }
    }

    /// Makes the error that `rule` is broken at the next byte.
    #[cold]
    pub fn invalid(&self, rule: &'static str) -> Error {
        Error::Invalid { what: self.what, rule, offset: self.offset() }
    }

    #[cold]
    fn truncated(&self, needs: usize) -> Error {
        Error::Truncated {
            what: self.what,
            needs: u64::try_from(needs).unwrap_or(u64::MAX),
            available: u64::try_from(self.rest.len()).unwrap_or(u64::MAX),
        }
    }
}

/// Appends `value` as a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends `value` as a varint.
pub fn put_varint_u128(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends `name` with its length byte.
///
/// # Errors
///
/// [`Error::Limit`] when it is longer than 255 bytes.
pub fn put_name(out: &mut Vec<u8>, name: &str) -> Result<(), Error> {
    let Ok(len) = u8::try_from(name.len()) else {
        let needs = u64::try_from(name.len()).unwrap_or(u64::MAX);
        return Err(Error::Limit { what: "bytes of a name", needs, allowed: NAME_LEN_MAX as u64 });
    };
    out.push(len);
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

/// A record of `N` bytes that is filled field by field.
pub(crate) struct Record<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Record<N> {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    pub(crate) fn put<const M: usize>(mut self, field: [u8; M]) -> Self {
        let end = self.at + M;
        self.bytes
            .get_mut(self.at..end)
            .expect("the fields of a record add up to its length")
            .copy_from_slice(&field);
        self.at = end;
        self
    }

    /// The bytes so far, for a checksum over them.
    pub(crate) fn so_far(&self) -> &[u8] {
        self.bytes.get(..self.at).expect("put keeps the position inside")
    }

    pub(crate) fn finish(self) -> [u8; N] {
        assert!(self.at == N, "the fields of a record add up to its length");
        self.bytes
    }
}

/// Returns how many zero bytes bring `offset` to a multiple of `align`, a power of two.
pub(crate) const fn pad(offset: u64, align: u64) -> u64 {
    offset.wrapping_neg() & (align - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Result<u16, Error> {
        let mut input = Input::new("test", bytes);
        let value = input.varint_u16()?;
        input.finish()?;
        Ok(value)
    }

    #[test]
    fn varints_survive_at_every_length() {
        for shift in 0..128 {
            for value in [1_u128 << shift, (1_u128 << shift) - 1] {
                let mut bytes = Vec::new();
                put_varint_u128(&mut bytes, value);
                assert_eq!(Input::new("test", &bytes).varint_u128().unwrap(), value);
                if let Ok(small) = u64::try_from(value) {
                    let mut same = Vec::new();
                    put_varint(&mut same, small);
                    assert_eq!(same, bytes);
                    assert_eq!(Input::new("test", &bytes).varint_u64().unwrap(), small);
                }
            }
        }
    }

    #[test]
    fn long_wide_and_cut_varints_are_refused() {
        assert_eq!(varint(&[0xff, 0xff, 0x03]).unwrap(), u16::MAX);
        assert!(matches!(varint(&[0x80, 0x00]), Err(Error::Invalid { offset: 0, .. })));
        assert!(matches!(varint(&[0xff, 0xff, 0x04]), Err(Error::Invalid { .. })));
        assert!(matches!(varint(&[0x80, 0x80, 0x80, 0x01]), Err(Error::Invalid { .. })));
        assert!(matches!(varint(&[0x80]), Err(Error::Truncated { needs: 2, available: 1, .. })));
        assert!(matches!(varint(&[]), Err(Error::Truncated { needs: 1, available: 0, .. })));
    }

    #[test]
    fn names_hold_at_most_255_bytes_of_utf8() {
        let mut out = Vec::new();
        assert!(matches!(
            put_name(&mut out, &"n".repeat(256)),
            Err(Error::Limit { needs: 256, allowed: 255, .. })
        ));
        put_name(&mut out, &"n".repeat(255)).unwrap();
        assert_eq!(Input::new("test", &out).name().unwrap().len(), 255);
        assert!(matches!(Input::at("test", &[1, 0xff], 40).name(), Err(Error::Invalid { offset: 40, .. })));
    }

    #[test]
    fn counts_that_cannot_fit_are_refused() {
        assert_eq!(Input::new("test", &[2, 0, 0]).count(1).unwrap(), 2);
        assert!(matches!(
            Input::new("test", &[0xff, 0xff, 0xff, 0xff, 0x0f]).count(2),
            Err(Error::Truncated { available: 0, .. })
        ));
    }
}
