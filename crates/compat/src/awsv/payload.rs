use std::borrow::Cow;

use keepstone_format::Limits;

use crate::awsv::header::{CODEC_LZ4, CODEC_NONE};
use crate::awsv::{Header, Warning};
use crate::error::Error;
#[cfg(feature = "lz4")]
use crate::reserve::reserve;

/// Where the data begins, behind the header.
const DATA_AT: u64 = Header::LEN as u64;
/// An LZ4 length grows by at most 255 with each byte that encodes it.
#[cfg(feature = "lz4")]
const LZ4_RATIO_MAX: u64 = 255;

/// A file whose checksum is good and whose body is decompressed, not interpreted.
///
/// For programs that put a bundle of their own into aw-save's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The header.
    pub header: Header,
    /// The decoded size that stands before an LZ4 block.
    pub size_prefix: Option<u32>,
    /// The decoded body: postcard, if aw-save wrote the file.
    pub body: Cow<'a, [u8]>,
    /// What was odd about the file.
    pub warnings: Vec<Warning>,
}

impl<'a> Payload<'a> {
    /// Checks a whole file and decompresses its body.
    ///
    /// # Errors
    ///
    /// All of [`Header::read`]; [`Error::Truncated`], [`Error::Checksum`],
    /// [`Error::UnknownCodec`], [`Error::CodecNotBuilt`], and [`Error::Limit`],
    /// [`Error::SizePrefix`] or an LZ4 error for a body that is too large or not what it
    /// announces, in this order. Nothing is allocated before the announced size was checked.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let header = Header::read(bytes)?;
        let behind_header = bytes.get(Header::LEN..).unwrap_or_default();
        let file_len = bytes.len() as u64;
        let needs = DATA_AT + u64::from(header.data_len);
        let (data, trailing) = usize::try_from(header.data_len)
            .ok()
            .and_then(|len| behind_header.split_at_checked(len))
            .ok_or(Error::Truncated { part: "the data", needs, found: file_len })?;
        let found = crc32fast::hash(data);
        if found != header.crc32 {
            return Err(Error::Checksum { offset: DATA_AT, expected: header.crc32, found });
        }
        let (size_prefix, body) = match header.codec {
            CODEC_NONE => (None, Cow::Borrowed(within_limit(data, limits.decoded_max)?)),
            CODEC_LZ4 => {
                let (size_prefix, body) = unpack_lz4(data, limits.decoded_max)?;
                (Some(size_prefix), Cow::Owned(body))
            }
            found => return Err(Error::UnknownCodec { found }),
        };
        let warnings = oddities(&header, trailing, size_prefix, body.len() as u64);
        Ok(Self { header, size_prefix, body, warnings })
    }
}

fn oddities(header: &Header, trailing: &[u8], size_prefix: Option<u32>, actual: u64) -> Vec<Warning> {
    let uncompressed = (header.codec == CODEC_NONE).then_some(Warning::Uncompressed);
    let reserved = (header.reserved != 0).then_some(Warning::ReservedByte { found: header.reserved });
    let trailing = (!trailing.is_empty()).then(|| Warning::TrailingBytes {
        offset: DATA_AT + u64::from(header.data_len),
        len: trailing.len() as u64,
    });
    let size_prefix = size_prefix
        .map(u64::from)
        .filter(|declared| *declared != actual)
        .map(|declared| Warning::SizePrefix { declared, actual });
    [uncompressed, reserved, trailing, size_prefix].into_iter().flatten().collect()
}

fn within_limit(data: &[u8], decoded_max: u64) -> Result<&[u8], Error> {
    check_limit(data.len() as u64, decoded_max)?;
    Ok(data)
}

fn check_limit(needs: u64, allowed: u64) -> Result<(), Error> {
    if needs > allowed {
        return Err(Error::Limit { what: "decoded bytes", needs, allowed });
    }
    Ok(())
}

#[cfg(feature = "lz4")]
fn unpack_lz4(data: &[u8], decoded_max: u64) -> Result<(u32, Vec<u8>), Error> {
    let Some((&prefix, block)) = data.split_first_chunk::<4>() else {
        return Err(Error::SizePrefixMissing { offset: DATA_AT, found: data.len() as u64 });
    };
    let size_prefix = u32::from_le_bytes(prefix);
    let declared = u64::from(size_prefix);
    let possible = (block.len() as u64).saturating_mul(LZ4_RATIO_MAX);
    if declared > possible {
        return Err(Error::SizePrefix { offset: DATA_AT, declared, possible });
    }
    check_limit(declared, decoded_max)?;
    let decoded_len = usize::try_from(size_prefix).map_err(|_| Error::Limit {
        what: "decoded bytes",
        needs: declared,
        allowed: usize::MAX as u64,
    })?;
    let mut body = reserve(decoded_len)?;
    body.resize(decoded_len, 0);
    let actual = lz4_flex::block::decompress_into(block, &mut body)
        .map_err(|source| Error::Lz4 { offset: DATA_AT + prefix.len() as u64, source })?;
    body.truncate(actual);
    Ok((size_prefix, body))
}

#[cfg(not(feature = "lz4"))]
fn unpack_lz4(_data: &[u8], _decoded_max: u64) -> Result<(u32, Vec<u8>), Error> {
    Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
}
