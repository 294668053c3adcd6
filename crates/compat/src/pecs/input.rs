use crate::error::Error;

/// Takes one field after another from a file whose every count is checked before it is believed.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next field begins in the file.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// Checks that `count` elements of at least `element_len` bytes fit between here and the last
    /// `behind` bytes; `offset` is where the count stands.
    pub(super) fn check_room(
        &self,
        what: &'static str,
        offset: u64,
        count: u64,
        element_len: u64,
        behind: u64,
    ) -> Result<(), Error> {
        let left = (self.bytes.len() - self.at) as u64;
        let room = left.saturating_sub(behind) / element_len;
        if count > room {
            return Err(Error::Announced { what, offset, count, room });
        }
        Ok(())
    }

    pub(super) fn u32(&mut self, part: &'static str) -> Result<u32, Error> {
        self.array(part).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, part: &'static str) -> Result<u64, Error> {
        self.array(part).map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self, part: &'static str) -> Result<u128, Error> {
        self.array(part).map(u128::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, len: u32, part: &'static str) -> Result<&'a [u8], Error> {
        let taken = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len))
            .and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else {
            return Err(self.truncated(part, u64::from(len)));
        };
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], Error> {
        let Some(array) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()) else {
            return Err(self.truncated(part, N as u64));
        };
        self.at += N;
        Ok(*array)
    }

    fn truncated(&self, part: &'static str, len: u64) -> Error {
        Error::Truncated { part, needs: self.offset() + len, found: self.bytes.len() as u64 }
    }
}
