//! The mixed world, for every ECS: Position on all entities, Velocity on two thirds, Health on half, a name on a tenth, a parent on a tenth.

use bevy_ecs::component::Component;
use keepstone::Persist;
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "demo.Position", pod)]
#[repr(C)]
pub(super) struct Position {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "demo.Velocity", pod)]
#[repr(C)]
pub(super) struct Velocity {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "demo.Health", pod)]
#[repr(C)]
pub(super) struct Health {
    current: i32,
    max: i32,
}

#[derive(Component, Persist, Serialize, Deserialize, Clone)]
#[persist(name = "demo.Name")]
pub(super) struct Name(pub(super) String);

/// One entity's components.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) velocity: Option<Velocity>,
    pub(super) health: Option<Health>,
    pub(super) name: Option<Name>,
    /// The index of an earlier entity.
    pub(super) parent: Option<usize>,
}

/// Makes the components of so many entities. All follow from the index, so that every run has the same bytes.
pub(super) fn rows(count: u32) -> impl Iterator<Item = Row> {
    (0..count).map(Row::new)
}

impl Row {
    fn new(index: u32) -> Self {
        let mut random = SplitMix(index.into());
        // Six neighbours have each combination of the first three components once; a name or a parent goes to all six.
        let six = index / 6;
        let position = Position { x: random.coordinate(), y: random.coordinate(), z: random.coordinate() };
        let velocity = Velocity { x: random.coordinate(), y: random.coordinate(), z: random.coordinate() };
        let health = Health { current: random.next_u16().into(), max: i32::from(random.next_u16()) + 65_536 };
        let name = || Name(format!("npc-{:08x}", index.wrapping_mul(0x9e37_79b9)));
        let parent = six.saturating_mul(6).saturating_sub(1 + u32::from(random.next_u16() % 50));
        Self {
            position,
            velocity: (index % 3 != 2).then_some(velocity),
            health: index.is_multiple_of(2).then_some(health),
            name: six.is_multiple_of(10).then(name),
            parent: (six % 10 == 9).then(|| usize::try_from(parent).unwrap_or_default()),
        }
    }
}

/// The random numbers of Steele, Lea and Flood: enough for data, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next_u16(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [low, high, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// A number between -512 and 512 that uses every bit of its mantissa.
    fn coordinate(&mut self) -> f32 {
        (f32::from(self.next_u16()) + f32::from(self.next_u16()) / 65_536.0) / 64.0 - 512.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_have_their_shares_and_parents_come_first() {
        let rows: Vec<Row> = rows(6000).collect();
        let count = |has: fn(&Row) -> bool| rows.iter().filter(|row| has(row)).count();
        assert_eq!(count(|row| row.velocity.is_some()), 4000);
        assert_eq!(count(|row| row.health.is_some()), 3000);
        assert_eq!(count(|row| row.name.is_some()), 600);
        assert_eq!(count(|row| row.parent.is_some()), 600);
        assert!(rows.iter().filter_map(|row| row.name.as_ref()).all(|name| name.0.len() == 12));
        assert!(rows.iter().enumerate().all(|(index, row)| row.parent.is_none_or(|parent| parent < index)));
    }
}
