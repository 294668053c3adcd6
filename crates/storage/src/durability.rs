/// What must have happened before a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// The bytes and their name are on the disk: they survive a power cut.
    #[default]
    Durable,
    /// The bytes are with the operating system: they survive the death of this process, but a power
    /// cut may take them, and may take what they replaced.
    Buffered,
}
