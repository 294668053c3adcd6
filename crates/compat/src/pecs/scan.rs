use std::collections::BTreeMap;

use keepstone_format::Limits;
use keepstone_format::limits::COMPONENTS_MAX;

use crate::error::Error;
use crate::pecs::input::Input;
use crate::pecs::{ComponentType, Header, Id, crc64_we};
use crate::reserve::reserve;

/// A type id, the length of an empty name and a version.
const TYPE_LEN_MIN: u64 = 16 + 4 + 4;
const TYPE_VERSION_LEN: u64 = 4;
/// A stable id and a component count of zero.
const ENTITY_LEN_MIN: u64 = 16 + 4;
/// A type id and a data length of zero.
const COMPONENT_LEN_MIN: u64 = 16 + 4;
const CHECKSUM_LEN: u64 = 8;
const ENTITY_COUNT_AT: u64 = 12;
const TYPE_COUNT_AT: u64 = 20;

/// What one pass over a file finds.
pub(super) struct Scan<'a> {
    pub(super) types: Vec<ComponentType<'a>>,
    /// The type that counts for each id.
    pub(super) by_id: BTreeMap<u128, u16>,
    /// Where each entity begins in the file.
    pub(super) starts: Vec<u64>,
    pub(super) repeated_count: u64,
    pub(super) first_repeated: Option<Repeated>,
    /// Where the checksum ends in the file.
    pub(super) end: u64,
    /// For each type, the last entity that has it, counted from 1.
    last_entity: Vec<u64>,
}

/// A component whose entity has another of its type before it.
pub(super) struct Repeated {
    pub(super) entity: Id,
    pub(super) type_id: Id,
    pub(super) offset: u64,
}

impl<'a> Scan<'a> {
    /// Goes over the whole file, which ends where its entities do, and compares the checksum.
    pub(super) fn new(bytes: &'a [u8], header: &Header, limits: &Limits) -> Result<Self, Error> {
        let (len, allowed) = (bytes.len() as u64, limits.decoded_max);
        if len > allowed {
            return Err(Error::Limit { what: "decoded bytes", needs: len, allowed });
        }
        let mut input = Input::new(bytes, Header::LEN);
        let mut scan = Self {
            types: Vec::new(),
            by_id: BTreeMap::new(),
            starts: Vec::new(),
            repeated_count: 0,
            first_repeated: None,
            end: 0,
            last_entity: Vec::new(),
        };
        scan.read_types(&mut input, header)?;
        scan.read_entities(&mut input, header.entity_count, limits)?;
        let covered = input.at();
        let expected = input.u64("the checksum")?;
        let found = crc64_we(bytes.get(..covered).unwrap_or(bytes));
        if found != expected {
            return Err(Error::Checksum64 { end: covered as u64, expected, found });
        }
        scan.end = input.offset();
        Ok(scan)
    }

    fn read_types(&mut self, input: &mut Input<'a>, header: &Header) -> Result<(), Error> {
        let count = header.type_count;
        let what = "component type count";
        input.check_room(what, TYPE_COUNT_AT, u64::from(count), TYPE_LEN_MIN, CHECKSUM_LEN)?;
        let behind = u64::from(count) * TYPE_LEN_MIN + CHECKSUM_LEN;
        let what = "entity count";
        input.check_room(what, ENTITY_COUNT_AT, header.entity_count, ENTITY_LEN_MIN, behind)?;
        check_type_count(u64::from(count))?;
        let behind_types = header.entity_count * ENTITY_LEN_MIN + CHECKSUM_LEN;
        self.types = reserve(usize::try_from(count).expect("not more than the bytes of a slice"))?;
        for left in (0..count).rev() {
            let type_id = input.u128("a type id")?;
            let offset = input.offset();
            let name_len = input.u32("the length of a type name")?;
            let behind = TYPE_VERSION_LEN + u64::from(left) * TYPE_LEN_MIN + behind_types;
            input.check_room("length of a type name", offset, u64::from(name_len), 1, behind)?;
            let offset = input.offset();
            let name = std::str::from_utf8(input.bytes(name_len, "a type name")?)
                .map_err(|source| Error::TypeName { offset, source })?;
            let version = input.u32("the version of a type")?;
            self.push_type(ComponentType::new(type_id, Some(name), version))?;
        }
        Ok(())
    }

    fn read_entities(&mut self, input: &mut Input<'a>, count: u64, limits: &Limits) -> Result<(), Error> {
        input.check_room("entity count", ENTITY_COUNT_AT, count, ENTITY_LEN_MIN, CHECKSUM_LEN)?;
        let allowed = u64::from(limits.rows_max);
        if count > allowed {
            return Err(Error::Limit { what: "entities", needs: count, allowed });
        }
        self.starts = reserve(usize::try_from(count).expect("not more than the bytes of a slice"))?;
        for ordinal in 0..count {
            self.starts.push(input.offset());
            let entity = Id(input.u128("a stable id")?);
            let offset = input.offset();
            let components = u64::from(input.u32("a component count")?);
            let behind = (count - ordinal - 1) * ENTITY_LEN_MIN + CHECKSUM_LEN;
            let what = "component count of an entity";
            input.check_room(what, offset, components, COMPONENT_LEN_MIN, behind)?;
            for left in (0..components).rev() {
                let behind = behind + left * COMPONENT_LEN_MIN;
                self.read_component(input, ordinal, entity, behind)?;
            }
        }
        Ok(())
    }

    fn read_component(
        &mut self,
        input: &mut Input<'a>,
        ordinal: u64,
        entity: Id,
        behind: u64,
    ) -> Result<(), Error> {
        let offset = input.offset();
        let type_id = input.u128("a type id")?;
        let len_offset = input.offset();
        let len = input.u32("the data length of a component")?;
        input.check_room("data length of a component", len_offset, u64::from(len), 1, behind)?;
        input.bytes(len, "the data of a component")?;
        let index = match self.by_id.get(&type_id) {
            Some(index) => *index,
            None => self.push_type(ComponentType::new(type_id, None, 0))?,
        };
        let index = usize::from(index);
        if let (Some(last), Some(found)) = (self.last_entity.get_mut(index), self.types.get_mut(index)) {
            if *last == ordinal + 1 {
                self.repeated_count += 1;
                let repeated = Repeated { entity, type_id: Id(type_id), offset };
                self.first_repeated.get_or_insert(repeated);
                return Ok(());
            }
            *last = ordinal + 1;
            found.components += 1;
            found.data_len += u64::from(len);
        }
        Ok(())
    }

    /// Adds a type, which replaces one with the same id, and returns its place.
    fn push_type(&mut self, one: ComponentType<'a>) -> Result<u16, Error> {
        let index = self.types.len();
        check_type_count(index as u64 + 1)?;
        let index = u16::try_from(index).expect("COMPONENTS_MAX fits into 16 bits");
        self.by_id.insert(one.type_id.0, index);
        self.types.push(one);
        self.last_entity.push(0);
        Ok(index)
    }
}

fn check_type_count(needs: u64) -> Result<(), Error> {
    let allowed = u64::from(COMPONENTS_MAX);
    if needs > allowed {
        return Err(Error::Limit { what: "component types", needs, allowed });
    }
    Ok(())
}
