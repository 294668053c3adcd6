//! Random worlds against themselves, loaded into worlds with a past.

use hecs::{Entity, World};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::relationships::Parent;
use crate::support::{
    Friends, Health, Label, Player, Position, Unregistered, check_at_once, full, keeping, little, load,
    saved, strict,
};

#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) components: u8,
    pub(crate) value: i32,
    pub(crate) text: String,
    pub(crate) other: Index,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    (any::<u8>(), any::<i32>(), ".{0,12}", any::<Index>())
        .prop_map(|(components, value, text, other)| Recipe { components, value, text, other })
}

pub(crate) fn recipes(most: usize) -> impl Strategy<Value = Vec<Recipe>> {
    proptest::collection::vec(recipe(), 1..most)
}

pub(crate) fn indices(most: usize) -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..most)
}

pub(crate) fn build(recipes: &[Recipe], despawn: &[Index]) -> World {
    let mut world = World::new();
    let entities: Vec<Entity> = recipes.iter().map(|_| world.spawn(())).collect();
    for (recipe, &entity) in recipes.iter().zip(&entities) {
        let bit = |bit: u8| recipe.components & (1 << bit) != 0;
        let other = *recipe.other.get(&entities);
        if bit(0) {
            #[expect(clippy::cast_precision_loss, reason = "any value will do")]
            let x = recipe.value as f32;
            world.insert_one(entity, Position { x, y: f32::NAN, z: -0.0 }).unwrap();
        }
        if bit(1) {
            world.insert_one(entity, Health { current: recipe.value, max: i32::MIN }).unwrap();
        }
        if bit(2) {
            world.insert_one(entity, Label(recipe.text.clone())).unwrap();
        }
        if bit(3) {
            world.insert_one(entity, Player).unwrap();
        }
        if bit(4) {
            world.insert_one(entity, Friends(vec![Some(other), None, Some(entity)])).unwrap();
        }
        if bit(5) {
            world.insert_one(entity, Unregistered).unwrap();
        }
        if bit(6) {
            let place = u32::from(recipe.components);
            world.insert_one(entity, Parent { of: other, place }).unwrap();
        }
    }
    for index in despawn {
        let entity = *index.get(&entities);
        if world.contains(entity) {
            world.despawn(entity).unwrap();
        }
    }
    world
}

/// Rids a world of references to what is gone, so that a strict load takes it.
fn without_dangling(mut world: World) -> World {
    let alive: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    for friends in world.query_mut::<&mut Friends>() {
        friends.0.iter_mut().for_each(|who| *who = who.filter(|who| alive.contains(who)));
    }
    let orphans: Vec<Entity> = world
        .query_mut::<(Entity, &Parent)>()
        .into_iter()
        .filter(|(_, parent)| !alive.contains(&parent.of))
        .map(|(entity, _)| entity)
        .collect();
    for entity in orphans {
        world.remove_one::<Parent>(entity).unwrap();
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back_in_any_world(
        (recipes, despawn) in (recipes(60), indices(10)),
        (others, gone, reserved) in (recipes(40), indices(60), 0..3_u32),
    ) {
        let world = without_dangling(build(&recipes, &despawn));
        let mut target = build(&others, &gone);
        target.flush();
        let names = target.reserve_entities(reserved).count();
        target.flush();
        prop_assert_eq!(names, reserved as usize);
        check_at_once(&world, &mut target);
    }

    #[test]
    fn any_world_survives_a_program_that_knows_little(recipes in recipes(40), despawn in indices(10)) {
        let world = without_dangling(build(&recipes, &despawn));
        let bytes = saved(&world, full());
        let (middle, _) = load(&bytes, &little(), &keeping()).unwrap();
        let (back, report) = load(&saved(&middle, &little()), full(), &strict()).unwrap();
        // Tables may stand in another order: what counts is that a second pass changes nothing.
        prop_assert_eq!(back.len() as usize, report.entities.len());
        let census = |world: &World| {
            let mut lines: Vec<String> = world.iter().map(|entity| {
                let label = entity.get::<&Label>().map(|label| label.0.clone());
                let position = entity.get::<&Position>().map(|p| (p.x.to_bits(), p.y.to_bits(), p.z.to_bits()));
                let health = entity.get::<&Health>().map(|health| *health);
                let friends = entity.get::<&Friends>().map(|friends| {
                    friends.0.iter().map(|who| who.map(|who| {
                        world.get::<&Label>(who).map(|label| label.0.clone()).ok()
                    })).collect::<Vec<_>>()
                });
                let parent = entity.get::<&Parent>().map(|parent| {
                    world.get::<&Label>(parent.of).map(|label| label.0.clone()).ok()
                });
                format!("{label:?} {position:?} {health:?} {} {friends:?} {parent:?}", entity.has::<Player>())
            }).collect();
            lines.sort();
            lines
        };
        let (once, _) = load(&bytes, full(), &strict()).unwrap();
        prop_assert_eq!(census(&back), census(&once));
    }
}
