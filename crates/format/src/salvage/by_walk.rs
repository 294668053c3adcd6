use std::ops::Range;

use super::{Out, Part, Start};
use crate::checksum::Seed;
use crate::chunk::{ChunkEntry, ChunkHeader, RawHeader};
use crate::limits::CHUNK_LEN;
use crate::reader::bytes_at;
use crate::section::{Section, SectionLayout, Tables};
use crate::wire::pad;
use crate::writer::ARRAY_INDEX;
use crate::{Error, ReadAt};

/// Bytes that are searched at a time.
const BLOCK_LEN: u64 = 1 << 20;
const BLOCK_LEN_MIN: u64 = 1 << 12;
/// Bytes of a header.
const FRONT_LEN: usize = ChunkHeader::LEN;
/// Headers stand at multiples of this.
const STEP: usize = 8;

/// Takes the parts that stand one behind the other, and behind gaps those that can be found again.
pub(super) fn take_parts<R: ReadAt + ?Sized>(
    source: &R,
    start: &Start,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let len = source.len();
    let mut walk = Walk {
        source,
        len,
        epoch: start.epoch.unwrap_or(0),
        is_chained: start.header.is_some(),
        patience: len.saturating_mul(4).saturating_add(BLOCK_LEN),
        buf: Vec::new(),
        array: Vec::new(),
        out,
    };
    if start.head.is_none() {
        walk.out.tally.damaged(0..start.offset);
    }
    let (mut at, mut is_unbroken) = (start.offset, start.header.is_some());
    while at < len {
        if is_unbroken && walk.is_footer(at)? {
            break;
        }
        if let Some(end) = walk.take_frame(at)? {
            at = end.min(len);
            walk.is_chained = true;
            continue;
        }
        is_unbroken = false;
        walk.is_chained = false;
        let next = walk.find_header(at + STEP as u64)?.unwrap_or(len);
        walk.out.tally.damaged(at..next);
        at = next;
    }
    walk.out.tally.damaged(at..len);
    Ok(())
}

struct Walk<'w, 'o, R: ?Sized> {
    source: &'w R,
    len: u64,
    epoch: u64,
    /// Whether the place was told by the frame before, and not found by searching.
    is_chained: bool,
    /// Bytes that may still be summed for headers that were found by searching and turn out to be none:
    /// so that the time is in proportion to the source whatever it contains.
    patience: u64,
    buf: Vec<u8>,
    array: Vec<u8>,
    out: &'w mut Out<'o>,
}

impl<R: ReadAt + ?Sized> Walk<'_, '_, R> {
    fn is_footer(&mut self, at: u64) -> Result<bool, Error> {
        let len = Tables::MAGIC.len();
        Ok(at + len as u64 <= self.len && bytes_at(self.source, at, len, &mut self.buf)? == Tables::MAGIC)
    }

    /// Takes the chunk or raw section at `at` and answers where it ends; `None` when there is none.
    fn take_frame(&mut self, at: u64) -> Result<Option<u64>, Error> {
        let Some(front) = self.front(at)? else {
            return Ok(None);
        };
        if let Ok(header) = ChunkHeader::decode(&front, self.epoch, at) {
            return self.take_chunk(&header, at);
        }
        match RawHeader::decode(&front, self.epoch, at) {
            Ok(header) => self.take_raw(&header, at),
            Err(_) => Ok(None),
        }
    }

    fn take_chunk(&mut self, header: &ChunkHeader, at: u64) -> Result<Option<u64>, Error> {
        let (entry, end) = (header.entry, at + header.entry.span());
        let payload_offset = at + FRONT_LEN as u64;
        let payload_end = payload_offset + u64::from(entry.stored_len);
        let part = Part {
            id: header.id,
            instance: header.instance,
            layout: SectionLayout::Coded,
            index: header.index,
            is_last: header.is_last,
        };
        if payload_end <= self.len {
            // The padding may be cut off.
            let rest_len = usize::try_from(end.min(self.len) - payload_offset).unwrap_or(usize::MAX);
            let rest = bytes_at(self.source, payload_offset, rest_len, &mut self.buf)?;
            let (payload, padding) = rest.split_at_checked(entry.stored_len()).unwrap_or_default();
            if header.seed(self.epoch).crc(payload) == entry.payload_crc {
                if !self.out.put(part, entry, payload_offset, payload)? {
                    self.out.tally.damaged(at..end.min(self.len));
                }
                if padding.iter().any(|&byte| byte != 0) {
                    self.out.tally.damaged(payload_end..end.min(self.len));
                }
                return Ok(Some(end));
            }
        }
        let cost = if payload_end <= self.len { entry.stored_len.into() } else { 0 };
        if !self.is_believed(cost) {
            return Ok(None);
        }
        let part_count = header.is_last.then(|| header.index.saturating_add(1));
        self.out.tally.exists((part.id, part.instance), part.layout, part_count)?;
        self.out.tally.damaged(at..end.min(self.len));
        Ok(Some(end))
    }

