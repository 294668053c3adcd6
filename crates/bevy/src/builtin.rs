//! Components of bevy_ecs and of this crate that every world may have.

use std::{any::TypeId, borrow::Cow};

use bevy_ecs::{entity_disabling::Disabled, hierarchy::ChildOf, name::Name};
use keepstone_ecs_persist::{
    AsPlain, AsProxy, Codec, Column, ColumnData, Encoding, Error, IdSource, Runs, WorldDoc,
};
use keepstone_value::{Entities, Resolve};
use serde::{Deserialize, Serialize};

use crate::{
    identity::{ForeignId, PersistId, PersistIndex},
    registry::{Registry, RegistryExt},
};

pub(crate) fn add_to(registry: &mut Registry) -> Result<(), Error> {
    registry.add_relationship::<ChildOf>("bevy_ecs.ChildOf", 1)?;
    registry.add_as::<Name, AsProxy<SavedName>>("bevy_ecs.Name", 1)?;
    registry.add_as::<Disabled, AsProxy<SavedDisabled>>("bevy_ecs.Disabled", 1)?;
    let (name, version) =
        (keepstone_ecs_persist::PersistId::COMPONENT, keepstone_ecs_persist::PersistId::VERSION);
    registry.add_as::<PersistId, AsId>(name, version)?;
    let (name, version) =
        (keepstone_ecs_persist::ForeignId::COMPONENT, keepstone_ecs_persist::ForeignId::VERSION);
    registry.add_as::<ForeignId, AsId>(name, version)?;
    registry.add_as::<PersistIndex, AsSource>(IdSource::RESOURCE, IdSource::VERSION)
}

/// Rows are the numbers.
pub(crate) struct AsId;

impl Codec<PersistId> for AsId {
    fn capture<'w>(
        rows: Runs<'w, PersistId>,
        _: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut bytes = Vec::with_capacity(rows.len() * size_of::<u64>());
        rows.iter().for_each(|id| bytes.extend_from_slice(&id.0.to_le_bytes()));
        Ok((plain::<u64>(), ColumnData::Plain(vec![Cow::Owned(bytes)])))
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<PersistId>, Error> {
        let numbers = <AsPlain as Codec<u64>>::decode(column, rows, entities)?;
        Ok(numbers.into_iter().map(PersistId).collect())
    }

    fn encoding() -> Option<Encoding> {
        Some(plain::<u64>())
    }
}

impl Codec<ForeignId> for AsId {
    fn capture<'w>(
        rows: Runs<'w, ForeignId>,
        _: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut bytes = Vec::with_capacity(rows.len() * size_of::<u128>());
        rows.iter().for_each(|id| bytes.extend_from_slice(&id.0.to_le_bytes()));
        Ok((plain::<u128>(), ColumnData::Plain(vec![Cow::Owned(bytes)])))
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<ForeignId>, Error> {
        let numbers = <AsPlain as Codec<u128>>::decode(column, rows, entities)?;
        Ok(numbers.into_iter().map(ForeignId).collect())
    }

    fn encoding() -> Option<Encoding> {
        Some(plain::<u128>())
    }

    fn append_plain(bytes: &[u8], values: &mut Vec<ForeignId>) -> bool {
        let (rows, rest) = bytes.as_chunks();
        if rest.is_empty() {
            values.extend(rows.iter().map(|row| ForeignId(u128::from_le_bytes(*row))));
        }
        rest.is_empty()
    }
}

/// Whether foreign ids become components of entities, and are taken from them.
pub(crate) fn knows_foreign(registry: &Registry) -> bool {
    registry.get_by_type(TypeId::of::<ForeignId>()).is_some()
}

/// A document with the foreign ids as a column, if it has some and they are known.
pub(crate) fn with_foreign<'d>(doc: &'d WorldDoc<'_>, registry: &Registry) -> Option<WorldDoc<'d>> {
    if knows_foreign(registry) { doc.foreign_as_column() } else { None }
}

/// The row is where the source of ids stands: what else the index knows is in the column of the ids.
pub(crate) struct AsSource;

impl Codec<PersistIndex> for AsSource {
    fn capture<'w>(
        rows: Runs<'w, PersistIndex>,
        _: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let parts = rows.iter().flat_map(|index| index.source().to_parts());
        let bytes: Vec<u8> = parts.flat_map(u64::to_le_bytes).collect();
        Ok((plain::<[u64; 2]>(), ColumnData::Plain(vec![Cow::Owned(bytes)])))
    }

    fn decode(
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Vec<PersistIndex>, Error> {
        let parts = <AsPlain as Codec<[u64; 2]>>::decode(column, rows, entities)?;
        Ok(parts.into_iter().map(|parts| PersistIndex::from_source(IdSource::from_parts(parts))).collect())
    }

    fn encoding() -> Option<Encoding> {
        Some(plain::<[u64; 2]>())
    }
}

fn plain<T: keepstone_format::plain::Plain>() -> Encoding {
    Encoding::Plain(keepstone_format::plain::OwnedLayout::from(&T::LAYOUT))
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Name")]
struct SavedName(String);

impl From<&Name> for SavedName {
    fn from(name: &Name) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl From<SavedName> for Name {
    fn from(name: SavedName) -> Self {
        Self::new(name.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Disabled")]
struct SavedDisabled;

impl From<&Disabled> for SavedDisabled {
    fn from(_: &Disabled) -> Self {
        Self
    }
}

impl From<SavedDisabled> for Disabled {
    fn from(_: SavedDisabled) -> Self {
        Self
    }
}
