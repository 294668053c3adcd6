//! Handles that outlive the process, for registries that ask for it: see
//! [`keep_handles`](crate::RegistryExt::keep_handles).

mod exact;

use std::{
    any::{TypeId, type_name},
    borrow::Cow,
};

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    AsPlain, AsSerde, Codec, Column, ColumnData, ComponentSchema, EcsWorld, Encoding, Error, LeftBehind,
    PartSink, Runs, WorldDoc,
};
use keepstone_value::{Entities, Resolve};

use crate::{
    ordinals::{Ordinals, Spawned},
    registry::{Registry, RegistryExt},
    rows::Bytes,
    spawn::next_life,
};

pub(crate) use exact::Exact;

/// The handles of all entities that are saved.
const COLUMN: &str = "hecs.Entity";
/// The handles that spawns will give, the next one last: a resource.
const FREE_LIST: &str = "hecs.FreeList";
/// Of both.
const VERSION: u32 = 1;

/// What a registry that keeps handles has registered. No entity has it.
#[derive(Clone, Copy)]
pub(crate) struct Handle(u64);

pub(crate) fn keep(registry: &mut Registry) -> Result<(), Error> {
    registry.add_as::<Handle, AsHandle>(COLUMN, VERSION)
}

/// Whether handles are saved and loaded.
pub(crate) fn are_kept(registry: &Registry) -> bool {
    registry.get_by_type(TypeId::of::<Handle>()).is_some()
}

/// Whether a column is one of this module's.
pub(crate) fn is_own(schema: &ComponentSchema) -> bool {
    schema.name == if schema.resource { FREE_LIST } else { COLUMN }
}

/// Adds the handles of all entities to a document, and those that are free.
pub(crate) fn add_to(doc: &mut WorldDoc<'_>, ordinals: &mut Ordinals<'_>) -> Result<(), Error> {
    let handles: Vec<Handle> =
        ordinals.entities().iter().map(|entity| Handle(entity.to_bits().get())).collect();
    // Slots of entities that are not saved are free for whoever loads, and their handles were given.
    let others = ordinals.others().map(next_life);
    let free: Vec<u64> =
        others.chain(ordinals.world().freelist()).map(|entity| entity.to_bits().get()).collect();
    if !free.is_empty() {
        let mut runs = Runs::default();
        runs.push_slice(std::slice::from_ref(&free));
        let (encoding, data) = <AsSerde as Codec<Vec<u64>>>::capture(runs, ordinals)
            .map_err(|source| Error::Value { component: FREE_LIST.to_owned(), source })?;
        let schema = ComponentSchema::new(FREE_LIST, VERSION, true, encoding);
        insert(doc, Column { schema, data }.into_owned());
    }
    if handles.is_empty() {
        return Ok(());
    }
    let mut runs = Runs::default();
    runs.push_slice(&handles);
    let (encoding, data) = AsHandle::capture(runs, ordinals)
        .map_err(|source| Error::Value { component: COLUMN.to_owned(), source })?;
    let schema = ComponentSchema::new(COLUMN, VERSION, false, encoding);
    let place = insert(doc, Column { schema, data }.into_owned());
    for table in &mut doc.tables {
        let at = table.components.partition_point(|&before| before < place);
        table.components.insert(at, place);
    }
    Ok(())
}

/// Adds a column where its name belongs, and returns its place.
fn insert(doc: &mut WorldDoc<'_>, column: Column<'static>) -> u16 {
    let at = doc.columns.partition_point(|before| before.schema.name < column.schema.name);
    doc.columns.insert(at, column);
    // A document with more columns is refused before it is written.
    let place = u16::try_from(at).unwrap_or(u16::MAX);
    for behind in doc.tables.iter_mut().flat_map(|table| &mut table.components) {
        if *behind >= place {
            *behind = behind.saturating_add(1);
        }
    }
    place
}

/// Captures a world at once, and hands it out in parts.
pub(crate) fn capture_parts(
    world: &World,
    registry: &Registry,
    rows_max: u32,
    sink: &mut dyn PartSink,
) -> Result<LeftBehind, Error> {
    let capture = world.capture(registry)?;
    capture.doc.split(rows_max.max(1), sink)?;
    let mut behind = LeftBehind::default();
    (behind.left_out, behind.entities) = (capture.left_out, capture.entities_left_out);
    behind.dangling = capture.dangling;
    Ok(behind)
}

