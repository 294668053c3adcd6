use super::fill;
use crate::{Error, Head, ReadAt};

/// Bytes from the start that are read in one go: the head, and behind it in most worlds the schema and the
/// tables.
const FRONT_LEN: usize = 8 << 10;
const _: () = assert!(FRONT_LEN >= Head::LEN_MAX);
/// Bytes before the end that are read in one go: the trailer, and the footer of some 200 chunks.
const BACK_LEN: usize = 4 << 10;

/// The first and the last bytes of a source that doesn't lend any. They are read once, and what lies in them
/// is not asked for again.
#[derive(Debug, Default)]
pub(super) struct Ends {
    front: Vec<u8>,
    back: Vec<u8>,
    back_offset: u64,
}

impl Ends {
    /// Reads the first bytes, which are all of a short source.
    pub(super) fn read_front<R: ReadAt + ?Sized>(source: &R) -> Result<Self, Error> {
        let mut ends = Self { back_offset: source.len(), ..Self::default() };
        let len = usize::try_from(source.len()).unwrap_or(usize::MAX);
        if source.borrow(0, len.min(Head::LEN_MAX)).is_none() {
            let len = if len <= FRONT_LEN + BACK_LEN { len } else { FRONT_LEN };
            fill(source, 0, len, &mut ends.front)?;
        }
        Ok(ends)
    }

    /// Reads the last bytes, of which the trailer is `trailer_len`, unless they were among the first.
    pub(super) fn read_back<R: ReadAt + ?Sized>(
        &mut self,
        source: &R,
        trailer_len: usize,
    ) -> Result<(), Error> {
        let len = source.len();
        if self.lend(source, len.saturating_sub(trailer_len as u64), trailer_len).is_none() {
            self.back_offset = len.saturating_sub(BACK_LEN as u64);
            let back_len = usize::try_from(len).unwrap_or(usize::MAX).min(BACK_LEN);
            fill(source, self.back_offset, back_len, &mut self.back)?;
        }
        Ok(())
    }

    /// Returns `len` bytes from `offset` on: lent by the source, or read before.
    pub(super) fn lend<'s, R: ReadAt + ?Sized>(
        &'s self,
        source: &'s R,
        offset: u64,
        len: usize,
    ) -> Option<&'s [u8]> {
        let part = |bytes: &'s [u8], offset: u64| {
            let offset = usize::try_from(offset).ok()?;
            bytes.get(offset..offset.checked_add(len)?)
        };
        source
            .borrow(offset, len)
            .or_else(|| part(&self.front, offset))
            .or_else(|| part(&self.back, offset.checked_sub(self.back_offset)?))
    }
}
