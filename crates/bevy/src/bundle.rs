use std::{any::TypeId, fmt};

use bevy_ecs::{
    bundle::{Bundle, BundleFromComponents, NoBundleEffect},
    component::ComponentId,
    entity::Entity,
    world::World,
};

use crate::raw::{self, Moving};

/// A set of components that whole tables can be spawned with: tuples of components and derived bundles.
pub trait TypedBundle: Bundle<Effect: NoBundleEffect> + BundleFromComponents {}

impl<B: Bundle<Effect: NoBundleEffect> + BundleFromComponents> TypedBundle for B {}

/// What spawns entities with the values of columns, by typed code. Each says whether the columns were those of the bundle.
#[derive(Clone, Copy)]
struct Spawn {
    /// Entities whose ids are known.
    at: fn(&mut World, &mut [&mut Moving], &[Entity], bool) -> bool,
    /// Entities that get their ids by it.
    batch: fn(&mut World, &mut [&mut Moving], &mut [Entity]) -> bool,
}

/// A registered bundle.
#[derive(Clone, Copy)]
pub(crate) struct Bundled {
    type_id: TypeId,
    ids: fn(&mut World) -> Vec<ComponentId>,
    spawn: Spawn,
}

impl fmt::Debug for Bundled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundled").field("type_id", &self.type_id).finish_non_exhaustive()
    }
}

impl Bundled {
    pub(crate) fn of<B: TypedBundle>() -> Self {
        Self {
            type_id: TypeId::of::<B>(),
            ids: |world| world.register_bundle::<B>().explicit_components().to_vec(),
            spawn: Spawn { at: raw::spawn_bundles::<B>, batch: raw::spawn_batch::<B> },
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.type_id == other.type_id
    }
}

/// The registered bundles by the components that they have in one world.
pub(crate) struct Spawners(Vec<(Vec<ComponentId>, Spawn)>);

impl Spawners {
    pub(crate) fn new(world: &mut World, bundles: &[Bundled]) -> Self {
        let spawner = |bundle: &Bundled| {
            let mut ids = (bundle.ids)(world);
            ids.sort_unstable();
            (ids, bundle.spawn)
        };
        Self(bundles.iter().map(spawner).collect())
    }

    /// Moves the next value of each of these columns onto each of these entities.
    pub(crate) fn spawn(
        &self,
        world: &mut World,
        columns: &mut [&mut Moving],
        entities: &[Entity],
        ids_known: bool,
    ) {
        if !self.find(columns).is_some_and(|spawn| (spawn.at)(world, columns, entities, ids_known)) {
            raw::insert_rows(world, columns, entities, ids_known);
        }
    }

    /// Spawns an entity with the next value of each of these columns for each of these places.
    pub(crate) fn spawn_new(&self, world: &mut World, columns: &mut [&mut Moving], places: &mut [Entity]) {
        if self.find(columns).is_some_and(|spawn| (spawn.batch)(world, columns, places)) {
            return;
        }
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        for (place, entity) in places.iter_mut().zip(world.entity_allocator().alloc_many(count)) {
            *place = entity;
        }
        raw::insert_rows(world, columns, places, false);
    }

    /// The bundle that has exactly the components of these columns.
    fn find(&self, columns: &[&mut Moving]) -> Option<Spawn> {
        if self.0.is_empty() {
            return None;
        }
        let mut ids: Vec<ComponentId> = columns.iter().map(|column| column.id()).collect();
        ids.sort_unstable();
        self.0.iter().find(|(own, _)| *own == ids).map(|(_, spawn)| *spawn)
    }
}
