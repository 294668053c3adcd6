use super::{Out, Part};
use crate::checksum::Seed;
use crate::chunk::{ChunkEntry, ChunkHeader};
use crate::reader::bytes_at;
use crate::section::{Section, SectionLayout};
use crate::{Error, ReadAt, Reader};

/// Takes the parts that the tables of a footer name.
pub(super) fn take_parts<R: ReadAt + ?Sized>(
    reader: &Reader<&R>,
    source: &R,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let mut frame = Vec::new();
    for section in reader.sections() {
        let part_count = Some(section.chunk_count.max(1));
        out.tally.exists((section.id, section.instance), section.layout, part_count)?;
        match section.layout {
            SectionLayout::Coded => take_chunks(reader, source, section, &mut frame, out)?,
            SectionLayout::Raw => take_pieces(reader, source, section, &mut frame, out)?,
        }
    }
    Ok(())
}

fn take_chunks<R: ReadAt + ?Sized>(
    reader: &Reader<&R>,
    source: &R,
    section: &Section,
    frame: &mut Vec<u8>,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let (epoch, mut offset) = (reader.header().epoch, section.offset);
    for (index, entry) in (0..).zip(reader.chunk_entries(section)) {
        let part = part(section, index);
        let end = offset + entry.span();
        let payload_offset = offset + ChunkHeader::LEN as u64;
        let frame_len = usize::try_from(entry.span()).unwrap_or(usize::MAX);
        let bytes = bytes_at(source, offset, frame_len, frame)?;
        let (front, rest) = bytes.split_at_checked(ChunkHeader::LEN).unwrap_or_default();
        let (payload, padding) = rest.split_at_checked(entry.stored_len()).unwrap_or_default();
        let expected = ChunkHeader {
            id: section.id,
            instance: section.instance,
            index,
            is_last: part.is_last,
            entry: *entry,
        };
        let is_whole = expected.seed(epoch).crc(payload) == entry.payload_crc
            && out.put(part, *entry, payload_offset, payload)?;
        if !is_whole {
            out.tally.damaged(offset..end);
        }
        if ChunkHeader::decode(front, epoch, offset).ok() != Some(expected) {
            out.tally.damaged(offset..payload_offset);
        }
        if padding.iter().any(|&byte| byte != 0) {
            out.tally.damaged(end - padding.len() as u64..end);
        }
        offset = end;
    }
    Ok(())
}

fn take_pieces<R: ReadAt + ?Sized>(
    reader: &Reader<&R>,
    source: &R,
    section: &Section,
    frame: &mut Vec<u8>,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let (start, end) = (section.offset, section.offset + section.span);
    let mut offset = section.raw_payload_offset();
    let array = match reader.chunks(section)?.check_raw_frame() {
        Ok(()) => end..end,
        Err(Error::Checksum { offset: at, .. } | Error::Invalid { offset: at, .. }) if at < offset => {
            out.tally.damaged(start..offset);
            end..end
        }
        Err(Error::Checksum { .. } | Error::Invalid { .. }) => offset + section.decoded_len..end,
        Err(error) => return Err(error),
    };
    if section.chunk_count == 0 {
        out.put(part(section, 0), ChunkEntry::new(0, 0, 0, 0), offset, &[])?;
    }
    for (index, entry) in (0..).zip(reader.chunk_entries(section)) {
        let piece = bytes_at(source, offset, entry.stored_len(), frame)?;
        let epoch = reader.header().epoch;
        let seed = Seed { epoch, id: section.id.0, instance: section.instance, index };
        let is_whole =
            seed.crc(piece) == entry.payload_crc && out.put(part(section, index), *entry, offset, piece)?;
        let piece_end = offset + u64::from(entry.stored_len);
        if !is_whole {
            out.tally.damaged(offset..piece_end);
        }
        offset = piece_end;
    }
    out.tally.damaged(array);
    Ok(())
}

fn part(section: &Section, index: u32) -> Part {
    let Section { id, instance, layout, chunk_count, .. } = *section;
    Part { id, instance, layout, index, is_last: index + 1 >= chunk_count }
}
