use std::{borrow::Cow, collections::BTreeMap, fmt, io::Read};

use keepstone_format::{FileKind, Limits, SectionId, StreamReader};

use crate::{
    check::invalid,
    decode::{Sections, check_known, decode_whole},
    doc::WorldDoc,
    error::Error,
    meta::WorldMeta,
    parts::{PartSource, Parts, WorldPart},
    schema::Schema,
};

/// Reads one world part by part from a stream, holding no more than the part at hand.
///
/// A world in one piece is read as one part. `decoded_max` of the limits bounds what is resident at once. A part that was
/// handed out was checked, but those behind it were not: whoever can't take back what it did with it waits for the end.
pub struct PartReader<R> {
    stream: StreamReader<R>,
    limits: Limits,
    meta: WorldMeta,
    parts: Option<Parts>,
    /// The section that ended the part before.
    next: Option<Taken>,
    ended: bool,
    failed: bool,
}

struct Taken {
    id: SectionId,
    instance: u32,
    bytes: Vec<u8>,
}

impl<R> fmt::Debug for PartReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartReader").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<R: Read> PartReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// [`Error::NoWorld`] when the container is of another kind, [`Error::Format`] when it is damaged or newer or can't be read.
    pub fn new(input: R, limits: Limits) -> Result<Self, Error> {
        let stream = StreamReader::new(input, limits)?;
        let kind = stream.header().kind;
        if kind != FileKind::WORLD {
            return Err(Error::NoWorld { world: "0".to_owned(), found: kind.to_string() });
        }
        let meta = WorldMeta::from_metadata(stream.head());
        Ok(Self { stream, limits, meta, parts: None, next: None, ended: false, failed: false })
    }

    /// What the application said about the world.
    pub fn meta(&self) -> &WorldMeta {
        &self.meta
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.stream.bytes()
    }

    /// Reads the sections of the next part.
    fn take_part(&mut self) -> Result<Option<(u32, Streamed)>, Error> {
        let mut part = Streamed { sections: BTreeMap::new(), bytes: 0, allowed: self.limits.decoded_max };
        let mut number = None;
        if let Some(taken) = self.next.take() {
            number = Some(taken.instance >> 16);
            part.put(taken.id, taken.instance, &taken.bytes)?;
        }
        while let Some(found) = self.stream.next_part()? {
            check_known(found.id, found.instance)?;
            if found.id.is_ancillary() || !found.id.is_reserved() {
                continue;
            }
            let own = *number.get_or_insert(found.instance >> 16);
            if own != found.instance >> 16 {
                let (id, instance) = (found.id, found.instance);
                self.next = Some(Taken { id, instance, bytes: found.bytes.to_vec() });
                return Ok(Some((own, part)));
            }
            part.put(found.id, found.instance, found.bytes)?;
        }
        self.ended = true;
        Ok(number.map(|number| (number, part)))
    }
}

impl<R: Read> PartSource for PartReader<R> {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        if self.failed {
            return Err(invalid("part of the world", "behind an error", "the first one again"));
        }
        let part = self.read_part();
        self.failed = part.is_err();
        part
    }
}

impl<R: Read> PartReader<R> {
    fn read_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        let in_parts = self.stream.header().is_in_parts();
        if self.ended {
            return match (&self.parts, in_parts) {
                (Some(parts), true) => parts.finish().map(|()| None),
                (None, true) => Err(invalid("parts of the world", 0, "at least 1")),
                _ => Ok(None),
            };
        }
        let Some((number, mut sections)) = self.take_part()? else {
            return Err(invalid("parts of the world", 0, "at least 1"));
        };
        // Whoever can read anywhere finds parts and worlds by their numbers.
        let expected = self.parts.as_ref().map_or(0, |parts| u32::from(parts.count()));
        if number != expected {
            return Err(invalid("number of a world or part", number, expected));
        }
        if !in_parts {
            return self.only_part(sections).map(Some);
        }
        if self.parts.is_none() {
            let schema = Schema::decode(sections.peek(SectionId::SCHEMA)?)?;
            self.parts = Some(Parts::new(schema, self.limits.rows_max));
        }
        let parts = self.parts.as_mut().expect("made above");
        let mut part = parts.decode(&mut sections)?;
        sections.finish()?;
        if self.ended {
            parts.finish()?;
        }
        part.doc.meta.clone_from(&self.meta);
        Ok(Some(part))
    }
}

impl<R: Read> PartReader<R> {
    /// A world in one piece.
    fn only_part(&mut self, mut sections: Streamed) -> Result<WorldPart<'static>, Error> {
        if let Some(other) = &self.next {
            let names = vec!["0".to_owned(), (other.instance >> 16).to_string()];
            return Err(Error::SeveralWorlds { names });
        }
        let schema = Schema::decode(&sections.take(SectionId::SCHEMA, 0)?)?;
        let mut doc: WorldDoc<'static> = decode_whole(&mut sections, schema, self.limits.rows_max)?;
        sections.finish()?;
        doc.meta.clone_from(&self.meta);
        let total = doc.entity_count();
        Ok(WorldPart::new(doc, 0, total))
    }
}

/// The sections of one part, read from a stream.
struct Streamed {
    sections: BTreeMap<(SectionId, u16), Vec<u8>>,
    bytes: u64,
    allowed: u64,
}

impl Streamed {
    fn put(&mut self, id: SectionId, instance: u32, bytes: &[u8]) -> Result<(), Error> {
        self.charge(bytes.len() as u64)?;
        let component = u16::try_from(instance & 0xffff).unwrap_or(u16::MAX);
        self.sections.entry((id, component)).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn peek(&self, id: SectionId) -> Result<&[u8], Error> {
        match self.sections.get(&(id, 0)) {
            Some(bytes) => Ok(bytes),
            None => Err(invalid("section of a world", "none", id)),
        }
    }

    /// Checks that no section was left over.
    fn finish(&self) -> Result<(), Error> {
        match self.sections.first_key_value() {
            Some(((id, _), _)) => Err(invalid("section of a world", id, "none that no column has")),
            None => Ok(()),
        }
    }
}

impl Sections<'static> for Streamed {
    fn has(&self, id: SectionId, component: u16) -> bool {
        self.sections.contains_key(&(id, component))
    }

    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'static, [u8]>, Error> {
        match self.sections.remove(&(id, component)) {
            Some(bytes) => Ok(Cow::Owned(bytes)),
            None => Err(invalid("section of a world", "none", id)),
        }
    }

    fn take_pieces(&mut self, id: SectionId, component: u16) -> Result<Vec<Cow<'static, [u8]>>, Error> {
        Ok(vec![self.take(id, component)?])
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.allowed {
            return Err(Error::Limit {
                what: "decoded bytes of a part",
                needs: self.bytes,
                allowed: self.allowed,
            });
        }
        Ok(())
    }
}
