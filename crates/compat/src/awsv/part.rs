use std::{collections::BTreeMap, fmt};

use keepstone_format::wire::{Input, put_varint};
use keepstone_format::{Limits, SectionId};
use keepstone_value::{self as value, Decoder, Options, Shape};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::awsv::cursor::elements_max;
use crate::awsv::elements::{Elements, Weighed};
use crate::awsv::{CompanionProfile, PlayerInventory, SaveFields};
use crate::error::Error;

/// A part of a save in a container: one section, with instance 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What the save says about itself: [`SaveFields`].
    Save,
    /// The companions.
    Companions,
    /// The inventory.
    Inventory,
    /// The free-form metadata.
    Meta,
    /// The bytes of the engine, as they are.
    World,
}

impl Part {
    /// All parts in the order of the container: the largest is the last, so that whoever has the
    /// beginning of a file knows whose it is.
    pub const ALL: [Self; 5] = [Self::Save, Self::Companions, Self::Inventory, Self::Meta, Self::World];

    /// Returns the section that the part is kept in.
    pub fn id(self) -> SectionId {
        SectionId(match self {
            Self::World => 0x0060,
            Self::Save => 0x0061,
            Self::Companions => 0x0062,
            Self::Inventory => 0x0063,
            Self::Meta => 0x0064,
        })
    }

    /// Returns the part that a section keeps, if it is one of a save.
    ///
    /// ```
    /// use keepstone_compat::awsv::Part;
    /// use keepstone_format::SectionId;
    ///
    /// assert_eq!(Part::of(SectionId(0x0064)), Some(Part::Meta));
    /// assert_eq!(Part::of(SectionId(0x0065)), None);
    /// ```
    pub fn of(id: SectionId) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.id() == id)
    }

    /// Returns what FORMAT.md calls the section, which is what it is displayed as.
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "AWSV_WORLD",
            Self::Save => "AWSV_SAVE",
            Self::Companions => "AWSV_COMPANIONS",
            Self::Inventory => "AWSV_INVENTORY",
            Self::Meta => "AWSV_META",
        }
    }

    /// Checks that the decoded bytes of the section are what the part has to be.
    ///
    /// # Errors
    ///
    /// [`Error::Layout`] or [`Error::Part`] if they are not, [`Error::Limit`] if they hold more elements
    /// than `limits` allow. Any bytes are right for [`Part::World`].
    pub fn check(self, bytes: &[u8], limits: &Limits) -> Result<(), Error> {
        let left = &mut elements_max(limits);
        match self {
            Self::World => Ok(()),
            Self::Save => self.decode::<SaveFields>(bytes, left).map(drop),
            Self::Companions => self.decode::<Vec<CompanionProfile>>(bytes, left).map(drop),
            Self::Inventory => self.decode::<PlayerInventory>(bytes, left).map(drop),
            Self::Meta => self.decode::<BTreeMap<String, String>>(bytes, left).map(drop),
        }
    }

    /// Makes `shape length | shape | row`.
    pub(super) fn encode<T: Serialize>(self, value: &T) -> Result<Vec<u8>, Error> {
        let rows = value::encode(std::iter::once(value), None, &Options::default())
            .map_err(|source| Error::Part { part: self, source })?;
        let shape = rows.shape.encode();
        let mut bytes = Vec::with_capacity(shape.len() + rows.data.len() + 5);
        put_varint(&mut bytes, shape.len() as u64);
        bytes.extend_from_slice(&shape);
        bytes.extend_from_slice(&rows.data);
        Ok(bytes)
    }

    /// Reads `shape length | shape | row` and takes the elements of the row off `elements_left`.
    pub(super) fn decode<T: DeserializeOwned + Weighed>(
        self,
        bytes: &[u8],
        elements_left: &mut u64,
    ) -> Result<T, Error> {
        let layout = |source| Error::Layout { part: self, source };
        let mut input = Input::new("the part", bytes);
        let len = input.count(1).map_err(layout)?;
        let shape = input.take(len).map_err(layout)?;
        let data = input.take_rest();
        let shape = Shape::decode(shape).map_err(|source| Error::Part { part: self, source })?;
        // What is built takes many times the bytes it is built from, so it is counted first.
        let needs = self.row::<T::Twin>(&shape, data)?.elements();
        let allowed = *elements_left;
        *elements_left =
            allowed.checked_sub(needs).ok_or(Error::Limit { what: "elements", needs, allowed })?;
        self.row(&shape, data)
    }

    fn row<T: DeserializeOwned>(self, shape: &Shape, data: &[u8]) -> Result<T, Error> {
        let len = u32::try_from(data.len()).map_err(|_| Error::Limit {
            what: "bytes in one part of a save",
            needs: data.len() as u64,
            allowed: u32::MAX.into(),
        })?;
        let of_row = |source| Error::Part { part: self, source };
        let mut decoder = Decoder::new(shape, data, &[], None, &Options::default());
        let value = decoder.row(len).map_err(of_row)?;
        decoder.finish().map_err(of_row)?;
        Ok(value)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
