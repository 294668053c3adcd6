use std::{error::Error as _, fmt};

use keepstone::{
    compat, ecs,
    format::{self, FirstBytes, ReadAt, Reader, Section},
    storage,
};
use serde::Serialize;

use crate::error::with_causes;
use crate::inspect::{holds_worlds, is_column, is_of_world};
use crate::text::Shown;

/// Parts whose schema is asked for the name of a component when that of its own part is damaged.
const OTHERS_READ: u16 = 2;

/// A place where a file is not what was written.
#[derive(Debug, Serialize)]
pub(crate) struct Damage {
    /// The part of the file.
    what: String,
    /// The section that the place is in.
    section: Option<String>,
    /// The part of a world in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u16>,
    /// The component whose rows are there.
    component: Option<String>,
    /// Where, in the file, if one place can be named.
    offset: Option<u64>,
    expected: Option<String>,
    found: Option<String>,
    /// What is wrong, in words.
    message: String,
}

impl Damage {
    fn new(what: &str, offset: Option<u64>, message: String) -> Self {
        Self {
            what: what.to_owned(),
            section: None,
            part: None,
            component: None,
            offset,
            expected: None,
            found: None,
            message,
        }
    }

    fn values(what: &str, offset: Option<u64>, value: &str, expected: String, found: String) -> Self {
        let message = format!("{value} is {found}, expected {expected}");
        Self { expected: Some(expected), found: Some(found), ..Self::new(what, offset, message) }
    }

    /// Damage that the container shows.
    pub(super) fn of_container(error: &format::Error) -> Self {
        use format::Error as E;
        match *error {
            E::Checksum { what, offset, expected, found } => Self::values(
                what,
                Some(offset),
                "checksum",
                format!("{expected:08x}"),
                format!("{found:08x}"),
            ),
            E::Truncated { what, needs, available } => Self::short(what, needs, available),
            E::NoEndMark { len } => {
                let message = "there is no end mark: it was cut short or never finished".to_owned();
                Self::new("container", Some(len), message)
            }
            E::Codec { codec, offset, decoded_len } => {
                let message = format!("{codec} doesn't decode it to {decoded_len} bytes");
                Self::new("chunk payload", Some(offset), message)
            }
            E::Invalid { what, rule, offset } => Self::new(what, Some(offset), rule.to_owned()),
            E::NotThisFormat { expected, found } => Self::begins(expected, found),
            ref other => Self::new("container", None, other.to_string()),
        }
    }

    /// Says which section the place is in, and whose rows are there.
    pub(super) fn locate<R: ReadAt>(&mut self, reader: &Reader<R>) {
        let Some(offset) = self.offset else { return };
        let own =
            |section: &&Section| (section.offset()..section.offset() + section.span()).contains(&offset);
        let Some(section) = reader.sections().iter().find(own) else { return };
        self.section = Some(section.id().to_string());
        if reader.header().is_in_parts() && is_of_world(section.id()) {
            self.part = u16::try_from(section.instance() >> 16).ok();
        }
        self.component = component_of(reader, section);
    }

    /// Damage in the structure of one part of a world, the checksums of which hold.
    pub(super) fn of_part(part: u16, error: &ecs::Error) -> Self {
        Self { what: format!("part {part}"), part: Some(part), ..Self::of_world(0, error) }
    }

    /// Sections of a world in parts that don't stand where they have to.
    pub(super) fn of_order(part: u16, before: u16) -> Self {
        let message = format!("its sections stand behind those of part {before}");
        Self { part: Some(part), ..Self::new(&format!("part {part}"), None, message) }
    }

    /// Damage in the structure of a world whose checksums hold.
    pub(super) fn of_world(world: u16, error: &ecs::Error) -> Self {
        Self::of_structure(format!("world {world}"), error)
    }

    /// Damage in the structure of a delta whose checksums hold.
    pub(super) fn of_delta(error: &ecs::Error) -> Self {
        Self::of_structure("delta".to_owned(), error)
    }

    fn of_structure(place: String, error: &ecs::Error) -> Self {
        match error {
            ecs::Error::Format(source) => {
                let damage = Self::of_container(source);
                // Such an offset counts from the start of a decoded section.
                let message = match damage.offset {
                    Some(offset) => {
                        format!("{} at byte {offset} of its section: {}", damage.what, damage.message)
                    }
                    None => damage.message,
                };
                Self { what: place, offset: None, message, ..damage }
            }
            ecs::Error::Invalid { what, found, expected } => {
                Self::values(&place, None, what, expected.clone(), found.clone())
            }
            other => Self::new(&place, None, other.to_string()),
        }
    }

    /// Damage in the parts of a converted save whose checksums hold.
    pub(super) fn of_save(error: &compat::Error) -> Self {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new("save", None, format!("{error}{cause}"))
    }

    /// A generation that can't be opened, or a damaged commit page.
    pub(super) fn of_generation(error: &storage::Error) -> Self {
        Self::new("generation", None, with_causes(error))
    }

