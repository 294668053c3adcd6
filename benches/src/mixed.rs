//! The mixed world: what all cases about worlds save and load.
//!
//! Position on all entities, Velocity on two thirds, Health on half, a Name of 12 characters on a tenth and a parent
//! on a tenth. Everything follows from an entity's index, so each run measures the same bytes.

use bevy_ecs::{component::Component, entity::Entity, hierarchy::ChildOf, world::World};
use keepstone::Persist;
use serde::{Deserialize, Serialize};

/// Where an entity is.
#[derive(Component, Persist, Clone, Copy, Debug, PartialEq)]
#[persist(name = "bench.position", pod)]
#[repr(C)]
pub struct Position {
    /// To the right.
    pub x: f32,
    /// Up.
    pub y: f32,
    /// Towards the viewer.
    pub z: f32,
}

/// Where it goes.
#[derive(Component, Persist, Clone, Copy, Debug, PartialEq)]
#[persist(name = "bench.velocity", pod)]
#[repr(C)]
pub struct Velocity {
    /// To the right.
    pub x: f32,
    /// Up.
    pub y: f32,
    /// Towards the viewer.
    pub z: f32,
}

/// How much it takes.
#[derive(Component, Persist, Clone, Copy, Debug, PartialEq, Eq)]
#[persist(name = "bench.health", pod)]
#[repr(C)]
pub struct Health {
    /// Now.
    pub current: i32,
    /// At most.
    pub max: i32,
}

/// What it is called.
#[derive(Component, Persist, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[persist(name = "bench.name")]
pub struct Name(pub String);

/// One entity's components.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// On every entity.
    pub position: Position,
    /// On two of three.
    pub velocity: Option<Velocity>,
    /// On every second.
    pub health: Option<Health>,
    /// On one of ten.
    pub name: Option<Name>,
    /// The index of an earlier entity, on one of ten.
    pub parent: Option<u32>,
}

impl Row {
    /// Makes the entity of an index.
    pub fn new(index: u32) -> Self {
        let mut random = SplitMix::new(index.into());
        // Six neighbours have each combination of the first three components once; a name or a parent goes to all
        // six, and the tenth that has a parent shifts against the tenth that has a name.
        let (six, sixty) = (index / 6, index / 60);
        let position = Position { x: random.coordinate(), y: random.coordinate(), z: random.coordinate() };
        let velocity = Velocity { x: random.coordinate(), y: random.coordinate(), z: random.coordinate() };
        let health = Health { current: random.next_u16().into(), max: i32::from(random.next_u16()) + 65_536 };
        let has_parent = (six + sixty) % 10 == 9;
        Self {
            position,
            velocity: (index % 3 != 2).then_some(velocity),
            health: index.is_multiple_of(2).then_some(health),
            name: six
                .is_multiple_of(10)
                .then(|| Name(format!("npc-{:08x}", index.wrapping_mul(0x9e37_79b9)))),
            // The same for all six: a parent has several children.
            parent: has_parent.then(|| six * 6 - 1 - u32::from(SplitMix::new(six.into()).next_u16() % 50)),
        }
    }
}

/// Returns the components of the first `count` entities.
pub fn rows(count: u32) -> Vec<Row> {
    (0..count).map(Row::new).collect()
}

/// Spawns the first `count` entities into a world of their own.
pub fn world(count: u32) -> World {
    let mut world = World::new();
    let mut entities: Vec<Entity> = Vec::new();
    for row in rows(count) {
        let parent = row.parent.and_then(|index| entities.get(usize::try_from(index).ok()?)).copied();
        let mut entity = world.spawn(row.position);
        if let Some(velocity) = row.velocity {
            entity.insert(velocity);
        }
        if let Some(health) = row.health {
            entity.insert(health);
        }
        if let Some(name) = row.name {
            entity.insert(name);
        }
        if let Some(parent) = parent {
            entity.insert(ChildOf(parent));
        }
        entities.push(entity.id());
    }
    world
}

/// The random numbers of Steele, Lea and Flood: enough for data, and the same everywhere.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns the low half of the low half of the next number.
    pub fn next_u16(&mut self) -> u16 {
        let [low, high, ..] = self.next_u64().to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Returns a number between -512 and 512 that uses every bit of its mantissa.
    fn coordinate(&mut self) -> f32 {
        (f32::from(self.next_u16()) + f32::from(self.next_u16()) / 65_536.0) / 64.0 - 512.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence_of_seed_1234567() {
        let mut random = SplitMix::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn components_have_their_shares() {
        let rows = rows(6000);
        let count = |has: fn(&Row) -> bool| rows.iter().filter(|row| has(row)).count();
        assert_eq!(count(|row| row.velocity.is_some()), 4000);
        assert_eq!(count(|row| row.health.is_some()), 3000);
        assert_eq!(count(|row| row.name.is_some()), 600);
        assert_eq!(count(|row| row.parent.is_some()), 600);
        assert_eq!(count(|row| row.name.is_some() && row.parent.is_some()), 60);
        assert!(rows.iter().filter_map(|row| row.name.as_ref()).all(|name| name.0.len() == 12));
    }

    #[test]
    fn parents_come_before_their_children() {
        for (index, row) in (0_u32..).zip(rows(6000)) {
            assert!(row.parent.is_none_or(|parent| parent < index), "{index}: {row:?}");
        }
    }
}
