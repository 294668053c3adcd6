use std::{convert::Infallible, fmt, sync::Arc};

use hecs::Component;
use keepstone_ecs_persist::{
    Codec, Coder, Column, ColumnData, ColumnStep, ComponentSchema, Converted, Error, Persist, Schema,
    Stateless, WorldDoc,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    builtin,
    column::{AnyColumn, Typed},
    handles,
    relationship::{AsLink, Relationship},
};

/// The components that hecs worlds are saved and loaded with.
pub type Registry = keepstone_ecs_persist::Registry<Ops>;

/// What this adapter does with one component.
#[derive(Clone)]
pub struct Ops {
    /// Bytes of a value in memory.
    pub(crate) size: usize,
    /// Whether it is a relationship.
    pub(crate) linked: bool,
    pub(crate) column: Arc<dyn AnyColumn>,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Registers hecs components by type.
pub trait RegistryExt {
    /// Registers a component that implements [`Persist`]. Derived ones without type parameters do it themselves, if their crate
    /// is linked; registering again changes nothing.
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

    /// Registers a component that names one entity, such as a parent, under a name: it is saved as that entity and its place
    /// among those that name it.
    ///
    /// # Errors
    /// As [`RegistryExt::add_as`].
    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error>;

    /// Says that a component is left out of saves on purpose: reports don't count it as lost.
    ///
    /// # Errors
    /// [`Error::DuplicateType`] when it is registered to be saved.
    #[doc(alias = "TransientComponent")]
    fn add_transient<T: Component>(&mut self) -> Result<(), Error>;

    /// Registers what every world may have: [`PersistId`](crate::PersistId), and with it the source of ids.
    /// [`World::derived_registry`](keepstone_ecs_persist::EcsWorld::derived_registry) has it already.
    ///
    /// # Errors
    /// As [`RegistryExt::add`].
    fn add_builtins(&mut self) -> Result<(), Error>;

    /// Saves under which [`Entity`](hecs::Entity) each entity is known, and loads it under the same one, index and generation: for
    /// programs that hold handles outside the world, such as peers of a network and scripts. Without it a file holds none, and
    /// a load hands out new ones.
    ///
    /// ```
    /// use hecs::World;
    /// use keepstone_hecs::{EcsWorld, RegistryExt, SpawnOptions};
    ///
    /// let mut registry = World::derived_registry()?.clone();
    /// registry.keep_handles()?;
    /// let mut world = World::new();
    /// let [gone, there] = [world.spawn(()), world.spawn(())];
    /// world.despawn(gone).unwrap();
    ///
    /// let capture = world.capture(&registry)?;
    /// let mut loaded = World::new();
    /// loaded.spawn_doc(&capture.doc, &registry, &SpawnOptions::default())?;
    /// assert!(loaded.contains(there));
    /// // It has the index of `gone` and is not mistaken for it.
    /// assert_eq!(loaded.spawn(()), world.spawn(()));
    /// assert!(!loaded.contains(gone));
    /// # Ok::<(), keepstone_hecs::Error>(())
    /// ```
    ///
    /// Each entity then has a plain column `hecs.Entity` in the file, a `u64` that is `Entity::to_bits`, and the resource `hecs.FreeList`
    /// says which handles are free, so that a loaded world gives away none that the saved one had given. Such a file is for an empty
    /// world, or one in which its handles are free. References are ordinals, as ever. An entity of the file without a handle, as one that
    /// was added since by a program that keeps none, gets an index behind all others.
    ///
    /// A load into a registry without this option passes both over, unless it keeps what is unknown. A restore leaves
    /// entities the handles that they have and spawns what is missing under new ones. A save in parts with this option captures the
    /// world at once; a load in parts, or through [`spawn_doc_queued`](crate::spawn_doc_queued), refuses a file with handles.
    ///
    /// A load fails, and the world stays as it was, with
    /// [`Error::Invalid`] when bits are no handle, two entities have one index, or the highest index is more than 2^22 beyond the slots that
    /// the file tells of and the world has; with [`Error::Limit`] when it is beyond [`SpawnOptions::entities_max`], as hecs makes
    /// room (16 bytes) for every index up to the highest; with [`Error::NotSupported`] when an entity of the world has an index of the file.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when a component is registered as `hecs.Entity`.
    ///
    /// [`SpawnOptions::entities_max`]: crate::SpawnOptions::entities_max
    fn keep_handles(&mut self) -> Result<(), Error>;
}

impl RegistryExt for Registry {
    fn add<T: Component + Persist>(&mut self) -> Result<(), Error> {
        let coder = Box::new(Stateless::<T::Codec>::new());
        let persists: fn(&T) -> bool = T::is_persistent;
        let column = Typed { coder, persists: T::ASKS_EACH.then_some(persists), link: None };
        self.insert::<T>(ops(column))
    }

    fn add_as<T: Component, C: Codec<T>>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        self.insert_as::<T>(name, version, coded::<T>(Stateless::<C>::new()))
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
        self.insert_as::<T>(name, version, coded::<T>(Converted::new(to, from)))
    }

    fn add_relationship<R: Relationship>(&mut self, name: &str, version: u32) -> Result<(), Error> {
        let coder = Box::new(AsLink::<R>::new());
        let column = Typed::<R> { coder, persists: None, link: Some(|row| (row.target(), row.place())) };
        self.insert_as::<R>(name, version, Ops { linked: true, ..ops(column) })
    }

    fn add_transient<T: Component>(&mut self) -> Result<(), Error> {
        self.insert_transient::<T>()
    }

    fn add_builtins(&mut self) -> Result<(), Error> {
        builtin::add_to(self)
    }

    fn keep_handles(&mut self) -> Result<(), Error> {
        handles::keep(self)
    }
}

fn coded<T: Component>(coder: impl Coder<T>) -> Ops {
    ops(Typed::<T> { coder: Box::new(coder), persists: None, link: None })
}

fn ops<T: Component>(column: Typed<T>) -> Ops {
    Ops { size: size_of::<T>(), linked: false, column: Arc::new(column) }
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
    let source = builtin::knows_ids(registry).then(builtin::source_schema).flatten();
    schema_of(known.chain(source))
}

/// Puts descriptions in order.
pub(crate) fn schema_of(components: impl Iterator<Item = ComponentSchema>) -> Schema {
    let columns = components.map(|schema| Column { schema, data: ColumnData::Plain(Vec::new()) });
    let mut doc = WorldDoc { columns: columns.collect(), ..WorldDoc::default() };
    doc.columns.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    doc.schema()
}
