//! Entities that are kept in stores, in worlds of both ECS.

mod changed;
mod in_bevy;
mod in_hecs;
mod loading;
mod random;
mod stores;
mod unloading;

use std::{fmt::Debug, hash::Hash, sync::Arc};

use keepstone_ecs_persist::{DeltaWorld, EntityStore, IdSource, MemoryStore, PersistId, PersistenceManager};
use keepstone_world::StoredEntities;
use serde::{Deserialize, Serialize};

/// What the tests need of an ECS.
pub(crate) trait Ecs: 'static {
    type Mark: 'static;
    type World: DeltaWorld<Self::Mark, Entity = Self::Entity>;
    type Entity: Copy + Eq + Hash + Debug;

    fn spawn(world: &mut Self::World) -> Self::Entity;
    fn spawn_as(world: &mut Self::World, id: PersistId) -> Self::Entity;
    fn despawn(world: &mut Self::World, entity: Self::Entity);
    fn is_there(world: &Self::World, entity: Self::Entity) -> bool;
    fn remove_id(world: &mut Self::World, entity: Self::Entity);
    fn set_score(world: &mut Self::World, entity: Self::Entity, score: Option<u64>);
    fn set_mood(world: &mut Self::World, entity: Self::Entity, mood: Option<Mood>);
    /// References: one that may be missing, and a list.
    fn set_near(world: &mut Self::World, entity: Self::Entity, near: Option<Near<Self::Entity>>);
    /// As the last child.
    fn set_parent(world: &mut Self::World, entity: Self::Entity, parent: Option<Self::Entity>);
    fn id(world: &Self::World, entity: Self::Entity) -> Option<PersistId>;
    fn entity_of(world: &Self::World, id: PersistId) -> Option<Self::Entity>;
    fn thing(world: &Self::World, entity: Self::Entity) -> Thing<Self::Entity>;
    fn children(world: &Self::World, entity: Self::Entity) -> Vec<Self::Entity>;
    /// Entities with ids.
    fn count(world: &Self::World) -> usize;
    fn set_source(world: &mut Self::World, source: IdSource);
    /// A step of the clock of change detection, where there is one.
    fn tick(world: &mut Self::World);
}

pub(crate) type Near<E> = (Option<E>, Vec<E>);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Mood {
    Calm,
    Angry(String),
    Sad { days: u32, about: Option<String> },
}

/// All that an entity has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Thing<E> {
    pub(crate) score: Option<u64>,
    pub(crate) mood: Option<Mood>,
    pub(crate) near: Option<Near<E>>,
    pub(crate) parent: Option<E>,
}

impl<E> Default for Thing<E> {
    fn default() -> Self {
        Self { score: None, mood: None, near: None, parent: None }
    }
}

impl<E> Thing<E> {
    pub(crate) fn map<F>(self, to: impl Fn(E) -> F) -> Thing<F> {
        let near = |(one, many): Near<E>| (one.map(&to), many.into_iter().map(&to).collect());
        Thing { score: self.score, mood: self.mood, near: self.near.map(near), parent: self.parent.map(&to) }
    }
}

pub(crate) type Stored<T> = StoredEntities<<T as Ecs>::Mark, <T as Ecs>::World>;

pub(crate) fn world<T: Ecs>() -> T::World {
    <T::World as keepstone_ecs_persist::EcsWorld<T::Mark>>::empty()
}

/// Entities in a store that others share.
pub(crate) fn stored<T: Ecs>(store: &Arc<MemoryStore>) -> Stored<T> {
    StoredEntities::in_store(Arc::clone(store)).unwrap()
}

pub(crate) fn stored_in<T: Ecs>(stores: impl IntoIterator<Item = Arc<dyn EntityStore>>) -> Stored<T> {
    let mut manager = PersistenceManager::new();
    stores.into_iter().for_each(|store| manager.register_store(store).unwrap());
    StoredEntities::new(manager)
}

/// What an entity has, with ids instead of entities.
pub(crate) fn by_id<T: Ecs>(world: &T::World, entity: T::Entity) -> Thing<PersistId> {
    T::thing(world, entity).map(|entity| T::id(world, entity).unwrap())
}

pub(crate) fn scored<T: Ecs>(world: &mut T::World, score: u64) -> T::Entity {
    let entity = T::spawn(world);
    T::set_score(world, entity, Some(score));
    entity
}

/// Every test in both ECS.
macro_rules! both {
    ($($test:ident)*) => {
        mod in_hecs {
            $(#[test]
            fn $test() {
                super::$test::<crate::stored::in_hecs::InHecs>();
            })*
        }

        mod in_bevy {
            $(#[test]
            fn $test() {
                super::$test::<crate::stored::in_bevy::InBevy>();
            })*
        }
    };
}
pub(crate) use both;
