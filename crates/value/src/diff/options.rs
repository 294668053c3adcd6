/// What a difference may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Changes that are kept; all are counted. 65,536 unless told otherwise.
    pub changes_max: usize,
    /// Steps after which sequences are compared place by place. 2^26 unless told otherwise: about a second.
    pub work_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { changes_max: 1 << 16, work_max: 1 << 26 }
    }
}
