use hecs::{Archetype, Component, Entity, World};
use keepstone_ecs_persist::{Codec, Column, ColumnData, ComponentSchema, Encoding, Error, Persist, Runs};
use keepstone_value::{Entities, Resolve};

use crate::{
    relationship::{self, Relationship},
    values::Values,
};

/// The components that hecs worlds are saved and loaded with.
pub type Registry = keepstone_ecs_persist::Registry<Ops>;

/// What this adapter does with one component.
#[derive(Debug, Clone, Copy)]
pub struct Ops {
    /// Bytes of a value in memory.
    pub(crate) size: usize,
    pub(crate) has: fn(&World, Entity) -> bool,
    pub(crate) capture: CaptureFn,
    pub(crate) select: SelectFn,
    pub(crate) decode: DecodeFn,
}

pub(crate) type Captured = Result<(Encoding, ColumnData<'static>), keepstone_value::Error>;

/// Encodes the values of these rows.
pub(crate) type CaptureFn = fn(&[Source<'_>], &mut dyn Entities) -> Captured;

/// Encodes the values that these entities have.
pub(crate) type SelectFn = fn(&World, &[Entity], &mut dyn Entities) -> Captured;

pub(crate) type DecodeFn = fn(&Column<'_>, usize, &mut dyn Resolve) -> Result<Box<dyn Values>, Error>;

/// Rows of an archetype: all in their order, or these.
#[derive(Clone)]
pub(crate) struct Source<'w> {
    pub(crate) archetype: &'w Archetype,
    pub(crate) rows: Option<Vec<u32>>,
}

/// Registers hecs components by type.
pub trait RegistryExt {
    /// Registers a component that implements [`Persist`]. Derived ones without type parameters do it themselves, if their crate
    /// is linked; registering again changes nothing.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has its name.
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error>;

    /// Registers a foreign component under a name and version, encoded by `C`.
    ///
    /// # Errors
    /// As [`RegistryExt::add`]; [`Error::BadName`] when the name is empty or longer than 255 bytes.
    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error>;

    /// Registers a component that names one entity, such as a parent, under a name: it is saved as that entity and its place
    /// among those that name it.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`].
    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error>;
}

impl RegistryExt for Registry {
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error> {
        self.insert::<T>(ops::<T, T::Codec>())
    }

    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        self.insert_as::<T>(name, version, ops::<T, C>())
    }

    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        self.insert_as::<R>(name, version, relationship::ops::<R>())
    }
}

fn ops<T: Component, C: Codec<T>>() -> Ops {
    Ops {
        size: size_of::<T>(),
        has: has::<T>,
        capture: |sources, entities| with_runs(sources, |rows| C::capture(rows, entities).map(own)),
        select: |world, selected, entities| {
            with_selected(world, selected, |rows| C::capture(rows, entities).map(own))
        },
        decode: |column, rows, entities| Ok(Box::new(C::decode(column, rows, entities)?.into_iter())),
    }
}

pub(crate) fn has<T: Component>(world: &World, entity: Entity) -> bool {
    world.entity(entity).is_ok_and(|entity| entity.has::<T>())
}

/// Hands the rows of `T` that these sources have to `then`, while hecs counts them as borrowed.
pub(crate) fn with_runs<T: Component, U>(sources: &[Source<'_>], then: impl FnOnce(Runs<'_, T>) -> U) -> U {
    let columns: Vec<_> = sources
        .iter()
        .filter_map(|source| Some((source.archetype.get::<&T>()?, source.rows.as_deref())))
        .collect();
    let mut runs = Runs::default();
    for (column, rows) in &columns {
        match rows {
            None => runs.push_slice(column),
            Some(rows) => {
                runs.push_scattered(rows.iter().filter_map(|&row| column.get(row as usize)).collect());
            }
        }
    }
    then(runs)
}

/// Hands the values of `T` that these entities have to `then`.
pub(crate) fn with_selected<T: Component, U>(
    world: &World,
    entities: &[Entity],
    then: impl FnOnce(Runs<'_, T>) -> U,
) -> U {
    let view = world.view::<&T>();
    let mut runs = Runs::default();
    runs.push_scattered(entities.iter().filter_map(|&entity| view.get(entity)).collect());
    then(runs)
}

/// Copies what is borrowed: hecs lends a column only for as long as it may count it as borrowed, and a document may live longer.
fn own((encoding, data): (Encoding, ColumnData<'_>)) -> (Encoding, ColumnData<'static>) {
    let column = Column { schema: ComponentSchema::new("", 1, false, encoding), data }.into_owned();
    (column.schema.encoding, column.data)
}
