//! Worlds from plans, in one order or another.

use std::{collections::HashMap, fmt::Debug};

use keepstone::{
    LoadOptions, SaveOptions, Unknown,
    ecs::{Capture, Difference, EcsWorld},
};
use keepstone_testkit::Random;

use super::plan::{KINDS, Plan, Value, shuffle};

/// An ECS, and how its worlds are changed.
pub(crate) trait Ecs {
    type Mark;
    type World: EcsWorld<Self::Mark, Entity = Self::Entity, Registry = Self::Registry>;
    type Entity: Copy + Eq + Ord + std::hash::Hash + Debug + Send + Sync + 'static;
    type Registry: Send + Sync + 'static;

    fn spawn(world: &mut Self::World) -> Self::Entity;
    fn despawn(world: &mut Self::World, entity: Self::Entity);
    /// The entities of the game; not those that the ECS or keepstone made for themselves.
    fn alive(world: &mut Self::World) -> Vec<Self::Entity>;
    fn put(world: &mut Self::World, entity: Self::Entity, value: &Value, entities: &[Self::Entity]);
    fn take(world: &mut Self::World, entity: Self::Entity, kind: u64);
    /// Appends a child, or moves it to this place.
    fn adopt(world: &mut Self::World, child: Self::Entity, parent: Self::Entity, rank: u32);
    fn orphan(world: &mut Self::World, child: Self::Entity);
    /// Whether a parent can be given without a cycle.
    fn descends(world: &Self::World, entity: Self::Entity, from: Self::Entity) -> bool;
    fn identify(world: &mut Self::World, entity: Self::Entity, id: u64);
    fn id_of(world: &Self::World, entity: Self::Entity) -> Option<u64>;
    /// Sets resources and the source of ids.
    fn finish(world: &mut Self::World, plan: &Plan);
}

pub(crate) type Save<E> = SaveOptions<'static, <E as Ecs>::Registry>;
pub(crate) type Load<E> = LoadOptions<'static, <E as Ecs>::Registry>;

/// Options that keep what an ECS has no place for.
pub(crate) fn keeping<E: Ecs>() -> Load<E> {
    LoadOptions::default().unknown(Unknown::Keep).refuse_dangling(true)
}

pub(crate) fn registry<E: Ecs>() -> &'static E::Registry {
    E::World::derived_registry().unwrap()
}

pub(crate) fn captured<E: Ecs>(world: &E::World) -> Capture<'_, E::Entity> {
    world.capture(registry::<E>()).unwrap()
}

/// Builds a world in the order of the plan.
pub(crate) fn build<E: Ecs>(plan: &Plan) -> E::World {
    let mut world = E::World::empty();
    let entities: Vec<E::Entity> = plan.entities.iter().map(|_| E::spawn(&mut world)).collect();
    for (spec, &entity) in plan.entities.iter().zip(&entities) {
        spec.values.iter().for_each(|value| E::put(&mut world, entity, value, &entities));
        if let Some(id) = spec.id {
            E::identify(&mut world, entity, id);
        }
    }
    adopt_all::<E>(&mut world, plan, &entities);
    E::finish(&mut world, plan);
    world
}

