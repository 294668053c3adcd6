use std::borrow::Cow;

use keepstone_format::Limits;

use crate::awsv::header::{CODEC_LZ4, CODEC_NONE};
use crate::awsv::{Header, Warning};
use crate::error::Error;
#[cfg(feature = "lz4")]
use crate::reserve::reserve;

/// Where the data begins, behind the header.
const DATA_AT: u64 = Header::LEN as u64;
/// What one LZ4 block can hold.
const BODY_LEN_MAX: u64 = 0x7e00_0000;
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

    /// Gives a file with a body, compressed as aw-save does. [`read`](Self::read) gives the body back, without a
    /// warning.
    ///
    /// # Errors
    ///
    /// [`Error::Version`] if the version is neither 1 nor 2; [`Error::CantHold`] for a body that is longer than one LZ4
    /// block can hold, 2113929216 bytes; [`Error::CodecNotBuilt`] without the feature `lz4`; [`Error::OutOfMemory`].
    pub fn encode(version: u16, body: &[u8]) -> Result<Vec<u8>, Error> {
        Header::check_version(version)?;
        let size_prefix = size_prefix(body.len() as u64)?;
        let mut file = pack_lz4(body, size_prefix)?;
        let (head, data) =
            file.split_first_chunk_mut::<{ Header::LEN }>().expect("made with room for a header");
        let data_len = u32::try_from(data.len())
            .expect("the worst case of the longest body, 110 % of it, is below 2^32");
        let crc32 = crc32fast::hash(data);
        *head = Header { version, codec: CODEC_LZ4, reserved: 0, data_len, crc32 }.to_bytes();
        Ok(file)
    }
}

/// The length of a body as it stands before the LZ4 block.
fn size_prefix(body_len: u64) -> Result<u32, Error> {
    let fits = u32::try_from(body_len).ok().filter(|_| body_len <= BODY_LEN_MAX);
    fits.ok_or_else(|| Error::CantHold {
        format: "aw-save",
        what: format!("a body of {body_len} bytes"),
        remedy: "an LZ4 block holds 2113929216; keep the bytes of the engine in a file of their own",
    })
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

/// Room for a header, then the prefix and the block.
#[cfg(feature = "lz4")]
fn pack_lz4(body: &[u8], size_prefix: u32) -> Result<Vec<u8>, Error> {
    let prefix = size_prefix.to_le_bytes();
    let block_at = Header::LEN + prefix.len();
    let len_max = block_at + lz4_flex::block::get_maximum_output_size(body.len());
    let mut file = reserve(len_max)?;
    file.resize(Header::LEN, 0);
    file.extend(prefix);
    file.resize(len_max, 0);
    let block = file.get_mut(block_at..).unwrap_or_default();
    let block_len = lz4_flex::block::compress_into(body, block).expect("the room is that of the worst case");
    file.truncate(block_at + block_len);
    Ok(file)
}

#[cfg(not(feature = "lz4"))]
fn pack_lz4(_: &[u8], _: u32) -> Result<Vec<u8>, Error> {
    Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
}

#[cfg(not(feature = "lz4"))]
fn unpack_lz4(_data: &[u8], _decoded_max: u64) -> Result<(u32, Vec<u8>), Error> {
    Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_beyond_one_block_is_refused_before_it_is_compressed() {
        assert_eq!(size_prefix(0x7e00_0000).unwrap(), 0x7e00_0000);
        for len in [0x7e00_0001, u64::from(u32::MAX), u64::MAX] {
            let err = size_prefix(len).unwrap_err();
            let expected = format!("a body of {len} bytes");
            assert!(matches!(err, Error::CantHold { format: "aw-save", what, .. } if what == expected));
        }
    }

    #[cfg(feature = "lz4")]
    #[test]
    fn the_worst_case_of_the_longest_body_has_a_length_in_the_header() {
        let longest = lz4_flex::block::get_maximum_output_size(0x7e00_0000) + 4;
        assert!(u32::try_from(longest).is_ok(), "{longest}");
    }
}
