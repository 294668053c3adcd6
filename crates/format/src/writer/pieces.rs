use std::convert::Infallible;

/// A walk over the bytes of several slices, as if they were one.
#[derive(Debug, Clone)]
pub(super) struct Pieces<'a> {
    first: &'a [u8],
    rest: &'a [&'a [u8]],
}

impl<'a> Pieces<'a> {
    pub(super) fn new(pieces: &'a [&'a [u8]]) -> Self {
        Self { first: &[], rest: pieces }
    }

    pub(super) fn one(piece: &'a [u8]) -> Self {
        Self { first: piece, rest: &[] }
    }

    /// Returns how many bytes are left.
    pub(super) fn len(&self) -> u64 {
        self.rest.iter().fold(self.first.len() as u64, |sum, piece| sum + piece.len() as u64)
    }

    /// Calls `each` with slices that make up the next `len` bytes, or as many as there are.
    pub(super) fn take<E>(
        &mut self,
        mut len: usize,
        mut each: impl FnMut(&'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while len > 0 {
            self.skip_empty();
            let (taken, first) = self.first.split_at(len.min(self.first.len()));
            if taken.is_empty() {
                return Ok(());
            }
            self.first = first;
            len -= taken.len();
            each(taken)?;
        }
        Ok(())
    }

    /// Leaves out the next `len` bytes, or as many as there are.
    pub(super) fn skip(&mut self, len: usize) {
        let Ok(()) = self.take(len, |_| Ok::<(), Infallible>(()));
    }

    /// Takes the next `len` bytes when they lie in one slice.
    pub(super) fn take_contiguous(&mut self, len: usize) -> Option<&'a [u8]> {
        if len > 0 {
            self.skip_empty();
        }
        let (taken, first) = self.first.split_at_checked(len)?;
        self.first = first;
        Some(taken)
    }

    fn skip_empty(&mut self) {
        while self.first.is_empty() {
            let Some((first, rest)) = self.rest.split_first() else {
                return;
            };
            (self.first, self.rest) = (first, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_yields_the_same_bytes() {
        let pieces: [&[u8]; 5] = [b"", b"abc", b"", b"d", b"efgh"];
        for cut in 0..=8 {
            let mut walk = Pieces::new(&pieces);
            let mut bytes = Vec::new();
            for len in [cut, 8 - cut] {
                walk.take(len, |slice| {
                    bytes.extend_from_slice(slice);
                    Ok::<(), ()>(())
                })
                .unwrap();
            }
            assert_eq!(bytes, b"abcdefgh");
            assert_eq!(walk.len(), 0);
        }
    }

    #[test]
    fn only_bytes_of_one_slice_are_contiguous() {
        let pieces: [&[u8]; 3] = [b"abc", b"", b"defg"];
        let mut walk = Pieces::new(&pieces);
        assert_eq!(walk.take_contiguous(4), None);
        assert_eq!(walk.take_contiguous(3), Some(&b"abc"[..]));
        assert_eq!(walk.take_contiguous(0), Some(&b""[..]));
        assert_eq!(walk.take_contiguous(4), Some(&b"defg"[..]));
    }
}
