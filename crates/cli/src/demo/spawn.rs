use bevy_ecs::{
    bundle::{Bundle, NoBundleEffect},
    entity::Entity,
    hierarchy::ChildOf,
    world::World,
};

use super::world::{Health, Name, Position, Row, Velocity};

/// The rows as typed bundles: what a program that knows every type, and has every value in memory, would spawn.
#[derive(Clone, Default)]
pub(super) struct Bundles {
    bare: Group<()>,
    named: Group<Name>,
    /// With the index of the parent, which is none of these.
    children: Group<usize>,
    len: usize,
}

/// Entities with one more component, apart by whether they have velocity and health; with the index of each.
#[derive(Clone)]
struct Group<T> {
    still: Vec<(usize, (T, Position))>,
    moving: Vec<(usize, (T, Position, Velocity))>,
    living: Vec<(usize, (T, Position, Health))>,
    both: Vec<(usize, (T, Position, Velocity, Health))>,
}

impl Bundles {
    pub(super) fn new(rows: &[Row]) -> Self {
        let mut bundles = Self { len: rows.len(), ..Self::default() };
        for (index, row) in rows.iter().enumerate() {
            match (&row.name, row.parent) {
                (Some(name), _) => bundles.named.push(index, row, name.clone()),
                (None, Some(parent)) => bundles.children.push(index, row, parent),
                (None, None) => bundles.bare.push(index, row, ()),
            }
        }
        bundles
    }

    /// Spawns them into a world of their own, children after their parents.
    pub(super) fn spawn(self) -> World {
        let mut world = World::new();
        let mut entities = vec![Entity::PLACEHOLDER; self.len];
        self.bare.spawn(&mut world, |()| (), |index, entity| place(&mut entities, index, entity));
        self.named.spawn(&mut world, |name| name, |index, entity| place(&mut entities, index, entity));
        let parent = |index: usize| ChildOf(entities.get(index).copied().unwrap_or(Entity::PLACEHOLDER));
        self.children.spawn(&mut world, parent, |_, _| ());
        world
    }
}

fn place(entities: &mut [Entity], index: usize, entity: Entity) {
    if let Some(slot) = entities.get_mut(index) {
        *slot = entity;
    }
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { still: Vec::new(), moving: Vec::new(), living: Vec::new(), both: Vec::new() }
    }
}

impl<T> Group<T> {
    fn push(&mut self, index: usize, row: &Row, more: T) {
        let position = row.position;
        match (row.velocity, row.health) {
            (None, None) => self.still.push((index, (more, position))),
            (Some(velocity), None) => self.moving.push((index, (more, position, velocity))),
            (None, Some(health)) => self.living.push((index, (more, position, health))),
            (Some(velocity), Some(health)) => self.both.push((index, (more, position, velocity, health))),
        }
    }

    /// Spawns the group with the component that `make` gives, and tells `spawned` which entity each index became.
    fn spawn<C>(self, world: &mut World, make: impl Fn(T) -> C, mut spawned: impl FnMut(usize, Entity))
    where
        C: Bundle<Effect: NoBundleEffect>,
    {
        let mut spawned = |(index, entity)| spawned(index, entity);
        batch(world, self.still, |(more, a)| (make(more), a)).for_each(&mut spawned);
        batch(world, self.moving, |(more, a, b)| (make(more), a, b)).for_each(&mut spawned);
        batch(world, self.living, |(more, a, b)| (make(more), a, b)).for_each(&mut spawned);
        batch(world, self.both, |(more, a, b, c)| (make(more), a, b, c)).for_each(&mut spawned);
    }
}

fn batch<R, B>(
    world: &mut World,
    rows: Vec<(usize, R)>,
    bundle: impl Fn(R) -> B,
) -> impl Iterator<Item = (usize, Entity)>
where
    B: Bundle<Effect: NoBundleEffect>,
{
    let (indices, rows): (Vec<usize>, Vec<R>) = rows.into_iter().unzip();
    let entities: Vec<Entity> = world.spawn_batch(rows.into_iter().map(bundle)).collect();
    indices.into_iter().zip(entities)
}
