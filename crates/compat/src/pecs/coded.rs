//! Files whose bytes behind the header are compressed.

use std::borrow::Cow;

use keepstone_format::{Codec, Limits};

use crate::{
    error::Error,
    pecs::{Flag, Header, crc64_we},
    reserve::reserve,
};

/// What stands behind the header of a coded file. Where PECS itself sets a flag of a codec, a type id or a stable id stands there.
const MARK: [u8; 8] = *b"KSCODED1";
const LEN_AT: usize = Header::LEN + MARK.len();
const CODED_AT: usize = LEN_AT + 8;
const CHECKSUM_LEN: usize = 8;
const FLAGS_AT: usize = 8;
/// The level that containers have.
#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
const ZSTD_LEVEL: i32 = 3;
/// An LZ4 length grows by at most 255 with each byte that encodes it.
const LZ4_RATIO_MAX: u64 = 255;
/// What one LZ4 block can hold.
const LZ4_LEN_MAX: usize = 0x7e00_0000;

/// Says how a file is coded, by its flags and by what stands behind the header; none for a file as PECS writes it, whatever its flags.
///
/// # Errors
///
/// As [`Header::read`]; [`Error::Flags`] for both codecs at once, or flags that coded files don't have.
pub(super) fn codec_of(bytes: &[u8]) -> Result<Option<Codec>, Error> {
    let header = Header::read(bytes)?;
    if bytes.get(Header::LEN..LEN_AT) != Some(&MARK) {
        return Ok(None);
    }
    let codec = match (header.flags & Flag::Zstd.bit() != 0, header.flags & Flag::Lz4.bit() != 0) {
        (false, false) => return Ok(None),
        (true, false) => Codec::Zstd,
        (false, true) => Codec::Lz4,
        (true, true) => return Err(unread_flags(Flag::Zstd.bit() | Flag::Lz4.bit())),
    };
    match header.unknown_flags() | (header.flags & Flag::Delta.bit()) {
        0 => Ok(Some(codec)),
        unread => Err(unread_flags(unread)),
    }
}

fn unread_flags(flags: u32) -> Error {
    Error::Flags { offset: FLAGS_AT as u64, unknown: u16::try_from(flags).unwrap_or(u16::MAX) }
}

/// Gives a file as it is without a codec: [`File::read`](crate::pecs::File::read) takes that. A file that isn't coded is returned as it is.
///
/// # Errors
///
/// All of [`Header::read`]; [`Error::Truncated`], [`Error::Checksum64`], [`Error::Flags`], [`Error::CodecNotBuilt`], and [`Error::Limit`],
/// [`Error::SizePrefix`] or [`Error::Coded`] for content that is too large or not what it announces. Nothing is
/// allocated before the checksum and the announced size were checked.
pub fn decoded<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    let Some(codec) = codec_of(bytes)? else { return Ok(Cow::Borrowed(bytes)) };
    let parts = (bytes.get(LEN_AT..))
        .and_then(|rest| rest.split_first_chunk::<8>())
        .and_then(|(len, rest)| Some((len, rest.split_last_chunk::<CHECKSUM_LEN>()?)));
    let Some((len, (payload, checksum))) = parts else {
        let (needs, found) = ((CODED_AT + CHECKSUM_LEN) as u64, bytes.len() as u64);
        return Err(Error::Truncated { part: "the coded content", needs, found });
    };
    let end = bytes.len() - CHECKSUM_LEN;
    let (expected, found) = (u64::from_le_bytes(*checksum), crc64_we(bytes.get(..end).unwrap_or_default()));
    if found != expected {
        return Err(Error::Checksum64 { end: end as u64, expected, found });
    }
    let declared = u64::from_le_bytes(*len);
    let needs = declared.saturating_add(Header::LEN as u64);
    if needs > limits.decoded_max {
        return Err(Error::Limit { what: "decoded bytes", needs, allowed: limits.decoded_max });
    }
    let possible = (payload.len() as u64).saturating_mul(LZ4_RATIO_MAX);
    if codec == Codec::Lz4 && declared > possible {
        return Err(Error::SizePrefix { offset: LEN_AT as u64, declared, possible });
    }
    let no_memory = Error::Limit { what: "decoded bytes", needs, allowed: usize::MAX as u64 };
    let len = usize::try_from(needs).map_err(|_| no_memory)?;
    let mut plain = reserve(len)?;
    plain.resize(len, 0);
    let (header, room) = plain.split_at_mut(Header::LEN);
    header.copy_from_slice(bytes.get(..Header::LEN).unwrap_or_default());
    set_flags(header, |flags| flags & !(Flag::Zstd.bit() | Flag::Lz4.bit()));
    let is_whole = match codec {
        Codec::Lz4 => lz4_decode(payload, room)?,
        _ => zstd_decode(payload, room)?,
    };
    if !is_whole {
        return Err(Error::Coded { codec: codec.name(), offset: CODED_AT as u64, declared });
    }
    Ok(Cow::Owned(plain))
}

