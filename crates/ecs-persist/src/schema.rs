use std::fmt;

use keepstone_format::{
    ReadAt, Reader, SectionId,
    plain::OwnedLayout,
    wire::{self, Input},
};
use keepstone_value::Shape;

use crate::{check::invalid, decode::instance, error::Error};

const FLAG_RESOURCE: u8 = 1;
const FLAG_HUMAN_READABLE: u8 = 2;
const FLAG_LINKED: u8 = 4;

const PLAIN: u8 = 1;
const ROWS: u8 = 2;
const REFERENCE: u8 = 3;
const OPAQUE: u8 = 4;

/// What a file says about its components: enough to read every row without the program that wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    components: Vec<ComponentSchema>,
}

/// One component of a [`Schema`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentSchema {
    /// The name, unique in the world.
    pub name: String,
    /// The version of its definition.
    pub version: u32,
    /// Whether it is a resource: one value that belongs to no entity.
    pub resource: bool,
    /// How rows are written.
    pub encoding: Encoding,
}

/// How the rows of a component are written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Fixed-size bytes.
    Plain(OwnedLayout),
    /// Serde values.
    Rows {
        /// What the rows have in common.
        shape: Shape,
        /// Whether serde's human-readable form was used.
        human_readable: bool,
    },
    /// One entity a row.
    Reference {
        /// Whether the target keeps an ordered list of the rows that name it.
        linked: bool,
    },
    /// Bytes that only the program they came from can interpret.
    Opaque {
        /// Which program or format, at most 255 bytes.
        origin: String,
    },
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(layout) => write!(f, "plain {layout}"),
            Self::Rows { shape, .. } => write!(f, "rows {shape}"),
            Self::Reference { linked: true } => f.write_str("relationship"),
            Self::Reference { linked: false } => f.write_str("reference"),
            Self::Opaque { origin } => write!(f, "opaque ({origin})"),
        }
    }
}

impl ComponentSchema {
    /// Describes a component.
    pub fn new(name: &str, version: u32, resource: bool, encoding: Encoding) -> Self {
        Self { name: name.to_owned(), version, resource, encoding }
    }
}

impl Schema {
    /// Collects component descriptions, which must ascend by name.
    pub(crate) fn new(components: Vec<ComponentSchema>) -> Self {
        Self { components }
    }

    /// A schema of these components, in whatever order they come; for adapters.
    pub fn of(components: impl IntoIterator<Item = ComponentSchema>) -> Self {
        let mut components: Vec<ComponentSchema> = components.into_iter().collect();
        components.sort_by(|a, b| a.name.cmp(&b.name));
        Self { components }
    }

    /// The components in file order: ascending by name.
    pub fn components(&self) -> &[ComponentSchema] {
        &self.components
    }

    pub(crate) fn into_components(self) -> Vec<ComponentSchema> {
        self.components
    }

    /// Reads the schema of one world without reading its columns.
    ///
    /// # Errors
    /// [`Error::NoWorld`] when the container has no such world; what is damaged, newer or over a limit otherwise.
    pub fn read<R: ReadAt>(reader: &Reader<R>, world: u16) -> Result<Self, Error> {
        let Ok(section) = reader.find(SectionId::SCHEMA, instance(world, 0)) else {
            return Err(Error::NoWorld { world: world.to_string(), found: reader.header().kind.to_string() });
        };
        check_len(section.decoded_len())?;
        Self::decode(&reader.read(section)?)
    }

    /// Encodes the schema; equal schemas have equal bytes.
    ///
    /// # Errors
    /// [`Error::Limit`] with more than 16,383 components.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        encode_all(self.components.iter())
    }

    /// Decodes what [`Schema::encode`] wrote.
    ///
    /// # Errors
    /// The rule of FORMAT.md section 3.1 that doesn't hold; [`Error::Limit`] beyond 1 MiB.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        check_len(bytes.len() as u64)?;
        let mut input = Input::new("schema", bytes);
        let count = input.varint_u32()?;
        check_count(u64::from(count))?;
        let mut components: Vec<ComponentSchema> = Vec::new();
        for _ in 0..count {
            let component = ComponentSchema::decode(&mut input)?;
            if components.last().is_some_and(|last| last.name >= component.name) {
                return Err(invalid("component names don't ascend", component.name, "a greater name"));
            }
            components.push(component);
        }
        input.finish()?;
        Ok(Self { components })
    }

    /// BLAKE3-128 of the encoded schema: equal for files whose rows can be read the same way.
    ///
    /// # Errors
    /// As [`Schema::encode`].
    pub fn hash(&self) -> Result<[u8; 16], Error> {
        Ok(hash_encoded(&self.encode()?))
    }
}

