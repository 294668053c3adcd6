use std::io::Read;

use super::StreamReader;
use crate::limits::TAIL_LEN_MAX;
use crate::metadata::TAIL;
use crate::section::Tables;
use crate::trailer::Trailer;
use crate::wire::{Input, pad};
use crate::{Error, Metadata};

/// The longest that can stand behind the tables: tail metadata, padding, trailer.
const REST_MAX: usize = TAIL_LEN_MAX as usize + 7 + Trailer::LEN;

impl<R: Read> StreamReader<R> {
    /// Takes what is behind the footer's magic: tables that say what was seen, the tail, the trailer.
    pub(super) fn take_footer(&mut self) -> Result<(), Error> {
        let mut tables = Vec::new();
        self.tables.encode(&mut tables);
        let footer_offset = self.source.offset() - Tables::MAGIC.len() as u64;
        let entries = tables.get(Tables::MAGIC.len()..).unwrap_or_default();
        if let Err(offset) = self.source.compare(entries)? {
            let rule = "the tables don't name the sections and chunks before them";
            return Err(Error::Invalid { what: "footer", rule, offset });
        }
        let (tail_offset, mut rest) = (self.source.offset(), Vec::new());
        self.source.append_up_to(REST_MAX + 1, &mut rest)?;
        let len = self.source.offset();
        let Some((tail, trailer)) = rest.split_last_chunk::<{ Trailer::LEN }>() else {
            return Err(Error::NoEndMark { len });
        };
        if rest.len() > REST_MAX {
            return Err(Error::NoEndMark { len });
        }
        let decoded = Trailer::decode(trailer, len)?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let tail_len = u64::from(decoded.tail_len);
        let expected = Trailer {
            footer_offset,
            section_count: count(self.tables.sections.len()),
            chunk_count: count(self.tables.chunks.len()),
            epoch: self.head.header.epoch,
            ..decoded
        };
        if decoded != expected || tail_len + pad(tail_len + tail_offset, 8) != tail.len() as u64 {
            let (rule, offset) = ("it doesn't describe the footer before it", len - Trailer::LEN as u64);
            return Err(Error::Invalid { what: "trailer", rule, offset });
        }
        self.check_container_crc(&tables, tail, trailer, &decoded)?;
        let mut input = Input::at("footer", tail, tail_offset);
        let tail = input.take(usize::try_from(tail_len).unwrap_or(usize::MAX))?;
        input.zeros(input.remaining())?;
        self.tail = Some(Metadata::decode(tail, TAIL, tail_offset)?);
        Ok(())
    }

    fn check_container_crc(
        &self,
        tables: &[u8],
        tail: &[u8],
        trailer: &[u8; Trailer::LEN],
        decoded: &Trailer,
    ) -> Result<(), Error> {
        let mut digest = self.digest.clone();
        digest.write(tables);
        digest.write(tail);
        digest.write(trailer.get(..Trailer::COVERED).unwrap_or_default());
        let (expected, found) = (decoded.container_crc, digest.sum64());
        if expected == found {
            return Ok(());
        }
        Err(Error::Checksum { what: "container", offset: decoded.footer_offset, expected, found })
    }
}
