//! Random worlds against themselves.

use bevy_ecs::prelude::*;
use proptest::prelude::*;

use crate::support::{Health, Label, Player, Poisoned, Position, Sparse, check};

#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    components: u8,
    value: i32,
    text: String,
    parent: Option<proptest::sample::Index>,
}

pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    (any::<u8>(), any::<i32>(), ".{0,12}", proptest::option::of(any::<proptest::sample::Index>()))
        .prop_map(|(components, value, text, parent)| Recipe { components, value, text, parent })
}

pub(crate) fn build(recipes: &[Recipe], despawn: &[proptest::sample::Index]) -> World {
    let mut world = World::new();
    let entities: Vec<Entity> = recipes.iter().map(|_| world.spawn_empty().id()).collect();
    for (recipe, &entity) in recipes.iter().zip(&entities) {
        let mut target = world.entity_mut(entity);
        let bit = |bit: u8| recipe.components & (1 << bit) != 0;
        if bit(0) {
            #[expect(clippy::cast_precision_loss, reason = "any value will do")]
            target.insert(Position { x: recipe.value as f32, y: f32::NAN, z: -0.0 });
        }
        if bit(1) {
            target.insert(Health { current: recipe.value, max: i32::MIN });
        }
        if bit(2) {
            target.insert(Label(recipe.text.clone()));
        }
        if bit(3) {
            target.insert(Player);
        }
        if bit(4) {
            target.insert(Poisoned { turns: recipe.components });
        }
        if bit(5) {
            target.insert(Sparse(u64::MAX - u64::from(recipe.components)));
        }
        if let (true, Some(parent)) = (bit(6), recipe.parent) {
            let parent = *parent.get(&entities);
            if parent != entity {
                target.insert(ChildOf(parent));
            }
        }
    }
    for index in despawn {
        if let Some(&entity) = entities.get(index.index(entities.len().max(1))) {
            // Only leaves: despawning a parent takes its children along, which is fine, but cycles would not end.
            if world.get_entity(entity).is_ok_and(|entity| !entity.contains::<Children>()) {
                world.despawn(entity);
            }
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back(
        recipes in proptest::collection::vec(recipe(), 1..60),
        despawn in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
    ) {
        check(&build(&recipes, &despawn));
    }
}
