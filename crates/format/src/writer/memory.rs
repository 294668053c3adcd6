use std::fmt;

use super::crew::Idle;

/// What a [`Writer`](super::Writer) encodes chunks in, for the next one: tables of the codecs, and for each thread a buffer or two of the length of a chunk.
///
/// Without it every writer asks the system for that memory, which takes about as long as encoding a short section. zstd keeps some megabytes in it, more at high
/// levels.
#[derive(Default)]
pub struct Memory(pub(super) Idle);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