    /// A generation whose container is none.
    pub(super) fn of_one_generation(generation: u64, error: &storage::Error) -> Self {
        Self::new(&format!("generation {generation}"), None, with_causes(error))
    }

    /// A file of a root of saves that isn't what its name says, or whose parts can't be told apart.
    pub(super) fn of_file(what: &str, fault: &str) -> Self {
        Self::new(what, None, fault.to_owned())
    }

    /// Says what it is a part of.
    pub(super) fn within(self, outer: &str) -> Self {
        Self { what: format!("{outer}: {}", self.what), ..self }
    }

    /// Damage in the arrays of a container whose checksums hold.
    pub(super) fn of_array(fault: &str) -> Self {
        Self::new("arrays", None, fault.to_owned())
    }

    /// Damage in the metadata of a converted snapshot whose checksums hold.
    pub(super) fn of_metadata(error: &compat::Error) -> Self {
        Self::new("metadata", None, with_causes(error))
    }

    /// A disagreement between the tail metadata and the worlds.
    pub(super) fn of_tail(what: &str, expected: String, found: String) -> Self {
        Self::values("tail metadata", None, what, expected, found)
    }

    /// Damage that a foreign file shows.
    pub(super) fn of_foreign(error: &compat::Error) -> Self {
        use compat::Error as E;
        match error {
            E::Checksum { offset, expected, found } => Self::values(
                if *offset == 0 { "header" } else { "data" },
                Some(*offset),
                "checksum",
                format!("{expected:08x}"),
                format!("{found:08x}"),
            ),
            E::Checksum64 { end, expected, found } => Self::values(
                "all bytes before the checksum",
                Some(*end),
                "checksum",
                format!("{expected:016x}"),
                format!("{found:016x}"),
            ),
            E::Announced { what, offset, count, room } => {
                let (count, room) = (count.to_string(), format!("at most {room}"));
                Self::values(what, Some(*offset), "it", room, count)
            }
            E::TypeName { offset, .. } => Self::new("type name", Some(*offset), error.to_string()),
            E::Truncated { part, needs, found } => {
                Self::short(part.trim_start_matches("the "), *needs, *found)
            }
            E::NotThisFormat { format, found } => Self::begins(format, *found),
            E::SizePrefix { offset, .. } | E::SizePrefixMissing { offset, .. } => {
                Self::new("size prefix", Some(*offset), error.to_string())
            }
            E::Offset { what, offset, .. } | E::Unknown { what, offset, .. } => {
                Self::new(what, Some(*offset), error.to_string())
            }
            E::Postcard { offset, source, .. } => {
                Self::new("metadata", Some(*offset), format!("{error}: {source}"))
            }
            E::MetadataJson { offset, source } => {
                Self::new("metadata", Some(*offset), format!("{error}: {source}"))
            }
            E::Lz4 { offset, source } => {
                Self::new("data", Some(*offset), format!("LZ4 can't decode it: {source}"))
            }
            E::Body { source, .. } => Self::new("decoded body", None, format!("{error}: {source}")),
            other => {
                let cause = other.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                Self::new("data", None, format!("{other}{cause}"))
            }
        }
    }

    /// A damaged entry of a log of EdgeVec.
    pub(super) fn of_foreign_entry(damage: &compat::edgevec::Damage, resumed: &str) -> Self {
        let mut place = Self { offset: Some(damage.offset), ..Self::of_foreign(&damage.cause) };
        "entry".clone_into(&mut place.what);
        place.message.push_str(resumed);
        place
    }

    fn short(what: &str, needs: u64, available: u64) -> Self {
        let message = format!("it ends here and needs {needs} bytes");
        let (expected, found) = (Some(needs.to_string()), Some(available.to_string()));
        Self { expected, found, ..Self::new(what, Some(available), message) }
    }

    fn begins(expected: &str, found: FirstBytes) -> Self {
        Self::values("first bytes", Some(0), "the format", expected.to_owned(), found.to_string())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(f, "at byte {offset}: ")?;
        }
        write!(f, "{}", Shown(&self.what))?;
        if let Some(section) = &self.section {
            write!(f, " ({section}")?;
            if let Some(component) = &self.component {
                write!(f, " of {}", Shown(component))?;
            }
            if let Some(part) = self.part {
                write!(f, ", part {part}")?;
            }
            write!(f, ")")?;
        }
        write!(f, ": {}", Shown(&self.message))
    }
}

/// The name of the component that a section belongs to, where the schema can still be read.
fn component_of<R: ReadAt>(reader: &Reader<R>, section: &Section) -> Option<String> {
    if !holds_worlds(reader) || !is_column(section) {
        return None;
    }
    let own = u16::try_from(section.instance() >> 16).ok()?;
    // All parts of a world have its schema.
    let others = if reader.header().is_in_parts() { 0..OTHERS_READ } else { 0..0 };
    let mut schemas = [own].into_iter().chain(others).map(|world| ecs::Schema::read(reader, world));
    let schema = schemas.find_map(Result::ok)?;
    let place = usize::try_from(section.instance() & 0xffff).ok()?;
    schema.components().get(place).map(|component| component.name.clone())
}
