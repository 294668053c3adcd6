use crate::limits::CHUNK_LEN;
use crate::{Codec, Error, Filter};

/// Levels that zstd has for chunks of 1 MiB: those above 19 differ from it in windows that are larger
/// than a chunk, those below 1 are what LZ4 is for.
const ZSTD_LEVELS: std::ops::RangeInclusive<u8> = 1..=19;
/// What zstd itself takes when it isn't asked.
const ZSTD_LEVEL: u8 = 3;
/// Below this a codec finds little, and headers add up.
const CHUNK_LEN_MIN: u32 = 4 << 10;

/// How one coded section is stored.
///
/// ```
/// use keepstone_format::{
///     Codec, FileKind, Filter, Limits, Metadata, Reader, SectionId, SectionOptions, Writer, WriterOptions,
/// };
///
/// let heights: Vec<u8> = (0..1000_u32).flat_map(|i| (i as f32).to_le_bytes()).collect();
/// let options = SectionOptions::new(Codec::None).filter(Filter::Shuffle { width: 4 });
///
/// let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
/// writer.coded_from_with(SectionId::BYTES, 0, &[&heights], options)?;
/// let (bytes, _) = writer.finish(Metadata::new())?;
///
/// let reader = Reader::open(bytes, Limits::default())?;
/// assert_eq!(*reader.read(reader.find(SectionId::BYTES, 0)?)?, heights);
/// # Ok::<(), keepstone_format::Error>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionOptions {
    /// The codec of its chunks. One that it doesn't make smaller is stored as it is.
    pub codec: Codec,
    /// How hard zstd tries, 1 to 19; 3 if not set. No other codec has levels.
    pub zstd_level: u8,
    /// What is done to each chunk before the codec.
    pub filter: Filter,
    /// Bytes of a chunk before the codec, 4 KiB to 1 MiB; 1 MiB if not set. Shorter ones are for sections that several threads encode.
    pub chunk_len: u32,
}

impl SectionOptions {
    /// Starts with a codec, zstd's own level, and no filter.
    pub fn new(codec: Codec) -> Self {
        Self { codec, zstd_level: ZSTD_LEVEL, filter: Filter::None, chunk_len: CHUNK_LEN }
    }

    /// Sets how hard zstd tries, 1 to 19.
    pub fn zstd_level(mut self, level: u8) -> Self {
        self.zstd_level = level;
        self
    }

    /// Sets the filter.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the bytes of a chunk, 4 KiB to 1 MiB.
    pub fn chunk_len(mut self, len: u32) -> Self {
        self.chunk_len = len;
        self
    }

    pub(crate) fn is_verbatim(self) -> bool {
        self.codec == Codec::None && self.filter == Filter::None
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        self.codec.check_built()?;
        if !ZSTD_LEVELS.contains(&self.zstd_level) {
            return Err(Error::Misuse { what: "zstd has levels from 1 to 19; choose one of these" });
        }
        if !(CHUNK_LEN_MIN..=CHUNK_LEN).contains(&self.chunk_len) {
            return Err(Error::Misuse { what: "chunks have 4 KiB to 1 MiB; choose a length between" });
        }
        if Filter::from_parts(self.filter.id(), self.filter.parameter()) != Some(self.filter) {
            return Err(Error::Misuse {
                what: "a byte shuffle needs elements of at least 2 bytes; give it the width of the numbers",
            });
        }
        Ok(())
    }
}
