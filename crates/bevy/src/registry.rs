use std::{
    convert::Infallible,
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use bevy_ecs::{
    component::{Component, ComponentId},
    entity::Entity,
    relationship::Relationship,
    world::World,
};
use keepstone_ecs_persist::{
    Codec, Coder, Column, ColumnData, ColumnStep, ComponentSchema, Converted, Error, Persist, Schema,
    Stateless, WorldDoc,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    builtin,
    bundle::{Bundled, TypedBundle},
    column::{AnyColumn, Typed},
    relationship,
};

/// The components that bevy worlds are saved and loaded with: a [`keepstone_ecs_persist::Registry`], and bundles.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    components: keepstone_ecs_persist::Registry<Ops>,
    pub(crate) bundles: Vec<Bundled>,
}

impl Deref for Registry {
    type Target = keepstone_ecs_persist::Registry<Ops>;

    fn deref(&self) -> &Self::Target {
        &self.components
    }
}

impl DerefMut for Registry {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.components
    }
}

/// What this adapter does with one component.
#[derive(Clone)]
pub struct Ops {
    /// Bytes of a value in memory.
    pub(crate) size: usize,
    pub(crate) id: fn(&World) -> Option<ComponentId>,
    pub(crate) register: fn(&mut World) -> ComponentId,
    pub(crate) column: Arc<dyn AnyColumn>,
    /// For components that say of each value whether it is saved.
    pub(crate) persists: Option<fn(&World, Entity) -> bool>,
    /// For relationships.
    pub(crate) target: Option<relationship::Ops>,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Ops {
    /// Whether the value that this entity has would be saved.
    pub(crate) fn persists(&self, world: &World, entity: Entity) -> bool {
        self.persists.is_none_or(|persists| persists(world, entity))
    }
}

/// Registers bevy components by type.
pub trait RegistryExt {
    /// Registers a component or resource that implements [`Persist`]. Derived ones without type parameters do it themselves,
    /// if their crate is linked; registering again changes nothing.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has its name or one of its aliases.
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error>;

    /// Registers a foreign component under a name and version, encoded by `C`.
    ///
    /// # Errors
    /// As [`RegistryExt::add`]; [`Error::BadName`] when the name is empty or longer than 255 bytes.
    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error>;

    /// Registers a foreign component under a name and version, saved as the serde value that `to` makes of it. `from` makes the
    /// component of what was read.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`].
    fn add_with<T: Component, P: Serialize + DeserializeOwned + 'static>(
        &mut self,
        name: &str,
        version: u32,
        to: impl Fn(&T) -> P + Send + Sync + 'static,
        from: impl Fn(P) -> T + Send + Sync + 'static,
    ) -> Result<(), Error>;

    /// As [`RegistryExt::add_with`], for values that not every `P` stands for: what `from` refuses is an error of the load
    /// that names component and row, and nothing is spawned.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`].
    fn try_add_with<T: Component, P: Serialize + DeserializeOwned + 'static, E: fmt::Display>(
        &mut self,
        name: &str,
        version: u32,
        to: impl Fn(&T) -> P + Send + Sync + 'static,
        from: impl Fn(P) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<(), Error>;

    /// Registers a component without serde under a name and version, saved as what bevy_reflect knows of it. The type itself and
    /// those of its fields have to be in `types`. Entities in its fields are not followed: they need serde.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`]. A type that `types` lacks is an error of the save.
    #[cfg(feature = "reflect")]
    fn add_reflected<T>(
        &mut self,
        name: &str,
        version: u32,
        types: &bevy_reflect::TypeRegistryArc,
    ) -> Result<(), Error>
    where
        T: Component + bevy_reflect::Reflect + bevy_reflect::FromReflect + bevy_reflect::TypePath;

    /// Registers a relationship under a name: its targets are saved, and the lists on the targets are rebuilt in their
    /// order.
    ///
    /// Data beside the target is not kept: it is rebuilt by `R::from`.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`].
    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error>;

    /// Says that a component or resource is left out of saves on purpose: reports don't count it as lost.
    ///
    /// # Errors
    /// [`Error::DuplicateType`] when it is registered to be saved.
    #[doc(alias = "TransientComponent")]
    fn add_transient<T: Component>(&mut self) -> Result<(), Error>;

    /// Lets entities that have exactly the components of `B` be spawned by code made for it, which is faster. The components have to
    /// be registered as well.
    fn add_bundle<B: TypedBundle>(&mut self);

