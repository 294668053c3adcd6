/// A part of a buffer that entries share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The part from `start` on; none where offsets have more than 32 bits.
    pub(crate) fn new(start: usize, len: usize) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, len: u32::try_from(len).ok()? })
    }

    /// The part of `buffer`.
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = buffer.get(at(self.start)..).unwrap_or_default();
        rest.get(..at(self.len)).unwrap_or_default()
    }
}