    /// Whether to jump over what a header without a whole payload announces.
    fn is_believed(&mut self, cost: u64) -> bool {
        match self.patience.checked_sub(cost) {
            Some(left) if !self.is_chained => {
                self.patience = left;
                false
            }
            _ => true,
        }
    }

    fn take_raw(&mut self, header: &RawHeader, at: u64) -> Result<Option<u64>, Error> {
        let Some((section, end)) = raw_section(header, at) else {
            return Ok(None);
        };
        let (id, instance) = (section.id, section.instance);
        let payload_offset = section.raw_payload_offset();
        let array_offset =
            payload_offset + section.decoded_len + pad(payload_offset + section.decoded_len, 8);
        let is_array_whole = end <= self.len && self.read_array(&section, array_offset)?;
        let cost = if array_offset < self.len { section.decoded_len } else { 0 };
        if !is_array_whole && !self.is_believed(cost) && !self.has_whole_piece(&section, array_offset)? {
            return Ok(None);
        }
        let part_count = Some(section.chunk_count.max(1));
        self.out.tally.exists((id, instance), section.layout, part_count)?;
        let crcs_end = array_offset + 4 * (u64::from(section.chunk_count) + 1);
        self.check_zeros(at + FRONT_LEN as u64..payload_offset)?;
        if section.chunk_count == 0 {
            let part = raw_part(&section, 0);
            // The file may end before the padding does; nothing of the payload is behind its end.
            self.out.put(part, ChunkEntry::new(0, 0, 0, 0), payload_offset.min(self.len), &[])?;
        }
        self.take_pieces(&section, array_offset)?;
        self.check_zeros(payload_offset + section.decoded_len..array_offset)?;
        if !is_array_whole {
            self.out.tally.damaged(array_offset.min(self.len)..crcs_end.min(self.len));
        }
        self.check_zeros(crcs_end..end)?;
        Ok(Some(end))
    }

    /// Checks padding, fewer than 64 bytes, as far as it is there.
    fn check_zeros(&mut self, range: Range<u64>) -> Result<(), Error> {
        let (start, end) = (range.start.min(self.len), range.end.min(self.len));
        let len = usize::try_from(end - start).unwrap_or_default();
        if bytes_at(self.source, start, len, &mut self.buf)?.iter().any(|&byte| byte != 0) {
            self.out.tally.damaged(start..end);
        }
        Ok(())
    }

    /// Takes the pieces whose checksums are there and hold.
    fn take_pieces(&mut self, section: &Section, array_offset: u64) -> Result<(), Error> {
        for index in 0..section.chunk_count {
            let Some((entry, offset)) = self.check_piece(section, array_offset, index)? else {
                let (offset, len) = piece(section, index);
                if offset >= self.len {
                    break;
                }
                self.out.tally.damaged(offset..(offset + u64::from(len)).min(self.len));
                continue;
            };
            let bytes = bytes_at(self.source, offset, entry.stored_len(), &mut self.buf)?;
            if !self.out.put(raw_part(section, index), entry, offset, bytes)? {
                self.out.tally.damaged(offset..offset + u64::from(entry.stored_len));
            }
        }
        Ok(())
    }

    /// Answers what is known of a piece, and where it is, when its checksum is there and holds.
    fn check_piece(
        &mut self,
        section: &Section,
        array_offset: u64,
        index: u32,
    ) -> Result<Option<(ChunkEntry, u64)>, Error> {
        let (crc_offset, (offset, len)) = (array_offset + 4 * u64::from(index), piece(section, index));
        if crc_offset + 4 > self.len {
            return Ok(None);
        }
        let crc = bytes_at(self.source, crc_offset, 4, &mut self.array)?.first_chunk().copied();
        let entry = ChunkEntry::new(len, len, crc.map_or(0, u32::from_le_bytes), 0);
        let seed = self.seed(section, index);
        let bytes = bytes_at(self.source, offset, entry.stored_len(), &mut self.buf)?;
        Ok((seed.crc(bytes) == entry.payload_crc).then_some((entry, offset)))
    }