/// Codes a file that isn't coded.
pub(super) fn encode(plain: Vec<u8>, codec: Codec) -> Result<Vec<u8>, Error> {
    let (flag, payload) = match codec {
        Codec::None => return Ok(plain),
        Codec::Lz4 => (Flag::Lz4, lz4_encode(content(&plain))?),
        Codec::Zstd => (Flag::Zstd, zstd_encode(content(&plain))?),
        _ => return Err(Error::CodecNotBuilt { codec: codec.name(), feature: codec.name() }),
    };
    let mut out = reserve(CODED_AT + payload.len() + CHECKSUM_LEN)?;
    out.extend_from_slice(plain.get(..Header::LEN).unwrap_or_default());
    set_flags(&mut out, |flags| flags | flag.bit());
    out.extend(MARK);
    out.extend((content(&plain).len() as u64).to_le_bytes());
    out.extend(payload);
    out.extend(crc64_we(&out).to_le_bytes());
    Ok(out)
}

fn content(plain: &[u8]) -> &[u8] {
    plain.get(Header::LEN..).unwrap_or_default()
}

fn set_flags(header: &mut [u8], change: impl FnOnce(u32) -> u32) {
    if let Some(flags) = header.get_mut(FLAGS_AT..).and_then(|rest| rest.first_chunk_mut()) {
        *flags = change(u32::from_le_bytes(*flags)).to_le_bytes();
    }
}

#[cfg(feature = "lz4")]
fn lz4_encode(content: &[u8]) -> Result<Vec<u8>, Error> {
    if content.len() > LZ4_LEN_MAX {
        let (needs, allowed) = (content.len() as u64, LZ4_LEN_MAX as u64);
        return Err(Error::Limit { what: "bytes of an LZ4 block", needs, allowed });
    }
    Ok(lz4_flex::block::compress(content))
}

#[cfg(feature = "lz4")]
#[expect(clippy::unnecessary_wraps, reason = "as where the codec is not built")]
fn lz4_decode(payload: &[u8], room: &mut [u8]) -> Result<bool, Error> {
    Ok(lz4_flex::block::decompress_into(payload, room).is_ok_and(|written| written == room.len()))
}

#[cfg(not(feature = "lz4"))]
fn lz4_encode(_: &[u8]) -> Result<Vec<u8>, Error> {
    let _ = LZ4_LEN_MAX;
    Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
}

#[cfg(not(feature = "lz4"))]
fn lz4_decode(_: &[u8], _: &mut [u8]) -> Result<bool, Error> {
    Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
}

#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
fn zstd_encode(content: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| Error::Coding { codec: "zstd" };
    zstd::bulk::compress(content, ZSTD_LEVEL).map_err(failed)
}

/// One frame that says its length and ends where the content does; it is decoded into the room for it, without a window.
#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
fn zstd_decode(payload: &[u8], room: &mut [u8]) -> Result<bool, Error> {
    use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

    if !matches!(get_frame_content_size(payload), Ok(Some(len)) if len == room.len() as u64)
        || find_frame_compressed_size(payload) != Ok(payload.len())
    {
        return Ok(false);
    }
    let mut context = zstd::bulk::Decompressor::new().map_err(|_| Error::Coding { codec: "zstd" })?;
    Ok(context.decompress_to_buffer(payload, room).is_ok_and(|written| written == room.len()))
}

#[cfg(not(all(feature = "zstd", not(target_arch = "wasm32"))))]
fn zstd_encode(_: &[u8]) -> Result<Vec<u8>, Error> {
    Err(Error::CodecNotBuilt { codec: "zstd", feature: "zstd" })
}

#[cfg(not(all(feature = "zstd", not(target_arch = "wasm32"))))]
fn zstd_decode(_: &[u8], _: &mut [u8]) -> Result<bool, Error> {
    Err(Error::CodecNotBuilt { codec: "zstd", feature: "zstd" })
}