/// What a document says of handles.
struct Told<'d> {
    /// The place of their column; a world without entities has none.
    column: Option<usize>,
    /// How many there are.
    rows: usize,
    /// Their bits.
    pieces: &'d [Cow<'d, [u8]>],
    free: Vec<u64>,
}

impl<'d> Told<'d> {
    fn of(doc: &'d WorldDoc<'_>) -> Result<Option<Self>, Error> {
        let own = |resource| {
            doc.columns
                .iter()
                .position(move |column| is_own(&column.schema) && column.schema.resource == resource)
        };
        let column = own(false);
        if column.is_none() && own(true).is_none() {
            return Ok(None);
        }
        let rows = doc.rows_per_column();
        let rows = column.and_then(|column| rows.get(column)).copied().unwrap_or(0) as usize;
        let mut told = Self { column, rows, pieces: &[], free: Vec::new() };
        if let Some(column) = column.and_then(|column| doc.columns.get(column)) {
            check_version(&column.schema)?;
            told.pieces = match &column.data {
                ColumnData::Plain(pieces)
                    if AsHandle::encoding().as_ref() == Some(&column.schema.encoding) =>
                {
                    pieces
                }
                _ => return Err(mismatch(&column.schema)),
            };
        }
        if let Some(free) = own(true).and_then(|at| doc.columns.get(at)) {
            check_version(&free.schema)?;
            let rows = <AsSerde as Codec<Vec<u64>>>::decode(free, 1, &mut Spawned { entities: &[] })?;
            told.free = rows.into_iter().next().unwrap_or_default();
        }
        Ok(Some(told))
    }

    /// The bits of all handles.
    fn handles(&self) -> impl Iterator<Item = u64> {
        let mut bytes = Bytes::new(self.pieces);
        std::iter::from_fn(move || {
            let chunk = bytes.take(CHUNK_LEN);
            (!chunk.is_empty()).then(|| {
                let (rows, _) = chunk.as_chunks();
                rows.iter().map(|bits| u64::from_le_bytes(*bits)).collect::<Vec<u64>>()
            })
        })
        .flatten()
    }
}

/// Bytes of handles that are looked at together: what was read is still in the cache when it is placed.
const CHUNK_LEN: usize = 16 << 10;

fn check_version(schema: &ComponentSchema) -> Result<(), Error> {
    if schema.version > VERSION {
        let (name, found, newest) = (schema.name.clone(), schema.version, VERSION);
        return Err(Error::NewerComponent { name, found, newest });
    }
    Ok(())
}

fn mismatch(schema: &ComponentSchema) -> Error {
    Error::Mismatch {
        name: schema.name.clone(),
        type_name: type_name::<Entity>(),
        found: schema.encoding.to_string(),
        expected: AsHandle::encoding().map(|encoding| encoding.to_string()).unwrap_or_default(),
    }
}

/// The entity of such bits.
fn entity(bits: u64) -> Result<Entity, Error> {
    Entity::from_bits(bits).ok_or_else(|| Error::Invalid {
        what: "bits of a handle in hecs.Entity or hecs.FreeList",
        found: format!("{bits:#x}"),
        expected: "a generation of at least 1 in the upper half".to_owned(),
    })
}

/// Rows are the bits.
struct AsHandle;

impl Codec<Handle> for AsHandle {
    fn capture<'w>(
        rows: Runs<'w, Handle>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut data = Vec::with_capacity(rows.len() * size_of::<u64>());
        rows.iter().for_each(|handle| data.extend_from_slice(&handle.0.to_le_bytes()));
        let (encoding, _) = <AsPlain as Codec<u64>>::capture(Runs::default(), entities)?;
        Ok((encoding, ColumnData::Plain(vec![Cow::Owned(data)])))
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<Handle>, Error> {
        Ok(<AsPlain as Codec<u64>>::decode(column, rows, entities)?.into_iter().map(Handle).collect())
    }

    fn encoding() -> Option<Encoding> {
        <AsPlain as Codec<u64>>::encoding()
    }
}
