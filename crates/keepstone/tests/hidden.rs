//! References that serde shows as numbers.

use std::num::NonZeroU32;

use bevy_ecs::component::Component;
use keepstone::{
    SaveOptions,
    ecs::{Error as WorldError, LeftOut, Reason},
    prelude::*,
    world::{Error, SaveReport},
};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(name = "hidden.leash")]
struct Leash {
    holder: u64,
    length: f32,
}

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(name = "hidden.marked")]
struct Marked(#[serde(with = "keepstone::value::entity")] u64);

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(name = "hidden.counters")]
struct Counters {
    small: u64,
    round: Vec<u64>,
    signed: i64,
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "hidden.plain", pod)]
#[repr(C)]
struct Plain(u64);

fn counters(at: u64) -> Counters {
    let round =
        vec![0, 1 << (at % 32), 1 << (33 + at % 31), at * at, 1_753_000_000_000_000_000 + at, u64::MAX - at];
    Counters { small: at, round, signed: -1 }
}

fn hidden(report: &SaveReport) -> Vec<(&str, u64)> {
    let of_reason = |left: &&LeftOut| left.reason == Reason::HiddenReference;
    let found = report.encoded.left_out.iter().filter(of_reason);
    found.map(|left| (left.component.as_str(), left.count)).collect()
}

/// The same for both ECS: a world and how a value is spawned into it.
macro_rules! tests {
    ($module:ident, $ecs:ident, $world:ty, |$in:ident, $value:ident| $spawn:expr, |$from:ident, $entity:ident| $despawn:expr) => {
        mod $module {
            use super::*;

            type World = $world;

            fn spawn($in: &mut World, $value: impl Component) -> u64 {
                $spawn
            }

            fn despawn($from: &mut World, $entity: u64) {
                $despawn
            }

            fn save(world: &World, options: &SaveOptions<'_, Registry>) -> Result<SaveReport, Error> {
                world.save_to_with(&mut Vec::new(), options)
            }

            type Registry = keepstone::$ecs::Registry;

            fn ways() -> [SaveOptions<'static, Registry>; 3] {
                let parts = SaveOptions::default().part_rows(NonZeroU32::new(7).unwrap());
                [SaveOptions::default(), parts, SaveOptions::default().in_parts()]
            }

            #[test]
            fn an_entity_that_is_saved_as_a_number_is_reported_and_refused_when_strict() {
                let mut world = World::new();
                let holders: Vec<u64> = (0..20).map(|at| spawn(&mut world, counters(at))).collect();
                for &holder in &holders {
                    spawn(&mut world, Leash { holder, length: 1.5 });
                }
                for options in ways() {
                    save(&world, &options).unwrap();
                    let error = save(&world, &options.strict(true)).unwrap_err();
                    assert!(
                        matches!(&error, Error::World(WorldError::HiddenReferences { name, count: 20 }) if name == "hidden.leash"),
                        "{error}"
                    );
                    assert!(error.to_string().contains("keepstone::value::entity"), "{error}");
                }
                // Whose numbers are called numbers is left in peace.
                for options in ways() {
                    let report = save(&world, &options.strict(true).numbers(["hidden.leash"])).unwrap();
                    assert_eq!(hidden(&report), []);
                }
            }

            #[test]
            fn an_entity_that_is_gone_or_marked_is_no_number_and_plain_columns_are_not_looked_at() {
                let mut world = World::new();
                let (gone, stays) = (spawn(&mut world, counters(1)), spawn(&mut world, counters(2)));
                spawn(&mut world, Leash { holder: gone, length: 0.0 });
                spawn(&mut world, Marked(stays));
                spawn(&mut world, Plain(stays));
                despawn(&mut world, gone);
                // Another may have the place of the one that is gone, and is another.
                spawn(&mut world, counters(3));
                for options in ways() {
                    let report = save(&world, &options.strict(true)).unwrap();
                    assert_eq!(hidden(&report), []);
                    assert!(report.encoded.is_complete());
                }
            }

            #[test]
            fn small_numbers_round_ones_and_times_are_not_taken_for_entities() {
                let mut world = World::new();
                for at in 0..5000 {
                    spawn(&mut world, counters(at));
                }
                for options in ways() {
                    assert_eq!(hidden(&save(&world, &options.strict(true)).unwrap()), []);
                }
            }
        }
    };
}

tests!(
    in_bevy,
    bevy,
    bevy_ecs::prelude::World,
    |world, value| world.spawn(value).id().to_bits(),
    |world, entity| assert!(world.despawn(bevy_ecs::entity::Entity::from_bits(entity)))
);
tests!(in_hecs, hecs, hecs::World, |world, value| world.spawn((value,)).to_bits().get(), |world, entity| {
    world.despawn(hecs::Entity::from_bits(entity).unwrap()).unwrap();
});
