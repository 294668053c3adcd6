use std::{borrow::Cow, collections::HashMap};

use keepstone_format::{
    ReadAt, Reader, Section, SectionId,
    plain::{self, Plain},
};

use crate::{
    check::invalid,
    decode::{WORLD_SECTIONS, check_known, instance},
    error::Error,
};

/// Where the sections of one world, or of one part of it, come from.
pub(crate) trait Sections<'a> {
    /// Whether a section is there.
    fn has(&self, id: SectionId, component: u16) -> bool;
    /// Takes a section that has to be there as a whole.
    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [u8]>, Error>;
    /// Takes a section that has to be there in pieces.
    fn take_pieces(&mut self, id: SectionId, component: u16) -> Result<Vec<Cow<'a, [u8]>>, Error>;
    /// Counts bytes that decoding takes, and checks that all together stay within the limit.
    fn charge(&mut self, bytes: u64) -> Result<(), Error>;

    /// Takes a section of plain values.
    fn take_plain<T: Plain>(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [T]>, Error> {
        match self.take(id, component)? {
            Cow::Borrowed(bytes) => Ok(plain::from_le_bytes_cow(bytes)?),
            Cow::Owned(bytes) => Ok(Cow::Owned(plain::from_le_bytes_cow(&bytes)?.into_owned())),
        }
    }
}

/// The sections of one world or part in a container that can be read anywhere.
pub(super) struct Stored<'a, R> {
    pub(super) reader: &'a Reader<R>,
    world: u16,
    /// Sections of this world that were read.
    pub(super) used: usize,
    /// Bytes that they decode to.
    pub(super) bytes: u64,
    /// Chunks of sections that were read ahead.
    pub(super) fetched: HashMap<(SectionId, u32), Vec<Cow<'a, [u8]>>>,
}

impl<'a, R: ReadAt> Stored<'a, R> {
    pub(super) fn new(reader: &'a Reader<R>, world: u16) -> Self {
        Self { reader, world, used: 0, bytes: 0, fetched: HashMap::new() }
    }

    /// Finds a section that has to be there, and checks that the world as a whole stays within the limit.
    pub(super) fn claim(&mut self, id: SectionId, component: u16) -> Result<&'a Section, Error> {
        let section = self.reader.find(id, instance(self.world, component))?;
        self.used += 1;
        self.charge(section.decoded_len())?;
        Ok(section)
    }

    /// Checks that the world has no section that was not read.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let mut owned = 0;
        for section in self.reader.sections() {
            check_known(section.id(), section.instance())?;
            let is_ours = WORLD_SECTIONS.contains(&section.id());
            owned += usize::from(is_ours && section.instance() >> 16 == u32::from(self.world));
        }
        self.finish_with(owned)
    }

    /// Checks that as many sections were read as the world has.
    pub(super) fn finish_with(&self, owned: usize) -> Result<(), Error> {
        if owned != self.used {
            return Err(invalid("sections of the world", owned, self.used));
        }
        Ok(())
    }
}

impl<'a, R: ReadAt> Sections<'a> for Stored<'a, R> {
    fn has(&self, id: SectionId, component: u16) -> bool {
        self.reader.find(id, instance(self.world, component)).is_ok()
    }

    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [u8]>, Error> {
        let section = self.claim(id, component)?;
        let Some(mut chunks) = self.fetched.remove(&(id, section.instance())) else {
            return Ok(self.reader.read(section)?);
        };
        match chunks.len() {
            0 | 1 => Ok(chunks.pop().unwrap_or_default()),
            _ => Ok(Cow::Owned(chunks.concat())),
        }
    }

    fn take_pieces(&mut self, id: SectionId, component: u16) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let section = self.claim(id, component)?;
        if let Some(chunks) = self.fetched.remove(&(id, section.instance())) {
            return Ok(chunks);
        }
        Ok(self.reader.chunks(section)?.collect::<Result<_, _>>()?)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        let allowed = self.reader.limits().decoded_max;
        if self.bytes > allowed {
            return Err(Error::Limit { what: "decoded bytes of a world", needs: self.bytes, allowed });
        }
        Ok(())
    }
}