    fn has_whole_piece(&mut self, section: &Section, array_offset: u64) -> Result<bool, Error> {
        for index in 0..section.chunk_count {
            if array_offset + 4 * u64::from(index) + 4 > self.len {
                break;
            }
            if self.check_piece(section, array_offset, index)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answers whether the checksums of the pieces are what was written. The section lies in the source.
    fn read_array(&mut self, section: &Section, offset: u64) -> Result<bool, Error> {
        let mut hasher = self.seed(section, ARRAY_INDEX).hasher();
        let (mut at, end) = (offset, offset + 4 * u64::from(section.chunk_count));
        while at < end {
            let len = (end - at).min(BLOCK_LEN);
            hasher.update(bytes_at(
                self.source,
                at,
                usize::try_from(len).unwrap_or_default(),
                &mut self.array,
            )?);
            at += len;
        }
        let crc = bytes_at(self.source, end, 4, &mut self.array)?.first_chunk().copied();
        Ok(crc.map(u32::from_le_bytes) == Some(hasher.finalize()))
    }

    /// Finds the next header that holds, from `from` on.
    fn find_header(&mut self, from: u64) -> Result<Option<u64>, Error> {
        // Blocks grow, so that a search that ends soon has read little.
        let (mut block, mut block_len) = (from, BLOCK_LEN_MIN);
        while block < self.len {
            let len = (block_len + (FRONT_LEN - STEP) as u64).min(self.len - block);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let bytes = bytes_at(self.source, block, len, &mut self.buf)?;
            for (at, word) in bytes.as_chunks::<STEP>().0.iter().enumerate() {
                let is_magic = word.starts_with(&ChunkHeader::MAGIC) || word.starts_with(&RawHeader::MAGIC);
                let start = at * word.len();
                if is_magic
                    && let Some(front) = bytes.get(start..start + FRONT_LEN)
                    && is_header(front, self.epoch)
                {
                    return Ok(Some(block + start as u64));
                }
            }
            block += block_len;
            block_len = BLOCK_LEN.min(2 * block_len);
        }
        Ok(None)
    }

    fn front(&mut self, at: u64) -> Result<Option<[u8; FRONT_LEN]>, Error> {
        if self.len.saturating_sub(at) < FRONT_LEN as u64 {
            return Ok(None);
        }
        Ok(bytes_at(self.source, at, FRONT_LEN, &mut self.array)?.first_chunk().copied())
    }

    fn seed(&self, section: &Section, index: u32) -> Seed {
        Seed { epoch: self.epoch, id: section.id.0, instance: section.instance, index }
    }
}

/// The section that a raw header at `at` announces, and where it ends; `None` when that is nowhere.
fn raw_section(header: &RawHeader, at: u64) -> Option<(Section, u64)> {
    let chunk_count = u32::try_from(header.len.div_ceil(CHUNK_LEN.into())).ok()?;
    let RawHeader { id, instance, len } = *header;
    let section = Section {
        id,
        instance,
        offset: at,
        span: 0,
        decoded_len: len,
        first_chunk: 0,
        chunk_count,
        layout: SectionLayout::Raw,
    };
    Some((section, at.checked_add(section.raw_span()?)?))
}

/// Where a piece of a raw section begins, and its length.
fn piece(section: &Section, index: u32) -> (u64, u32) {
    let start = u64::from(index) * u64::from(CHUNK_LEN);
    let len = section.decoded_len.saturating_sub(start).min(CHUNK_LEN.into());
    (section.raw_payload_offset() + start, u32::try_from(len).unwrap_or(CHUNK_LEN))
}

fn is_header(front: &[u8], epoch: u64) -> bool {
    ChunkHeader::decode(front, epoch, 0).is_ok() || RawHeader::decode(front, epoch, 0).is_ok()
}

fn raw_part(section: &Section, index: u32) -> Part {
    let Section { id, instance, layout, chunk_count, .. } = *section;
    Part { id, instance, layout, index, is_last: index + 1 >= chunk_count }
}
