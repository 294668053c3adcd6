/// What a delta may cost, and by which means it is found.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The target is kept whole when its delta takes so many bytes or more; as many as the target has if not set.
    pub bytes_max: Option<usize>,
    /// Whether zstd may take the source as a prefix. Only states of 1 MiB and more, and only with the feature `zstd`.
    pub has_prefix: bool,
}

impl Options {
    /// Starts with the length of the target as the bound, and without zstd.
    pub fn new() -> Self {
        Self { bytes_max: None, has_prefix: false }
    }

    /// Sets how many bytes are too many: those that the compressed target takes, for example.
    pub fn bytes_max(mut self, bytes: usize) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Sets whether zstd may take the source as a prefix.
    pub fn prefix(mut self, has_prefix: bool) -> Self {
        self.has_prefix = has_prefix;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
