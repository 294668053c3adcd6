use crate::error::Error;

/// A place where a log is not what was written.
#[derive(Debug)]
pub struct Damage {
    /// Where the first entry begins that is not whole.
    pub offset: u64,
    /// Where the next whole one begins, or the file ends.
    pub resumed: u64,
    /// What is wrong at `offset`: [`Error::Checksum`], [`Error::Announced`] for the length, or
    /// [`Error::Truncated`] for one that goes on behind the end of the file.
    pub cause: Error,
}
