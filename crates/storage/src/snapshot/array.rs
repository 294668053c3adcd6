use std::{fmt, ops::Range};

use keepstone_format::{
    SectionLayout,
    array::UNKNOWN_END,
    plain::{Layout, OwnedLayout, Plain, append_le_bytes, from_bytes},
};

use super::stored::{Inner, Stored};
use crate::Error;

/// One array of a snapshot: rows of as many values each.
#[derive(Clone, Copy)]
pub struct Array<'s> {
    pub(super) inner: &'s Inner,
    pub(super) stored: &'s Stored,
}

impl<'s> Array<'s> {
    /// Its name.
    pub fn name(&self) -> &'s str {
        &self.stored.head.name
    }

    /// How the bytes of a value are made up.
    pub fn layout(&self) -> &'s OwnedLayout {
        &self.stored.head.layout
    }

    /// Values in a row.
    pub fn width(&self) -> u32 {
        self.stored.head.width
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.stored.len() / self.stored.row_len
    }

    /// Whether the values lie in the file as they are, and are not compressed.
    pub fn is_raw(&self) -> bool {
        self.stored.section.is_none_or(|section| section.layout() == SectionLayout::Raw)
    }

    /// The rows of which a repair has lost bytes, ascending. Without a repair there are none. The last range ends at
    /// [`u64::MAX`] if rows behind the last are lost and nobody knows how many.
    pub fn lost_rows(&self) -> Vec<Range<u64>> {
        let row_len = self.stored.row_len;
        let mut rows: Vec<Range<u64>> = Vec::new();
        for lost in &self.stored.lost {
            let end = if lost.end == UNKNOWN_END { u64::MAX } else { lost.end.div_ceil(row_len) };
            let range = lost.start / row_len..end;
            match rows.last_mut() {
                // Two lost ranges may touch one row.
                Some(last) if range.start <= last.end => last.end = range.end,
                _ => rows.push(range),
            }
        }
        rows
    }

    /// All values as a slice, row after row.
    ///
    /// `T` is the type that was written, or an array of `width` of them. In a snapshot that was read, or mapped and
    /// checked, it costs nothing but for compressed arrays, which are decoded the first time.
    ///
    /// # Errors
    /// [`Error::ArrayType`]; [`Error::ArrayLost`] if a repair has not found all of it; [`Error::Container`] if a
    /// part that is checked or decoded now is damaged or over a limit, and on big-endian hosts, which have to
    /// [`read`](Self::read) it.
    pub fn view<T: Plain>(&self) -> Result<&'s [T], Error> {
        self.view_all(false)
    }

    /// All values as a slice, with zeros where a repair has lost them.
    ///
    /// # Errors
    /// As [`view`](Self::view); [`Error::ArrayLost`] only if nothing of the array is left.
    pub fn view_repaired<T: Plain>(&self) -> Result<&'s [T], Error> {
        self.view_all(true)
    }

    /// The values of some rows as a slice.
    ///
    /// Of a mapped snapshot that is checked on use, only these are checked, with what shares a piece of 1 MiB with them.
    ///
    /// # Errors
    /// As [`view`](Self::view), and [`Error::Container`] for rows that are not there.
    pub fn view_rows<T: Plain>(&self, rows: Range<u64>) -> Result<&'s [T], Error> {
        self.check_type::<T>()?;
        let row_len = self.stored.row_len;
        if rows.start > rows.end || rows.end > self.rows() {
            return Err(self.misuse("the array has fewer rows than are asked for"));
        }
        let range = rows.start * row_len..rows.end * row_len;
        if !range.is_empty()
            && self.stored.lost.iter().any(|lost| lost.start < range.end && range.start < lost.end)
        {
            return Err(self.stored.all_lost(self.inner));
        }
        self.cast(self.inner.bytes(self.stored, range)?)
    }

    /// Copies all values, row after row, on hosts of any byte order.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn read<T: Plain>(&self) -> Result<Vec<T>, Error> {
        let bytes = self.all_bytes::<T>(false)?;
        let mut rows = Vec::new();
        append_le_bytes(bytes, &mut rows)
            .map_err(|source| Error::Container { path: self.inner.path.clone(), source })?;
        Ok(rows)
    }

    fn view_all<T: Plain>(&self, repaired: bool) -> Result<&'s [T], Error> {
        self.cast(self.all_bytes::<T>(repaired)?)
    }

    fn all_bytes<T: Plain>(&self, repaired: bool) -> Result<&'s [u8], Error> {
        self.check_type::<T>()?;
        if !repaired && !self.stored.lost.is_empty() {
            return Err(self.stored.all_lost(self.inner));
        }
        self.inner.bytes(self.stored, 0..self.stored.len())
    }

    fn cast<T: Plain>(&self, bytes: &'s [u8]) -> Result<&'s [T], Error> {
        if cfg!(target_endian = "big") && size_of::<T>() > 1 {
            return Err(self.misuse("arrays can't be viewed on big-endian hosts; read them"));
        }
        if bytes.is_empty() {
            // Nothing need not lie anywhere.
            return Ok(&[]);
        }
        from_bytes(bytes).ok_or_else(|| self.misuse("the array is not aligned for this type; read it"))
    }

    fn check_type<T: Plain>(&self) -> Result<(), Error> {
        let head = &self.stored.head;
        let is_row = matches!(T::LAYOUT, Layout::Array(value, count)
            if count == head.width && head.layout == *value);
        if is_row || head.layout == T::LAYOUT {
            return Ok(());
        }
        Err(Error::ArrayType {
            path: self.inner.path.clone(),
            name: head.name.clone(),
            stored: format!("{} values of {} a row", head.width, head.layout),
            asked: OwnedLayout::from(&T::LAYOUT).to_string(),
        })
    }

    fn misuse(&self, what: &'static str) -> Error {
        let source = keepstone_format::Error::Misuse { what };
        Error::Container { path: self.inner.path.clone(), source }
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = format_args!("{}", self.layout());
        let mut debug = f.debug_struct("Array");
        debug.field("name", &self.name()).field("layout", &layout).field("width", &self.width());
        debug.field("rows", &self.rows()).finish_non_exhaustive()
    }
}
