//! Random edits, taken back by a restore.

use bevy_ecs::{prelude::*, resource::IsResource};
use proptest::{prelude::*, sample::Index};

use crate::{
    random::{Recipe, build, recipe},
    restore::{check_restore, state},
    support::{Health, Label, Player, Poisoned, Position, Unregistered},
};

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Spawn(u8),
    Despawn(Index),
    Insert(Index, u8),
    Remove(Index, u8),
    Change(Index, u8),
    Parent(Index, Index),
    Orphan(Index),
    Turn(Index),
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let entity = any::<Index>;
    prop_oneof![
        any::<u8>().prop_map(Edit::Spawn),
        entity().prop_map(Edit::Despawn),
        (entity(), any::<u8>()).prop_map(|(at, what)| Edit::Insert(at, what)),
        (entity(), any::<u8>()).prop_map(|(at, what)| Edit::Remove(at, what)),
        (entity(), any::<u8>()).prop_map(|(at, what)| Edit::Change(at, what)),
        (entity(), entity()).prop_map(|(at, to)| Edit::Parent(at, to)),
        entity().prop_map(Edit::Orphan),
        entity().prop_map(Edit::Turn),
    ]
}

fn insert(entity: &mut EntityWorldMut<'_>, what: u8) {
    match what % 6 {
        0 => entity.insert(Position { x: what.into(), y: 1.0, z: 2.0 }),
        1 => entity.insert(Health { current: what.into(), max: 0 }),
        2 => entity.insert(Label(what.to_string())),
        3 => entity.insert(Player),
        4 => entity.insert(Poisoned { turns: what }),
        _ => entity.insert(Unregistered),
    };
}

pub(crate) fn apply(world: &mut World, edits: &[Edit]) {
    for edit in edits {
        // bevy's resources are entities as well.
        let mut entities = world.query_filtered::<Entity, Without<IsResource>>();
        let alive: Vec<Entity> = entities.iter(world).collect();
        let pick = |index: &Index| (!alive.is_empty()).then(|| *index.get(&alive));
        match edit {
            Edit::Spawn(what) => insert(&mut world.spawn_empty(), *what),
            Edit::Despawn(at) => {
                if let Some(entity) = pick(at) {
                    world.despawn(entity);
                }
            }
            Edit::Insert(at, what) | Edit::Change(at, what) => {
                if let Some(entity) = pick(at) {
                    insert(&mut world.entity_mut(entity), *what);
                }
            }
            Edit::Remove(at, what) => {
                let Some(entity) = pick(at) else { continue };
                let mut entity = world.entity_mut(entity);
                match what % 5 {
                    0 => entity.remove::<Position>(),
                    1 => entity.remove::<Health>(),
                    2 => entity.remove::<Label>(),
                    3 => entity.remove::<Player>(),
                    _ => entity.remove::<Poisoned>(),
                };
            }
            Edit::Parent(at, to) => {
                // A cycle would never end where bevy despawns children along with their parent.
                let Some((child, parent)) = pick(at).zip(pick(to)) else { continue };
                let ancestors: Vec<Entity> = std::iter::successors(Some(parent), |&entity| {
                    world.get::<ChildOf>(entity).map(ChildOf::parent)
                })
                .take(200)
                .collect();
                if !ancestors.contains(&child) && ancestors.len() < 200 {
                    world.entity_mut(child).insert(ChildOf(parent));
                }
            }
            Edit::Orphan(at) => {
                if let Some(entity) = pick(at) {
                    world.entity_mut(entity).remove::<ChildOf>();
                }
            }
            Edit::Turn(at) => {
                if let Some(mut children) = pick(at).and_then(|entity| world.get_mut::<Children>(entity)) {
                    children.sort_unstable_by(|a, b| b.cmp(a));
                }
            }
        }
    }
}

/// Recipes without cycles among parents: each entity may only name an earlier one.
pub(crate) fn acyclic(recipes: &[Recipe]) -> World {
    let mut world = build(recipes, &[]);
    let entities: Vec<Entity> = world.query::<Entity>().iter(&world).collect();
    for entity in entities {
        if world.get::<ChildOf>(entity).is_some_and(|child| child.parent() >= entity) {
            world.entity_mut(entity).remove::<ChildOf>();
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_are_taken_back(
        recipes in proptest::collection::vec(recipe(), 1..40),
        edits in proptest::collection::vec(edit(), 0..30),
        more in proptest::collection::vec(edit(), 0..10),
    ) {
        let mut world = acyclic(&recipes);
        let first = state(&world);
        apply(&mut world, &edits);
        let second = state(&world);
        apply(&mut world, &more);
        check_restore(&mut world, &second);
        let report = check_restore(&mut world, &first);
        // Once more, by the entities as they are now: nothing is left to do.
        let mut again = state(&world);
        again.entities = state(&world).entities;
        prop_assert_eq!(check_restore(&mut world, &again).written, 0);
        prop_assert_eq!(report.entities.len(), first.entities.len());
    }
}
