use crate::header::MAGIC;

/// A file format that can be told from its first bytes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A keepstone container.
    Keep,
    /// A save of aw-save (`ASVS`).
    AwSave,
    /// A world of PECS (`PECS`).
    Pecs,
    /// A snapshot of EdgeVec (`EVEC`).
    EdgeVec,
    /// A segment of a keepstone write-ahead log.
    LogSegment,
    /// A recycled generation (`KGEN`): a commit page and, 4096 bytes in, a keepstone container.
    Generation,
}

impl Format {
    /// Returns what people call the format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keepstone container",
            Self::AwSave => "aw-save file",
            Self::Pecs => "PECS world",
            Self::EdgeVec => "EdgeVec snapshot",
            Self::LogSegment => "keepstone log segment",
            Self::Generation => "keepstone generation",
        }
    }
}

/// Tells a format from the first bytes of a file; eight are enough. Only the magic is looked at.
///
/// ```
/// use keepstone_format::{Format, detect};
///
/// assert_eq!(detect(b"\x89KEEP\r\n\x1a"), Some(Format::Keep));
/// assert_eq!(detect(b"\x89KLOG\r\n\x1a"), Some(Format::LogSegment));
/// assert_eq!(detect(b"KGEN\x01\x00\x00\x00"), Some(Format::Generation));
/// assert_eq!(detect(b"ASVS\x02\x00"), Some(Format::AwSave));
/// assert_eq!(detect(b"%PDF-1.7"), None);
/// ```
pub fn detect(first_bytes: &[u8]) -> Option<Format> {
    let magics: [(&[u8], Format); 6] = [
        (&MAGIC, Format::Keep),
        (b"\x89KLOG\r\n\x1a", Format::LogSegment),
        (b"KGEN", Format::Generation),
        (b"ASVS", Format::AwSave),
        (b"PECS", Format::Pecs),
        (b"EVEC", Format::EdgeVec),
    ];
    magics.into_iter().find(|(magic, _)| first_bytes.starts_with(magic)).map(|(_, format)| format)
}