/// Encodes descriptions where they are, which ascend by name: see [`Schema::encode`].
pub(crate) fn encode_all<'s>(
    components: impl ExactSizeIterator<Item = &'s ComponentSchema>,
) -> Result<Vec<u8>, Error> {
    let count = components.len() as u64;
    check_count(count)?;
    let mut out = Vec::with_capacity(64 * components.len() + 8);
    wire::put_varint(&mut out, count);
    for component in components {
        component.encode(&mut out)?;
    }
    Ok(out)
}

/// A field of a layout takes two bytes in the file and thirty times that in memory.
const LEN_MAX: u64 = 1 << 20;

/// Each component may take four of a container's 65,535 sections.
const COMPONENTS_MAX: u64 = 16_383;

pub(crate) fn check_len(needs: u64) -> Result<(), Error> {
    if needs > LEN_MAX {
        return Err(Error::Limit { what: "bytes of the schema", needs, allowed: LEN_MAX });
    }
    Ok(())
}

pub(crate) fn check_count(needs: u64) -> Result<(), Error> {
    if needs > COMPONENTS_MAX {
        return Err(Error::Limit { what: "components of a world", needs, allowed: COMPONENTS_MAX });
    }
    Ok(())
}

fn decode_shape(input: &mut Input<'_>, component: &str) -> Result<Shape, Error> {
    let len = input.count(1)?;
    Shape::decode(input.take(len)?).map_err(|source| Error::Value { component: component.to_owned(), source })
}

pub(crate) fn hash_encoded(schema: &[u8]) -> [u8; 16] {
    *blake3::hash(schema).as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
}

impl ComponentSchema {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        wire::put_name(out, &self.name)?;
        wire::put_varint(out, u64::from(self.version));
        let mut flags = if self.resource { FLAG_RESOURCE } else { 0 };
        match &self.encoding {
            Encoding::Plain(layout) => {
                out.extend([flags, PLAIN]);
                layout.encode(out)?;
            }
            Encoding::Rows { shape, human_readable } => {
                flags |= if *human_readable { FLAG_HUMAN_READABLE } else { 0 };
                out.extend([flags, ROWS]);
                let shape = shape.encode();
                wire::put_varint(out, shape.len() as u64);
                out.extend(shape);
            }
            Encoding::Reference { linked } => {
                flags |= if *linked { FLAG_LINKED } else { 0 };
                out.extend([flags, REFERENCE]);
            }
            Encoding::Opaque { origin } => {
                out.extend([flags, OPAQUE]);
                wire::put_name(out, origin)?;
            }
        }
        Ok(())
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        let name = input.name()?.to_owned();
        let version = input.varint_u32()?;
        if version == 0 {
            return Err(invalid("version of a component", version, "at least 1"));
        }
        let flags = input.u8()?;
        let code = input.u8()?;
        let encoding = match code {
            PLAIN => Encoding::Plain(OwnedLayout::decode(input)?),
            ROWS => Encoding::Rows {
                shape: decode_shape(input, &name)?,
                human_readable: flags & FLAG_HUMAN_READABLE != 0,
            },
            REFERENCE => Encoding::Reference { linked: flags & FLAG_LINKED != 0 },
            OPAQUE => Encoding::Opaque { origin: input.name()?.to_owned() },
            other => return Err(invalid("encoding of a component", other, "1 to 4")),
        };
        let allowed = FLAG_RESOURCE
            | match encoding {
                Encoding::Plain(_) | Encoding::Opaque { .. } => 0,
                Encoding::Rows { .. } => FLAG_HUMAN_READABLE,
                Encoding::Reference { .. } => FLAG_LINKED,
            };
        if flags & !allowed != 0 {
            return Err(invalid(
                "flags of a component",
                format!("{flags:#04x}"),
                format!("bits of {allowed:#04x}"),
            ));
        }
        Ok(Self { name, version, resource: flags & FLAG_RESOURCE != 0, encoding })
    }
}
