use keepstone_format::{crc32, wire::Input};

use crate::{
    check::invalid,
    error::Error,
    identity::PersistId,
    schema::{Encoding, Schema},
};

pub(super) const MAGIC: [u8; 4] = *b"\x89KER";
pub(super) const VERSION: u8 = 1;
/// What stands for a reference to nothing; nobody hands it out.
pub(super) const NOBODY: u64 = 0;

const CRC_LEN: usize = 4;

/// One entity as a store keeps it: its id, what its components are, and their values. It can be read alone.
///
/// The values are read by [`from_records`](crate::from_records), also those of a single record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRecord<'a> {
    id: PersistId,
    /// As in section 3.1 of FORMAT.md.
    schema: &'a [u8],
    /// The values in the order of the schema.
    values: &'a [u8],
}

impl<'a> EntityRecord<'a> {
    /// Takes a record apart. Its checksum is checked, its schema and values are not read.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Format`] when the bytes are damaged or no record, [`Error::NewerFormat`] when they are of a later version.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut input = Input::new("entity record", bytes);
        let magic: [u8; 4] = input.array()?;
        if magic != MAGIC {
            return Err(invalid("magic of an entity record", hex(&magic), hex(&MAGIC)));
        }
        let Some((body, sum)) =
            bytes.split_last_chunk::<CRC_LEN>().filter(|(body, _)| body.len() > MAGIC.len())
        else {
            return Err(input.invalid("a record ends before its checksum").into());
        };
        let (found, expected) = (crc32(body), u32::from_le_bytes(*sum));
        if found != expected {
            let (found, expected) = (format!("{found:08x}"), format!("{expected:08x}"));
            return Err(invalid("checksum of an entity record", found, expected));
        }
        let mut input = Input::new("entity record", body);
        input.take(MAGIC.len())?;
        let version = input.u8()?;
        if version != VERSION {
            let format = "entity record".to_owned();
            return Err(Error::NewerFormat { format, found: version.into(), newest: VERSION.into() });
        }
        let id = input.u64()?;
        if id == NOBODY {
            return Err(invalid("id of an entity record", 0, "at least 1"));
        }
        let len = input.count(1)?;
        let schema = input.take(len)?;
        Ok(Self { id: PersistId(id), schema, values: input.take_rest() })
    }

    /// The entity.
    pub fn id(&self) -> PersistId {
        self.id
    }

    /// What its components are, its id aside.
    ///
    /// # Errors
    /// The rule of FORMAT.md, sections 3.1 and 12, that doesn't hold; [`Error::Limit`] beyond 1 MiB.
    pub fn schema(&self) -> Result<Schema, Error> {
        let schema = Schema::decode(self.schema)?;
        for component in schema.components() {
            if component.resource || component.name == PersistId::COMPONENT {
                let expected = "components other than the id and resources";
                return Err(invalid("component of an entity record", &component.name, expected));
            }
        }
        Ok(schema)
    }

    /// Equal bytes are equal schemas.
    pub(super) fn schema_bytes(&self) -> &'a [u8] {
        self.schema
    }

    pub(super) fn values(&self) -> Input<'a> {
        Input::new("values of an entity record", self.values)
    }
}

/// The value of one component of an entity.
pub(super) enum Value<'a> {
    Plain(&'a [u8]),
    Rows { row: &'a [u8], targets: Targets<'a> },
    Opaque(&'a [u8]),
    Reference { target: u64, rank: u32 },
}

/// Ids one after the other.
#[derive(Clone)]
pub(super) struct Targets<'a>(&'a [u8]);

impl Targets<'_> {
    pub(super) fn len(&self) -> usize {
        self.0.len() / 8
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks::<8>().0.iter().map(|id| u64::from_le_bytes(*id))
    }
}

impl<'a> Value<'a> {
    pub(super) fn take(input: &mut Input<'a>, encoding: &Encoding) -> Result<Self, Error> {
        Ok(match encoding {
            Encoding::Plain(layout) => Self::Plain(input.take(layout.size())?),
            Encoding::Rows { .. } => {
                let len = input.count(1)?;
                let row = input.take(len)?;
                let count = input.count(8)?;
                Self::Rows { row, targets: Targets(input.take(count.saturating_mul(8))?) }
            }
            Encoding::Opaque { .. } => {
                let len = input.count(1)?;
                Self::Opaque(input.take(len)?)
            }
            Encoding::Reference { linked } => {
                let target = input.u64()?;
                let rank = if *linked && target != NOBODY { input.varint_u32()? } else { 0 };
                Self::Reference { target, rank }
            }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