/// Builds the same world in a random order, with entities and values that come and go.
pub(crate) fn build_shuffled<E: Ecs>(plan: &Plan, random: &mut Random) -> E::World {
    let mut world = E::World::empty();
    let mut order: Vec<usize> = (0..plan.entities.len()).collect();
    shuffle(&mut order, random);
    let mut entities: Vec<Option<E::Entity>> = vec![None; order.len()];
    for &at in &order {
        while random.one_in(3) {
            let passing = E::spawn(&mut world);
            E::put(&mut world, passing, &Value::of(random.below(6), 1, random), &[]);
            if random.one_in(2) {
                let other = E::spawn(&mut world);
                E::adopt(&mut world, other, passing, 0);
                E::despawn(&mut world, other);
            }
            E::despawn(&mut world, passing);
        }
        entities[at] = Some(E::spawn(&mut world));
    }
    let entities: Vec<E::Entity> = entities.into_iter().flatten().collect();
    let mut steps: Vec<(usize, Option<&Value>)> = Vec::new();
    for (at, spec) in plan.entities.iter().enumerate() {
        steps.push((at, None));
        steps.extend(spec.values.iter().map(|value| (at, Some(value))));
    }
    shuffle(&mut steps, random);
    for (at, value) in steps {
        let (spec, entity) = (&plan.entities[at], entities[at]);
        let Some(value) = value else {
            if let Some(id) = spec.id {
                E::identify(&mut world, entity, id);
            }
            continue;
        };
        if random.one_in(4) {
            E::put(&mut world, entity, &Value::of(value.kind(), entities.len(), random), &entities);
        }
        if random.one_in(6) {
            E::take(&mut world, entity, value.kind());
        }
        let kind = random.below(KINDS);
        if random.one_in(4) && spec.values.iter().all(|value| value.kind() != kind) {
            E::put(&mut world, entity, &Value::of(kind, entities.len(), random), &entities);
            E::take(&mut world, entity, kind);
        }
        E::put(&mut world, entity, value, &entities);
    }
    adopt_all::<E>(&mut world, plan, &entities);
    E::finish(&mut world, plan);
    world
}

fn adopt_all<E: Ecs>(world: &mut E::World, plan: &Plan, entities: &[E::Entity]) {
    let mut children: Vec<(u32, usize, usize)> = Vec::new();
    for (at, spec) in plan.entities.iter().enumerate() {
        children.extend(spec.parent.map(|parent| (spec.rank, at, parent)));
    }
    children.sort_unstable();
    for (rank, child, parent) in children {
        E::adopt(world, entities[child], entities[parent], rank);
    }
}

/// Changes a world in random places, with values of these kinds.
pub(crate) fn edit<E: Ecs>(world: &mut E::World, edits: u64, kinds: &[u64], random: &mut Random) {
    for _ in 0..edits {
        let kind = kinds[random.index(kinds.len())];
        let mut alive = E::alive(world);
        alive.sort_unstable();
        if alive.is_empty() || random.one_in(6) {
            let entity = E::spawn(world);
            alive.push(entity);
            E::put(world, entity, &Value::of(kind, alive.len(), random), &alive);
            continue;
        }
        let entity = alive[random.index(alive.len())];
        let other = alive[random.index(alive.len())];
        match random.below(6) {
            0 => E::despawn(world, entity),
            1 => E::take(world, entity, kind),
            2 if !E::descends(world, other, entity) => E::adopt(world, entity, other, 0),
            3 => E::orphan(world, entity),
            _ => E::put(world, entity, &Value::of(kind, alive.len(), random), &alive),
        }
    }
}

/// What differs between a world and what was loaded or restored from a capture of it.
pub(crate) fn difference<E: Ecs>(
    world: &E::World,
    loaded: &E::World,
    entities: &[E::Entity],
) -> Option<Difference> {
    let pairs: Vec<_> = captured::<E>(world).entities().zip(entities.iter().copied()).collect();
    assert_eq!(pairs.len(), entities.len());
    world.difference(loaded, &pairs, registry::<E>()).unwrap()
}

/// What differs between two worlds whose entities all have ids.
pub(crate) fn difference_by_id<E: Ecs>(a: &mut E::World, b: &mut E::World) -> Option<Difference> {
    let others: HashMap<u64, E::Entity> =
        E::alive(b).into_iter().map(|entity| (E::id_of(b, entity).unwrap(), entity)).collect();
    let alive = E::alive(a);
    assert_eq!(alive.len(), others.len());
    let pairs: Vec<_> =
        alive.into_iter().map(|entity| (entity, others[&E::id_of(a, entity).unwrap()])).collect();
    a.difference(b, &pairs, registry::<E>()).unwrap()
}
