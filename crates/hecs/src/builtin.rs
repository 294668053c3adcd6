//! What every world may have: ids of entities and their source.

use std::{any::TypeId, borrow::Cow};

use keepstone_ecs_persist::{
    AsPlain, Codec, Column, ColumnData, ComponentSchema, Encoding, Error, ForeignId, IdSource, PersistId,
    Runs, WorldDoc,
};
use keepstone_value::{Entities, Resolve};

use crate::{
    ordinals::Spawned,
    registry::{Registry, RegistryExt},
};

pub(crate) fn add_to(registry: &mut Registry) -> Result<(), Error> {
    registry.add_as::<PersistId, AsId>(PersistId::COMPONENT, PersistId::VERSION)?;
    registry.add_as::<ForeignId, AsId>(ForeignId::COMPONENT, ForeignId::VERSION)
}

/// Whether ids are saved and loaded, and their source.
pub(crate) fn knows_ids(registry: &Registry) -> bool {
    registry.get_by_type(TypeId::of::<PersistId>()).is_some()
}

/// Whether a column is that of the source of ids.
pub(crate) fn is_source(schema: &ComponentSchema, registry: &Registry) -> bool {
    schema.resource && schema.name == IdSource::RESOURCE && knows_ids(registry)
}

/// The column of the source of ids.
pub(crate) fn source_column(source: IdSource) -> Option<Column<'static>> {
    let data = source.to_parts().into_iter().flat_map(u64::to_le_bytes).collect();
    Some(Column { schema: source_schema()?, data: ColumnData::Plain(vec![Cow::Owned(data)]) })
}

pub(crate) fn source_schema() -> Option<ComponentSchema> {
    let encoding = <AsPlain as Codec<[u64; 2]>>::encoding()?;
    Some(ComponentSchema::new(IdSource::RESOURCE, IdSource::VERSION, true, encoding))
}

/// Reads what [`source_column`] wrote.
pub(crate) fn decode_source(column: &Column<'_>) -> Result<Option<IdSource>, Error> {
    let schema = &column.schema;
    if schema.version > IdSource::VERSION {
        let (name, found, newest) = (schema.name.clone(), schema.version, IdSource::VERSION);
        return Err(Error::NewerComponent { name, found, newest });
    }
    let parts = <AsPlain as Codec<[u64; 2]>>::decode(column, 1, &mut Spawned { entities: &[] })?;
    Ok(parts.first().copied().map(IdSource::from_parts))
}

/// Rows are the numbers.
pub(crate) struct AsId;

impl Codec<PersistId> for AsId {
    fn capture<'w>(
        rows: Runs<'w, PersistId>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut data = Vec::with_capacity(rows.len() * size_of::<u64>());
        rows.iter().for_each(|id| data.extend_from_slice(&id.0.to_le_bytes()));
        let (encoding, _) = <AsPlain as Codec<u64>>::capture(Runs::default(), entities)?;
        Ok((encoding, ColumnData::Plain(vec![Cow::Owned(data)])))
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<PersistId>, Error> {
        let numbers = <AsPlain as Codec<u64>>::decode(column, rows, entities)?;
        Ok(numbers.into_iter().map(PersistId).collect())
    }

    fn encoding() -> Option<Encoding> {
        <AsPlain as Codec<u64>>::encoding()
    }
}

impl Codec<ForeignId> for AsId {
    fn capture<'w>(
        rows: Runs<'w, ForeignId>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut data = Vec::with_capacity(rows.len() * size_of::<u128>());
        rows.iter().for_each(|id| data.extend_from_slice(&id.0.to_le_bytes()));
        let (encoding, _) = <AsPlain as Codec<u128>>::capture(Runs::default(), entities)?;
        Ok((encoding, ColumnData::Plain(vec![Cow::Owned(data)])))
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<ForeignId>, Error> {
        let numbers = <AsPlain as Codec<u128>>::decode(column, rows, entities)?;
        Ok(numbers.into_iter().map(ForeignId).collect())
    }

    fn encoding() -> Option<Encoding> {
        <AsPlain as Codec<u128>>::encoding()
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
