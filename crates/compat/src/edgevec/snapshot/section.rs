use keepstone_format::wire::{Input, put_varint};
use keepstone_format::{Limits, ReadAt, Reader, SectionId};
use keepstone_value::{self as value, Decoder, Options, Shape};

use super::Entry;
use crate::error::Error;

/// Metadata of so many bytes are read whatever may be decoded.
const LEN_MIN: u64 = 1 << 20;
/// What is built takes about 40 bytes for each of the row at most.
const DECODED_PER_BYTE: u64 = 16;

/// Reads the metadata of a converted snapshot from its container; `None` if it has none.
///
/// The layout is in FORMAT.md of keepstone-format, section 9.4.
///
/// # Errors
///
/// [`Error::Container`] if the section is damaged, [`Error::MetadataSection`] or [`Error::MetadataRow`] if it isn't what it has to
/// be, [`Error::Limit`] if it has more bytes than a sixteenth of what may be decoded, and more than 1 MiB.
pub fn read_metadata<R: ReadAt>(reader: &Reader<R>) -> Result<Option<Vec<Entry<'static>>>, Error> {
    let Ok(section) = reader.find(SectionId::EVEC_METADATA, 0) else { return Ok(None) };
    check_len(section.decoded_len(), reader.limits())?;
    decode(&reader.read(section)?).map(Some)
}

/// Checks that decoded bytes are metadata of a converted snapshot.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    check_len(bytes.len() as u64, limits)?;
    decode(bytes).map(drop)
}

fn check_len(needs: u64, limits: &Limits) -> Result<(), Error> {
    let allowed = LEN_MIN.max(limits.decoded_max / DECODED_PER_BYTE);
    if needs > allowed {
        return Err(Error::Limit { what: "bytes of metadata", needs, allowed });
    }
    Ok(())
}

/// Makes `shape length | shape | row`.
pub(super) fn encode(entries: &[Entry<'_>]) -> Result<Vec<u8>, Error> {
    let rows = value::encode(std::iter::once(&entries), None, &Options::default())
        .map_err(|source| Error::MetadataRow { source })?;
    let shape = rows.shape.encode();
    let mut bytes = Vec::with_capacity(shape.len() + rows.data.len() + 5);
    put_varint(&mut bytes, shape.len() as u64);
    bytes.extend_from_slice(&shape);
    bytes.extend_from_slice(&rows.data);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Vec<Entry<'static>>, Error> {
    let of_section = |source| Error::MetadataSection { source };
    let of_row = |source| Error::MetadataRow { source };
    let mut input = Input::new("the metadata", bytes);
    let len = input.count(1).map_err(of_section)?;
    let shape = Shape::decode(input.take(len).map_err(of_section)?).map_err(of_row)?;
    let data = input.take_rest();
    let len = u32::try_from(data.len()).map_err(|_| Error::Limit {
        what: "bytes of metadata",
        needs: data.len() as u64,
        allowed: u32::MAX.into(),
    })?;
    let mut decoder = Decoder::new(&shape, data, &[], None, &Options::default());
    let entries: Vec<Entry<'static>> = decoder.row(len).map_err(of_row)?;
    decoder.finish().map_err(of_row)?;
    let ascends = |pair: &[Entry<'_>]| match pair {
        [a, b] => (a.vector, &a.key) < (b.vector, &b.key),
        _ => true,
    };
    if !entries.windows(2).all(ascends) {
        let input = Input::new("the metadata", bytes);
        return Err(of_section(input.invalid("entries don't ascend by vector and key")));
    }
    Ok(entries)
}