    /// Registers what every world may have: `ChildOf`, `Name` and `Disabled` of bevy_ecs, [`PersistId`](crate::PersistId) and the
    /// source of ids. [`World::derived_registry`](keepstone_ecs_persist::EcsWorld::derived_registry) has them already.
    ///
    /// # Errors
    /// As [`RegistryExt::add`].
    fn add_builtins(&mut self) -> Result<(), Error>;
}

impl RegistryExt for Registry {
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error> {
        let mut ops = ops::<T>(Stateless::<T::Codec>::new());
        if T::ASKS_EACH {
            ops.persists = Some(|world, entity| world.get::<T>(entity).is_none_or(Persist::is_persistent));
        }
        self.components.insert::<T>(ops)
    }

    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        self.components.insert_as::<T>(name, version, ops::<T>(Stateless::<C>::new()))
    }

    fn add_with<T: Component, P: Serialize + DeserializeOwned + 'static>(
        &mut self,
        name: &str,
        version: u32,
        to: impl Fn(&T) -> P + Send + Sync + 'static,
        from: impl Fn(P) -> T + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.try_add_with(name, version, to, move |proxy| Ok::<T, Infallible>(from(proxy)))
    }

    fn try_add_with<T: Component, P: Serialize + DeserializeOwned + 'static, E: fmt::Display>(
        &mut self,
        name: &str,
        version: u32,
        to: impl Fn(&T) -> P + Send + Sync + 'static,
        from: impl Fn(P) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.components.insert_as::<T>(name, version, ops::<T>(Converted::new(to, from)))
    }

    #[cfg(feature = "reflect")]
    fn add_reflected<T>(
        &mut self,
        name: &str,
        version: u32,
        types: &bevy_reflect::TypeRegistryArc,
    ) -> Result<(), Error>
    where
        T: Component + bevy_reflect::Reflect + bevy_reflect::FromReflect + bevy_reflect::TypePath,
    {
        let coder = crate::reflected::Reflected::new(types.clone());
        self.components.insert_as::<T>(name, version, ops::<T>(coder))
    }

    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        self.components.insert_as::<R>(name, version, relationship::ops::<R>())
    }

    fn add_transient<T: Component>(&mut self) -> Result<(), Error> {
        self.components.insert_transient::<T>()
    }

    fn add_bundle<B: TypedBundle>(&mut self) {
        let bundle = Bundled::of::<B>();
        if !self.bundles.iter().any(|known| known.is_same(&bundle)) {
            self.bundles.push(bundle);
        }
    }

    fn add_builtins(&mut self) -> Result<(), Error> {
        builtin::add_to(self)
    }
}

/// The steps that columns of this schema take: see [`EcsWorld::column_steps`](keepstone_ecs_persist::EcsWorld::column_steps).
pub(crate) fn column_steps(registry: &Registry, schema: &Schema) -> Result<Vec<ColumnStep>, Error> {
    let mut steps = Vec::new();
    for schema in schema.components() {
        if let Some(entry) = registry.get(&schema.name) {
            steps.extend(entry.ops().column.steps(schema, entry.version())?);
        }
    }
    Ok(steps)
}

/// What is known of the registered components without values: see [`EcsWorld::schema`](keepstone_ecs_persist::EcsWorld::schema).
pub(crate) fn schema(registry: &Registry) -> Schema {
    let known = registry.iter().filter_map(|entry| {
        let encoding = entry.ops().column.encoding()?;
        Some(ComponentSchema::new(entry.name(), entry.version(), false, encoding))
    });
    let mut columns: Vec<Column<'_>> =
        known.map(|schema| Column { schema, data: ColumnData::Plain(Vec::new()) }).collect();
    columns.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    WorldDoc { columns, ..WorldDoc::default() }.schema()
}

/// The error of a column whose rows are of another kind than the component's.
pub(crate) fn mismatch<T>(column: &Column<'_>, expected: &str) -> Error {
    Error::Mismatch {
        name: column.schema.name.clone(),
        type_name: std::any::type_name::<T>(),
        found: column.schema.encoding.to_string(),
        expected: expected.to_owned(),
    }
}

fn ops<T: Component>(coder: impl Coder<T>) -> Ops {
    Ops {
        size: size_of::<T>(),
        id: |world| world.component_id::<T>(),
        register: |world| world.register_component::<T>(),
        column: Arc::new(Typed::<T>(Box::new(coder))),
        persists: None,
        target: None,
    }
}
