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

type SpawnFn = fn(&mut World, &mut [&mut Moving], &[Entity], bool) -> bool;

/// A registered bundle.
#[derive(Clone, Copy)]
pub(crate) struct Bundled {
    type_id: TypeId,
    ids: fn(&mut World) -> Vec<ComponentId>,
    spawn: SpawnFn,
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
            spawn: raw::spawn_bundles::<B>,
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.type_id == other.type_id
    }
}

/// The registered bundles by the components that they have in one world.
pub(crate) struct Spawners(Vec<(Vec<ComponentId>, SpawnFn)>);

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
        if !self.0.is_empty() {
            let mut ids: Vec<ComponentId> = columns.iter().map(|column| column.id()).collect();
            ids.sort_unstable();
            let known = self.0.iter().find(|(own, _)| *own == ids);
            if known.is_some_and(|(_, spawn)| spawn(world, columns, entities, ids_known)) {
                return;
            }
        }
        raw::insert_rows(world, columns, entities, ids_known);
    }
}
