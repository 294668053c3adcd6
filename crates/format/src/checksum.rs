use std::io::{self, Read, Write};

use crate::Error;

/// Computes CRC-32/ISO-HDLC (polynomial 0x04C11DB7, reflected): the CRC-32 of zlib.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Computes CRC-64/XZ (polynomial 0x42F0E1EBA9EA3693, reflected).
pub fn crc64(bytes: &[u8]) -> u64 {
    let mut digest = crc64fast::Digest::new();
    digest.write(bytes);
    digest.sum64()
}

/// Computes the CRC-32 of all bytes that are read through it.
///
/// ```
/// use std::io::Read;
/// use keepstone_format::CrcReader;
///
/// let mut reader = CrcReader::new(&b"123456789"[..]);
/// reader.read_to_end(&mut Vec::new())?;
/// assert_eq!((reader.crc(), reader.byte_count()), (0xcbf4_3926, 9));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct CrcReader<R> {
    inner: R,
    sum: Sum,
}

impl<R> CrcReader<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, sum: Sum::default() }
    }

    /// Returns the CRC-32 of what was read so far.
    pub fn crc(&self) -> u32 {
        self.sum.crc()
    }

    /// Returns how many bytes were read so far.
    pub fn byte_count(&self) -> u64 {
        self.sum.bytes
    }

    /// Returns the reader inside.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for CrcReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buf)?;
        self.sum.add(buf.get(..len).unwrap_or(buf));
        Ok(len)
    }
}

/// Computes the CRC-32 of all bytes that are written through it.
///
/// ```
/// use std::io::Write;
/// use keepstone_format::CrcWriter;
///
/// let mut writer = CrcWriter::new(Vec::new());
/// writer.write_all(b"123456789")?;
/// assert_eq!((writer.crc(), writer.byte_count()), (0xcbf4_3926, 9));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct CrcWriter<W> {
    inner: W,
    sum: Sum,
}

impl<W> CrcWriter<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, sum: Sum::default() }
    }

    /// Returns the CRC-32 of what was written so far.
    pub fn crc(&self) -> u32 {
        self.sum.crc()
    }

    /// Returns how many bytes were written so far.
    pub fn byte_count(&self) -> u64 {
        self.sum.bytes
    }

    /// Returns the writer inside, unflushed.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for CrcWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(buf)?;
        self.sum.add(buf.get(..len).unwrap_or(buf));
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[derive(Debug, Clone, Default)]
struct Sum {
    hasher: crc32fast::Hasher,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn crc(&self) -> u32 {
        self.hasher.clone().finalize()
    }
}

/// What the checksum of a chunk or piece begins with, so that a stale, moved or repeated one fails alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    pub(crate) epoch: u64,
    pub(crate) id: u32,
    pub(crate) instance: u32,
    pub(crate) index: u32,
}

impl Seed {
    /// Starts a CRC-32 behind the seed.
    pub(crate) fn hasher(self) -> crc32fast::Hasher {
        let record = crate::wire::Record::<20>::new()
            .put(self.epoch.to_le_bytes())
            .put(self.id.to_le_bytes())
            .put(self.instance.to_le_bytes())
            .put(self.index.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&record.finish());
        hasher
    }

    /// Computes the CRC-32 of the seed and `bytes`.
    pub(crate) fn crc(self, bytes: &[u8]) -> u32 {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// Answers [`Error::Checksum`] when the checksum that is written down is not that of the bytes.
pub(crate) fn check_crc(what: &'static str, offset: u64, expected: u32, found: u32) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Checksum { what, offset, expected: expected.into(), found: found.into() })
}

/// Computes the CRC-32 of the epoch and the fields of a chunk header or raw header.
pub(crate) fn frame_crc(epoch: u64, fields: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch.to_le_bytes());
    hasher.update(fields);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_check_values_hold() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc64(b"123456789"), 0x995d_c9bb_df19_39fa);
    }

    #[test]
    fn a_writer_that_takes_less_is_summed_over_what_it_took() {
        let mut room = [0_u8; 4];
        let mut writer = CrcWriter::new(&mut room[..]);
        assert_eq!(writer.write(b"123456789").unwrap(), 4);
        assert_eq!((writer.crc(), writer.byte_count()), (crc32(b"1234"), 4));
    }
}
