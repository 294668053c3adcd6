//! Random worlds, random edits, random marks.

use bevy_ecs::{prelude::*, resource::IsResource};
use proptest::{prelude::*, sample::Index};

use crate::{
    delta::{Followed, Friend, Hour, Summed, Wants},
    random::recipe,
    random_restore::{Edit, acyclic, apply, edit},
    support::Unregistered,
};

#[derive(Debug, Clone)]
enum More {
    Of(Edit),
    Befriend(Index, Option<Index>),
    Want(Index, Index),
    Forget(Index),
    Sum(Index, u32),
    Hour(Option<u32>),
    Strip(Index),
    Empty,
}

fn more() -> impl Strategy<Value = More> {
    let entity = any::<Index>;
    prop_oneof![
        8 => edit().prop_map(More::Of),
        2 => (entity(), proptest::option::of(entity())).prop_map(|(at, whom)| More::Befriend(at, whom)),
        2 => (entity(), entity()).prop_map(|(at, what)| More::Want(at, what)),
        1 => entity().prop_map(More::Forget),
        1 => (entity(), any::<u32>()).prop_map(|(at, value)| More::Sum(at, value)),
        1 => proptest::option::of(any::<u32>()).prop_map(More::Hour),
        1 => entity().prop_map(More::Strip),
        1 => Just(More::Empty),
    ]
}

fn apply_more(world: &mut World, edits: &[More]) {
    for edit in edits {
        let mut entities = world.query_filtered::<Entity, Without<IsResource>>();
        let alive: Vec<Entity> = entities.iter(world).collect();
        let pick = |index: &Index| (!alive.is_empty()).then(|| *index.get(&alive));
        match edit {
            More::Of(edit) => apply(world, std::slice::from_ref(edit)),
            More::Befriend(at, whom) => {
                if let Some(entity) = pick(at) {
                    world.entity_mut(entity).insert(Friend(whom.as_ref().and_then(pick)));
                }
            }
            More::Want(at, what) => {
                if let Some((entity, target)) = pick(at).zip(pick(what)).filter(|(a, b)| a != b) {
                    world.entity_mut(entity).insert(Wants(target));
                }
            }
            More::Forget(at) => {
                if let Some(entity) = pick(at) {
                    world.entity_mut(entity).remove::<(Friend, Wants)>();
                }
            }
            More::Sum(at, value) => {
                if let Some(entity) = pick(at) {
                    world.entity_mut(entity).insert(Summed(*value));
                }
            }
            More::Hour(Some(hour)) => world.insert_resource(Hour(*hour)),
            More::Hour(None) => drop(world.remove_resource::<Hour>()),
            More::Strip(at) => {
                if let Some(entity) = pick(at) {
                    world.entity_mut(entity).retain::<()>();
                    world.entity_mut(entity).insert(Unregistered);
                }
            }
            More::Empty => drop(world.spawn(Unregistered)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_are_followed(
        recipes in proptest::collection::vec(recipe(), 0..40),
        rounds in proptest::collection::vec(proptest::collection::vec(more(), 0..12), 1..6),
    ) {
        let mut followed = Followed::new(acyclic(&recipes));
        for edits in rounds {
            apply_more(&mut followed.world, &edits);
            followed.follow();
        }
        prop_assert!(followed.follow().0.is_empty());
    }
}
