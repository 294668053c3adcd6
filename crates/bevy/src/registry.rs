use bevy_ecs::{
    component::{Component, ComponentId},
    relationship::Relationship,
    world::World,
};
use keepstone_ecs_persist::{Codec, Column, ColumnData, Encoding, Error, Persist};
use keepstone_value::{Entities, Resolve};

use crate::{
    capture::{Source, capture_component},
    raw::Values,
    relationship,
};

/// The components that bevy worlds are saved and loaded with.
pub type Registry = keepstone_ecs_persist::Registry<Ops>;

/// What this adapter does with one component.
#[derive(Debug, Clone, Copy)]
pub struct Ops {
    /// Bytes of a value in memory.
    pub(crate) size: usize,
    pub(crate) id: fn(&World) -> Option<ComponentId>,
    pub(crate) register: fn(&mut World) -> ComponentId,
    pub(crate) capture: CaptureFn,
    pub(crate) decode: DecodeFn,
    /// For relationships: inserts one, running its hooks.
    pub(crate) target: Option<relationship::Ops>,
}

pub(crate) type DecodeFn = fn(&Column<'_>, usize, &mut dyn Resolve) -> Result<Box<dyn Values>, Error>;

pub(crate) type CaptureFn = for<'w> fn(
    &'w World,
    &[Source],
    &mut dyn Entities,
) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error>;

/// Registers bevy components by type.
pub trait RegistryExt {
    /// Registers a component or resource that implements [`Persist`]. Derived ones without type parameters do it themselves,
    /// if their crate is linked; registering again changes nothing.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has its name.
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error>;

    /// Registers a foreign component under a name and version, encoded by `C`.
    ///
    /// # Errors
    /// As [`RegistryExt::add`]; [`Error::BadName`] when the name is empty or longer than 255 bytes.
    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error>;

    /// Registers a relationship under a name: its targets are saved, and the lists on the targets are rebuilt in their
    /// order.
    ///
    /// Data beside the target is not kept: it is rebuilt by `R::from`.
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
        id: |world| world.component_id::<T>(),
        register: |world| world.register_component::<T>(),
        capture: capture_component::<T, C>,
        decode: |column, rows, entities| Ok(Box::new(C::decode(column, rows, entities)?)),
        target: None,
    }
}
