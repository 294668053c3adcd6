//! Memory that is aligned and used again.

use std::{fmt, io, ops::Range};

use memmap2::{MmapMut, MmapOptions};

/// From this length on memory comes in huge pages where the system has them, and begins at one.
const HUGE_FROM: usize = 4 << 20;

/// The length of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Memory to read a snapshot into.
///
/// It begins at a multiple of 4096 bytes, from 4 MiB on at a huge page (2 MiB) where the system has those: new
/// memory is cleared by the system a page at a time, which with small pages takes longer than reading the
/// file. A buffer that is used again costs nothing of that.
#[derive(Default)]
pub struct Buffer {
    map: Option<MmapMut>,
    used: Range<usize>,
}

impl Buffer {
    /// Starts without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many bytes it can have without new memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len().saturating_sub(self.used.start))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().and_then(|map| map.get(self.used.clone())).unwrap_or_default()
    }

    /// Makes it `len` bytes long and returns them: what an earlier use has left, or zeros.
    pub(crate) fn resize(&mut self, len: usize) -> io::Result<&mut [u8]> {
        if len > self.capacity() {
            // First the old memory goes, so that both are never there together.
            *self = Self::default();
            let is_huge = len >= HUGE_FROM;
            let slack = if is_huge { HUGE_PAGE } else { 0 };
            let room = len.checked_add(slack).ok_or(io::ErrorKind::OutOfMemory)?;
            let map = MmapOptions::new().len(room).map_anon()?;
            let start = if is_huge { advise_huge(&map) } else { 0 };
            *self = Self { map: Some(map), used: start..start };
        }
        self.used.end = self.used.start + len;
        let bytes = self.map.as_deref_mut().and_then(|map| map.get_mut(self.used.clone()));
        Ok(bytes.unwrap_or_default())
    }
}

/// Asks for huge pages and returns where the first begins.
fn advise_huge(map: &MmapMut) -> usize {
    #[cfg(target_os = "linux")]
    // Advice that is not taken costs time alone.
    let _ = map.advise(memmap2::Advice::HugePage);
    map.as_ptr().align_offset(HUGE_PAGE).min(HUGE_PAGE)
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Buffer");
        debug.field("len", &self.used.len()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_used_again() {
        let mut buffer = Buffer::new();
        assert_eq!((buffer.capacity(), buffer.bytes()), (0, &b""[..]));
        buffer.resize(100).unwrap().fill(7);
        assert!(buffer.bytes().as_ptr().align_offset(4096) == 0);
        let at = buffer.bytes().as_ptr();
        assert_eq!(buffer.resize(50).unwrap(), [7; 50]);
        assert_eq!(buffer.resize(100).unwrap(), [7; 100]);
        assert_eq!(buffer.bytes().as_ptr(), at);

        assert_eq!(buffer.resize(HUGE_FROM).unwrap().len(), HUGE_FROM);
        assert!(buffer.bytes().as_ptr().align_offset(HUGE_PAGE) == 0);
        assert!(buffer.bytes().iter().all(|&byte| byte == 0));
        assert!(buffer.capacity() >= HUGE_FROM);
    }

    #[test]
    fn more_than_there_can_be_is_an_error_and_leaves_an_empty_buffer() {
        let mut buffer = Buffer::new();
        buffer.resize(10).unwrap();
        assert!(buffer.resize(usize::MAX).is_err());
        assert!(buffer.resize(1 << 60).is_err());
        assert_eq!(buffer.bytes(), b"");
        assert_eq!(buffer.resize(1).unwrap(), [0]);
    }
}
