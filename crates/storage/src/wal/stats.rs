/// What a log has done since it was opened, and what it consists of.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records appended, failed ones included.
    pub records: u64,
    /// Their bytes, without frames.
    pub record_bytes: u64,
    /// Writes, each one call to the system; those that make segments are not counted.
    pub writes: u64,
    /// Bytes of these writes.
    pub bytes_written: u64,
    /// Times that the log was made durable; each is one sync of a file, two where a segment turned over.
    pub syncs: u64,
    /// Segments begun.
    pub segments_begun: u64,
    /// Of these, how many had been used before.
    pub segments_recycled: u64,
    /// Times that an append had to make its segment itself or wait for one.
    pub segments_late: u64,
    /// Segments that there are now.
    pub segments: u64,
}
