//! A small game of today, and what it knows of its versions 1 and 2, whose files are in `tests/golden`.
//!
//! Its components are registered by hand, with both ECS.

use std::{cell::RefCell, collections::BTreeMap};

use bevy_ecs::component::Component;
use keepstone_hecs::Persist;
use keepstone_value::{Fields, Struct, Value};
use keepstone_world::MigrationChain;
use serde::{Deserialize, Serialize};

thread_local! {
    static RAN: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
}

fn ran(step: &str) {
    RAN.with_borrow_mut(|ran| *ran.entry(step.to_owned()).or_default() += 1);
}

/// How often each step ran on this thread since the last call: world steps once, others once for each value. By their names in plans.
pub(super) fn take_ran() -> BTreeMap<String, u32> {
    RAN.take()
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.name")]
pub(super) struct Name(pub(super) String);

/// Was a text alone; the chain has a step for that, so that there is no old type.
#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.rank", version = 2)]
pub(super) struct Rank {
    level: u32,
    title: String,
}

/// Took the place of another component.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.place", pod, from = Position)]
#[repr(C)]
pub(super) struct Place {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "game.position", pod, retired)]
#[repr(C)]
pub(super) struct Position {
    x: f32,
    y: f32,
}

impl From<Position> for Place {
    fn from(Position { x, y }: Position) -> Self {
        ran("game.position 1 -> game.place 1");
        Self { x, y, z: 0.0 }
    }
}

/// Changed twice, and was a serde type at first.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.health", version = 3, pod, from = Points)]
#[repr(C)]
pub(super) struct Health {
    current: u32,
    max: u32,
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "game.health", version = 2, pod, retired, from = Percent)]
#[repr(C)]
pub(super) struct Points {
    points: u32,
}

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "game.health", retired)]
pub(super) struct Percent {
    percent: u8,
}

impl From<Percent> for Points {
    fn from(old: Percent) -> Self {
        ran("game.health 1 -> 2");
        Self { points: u32::from(old.percent) * 10 }
    }
}

impl From<Points> for Health {
    fn from(old: Points) -> Self {
        ran("game.health 2 -> 3");
        Self { current: old.points / 10, max: 100 }
    }
}

/// Has the bytes of its first version, and means something else: points of a compass instead of degrees.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.heading", version = 2, pod, from = Degrees)]
#[repr(C)]
pub(super) struct Heading {
    pub(super) value: u32,
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "game.heading", pod, retired)]
#[repr(C)]
pub(super) struct Degrees {
    value: u32,
}

impl From<Degrees> for Heading {
    fn from(old: Degrees) -> Self {
        ran("game.heading 1 -> 2");
        Self { value: old.value * 32 / 360 }
    }
}

/// Was `strength`, `luck`, `age`, `old`, and later `strength`, `age`, `luck`, all wider: no step.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.stats", pod)]
#[repr(C)]
pub(super) struct Stats {
    luck: u32,
    #[persist(default = "ten")]
    mana: u32,
    #[persist(alias = "strength")]
    might: u32,
    age: u32,
}

fn ten() -> u32 {
    10
}

/// Was `gold`, `items`, `junk`, and later `items` and a wider `gold`: the same through serde.
#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.bag")]
pub(super) struct Bag {
    items: Vec<String>,
    #[serde(alias = "gold")]
    coins: u64,
    #[serde(default = "nobody")]
    owner: String,
}

fn nobody() -> String {
    "nobody".into()
}

/// Was plain, then a serde type with another field, and is plain again.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.speed", pod)]
#[repr(C)]
pub(super) struct Speed {
    dx: i32,
    dy: i32,
}

/// Was plain.
#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.mood")]
pub(super) struct Mood {
    level: u64,
    #[serde(default)]
    note: String,
}

/// Came with version 2 of the world.
#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.level")]
pub(super) struct Level {
    level: u32,
}

/// Came with version 3 of the world, in place of the `game.tax` of all.
#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "game.treasury")]
pub(super) struct Treasury {
    pub(super) gold: u32,
}

#[derive(Deserialize)]
struct Tax {
    gold: u32,
}

/// A component that refers to an entity, as it was and as it is.
macro_rules! bond {
    ($entity:ty) => {
        #[derive(Persist, Serialize, Deserialize)]
        #[persist(crate = "keepstone_ecs_persist", name = "game.bond", retired)]
        pub(crate) struct OldBond {
            to: $entity,
        }

        #[derive(bevy_ecs::component::Component, Persist, Serialize, Deserialize, Clone, Debug)]
        #[persist(crate = "keepstone_ecs_persist", name = "game.bond", version = 3, from = OldBond)]
        pub(crate) struct Bond {
            pub(crate) friend: Option<$entity>,
            pub(crate) since: u32,
        }

        impl From<OldBond> for Bond {
            fn from(old: OldBond) -> Self {
                super::ran("game.bond 1 -> 3");
                Self { friend: Some(old.to), since: 1 }
            }
        }
    };
}

pub(super) mod in_bevy {
    use keepstone_hecs::Persist;
    use serde::{Deserialize, Serialize};

    bond!(bevy_ecs::entity::Entity);
}

pub(super) mod in_hecs {
    use keepstone_hecs::Persist;
    use serde::{Deserialize, Serialize};

    bond!(hecs::Entity);
}

/// The id that the treasury has in all files, from a source of its own.
const TREASURY: i128 = (1 << 44) + 1;

/// All steps that are not between types.
pub(super) fn chain() -> MigrationChain {
    without_levels().step_with(1, 2, "levels by rank", &[("game.rank", 1)], |doc| {
        ran("levels by rank (world 1 -> 2)");
        let ranks = doc.values_as::<String>("game.rank")?;
        let levels = ranks.into_iter().map(|(who, rank)| (who, Level { level: level(&rank) }));
        doc.insert_component_as("game.level", 1, levels)
    })
}

/// The chain without its step from version 1 of the world.
pub(super) fn without_levels() -> MigrationChain {
    MigrationChain::new()
        .step(2, 3, "one treasury", |doc| {
            ran("one treasury (world 2 -> 3)");
            let gold = doc.values_as::<Tax>("game.tax")?.iter().map(|(_, tax)| tax.gold).sum();
            doc.remove_component("game.tax");
            let treasury = doc.spawn(1)?.start;
            doc.set_values("keepstone.PersistId", [(treasury, Value::Int(TREASURY))])?;
            doc.set_values(
                "game.name",
                [(treasury, named("Name", Fields::Newtype(Value::Str("treasury".into()))))],
            )?;
            doc.insert_component_as("game.treasury", 1, [(treasury, Treasury { gold })])
        })
        .component("game.rank", 1, 2, |rank| {
            ran("game.rank 1 -> 2");
            let Value::Struct(old) = rank else { return Err("a rank was a struct".into()) };
            let Fields::Newtype(title) = old.fields.clone() else { return Err("a rank was a text".into()) };
            let level = level(title.as_text().ok_or("a rank was a text")?);
            let fields = vec![("level".into(), Value::Int(level.into())), ("title".into(), title)];
            *rank = named("Rank", Fields::Named(fields));
            Ok(())
        })
}

fn named<'v>(name: &'static str, fields: Fields<'v>) -> Value<'v> {
    Value::Struct(Box::new(Struct { name: name.into(), fields }))
}

fn level(rank: &str) -> u32 {
    if rank == "captain" { 3 } else { 1 }
}
